/**
 * A member gone bad: a real handshake, then whatever frames it likes, as fast as it likes.
 *
 *   Link (handshake, what comes in) ─ the cipher states ─▶ RecordSender (what goes out: ours)
 *
 * The link answers nothing by itself: it is never told to flush once it is open.
 */
import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import type { Identity } from '../../src/base/ports.ts'
import { ByteWriter } from '../../src/base/writer.ts'
import { nativeSuite } from '../../src/crypto/native.ts'
import { Freshness } from '../../src/link/freshness.ts'
import type { Proved } from '../../src/link/handshake.ts'
import { Link } from '../../src/link/link.ts'
import type { LinkEnd } from '../../src/link/link-end.ts'
import { RecordSender } from '../../src/link/records.ts'
import type { Self } from '../../src/link/self.ts'
import { createSwarm } from '../../src/link/swarm.ts'
import { systemRandom } from '../../src/runtime/system.ts'
import { limits } from '../../src/wire/limits.ts'

/** What it was told, by the kind of frame. */
export interface Heard {
  pongs: number
  peers: number
  chats: number
  /** Bytes of streams. */
  bytes: number
  maxData: number
  /** The highest of any stream. */
  maxStreamData: number
  maxStreams: number
}

export function nothingHeard(): Heard {
  return { pongs: 0, peers: 0, chats: 0, bytes: 0, maxData: 0, maxStreamData: 0, maxStreams: 0 }
}

/** No handshake takes longer. */
const TOO_LONG = 15_000

export function memberSelf(swarmKey: Uint8Array, seed: Uint8Array = randomBytes(32)): Self {
  return {
    suite: nativeSuite,
    random: systemRandom,
    identity: nativeSuite.identity(seed),
    staticKey: nativeSuite.keyPair(randomBytes(32)),
    swarms: [createSwarm(nativeSuite, swarmKey)],
    freshness: new Freshness(0, systemRandom),
    parameters: new Map(),
    wall: () => Date.now(),
    hello: () => ({ name: 'mallory', tcpPort: 0, udpPort: 0, linePort: 0, linkCount: 0 }),
  }
}

export class BadMember {
  readonly socket: Socket
  readonly identity: Identity
  readonly heard: Heard
  /** It opens even stream ids. */
  readonly lower: boolean
  end: LinkEnd | undefined
  /** The other side closed, or we did. */
  closed = false
  readonly #sender: RecordSender
  readonly #plaintext = new ByteWriter(new Uint8Array(limits.recordPlaintext))

  /** Links to a node. Rejects when it is refused or nothing comes. */
  static async link(port: number, swarmKey: Uint8Array, self = memberSelf(swarmKey)): Promise<BadMember> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    socket.on('error', () => {})
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => give(new Error('no link in time')), TOO_LONG)
      const heard = nothingHeard()
      let member: BadMember | undefined
      const give = (error: Error): void => {
        clearTimeout(late)
        socket.destroy()
        reject(error)
      }
      const carry = (proved: Proved) => {
        clearTimeout(late)
        member = new BadMember(socket, self, proved, heard)
        resolve(member)
        return carried(heard)
      }
      const link = new Link({ self, carry, dial: { proceed: () => undefined } }, performance.now())
      const drain = (): void => {
        for (let output = link.poll(); output !== undefined; output = link.poll()) {
          if (output.kind === 'write') for (const chunk of output.chunks) socket.write(chunk)
          if (output.kind === 'pong') heard.pongs++
          if (output.kind !== 'ended') continue
          if (member === undefined) give(output.end.error)
          else member.end = output.end
        }
      }
      socket.on('connect', drain)
      socket.on('data', bytes => {
        link.handle({ kind: 'bytes', bytes }, performance.now())
        drain()
      })
      socket.on('close', () => {
        link.handle({ kind: 'carrier-closed', error: undefined }, performance.now())
        drain()
        if (member !== undefined) member.closed = true
      })
    })
  }

  private constructor(socket: Socket, self: Self, proved: Proved, heard: Heard) {
    this.socket = socket
    this.identity = self.identity
    this.heard = heard
    this.lower = Buffer.compare(self.identity.publicKey, proved.hello.identityKey) < 0
    this.#sender = new RecordSender(proved.send, performance.now())
  }

  /** Is the link still standing, as far as is known here? */
  get stands(): boolean {
    return !this.closed && this.end === undefined
  }

  /** The number-th stream of ours. */
  streamId(number: number): number {
    return 2 * number + (this.lower ? 0 : 1)
  }

  /** Sends one record, whose frames `write` writes. False as a socket says it. */
  record(write: (w: ByteWriter) => void): boolean {
    const w = this.#plaintext.reset()
    w.limit = RecordSender.room(limits.record)
    write(w)
    if (w.length === 0) return true
    const chunks: Uint8Array[] = []
    this.#sender.seal(w, chunks, performance.now())
    let more = true
    this.socket.cork()
    for (const chunk of chunks) more = this.socket.write(chunk)
    this.socket.uncork()
    return more
  }

  /** Resolves when more can be sent, or the link has ended; never waits longer than `most` milliseconds. */
  drained(most = 5_000): Promise<void> {
    if (!this.stands || !this.socket.writableNeedDrain) return new Promise(resolve => setImmediate(resolve))
    return new Promise(resolve => {
      const timer = setTimeout(() => done(), most)
      const done = (): void => {
        clearTimeout(timer)
        this.socket.off('drain', done)
        this.socket.off('close', done)
        resolve()
      }
      this.socket.on('drain', done)
      this.socket.on('close', done)
    })
  }

  /** Resolves when the other side has ended the link; false when it did not within `most` milliseconds. */
  async ended(most: number): Promise<boolean> {
    for (const until = performance.now() + most; this.stands && performance.now() < until; )
      await new Promise(resolve => setTimeout(resolve, 5))
    return !this.stands
  }

  /** Reads nothing any more. */
  deaf(): void {
    this.socket.pause()
  }

  leave(): void {
    this.socket.resetAndDestroy()
  }
}

/** Layers above a link that only listen. */
export function carried(heard: Heard) {
  const nothing = (): void => {}
  return {
    streams: {
      stream: (_id: number, _offset: number, data: Uint8Array) => {
        heard.bytes += data.length
      },
      resetStream: nothing,
      stopSending: nothing,
      maxData: (maximum: number) => {
        heard.maxData = maximum
      },
      maxStreamData: (_id: number, maximum: number) => {
        heard.maxStreamData = Math.max(heard.maxStreamData, maximum)
      },
      maxStreams: (count: number) => {
        heard.maxStreams = count
      },
      fill: (_w: ByteWriter): boolean => false,
    },
    mesh: {
      requestPeers: nothing,
      peers: () => {
        heard.peers++
      },
      chat: () => {
        heard.chats++
      },
      mesh: nothing,
    },
  }
}
