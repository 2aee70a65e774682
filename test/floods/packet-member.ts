/**
 * A member gone bad over datagrams: a real link, whose packets hold whatever frames it likes, and that
 * minds nobody's congestion. What is lost it says again.
 *
 *   socket ─▶ door ─▶ PacketLink ─▶ fill ─▶ frames of ours       in packets, as they are
 *                                   send ─▶ CONTROL              one after the other, repeated until they arrive
 */
import { randomBytes } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { GuildError } from '../../src/base/errors.ts'
import type { Endpoint, Identity } from '../../src/base/ports.ts'
import { ByteWriter } from '../../src/base/writer.ts'
import { ConnectionIds } from '../../src/link/connection-ids.ts'
import { Door } from '../../src/link/door.ts'
import type { Proved } from '../../src/link/handshake.ts'
import type { LinkEnd } from '../../src/link/link-end.ts'
import type { LinkInput } from '../../src/link/link-io.ts'
import { PacketLink } from '../../src/link/packet-link.ts'
import type { Self } from '../../src/link/self.ts'
import type { Congestion } from '../../src/packets/congestion/index.ts'
import { Drive, type Driven } from '../../src/runtime/drive.ts'
import { systemClock, systemScheduler } from '../../src/runtime/system.ts'
import type { Manifest } from '../../src/wire/frames/index.ts'
import { closeCodes } from '../../src/wire/registry.ts'
import { carried, type Heard, memberSelf, nothingHeard } from './bad-member.ts'

/** No handshake takes longer. */
const TOO_LONG = 15_000
/** Of control: more than this is not put in line at once. */
const CONTROL_MOST = 96 * 1024
/** What may be on its way, whatever was lost: the other side's buffer is about as large. */
const IN_FLIGHT = 256 * 1024

/** A last word is given so long to arrive. */
const GOODBYE = 250

const drive = new Drive(systemClock, systemScheduler(false))
const plaintext = new ByteWriter(new Uint8Array(65_535))

/** As much as there is room for, as fast as it goes. */
const heedless: Congestion = {
  name: 'heedless',
  window: IN_FLIGHT,
  pacingRate: 1e12,
  onSent() {},
  onAck() {},
  onLost() {},
  onSpurious() {},
  onPersistent() {},
  onMtu() {},
  appLimited() {},
  explain: () => ({}),
}

export interface PacketMemberOptions {
  /** The largest datagram: 65,507 is the most that loopback takes. */
  readonly most?: number
  /** Keep every datagram that leaves. */
  readonly keep?: boolean
}

export class PacketMember {
  readonly socket: Socket
  /** By which it sends. */
  #out: Socket
  readonly heard: Heard = nothingHeard()
  readonly identity: Identity
  end: LinkEnd | undefined
  closed = false
  /** Every datagram that left, if they are to be kept. */
  readonly sent: Uint8Array[] = []
  readonly #link: PacketLink
  readonly #driven: Driven<LinkInput>
  readonly #pump = (): void => {
    if (this.closed) return
    this.#driven.feed({ kind: 'flush', buffered: 0 })
    if (this.#link.wantsFlush) drive.defer(this.#pump)
  }
  #lower = false
  #deaf = false
  #left = false
  #write: ((w: ByteWriter) => void) | undefined
  #wrote: (() => void) | undefined
  /** What was in packets that were lost. */
  readonly #again: Uint8Array[] = []

  /** Links to a node. Rejects when it is refused or nothing comes. */
  static async link(
    port: number,
    swarmKey: Uint8Array,
    self = memberSelf(swarmKey),
    options: PacketMemberOptions = {},
  ): Promise<PacketMember> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 2 ** 20, sendBufferSize: 2 ** 20 })
    await new Promise<void>(resolve => socket.bind(0, '127.0.0.1', resolve))
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => give(new Error('no link in time')), TOO_LONG)
      const give = (error: Error): void => {
        clearTimeout(late)
        member.leave()
        reject(error)
      }
      const linked = (): void => {
        clearTimeout(late)
        resolve(member)
      }
      const remote = { host: '127.0.0.1', port }
      const member = new PacketMember(socket, self, remote, options, linked, give)
    })
  }

  private constructor(
    socket: Socket,
    self: Self,
    remote: Endpoint,
    { most = 65_507, keep }: PacketMemberOptions,
    linked: () => void,
    failed: (error: Error) => void,
  ) {
    this.socket = socket
    this.#out = socket
    this.identity = self.identity
    const ids = new ConnectionIds(self.suite, randomBytes(32), self.random)
    const door = new Door<PacketMember>(self, ids, drive.now())
    const [whose, now] = [this, drive.now()]
    this.#link = new PacketLink(
      {
        self,
        plaintext,
        carry: proved => this.#carry(proved, linked),
        dial: { proceed: () => undefined, remote },
        ids: {
          mint: () => ids.mint(),
          token: id => ids.token(id),
          added: id => door.open(id, whose),
          removed: id => door.close(id),
          expect: id => door.expect(id, whose),
          forget: id => door.forget(id),
          watch: token => door.watch(token, whose),
          unwatch: token => door.unwatch(token),
        },
        onMore: () => drive.defer(this.#pump),
        mtu: { ceiling: most, direct: true },
        send: (to, bytes) => {
          if (keep === true) this.sent.push(bytes.slice())
          if (!this.closed) this.#out.send(bytes.slice(), to.port, to.host)
          return true
        },
      },
      now,
    )
    this.#driven = drive.run(this.#link, output => {
      if (output.kind === 'pong') this.heard.pongs++
      if (output.kind !== 'ended') return
      this.end = output.end
      this.#wrote?.()
      failed(output.end.error)
    })
    socket.on('error', () => {})
    socket.on('message', (bytes, from) => {
      if (this.#deaf) return
      const judgement = door.judge(bytes, { host: from.address, port: from.port }, drive.now())
      if (judgement.kind === 'packet')
        this.#feed({ kind: 'datagram', bytes, from: { host: from.address, port: from.port } })
      if (judgement.kind === 'unit') this.#feed({ kind: 'unit', unit: judgement.unit, size: bytes.length })
      if (judgement.kind === 'reset') this.#feed({ kind: 'reset' })
    })
    this.#pump()
  }

  get stands(): boolean {
    return !this.#left && !this.closed && this.end === undefined
  }

  streamId(number: number): number {
    return 2 * number + (this.#lower ? 0 : 1)
  }

  /** The next packet holds what `write` writes, if it leaves. */
  record(write: (w: ByteWriter) => void): boolean {
    this.#write = write
    this.#link.streamsWaiting()
    this.#driven.feed({ kind: 'flush', buffered: 0 })
    return false
  }

  /** Control frames, each by its own call of `encode`: as many as go at once, of `most`. */
  control(most: number, encode: (w: ByteWriter) => void): number {
    let count = 0
    const { control } = this.#link.packets!.departures
    while (count < most && this.stands && control.bytes < CONTROL_MOST) {
      this.#link.send(encode)
      count++
    }
    drive.defer(this.#pump)
    return count
  }

  /** Resolves once what was to be written has left, or a moment later. */
  drained(most = 200): Promise<void> {
    if (this.#write === undefined || !this.stands) return new Promise(resolve => setImmediate(resolve))
    return new Promise(resolve => {
      const timer = setTimeout(() => done(), most)
      const done = (): void => {
        clearTimeout(timer)
        this.#wrote = undefined
        setImmediate(resolve)
      }
      this.#wrote = done
    })
  }

  async ended(most: number): Promise<boolean> {
    for (const until = performance.now() + most; this.stands && performance.now() < until; )
      await new Promise(resolve => setTimeout(resolve, 5))
    return !this.stands
  }

  /** From now on it sends from another port, where nobody listens. Which one. */
  async wander(): Promise<number> {
    if (this.#out !== this.socket) this.#out.close()
    const out = createSocket({ type: 'udp4' })
    await new Promise<void>(resolve => out.bind(0, '127.0.0.1', resolve))
    this.#out = out
    return out.address().port
  }

  /** Hears nothing any more, and so acknowledges nothing; what it holds open it keeps. */
  deaf(): void {
    this.#deaf = true
  }

  leave(): void {
    if (this.#left) return
    this.#left = true
    const over = (): void => {
      this.closed = true
      this.#driven.stop()
      if (this.#out !== this.socket) this.#out.close()
      this.socket.close()
    }
    if (this.end !== undefined || !this.#link.open) return over()
    this.#deaf = false
    this.#feed({ kind: 'close', code: closeCodes.GOODBYE, error: gone })
    setTimeout(over, GOODBYE)
  }

  #feed(input: LinkInput): void {
    if (this.closed) return
    this.#driven.feed(input)
    drive.defer(this.#pump)
  }

  #repeat(bytes: Uint8Array): void {
    this.#again.push(bytes)
    this.#link.streamsWaiting()
    drive.defer(this.#pump)
  }

  #carry(proved: Proved, linked: () => void): ReturnType<typeof carried> {
    this.#lower = Buffer.compare(this.identity.publicKey, proved.hello.identityKey) < 0
    this.#link.packets!.departures.congestion = heedless
    const { streams, mesh } = carried(this.heard)
    const fill = (w: ByteWriter, manifest?: Manifest): boolean => {
      const from = w.length
      const again = this.#again.shift()
      if (again !== undefined) {
        // Of a path that takes less now: then it is lost.
        if (again.length <= w.room) w.raw(again)
      } else {
        const write = this.#write
        this.#write = undefined
        write?.(w)
        this.#wrote?.()
      }
      const bytes = w.view().slice(from)
      if (bytes.length > 0) manifest?.add({ acked() {}, lost: () => this.#repeat(bytes) })
      return this.#write !== undefined || this.#again.length > 0
    }
    linked()
    return { streams: { ...streams, fill }, mesh }
  }
}

const gone = new GuildError('GH_LINK_CLOSED', 'it leaves')
