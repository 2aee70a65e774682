/** A plain link with the streams on it, in virtual time: either side of a control socket. */
import type { GuildError } from '../../src/base/errors.ts'
import { PlainLink } from '../../src/link/plain-link.ts'
import type { Stream } from '../../src/streams/stream.ts'
import { Streams } from '../../src/streams/streams.ts'

export class PlainSide {
  now = 1_000
  readonly streams: Streams
  readonly link: PlainLink
  readonly opened: Stream[] = []
  ended: { error: GuildError; byPeer: boolean } | undefined
  carrier: 'open' | 'ended' | 'destroyed' = 'open'
  #out: Uint8Array[] = []

  constructor(client: boolean, onStream: (stream: Stream) => void = () => {}) {
    this.streams = new Streams({
      lower: client,
      now: () => this.now,
      onStream: stream => {
        this.opened.push(stream)
        onStream(stream)
      },
      wake: () => this.link.streamsWaiting(),
    })
    this.link = new PlainLink({ streams: this.streams }, this.now)
  }

  give(bytes: Uint8Array): void {
    this.link.handle({ kind: 'bytes', bytes }, this.now)
    this.#drain()
  }

  tick(now: number): void {
    this.now = now
    this.link.handle({ kind: 'tick' }, now)
    this.#drain()
  }

  hangUp(): void {
    this.link.handle({ kind: 'carrier-closed', error: undefined }, this.now)
    this.#drain()
  }

  /** What it sends now, as one piece. */
  take(): Uint8Array {
    this.link.handle({ kind: 'flush', buffered: 0 }, this.now)
    this.#drain()
    const all = new Uint8Array(Buffer.concat(this.#out))
    this.#out = []
    return all
  }

  #drain(): void {
    for (let output = this.link.poll(); output !== undefined; output = this.link.poll()) {
      if (output.kind === 'write') this.#out.push(...output.chunks.map(chunk => chunk.slice()))
      else if (output.kind === 'end-carrier') this.carrier = output.abruptly ? 'destroyed' : 'ended'
      else this.ended = output
    }
  }
}

/** Carries bytes to and fro until nothing moves. */
export function settle(a: PlainSide, b: PlainSide): void {
  for (let moved = true; moved; ) {
    const [there, back] = [a.take(), b.take()]
    if (there.length > 0) b.give(there)
    if (back.length > 0) a.give(back)
    moved = there.length + back.length > 0
  }
}
