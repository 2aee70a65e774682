/**
 * Two links joined in memory, in virtual time, with a hand on the wire between them.
 */
import type { WallMillis } from '../../src/base/machine.ts'
import { nativeSuite } from '../../src/crypto/index.ts'
import { Freshness } from '../../src/link/freshness.ts'
import type { Proved } from '../../src/link/handshake.ts'
import { Link } from '../../src/link/link.ts'
import type { LinkEnd } from '../../src/link/link-end.ts'
import type { LinkOptions, LinkOutput } from '../../src/link/link-io.ts'
import type { Self } from '../../src/link/self.ts'
import { createSwarm } from '../../src/link/swarm.ts'
import { Seeded } from './seeded.ts'

export const START = 1_000_000
export const WALL = 1_790_000_000_000

export interface SelfOptions {
  seed?: number
  psk?: Uint8Array
  wall?: () => WallMillis
  /** When this node started; by default long ago, so that the fresh path is taken. */
  startedAt?: number
  name?: string
}

export function makeSelf(options: SelfOptions = {}): Self {
  const dice = new Seeded(options.seed ?? 1)
  const bytes = (length: number): Uint8Array => dice.bytes(length)
  const suite = nativeSuite
  const random = { bytes, fraction: () => dice.fraction() }
  return {
    suite,
    random,
    identity: suite.identity(bytes(32)),
    staticKey: suite.keyPair(bytes(32)),
    swarms: [createSwarm(suite, options.psk ?? new Uint8Array(32).fill(7))],
    freshness: new Freshness(options.startedAt ?? START - 1_000_000, new Seeded(1)),
    parameters: new Map(),
    wall: options.wall ?? (() => WALL),
    hello: () => ({ name: options.name ?? 'node', tcpPort: 8000, udpPort: 0, linePort: 0, linkCount: 0 }),
  }
}

export class End {
  readonly link: Link
  readonly outputs: LinkOutput[] = []
  /** Bytes written and not yet carried. */
  readonly wire: Uint8Array[] = []
  /** Everything ever written. */
  sent = 0
  proved: Proved | undefined
  end: LinkEnd | undefined
  stranger = false
  carrierEnded = false
  admits = true
  now = START
  readonly frames: unknown[][] = []

  constructor(
    self: Self,
    dial?: LinkOptions['dial'],
    carry?: LinkOptions['carry'],
    enough?: LinkOptions['enough'],
  ) {
    const note =
      (name: string) =>
      (...values: unknown[]): void => {
        this.frames.push([name, ...values])
      }
    this.link = new Link(
      {
        self,
        ...(dial === undefined ? {} : { dial }),
        ...(enough === undefined ? {} : { enough }),
        carry:
          carry ??
          (proved => {
            this.proved = proved
            return {
              streams: {
                stream: note('stream'),
                resetStream: note('resetStream'),
                stopSending: note('stopSending'),
                maxData: note('maxData'),
                maxStreamData: note('maxStreamData'),
                maxStreams: note('maxStreams'),
                fill: () => false,
              },
              mesh: {
                requestPeers: note('requestPeers'),
                peers: note('peers'),
                chat: note('chat'),
                mesh: note('mesh'),
              },
            }
          }),
      },
      START,
    )
    this.drain()
  }

  drain(): void {
    for (let output = this.link.poll(); output !== undefined; output = this.link.poll()) {
      this.outputs.push(output)
      if (output.kind === 'write')
        for (const chunk of output.chunks) {
          this.wire.push(chunk.slice())
          this.sent += chunk.length
        }
      if (output.kind === 'ended') {
        this.end = output.end
        this.stranger = output.stranger
      }
      if (output.kind === 'end-carrier') this.carrierEnded = true
      if (output.kind === 'proved' && this.admits)
        this.link.handle({ kind: 'admit', observed: new Uint8Array(0) }, this.now)
    }
  }

  give(bytes: Uint8Array): void {
    this.link.handle({ kind: 'bytes', bytes }, this.now)
    this.drain()
    this.flush()
  }

  /** Goes on with what was held. */
  more(): void {
    this.link.handle({ kind: 'more' }, this.now)
    this.drain()
    this.flush()
  }

  flush(): void {
    this.link.handle({ kind: 'flush', buffered: 0 }, this.now)
    this.drain()
  }

  tick(at: number): void {
    this.now = at
    this.link.handle({ kind: 'tick' }, at)
    this.drain()
  }

  closed(error?: Error): void {
    this.link.handle({ kind: 'carrier-closed', error }, this.now)
    this.drain()
  }

  /** What was written since the last call, as one piece. */
  takeWire(): Uint8Array {
    const all = Buffer.concat(this.wire)
    this.wire.length = 0
    return new Uint8Array(all)
  }
}

/** The units in a piece of wire: `u16 length ‖ body`. */
export function unitsOf(bytes: Uint8Array): Uint8Array[] {
  const units: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = (bytes[at]! << 8) | bytes[at + 1]!
    units.push(bytes.subarray(at, at + 2 + length))
    at += 2 + length
  }
  return units
}

export type Tamper = (
  unit: Uint8Array,
  index: number,
  from: 'initiator' | 'responder',
) => Uint8Array | undefined

/** Carries whole units to and fro until nothing moves; `tamper` may change or swallow them. */
export function exchange(initiator: End, responder: End, tamper: Tamper = unit => unit): void {
  let index = 0
  for (let round = 0; round < 100; round++) {
    let moved = false
    for (const [from, to, name] of [
      [initiator, responder, 'initiator'],
      [responder, initiator, 'responder'],
    ] as const) {
      for (const unit of unitsOf(from.takeWire())) {
        moved = true
        const changed = tamper(unit, index++, name)
        if (changed !== undefined) to.give(changed)
      }
      if (from.carrierEnded && to.end === undefined) to.closed()
    }
    if (!moved) return
  }
}

export const yes = (): undefined => undefined

export function pair(options: { a?: SelfOptions; b?: SelfOptions; expect?: string } = {}): {
  a: End
  b: End
  selfA: Self
  selfB: Self
} {
  const selfA = makeSelf({ seed: 1, name: 'alice', ...options.a })
  const selfB = makeSelf({ seed: 2, name: 'bob', ...options.b })
  const a = new End(selfA, {
    proceed: yes,
    ...(options.expect === undefined ? {} : { expect: options.expect }),
  })
  return { a, b: new End(selfB), selfA, selfB }
}
