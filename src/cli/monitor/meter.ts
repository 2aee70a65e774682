/**
 * Speeds out of totals: what moved between two looks at a node.
 *
 * A total that went down is another link to the same peer, counted from its beginning.
 *
 * Floor: cli.
 */
import type { NodeStatus } from '../api.ts'

/** Looks that a little chart remembers. */
const REMEMBERED = 12
const bars = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const

/** Bytes a second, the newest last. */
export interface Speed {
  readonly in: number
  readonly out: number
  readonly history: readonly number[]
}

interface Seen {
  in: number
  out: number
  speed: Speed
}

export class Meter {
  #seen = new Map<string, Seen>()
  #at: number | undefined

  /** Takes a look; `now` in milliseconds. */
  look(status: NodeStatus, now: number): void {
    const seconds = this.#at === undefined ? 0 : (now - this.#at) / 1000
    this.#at = now
    const next = new Map<string, Seen>()
    next.set('', this.#measure('', status.stats.bytes_in, status.stats.bytes_out, seconds))
    for (const { peerId, bytesIn, bytesOut } of status.peers)
      next.set(peerId, this.#measure(peerId, bytesIn, bytesOut, seconds))
    this.#seen = next
  }

  /** Of the whole node, or of one peer. */
  speed(peerId = ''): Speed {
    return this.#seen.get(peerId)?.speed ?? { in: 0, out: 0, history: [] }
  }

  #measure(key: string, bytesIn: number, bytesOut: number, seconds: number): Seen {
    const before = this.#seen.get(key)
    if (before === undefined || seconds <= 0)
      return { in: bytesIn, out: bytesOut, speed: { in: 0, out: 0, history: before?.speed.history ?? [] } }
    const rate = (now: number, then: number) => (now >= then ? now - then : now) / seconds
    const [received, sent] = [rate(bytesIn, before.in), rate(bytesOut, before.out)]
    const history = [...before.speed.history, received + sent].slice(-REMEMBERED)
    return { in: bytesIn, out: bytesOut, speed: { in: received, out: sent, history } }
  }
}

/** A little chart, as high as its highest. */
export function chart(history: readonly number[]): string {
  const most = Math.max(...history, 1)
  return history.map(value => bars[Math.min(7, Math.floor((value / most) * 7.99))]).join('')
}

/** `1.2 kB`: units of a thousand, as disks and networks are sold. */
export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = count
  let unit = 0
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

/** `2d 3h`, `5m 12s`: two units say enough. */
export function uptime(seconds: number): string {
  const whole = Math.floor(seconds)
  const parts = [
    [Math.floor(whole / 86_400), 'd'],
    [Math.floor(whole / 3600) % 24, 'h'],
    [Math.floor(whole / 60) % 60, 'm'],
    [whole % 60, 's'],
  ] as const
  const first = parts.findIndex(([count]) => count > 0)
  if (first === -1) return '0s'
  return parts
    .slice(first, first + 2)
    .map(([count, unit]) => `${count}${unit}`)
    .join(' ')
}
