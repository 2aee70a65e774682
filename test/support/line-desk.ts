/**
 * A line link alone: a test types, reads what was written, and moves the clock.
 *
 * Everything the link gave out stands in `told`, in order: lines as they were written, and the
 * rest as `<chat …>`, `<end>`, `<ended …>`.
 */
import { utf8 } from '../../src/base/bytes.ts'
import { chatLine, LineLink, type LineLinkOptions } from '../../src/link/line-link.ts'
import { Seeded } from './seeded.ts'

export const gatewayId = '12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq'

export class Desk {
  now = 1_000
  /** Bytes the system holds, as the link is told. */
  buffered = 0
  readonly told: string[] = []
  readonly debug: string[] = []
  readonly link: LineLink

  constructor(options: Partial<LineLinkOptions> = {}) {
    this.link = new LineLink(
      {
        random: new Seeded(7),
        interval: 15_000,
        patience: 60_000,
        teach: false,
        facts: () => ({ name: 'alice', peerId: gatewayId, peers: 2, guests: 1, patience: 60 }),
        admit: () => undefined,
        peers: () => ['10.0.0.2:7001'],
        buffered: () => this.buffered,
        ...options,
      },
      this.now,
    )
    this.drain()
  }

  /** What was typed, as bytes or as text; in one piece. */
  types(bytes: string | Uint8Array): this {
    this.link.handle({ kind: 'bytes', bytes: typeof bytes === 'string' ? utf8(bytes) : bytes }, this.now)
    return this.drain()
  }

  hears(name: string, text: string, from = gatewayId): this {
    this.link.handle({ kind: 'tell', line: chatLine(name, text), from }, this.now)
    return this.drain()
  }

  does(input: Parameters<LineLink['handle']>[0]): this {
    this.link.handle(input, this.now)
    return this.drain()
  }

  /** Lets time pass, waking the link whenever it asked for it. */
  pass(wait: number): this {
    const end = this.now + wait
    for (;;) {
      const due = this.link.deadline()
      if (due === undefined || due > end) break
      this.now = Math.max(this.now, due)
      this.link.handle({ kind: 'tick' }, this.now)
      this.#outputs() // no flush: nobody is there but the clock
    }
    this.now = end
    return this
  }

  /** What was given out since the last call. */
  take(): string[] {
    return this.told.splice(0)
  }

  drain(): this {
    this.#outputs()
    if (this.link.wantsFlush) this.link.handle({ kind: 'flush' }, this.now)
    this.#outputs()
    return this
  }

  #outputs(): void {
    for (let output = this.link.poll(); output !== undefined; output = this.link.poll()) {
      if (output.kind === 'write') {
        const text = Buffer.concat(output.chunks).toString()
        if (!text.endsWith('\n')) throw new Error(`not whole lines: ${JSON.stringify(text)}`)
        this.told.push(...text.slice(0, -1).split('\n'))
      } else if (output.kind === 'chat') this.told.push(`<chat ${output.text}>`)
      else if (output.kind === 'debug') this.debug.push(output.message)
      else if (output.kind === 'end-carrier') this.told.push(output.abruptly ? '<drop>' : '<end>')
      else this.told.push(`<ended ${output.reason}>`)
    }
  }
}
