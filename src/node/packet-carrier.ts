/**
 * Datagrams as the carrier of a link: packets, by the node's UDP sockets.
 *
 * Floor: node.
 */
import type { DatagramSocket, Datagrams, Endpoint, Interface } from '../base/ports.ts'
import type { ByteWriter } from '../base/writer.ts'
import type { Newcomer } from '../link/datagram-responder.ts'
import type { Door } from '../link/door.ts'
import { type LinkObserver, PacketLink, type PacketLinkOptions } from '../link/packet-link.ts'
import type { Self } from '../link/self.ts'
import type { Slab } from '../packets/slab.ts'
import type { Drive } from '../runtime/drive.ts'
import type { AttemptDial } from './attempts.ts'
import type { Carrier, CarrierHost } from './carrier.ts'
import { pathSize } from './path-size.ts'
import type { Tracing } from './tracing.ts'
import { Share, type Turn } from './turn.ts'

export interface PacketCarrierOptions extends Pick<PacketLinkOptions, 'congestion'> {
  readonly self: Self
  readonly drive: Drive
  readonly tracing: Tracing
  readonly plaintext: ByteWriter
  readonly slab: Slab
  readonly turn: Turn
  readonly door: Door<PacketCarrier>
  readonly mint: () => Uint8Array
  readonly token: (id: Uint8Array) => Uint8Array
  readonly interfaces: () => readonly Interface[]
  /** The largest IP packet to try. */
  readonly mtu: number | undefined
  readonly socketFor: (host: string) => DatagramSocket | undefined
  readonly datagrams: Pick<Datagrams, 'refuses'>
  /** On the dialling side. */
  readonly dial?: AttemptDial & { readonly remote: Endpoint }
  /** On the other side: who proved itself at the door. */
  readonly newcomer?: Newcomer
}

export class PacketCarrier implements Carrier {
  readonly transport = 'udp'
  readonly buffered = 0
  readonly blocked = false
  readonly link: PacketLink
  readonly #options: PacketCarrierOptions
  readonly #host: CarrierHost
  readonly #share = new Share()
  /** Where the last datagram went, and by which socket. */
  #to: Endpoint | undefined
  #socket: DatagramSocket | undefined
  #observer: LinkObserver | undefined

  constructor(options: PacketCarrierOptions, host: CarrierHost) {
    this.#options = options
    this.#host = host
    const { self, drive, plaintext, slab, door, mint, token, dial, newcomer, congestion, interfaces } =
      options
    const { tracing, mtu } = options
    const remote = newcomer?.from ?? dial!.remote
    const observer = tracing.begin(this.#traced(remote), drive.now())
    this.#observer = observer
    this.link = new PacketLink(
      {
        self,
        carry: (proved, observed) => host.carry(proved, observed),
        ids: {
          mint,
          token,
          added: id => door.open(id, this),
          removed: id => door.close(id),
          expect: id => door.expect(id, this),
          forget: id => door.forget(id),
          watch: reset => door.watch(reset, this),
          unwatch: reset => door.unwatch(reset),
        },
        mtu: pathSize(remote.host, interfaces, mtu),
        send: (to, datagram) => this.#send(to, datagram),
        onMore: () => host.flushSoon(),
        unanswered: () => this.#askWhy(),
        paced: host.paced,
        ...{ plaintext, slab, observer },
        ...(dial && { dial }),
        ...(newcomer && { newcomer }),
        ...(congestion && { congestion }),
      },
      drive.now(),
    )
  }

  get remote(): Endpoint {
    return this.link.remote
  }

  /** A packet for this link, if the turn has time for it (P15). False: it was none, or there was no time. */
  receive(bytes: Uint8Array, from: Endpoint): boolean {
    if (this.#observer === undefined) this.#look()
    const { turn, drive } = this.#options
    if (!turn.hears(this.#share)) {
      this.#observer?.dropped(bytes.length, 'busy', drive.now())
      return false
    }
    const { unitsIn } = this.link
    turn.begin()
    try {
      this.#host.read({ kind: 'datagram', bytes, from })
    } finally {
      const took = turn.end()
      // What does not open may be anybody's, and is not held against the peer.
      if (took > 0 && this.link.unitsIn !== unitsIn) this.#share.add(took, drive.now())
    }
    return this.link.unitsIn !== unitsIn
  }

  feed: CarrierHost['feed'] = input => this.#host.feed(input)

  output(): void {
    this.#host.gone()
  }

  hold(): void {}

  destroy(): void {
    this.#host.feed({ kind: 'carrier-closed', error: undefined })
  }

  /** Nothing is answered: is nobody there any more, or somebody else (spec: PATH-18)? */
  #askWhy(): void {
    const { remote } = this
    if (this.#host.displaced()) return this.#host.feed({ kind: 'refused' })
    this.#options.datagrams.refuses?.(remote).then(
      refused => {
        if (refused && this.remote === remote) this.#host.feed({ kind: 'refused' })
      },
      () => {},
    )
  }

  /** Has somebody begun to listen? */
  #look(): void {
    const observer = this.#options.tracing.later(() => this.#traced(this.remote))
    if (observer === undefined) return
    this.#observer = observer
    this.link.observe(observer)
  }

  #traced(remote: Endpoint): Parameters<Tracing['begin']>[0] {
    const { dial, socketFor } = this.#options
    return { direction: dial === undefined ? 'in' : 'out', local: socketFor(remote.host)?.local, remote }
  }

  #send(to: Endpoint, datagram: Uint8Array): boolean {
    if (to !== this.#to) {
      this.#to = to
      this.#socket = this.#options.socketFor(to.host)
    }
    return this.#socket?.send(to, datagram) ?? true
  }
}
