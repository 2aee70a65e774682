/**
 * The figures as a picture: a panel for a measure, a bar for a way, its length the ratio to
 * node:net, whose bar is the thin line. Pure; text and rectangles, no library.
 *
 * The picture brings its own ground, light or dark as the reader has it.
 *
 * @import { Figures } from '../types.ts'
 * @import { Measure } from './figures.mjs'
 */
import { figureText, fileWays, find, ratioText, shown, titles, ways } from './figures.mjs'

/** Those that have figures are drawn. */
const panels = ['bulk', 'messages', 'request-p50', 'handshakes', 'mesh-25', 'start', 'file', 'blocks']

const WIDTH = 860
const MARGIN = 24
const GAP = 32
const HEAD = 90
const BAR = 14
const STEP = 21
const PANEL_HEAD = 34
const NAMES = 88
const FIGURES = 104
const COLUMNS = 2
const panelWidth = (WIDTH - 2 * MARGIN - (COLUMNS - 1) * GAP) / COLUMNS
const panelHeight = PANEL_HEAD + ways.length * STEP + 20
const room = panelWidth - NAMES - FIGURES

const style = `
  .ground { fill: #ffffff; stroke: #d0d7de }
  text { font: 12px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328 }
  .title { font-size: 16px; font-weight: 600 }
  .head { font-size: 13px; font-weight: 600 }
  .faint { fill: #59636e }
  .bar { fill: #afb8c1 }
  .ours { fill: #1f6feb }
  .bold { font-weight: 600 }
  .said { paint-order: stroke; stroke: #ffffff; stroke-width: 4px }
  .one { stroke: #59636e; stroke-dasharray: 2 3 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117; stroke: #30363d }
    text { fill: #e6edf3 }
    .faint { fill: #9198a1 }
    .said { stroke: #0d1117 }
    .bar { fill: #6e7681 }
    .ours { fill: #58a6ff }
    .one { stroke: #9198a1 }
  }`

/** @param {Figures} told */
export function chart({ cores, node, rounds, figures }) {
  const drawn = shown.filter(
    ({ name }) => panels.includes(name) && figures.some(({ measure }) => measure === name),
  )
  const rows = Math.ceil(drawn.length / COLUMNS)
  const height = HEAD + rows * panelHeight
  const machine = `Node ${node}, ${cores} shared cores, loopback, two processes, medians of ${rounds} rounds.`
  const meaning = '× is to node:net in the same run (the dotted line). net and ws encrypt nothing.'
  const groups = drawn.map((measure, at) => {
    const x = MARGIN + (at % COLUMNS) * (panelWidth + GAP)
    const y = HEAD + Math.floor(at / COLUMNS) * panelHeight
    return `<g transform="translate(${x} ${y})">${panel(measure, figures)}</g>`
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="peers-title">`,
    `<title id="peers-title">guild-home beside ${others(figures)}</title>`,
    `<style>${style}\n</style>`,
    `<rect class="ground" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="8"/>`,
    text(MARGIN, 30, 'guild-home beside others', 'title'),
    text(MARGIN, 50, machine, 'faint'),
    text(MARGIN, 67, meaning, 'faint'),
    ...groups,
    '</svg>',
    '',
  ].join('\n')
}

/**
 * @param {Measure} measure
 * @param {Figures['figures']} figures
 */
function panel({ name, title, unit, better, about }, figures) {
  const bars = (about === 'contents' ? fileWays : ways).flatMap(way => find(figures, name, way) ?? [])
  const most = Math.max(1, ...bars.map(({ ratio }) => ratio ?? 0))
  const scale = room / most
  const hint = better === 'more' ? 'longer is better' : 'shorter is better'
  const lines = bars.map(({ way, value, ratio }, at) => {
    const y = PANEL_HEAD + at * STEP
    const ours = way === 'guild-home'
    const length = (ratio ?? 0) * scale
    const said = `${ratioText(ratio ?? Number.NaN)}  ${figureText(value)} ${unit === '1/s' ? '/s' : unit}`
    return [
      text(NAMES - 8, y + 11, titles[way] ?? way, ours ? 'bold' : '', 'end'),
      `<rect class="${ours ? 'bar ours' : 'bar'}" x="${NAMES}" y="${y}" width="${tenth(Math.max(1, length))}" height="${BAR}" rx="2"/>`,
      text(tenth(NAMES + length + 6), y + 11, said, ours ? 'said bold' : 'said faint'),
    ].join('\n')
  })
  const one = tenth(NAMES + scale)
  return [
    '',
    `<text class="head" y="14">${escaped(title)} <tspan class="faint" font-weight="400">· ${hint}</tspan></text>`,
    `<line class="one" x1="${one}" x2="${one}" y1="${PANEL_HEAD - 5}" y2="${PANEL_HEAD + bars.length * STEP - 2}"/>`,
    ...lines,
    '',
  ].join('\n')
}

/** @param {Figures['figures']} figures */
function others(figures) {
  const names = Object.entries(titles)
    .filter(([way]) => way !== 'guild-home' && way !== 'net-together' && figures.some(one => one.way === way))
    .map(([, title]) => title)
  return new Intl.ListFormat('en-GB').format(names)
}

/**
 * @param {number} x
 * @param {number} y
 * @param {string} said
 * @param {string} kind
 */
function text(x, y, said, kind = '', anchor = 'start') {
  const attributes = [kind && ` class="${kind}"`, anchor !== 'start' && ` text-anchor="${anchor}"`]
  return `<text x="${x}" y="${y}"${attributes.filter(Boolean).join('')}>${escaped(said)}</text>`
}

/** @param {string} said */
function escaped(said) {
  return said.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** @param {number} value */
function tenth(value) {
  return Math.round(value * 10) / 10
}
