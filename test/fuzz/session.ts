/**
 * A recorded session of two links: what crossed the wire, and both ends to play it to again.
 *
 * All keys come from seeded dice, so an end made again answers with the very same bytes, and
 * what was recorded stays true for it. Time stands still.
 */

import { ByteWriter } from '../../src/base/writer.ts'
import type { Stream } from '../../src/streams/stream.ts'
import { Streams } from '../../src/streams/streams.ts'
import { encodePeers, encodeRequestPeers } from '../../src/wire/frames/peers.ts'
import { encodePing } from '../../src/wire/frames/ping.ts'
import { End, exchange, makeSelf, yes } from '../support/link-pair.ts'
import { pattern } from '../support/pair.ts'

/** A link with streams on it, which answer what they read. */
export class Speaker {
  readonly end: End
  streams: Streams | undefined
  /** Bytes that came out of streams, and frames of the mesh: all that was ever believed. */
  believed = 0
  /** The same as text, to compare. */
  readonly story: string[] = []

  constructor(role: 'initiator' | 'responder') {
    const initiator = role === 'initiator'
    const self = makeSelf({ seed: initiator ? 1 : 2, name: initiator ? 'alice' : 'bob' })
    this.end = new End(self, initiator ? { proceed: yes } : undefined, proved => {
      this.end.proved = proved
      const streams = new Streams({
        lower: initiator,
        now: () => this.end.now,
        wake: () => this.end.link.streamsWaiting(),
        onStream: stream => this.#answer(stream),
      })
      this.streams = streams
      const note =
        (what: string) =>
        (...values: unknown[]): void => {
          this.believed++
          this.story.push(`${what} ${JSON.stringify(values)}`)
        }
      return {
        streams,
        mesh: {
          requestPeers: note('requestPeers'),
          peers: note('peers'),
          chat: note('chat'),
          mesh: note('mesh'),
        },
      }
    })
  }

  #answer(stream: Stream): void {
    this.story.push(`stream ${stream.id} ${stream.protocol}`)
    stream.handler = {
      readable: () => {
        for (let piece = stream.read(); piece !== undefined; piece = stream.read()) {
          this.believed += piece.length
          this.story.push(`stream ${stream.id} ${piece.length} bytes`)
          stream.write(piece)
        }
      },
      writable() {},
      ended: () => stream.end(),
      reset: code => this.story.push(`stream ${stream.id} reset ${code}`),
      stopped() {},
      closed() {},
    }
  }
}

/** Units in the order they were sent, each by whom. */
export interface Recorded {
  readonly from: 'initiator' | 'responder'
  readonly unit: Uint8Array
}

/** A handshake, two streams with their echoes, a ping, and gossip. */
export function recordSession(): { all: Recorded[]; initiator: Speaker; responder: Speaker } {
  const all: Recorded[] = []
  const initiator = new Speaker('initiator')
  const responder = new Speaker('responder')
  const carry = (): void =>
    exchange(initiator.end, responder.end, (unit, _, from) => {
      all.push({ from, unit: unit.slice() })
      return unit
    })
  carry()
  script(initiator)
  initiator.end.flush()
  carry()
  return { all, initiator, responder }
}

/** What the initiator does once its link is open: two streams, and the second one ends. */
export function script({ end, streams, story }: Speaker): void {
  if (streams === undefined || end.proved?.role !== 'initiator' || story.includes('began')) return
  story.push('began')
  for (const length of [5, 700]) {
    const stream = streams.open('/echo/1')
    stream.handler = {
      readable() {
        for (let piece = stream.read(); piece !== undefined; piece = stream.read())
          story.push(`stream ${stream.id} echoes ${piece.length} bytes`)
      },
      writable() {},
      ended: () => story.push(`stream ${stream.id} ended`),
      reset() {},
      stopped() {},
      closed() {},
    }
    stream.write(pattern(length))
    if (length > 100) stream.end()
  }
}

/** Two links that have met. */
export function joined(): { a: Speaker; b: Speaker } {
  const [a, b] = [new Speaker('initiator'), new Speaker('responder')]
  exchange(a.end, b.end)
  return { a, b }
}

/** Frames that are no streams': sealed by the initiator itself. */
export function meshFrames(): Uint8Array {
  const w = new ByteWriter()
  encodePing(w, new Uint8Array(8).fill(3))
  encodeRequestPeers(w)
  encodePeers(w, [{ identityKey: new Uint8Array(32).fill(4), name: 'carol', age: 3, addresses: [] }])
  return w.view()
}

/** One side's part of a recording, as its carrier saw it. */
export function saidBy(all: readonly Recorded[], from: Recorded['from']): Uint8Array {
  return new Uint8Array(Buffer.concat(all.filter(one => one.from === from).map(({ unit }) => unit)))
}
