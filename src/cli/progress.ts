/**
 * How far it is, on a terminal: one line on standard error, written over itself.
 *
 *   photos/sea.jpg   412.0 MB of 1.1 GB  [=======>            ]  38%  96.3 MB/s  7s left
 *   bafybeig…        412.0 MB  96.3 MB/s                                     where nobody knows of how much
 *
 * Ten times a second at most, and nothing at all where standard error is no terminal: a log
 * file is no place for a bar, and the answer on standard output says how it went. The speed is that
 * of the last three seconds, so that the time left is what a person would guess. No colour is
 * used, so NO_COLOR changes nothing.
 *
 * Floor: cli. Faults: CL-02.
 */
import type { Writable } from 'node:stream'
import { visible } from './api.ts'
import { cut } from './monitor/columns.ts'
import { bytes, uptime } from './monitor/meter.ts'

/** In milliseconds. */
const EVERY = 100
const REMEMBERED = 3_000
/** Nothing is shown of what is over at once. */
const FIRST = 300
const BAR = 20
const NAME = 40

const csi = '\u001b['

export interface ProgressTerminal extends Writable {
  readonly isTTY?: boolean
  readonly columns?: number
}

export class ProgressLine {
  readonly #terminal: ProgressTerminal | undefined
  readonly #now: () => number
  readonly #begun: number
  #name = ''
  #total: number | undefined
  #done = 0
  #shownAt: number
  #shown = false
  /** Moments of the last seconds, and how much was done by then. */
  #moments: { at: number; done: number }[]

  constructor(
    terminal: ProgressTerminal,
    env: Readonly<Record<string, string | undefined>>,
    now: () => number = () => performance.now(),
  ) {
    this.#terminal = terminal.isTTY === true && env.TERM !== 'dumb' ? terminal : undefined
    this.#now = now
    this.#begun = now()
    this.#shownAt = this.#begun + FIRST - EVERY
    this.#moments = [{ at: this.#begun, done: 0 }]
  }

  /** What is being worked on, and of how many bytes in all; undefined: nobody knows. */
  about(name: string, total?: number): void {
    this.#name = name
    this.#total = total
    this.#draw()
  }

  /** So many bytes are done in all. */
  reached(done: number): void {
    this.#done = done
    this.#draw()
  }

  /** Takes the line away: what comes next stands in its place. May be called again. */
  close(): void {
    if (!this.#shown) return
    this.#shown = false
    this.#terminal?.write(`\r${csi}2K`)
  }

  #draw(): void {
    if (this.#terminal === undefined) return
    const now = this.#now()
    if (now - this.#shownAt < EVERY) return
    this.#shownAt = now
    this.#shown = true
    this.#moments.push({ at: now, done: this.#done })
    while (this.#moments.length > 2 && this.#moments[1]!.at < now - REMEMBERED) this.#moments.shift()
    const columns = Math.max(20, this.#terminal.columns || 80) - 1
    this.#terminal.write(`\r${csi}2K${cut(this.#text(now), columns)}`)
  }

  #text(now: number): string {
    const oldest = this.#moments[0]!
    const speed = now > oldest.at ? ((this.#done - oldest.done) * 1000) / (now - oldest.at) : 0
    return progressText({ name: this.#name, done: this.#done, total: this.#total, speed })
  }
}

/** One line, without a terminal's sequences. */
export function progressText(at: {
  name: string
  done: number
  total: number | undefined
  /** Bytes a second. */
  speed: number
}): string {
  const { done, total, speed } = at
  const parts = [visible(at.name, NAME)]
  if (total === undefined) parts.push(bytes(done))
  else {
    const share = total === 0 ? 1 : Math.min(1, done / total)
    const filled = Math.round(share * BAR)
    const bar = `${'='.repeat(Math.max(0, filled - 1))}${filled > 0 ? '>' : ''}`.padEnd(BAR)
    parts.push(`${bytes(done)} of ${bytes(total)}`, `[${bar}]`, `${Math.floor(share * 100)}%`)
  }
  if (speed > 0) parts.push(`${bytes(speed)}/s`)
  if (total !== undefined && speed > 0 && total > done)
    parts.push(`${uptime(Math.ceil((total - done) / speed))} left`)
  return parts.filter(part => part !== '').join('  ')
}

/** The same for things that are counted, and not weighed. */
export class CountLine {
  readonly #terminal: ProgressTerminal | undefined
  readonly #name: string
  #shownAt = performance.now()
  #shown = false

  constructor(terminal: ProgressTerminal, env: Readonly<Record<string, string | undefined>>, name: string) {
    this.#terminal = terminal.isTTY === true && env.TERM !== 'dumb' ? terminal : undefined
    this.#name = name
  }

  reached(count: number, of?: number): void {
    const now = performance.now()
    if (this.#terminal === undefined || now - this.#shownAt < EVERY) return
    this.#shownAt = now
    this.#shown = true
    const text = `${visible(this.#name, NAME)}  ${count}${of === undefined ? '' : ` of ${of}`} blocks`
    this.#terminal.write(`\r${csi}2K${cut(text, Math.max(20, this.#terminal.columns || 80) - 1)}`)
  }

  close(): void {
    if (this.#shown) this.#terminal?.write(`\r${csi}2K`)
    this.#shown = false
  }
}
