/**
 * Figures, and the words and order in which they are shown. Pure.
 *
 * @import { Figure } from '../types.ts'
 */

/**
 * @typedef {object} Measure
 * @property {string} name
 * @property {string} title
 * @property {string} unit
 * @property {'more' | 'less'} better
 * @property {'links' | 'contents'} about measures about one thing share a table
 */

/** @type {readonly Measure[]} */
export const shown = [
  { name: 'bulk', title: 'bulk, 64 KiB writes', unit: 'MB/s', better: 'more', about: 'links' },
  { name: 'bulk-send-cpu', title: 'CPU of the sender in bulk', unit: 's/GB', better: 'less', about: 'links' },
  {
    name: 'bulk-receive-cpu',
    title: 'CPU of the receiver in bulk',
    unit: 's/GB',
    better: 'less',
    about: 'links',
  },
  { name: 'messages', title: 'messages of 100 B', unit: '1/s', better: 'more', about: 'links' },
  { name: 'request-p50', title: 'there and back, 100 B, p50', unit: 'µs', better: 'less', about: 'links' },
  { name: 'request-p99', title: 'there and back, 100 B, p99', unit: 'µs', better: 'less', about: 'links' },
  { name: 'handshakes', title: 'handshakes, 32 at once', unit: '1/s', better: 'more', about: 'links' },
  {
    name: 'handshake-cpu',
    title: 'CPU of the client for a handshake',
    unit: 'ms',
    better: 'less',
    about: 'links',
  },
  { name: 'mesh-10', title: 'mesh of 10 in one process', unit: 'ms', better: 'less', about: 'links' },
  { name: 'mesh-25', title: 'mesh of 25 in one process', unit: 'ms', better: 'less', about: 'links' },
  { name: 'link-memory', title: 'memory a link, both ends', unit: 'KB', better: 'less', about: 'links' },
  { name: 'start', title: 'start of a process to listening', unit: 'ms', better: 'less', about: 'links' },
  { name: 'file', title: 'a file, from disk to disk', unit: 'MB/s', better: 'more', about: 'contents' },
  {
    name: 'file-send-cpu',
    title: 'CPU of who holds the file',
    unit: 's/GB',
    better: 'less',
    about: 'contents',
  },
  {
    name: 'file-receive-cpu',
    title: 'CPU of who fetches it',
    unit: 's/GB',
    better: 'less',
    about: 'contents',
  },
  {
    name: 'file-memory',
    title: 'memory of who fetches it, at most',
    unit: 'MB',
    better: 'less',
    about: 'contents',
  },
  { name: 'blocks', title: 'blocks of 256 KiB, in memory', unit: 'MB/s', better: 'more', about: 'contents' },
  {
    name: 'blocks-send-cpu',
    title: 'CPU of who holds the blocks',
    unit: 's/GB',
    better: 'less',
    about: 'contents',
  },
  {
    name: 'blocks-receive-cpu',
    title: 'CPU of who fetches them',
    unit: 's/GB',
    better: 'less',
    about: 'contents',
  },
]

/** The ways in the order in which they are shown; the first is the measure of the others. */
export const ways = ['net', 'tls', 'ws', 'secret-stream', 'libp2p', 'guild-home']
export const fileWays = ['net', 'hypercore', 'helia', 'guild-home']
export const blockWays = ['net', 'helia', 'guild-home']

/** Name of a way → as people know it. @type {Readonly<Record<string, string>>} */
export const titles = {
  net: 'node:net',
  'net-together': 'node:net, 64 in a write',
  tls: 'node:tls',
  ws: 'ws',
  'secret-stream': 'secret-stream',
  hypercore: 'hypercore',
  libp2p: 'libp2p',
  helia: 'helia',
  'guild-home': 'guild-home',
}

/** @param {readonly number[]} values */
export function median(values) {
  return quantile(values, 0.5)
}

/**
 * The value below which a share of the values lies; between two of them, the weighted mean.
 *
 * @param {readonly number[]} values
 * @param {number} share
 */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b)
  const at = share * (sorted.length - 1)
  const [low, high] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]]
  if (low === undefined || high === undefined) return Number.NaN
  return low + (high - low) * (at - Math.floor(at))
}

/**
 * A figure to three digits, thousands apart.
 *
 * @param {number} value
 */
export function figureText(value) {
  if (!Number.isFinite(value)) return '–'
  const rounded = Number(value.toPrecision(3))
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(rounded) || 1)))
  return rounded.toLocaleString('en-US', {
    minimumFractionDigits: Math.min(digits, 2),
    maximumFractionDigits: 2,
  })
}

/**
 * How many times node:net's.
 *
 * @param {number} ratio
 */
export function ratioText(ratio) {
  return `${ratio >= 9.95 ? ratio.toFixed(0) : ratio >= 0.995 ? ratio.toFixed(1) : ratio.toFixed(2)}×`
}

/**
 * @param {readonly Figure[]} figures
 * @param {string} measure
 * @param {string} way
 */
export function find(figures, measure, way) {
  return figures.find(figure => figure.measure === measure && figure.way === way)
}
