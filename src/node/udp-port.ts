/**
 * A node's UDP: its sockets, the door behind them, and the links that live on datagrams.
 *
 *   socket ─ datagram ─▶ door ─┬─ packet, unit, reset ─▶ the carrier it is for
 *                              ├─ reply ─▶ socket
 *                              └─ proved ─▶ a newcomer: a connection is made
 *
 * Composition only. A node that does not listen opens its sockets when it first dials.
 *
 * Floor: node.
 */
import { GuildError } from '../base/errors.ts'
import type { DatagramSocket, Datagrams, Endpoint, Interface } from '../base/ports.ts'
import { ByteWriter } from '../base/writer.ts'
import { ConnectionIds } from '../link/connection-ids.ts'
import { Door } from '../link/door.ts'
import type { PacketLinkOptions } from '../link/packet-link.ts'
import type { Self } from '../link/self.ts'
import { Slab } from '../packets/slab.ts'
import type { Drive } from '../runtime/drive.ts'
import type { Address } from '../wire/address.ts'
import type { MakeCarrier } from './carrier.ts'
import { DatagramSockets, type DatagramSocketsOptions } from './datagram-sockets.ts'
import { PacketCarrier, type PacketCarrierOptions } from './packet-carrier.ts'
import type { Tracing } from './tracing.ts'
import type { Turn } from './turn.ts'

export interface UdpPortOptions extends Pick<PacketLinkOptions, 'congestion'> {
  readonly datagrams: Datagrams
  readonly drive: Drive
  readonly interfaces: () => readonly Interface[]
  /** The largest IP packet to try. */
  readonly mtu: number | undefined
  readonly self: Self
  readonly tracing: Tracing
  readonly turn: Turn
  /** 32 secret bytes: connection ids and reset tokens follow from them. */
  readonly idKey: Uint8Array
  /** Somebody proved itself; the carrier of its link is made by this. */
  readonly onNewcomer: (carrier: MakeCarrier, from: Endpoint) => void
  readonly onError: (error: Error) => void
}

/** Addresses of one name that are dialled at once. */
const ADDRESSES_MAX = 4

export class UdpPort {
  readonly #options: UdpPortOptions
  readonly #door: Door<PacketCarrier>
  readonly #ids: ConnectionIds
  readonly #plaintext = new ByteWriter(new Uint8Array(65_535))
  readonly #slab = new Slab()
  #sockets: DatagramSockets | undefined
  #opening: Promise<DatagramSockets> | undefined
  #ticking = false
  #closed = false

  constructor(options: UdpPortOptions) {
    this.#options = options
    const { self, idKey, drive } = options
    this.#ids = new ConnectionIds(self.suite, idKey, self.random)
    this.#door = new Door(self, this.#ids, drive.now())
  }

  /** What the sockets of a listening node need. */
  get listening(): Pick<DatagramSocketsOptions, 'datagrams' | 'onDatagram'> {
    const { datagrams } = this.#options
    return { datagrams, onDatagram: (bytes, from, by) => this.#datagram(bytes, from, by) }
  }

  /** The sockets that the node listens at are ours too. */
  use(sockets: DatagramSockets): void {
    this.#sockets = sockets
  }

  /** Where the host of an address can be reached by our sockets. */
  async resolve({ host, port, family }: Address, signal: AbortSignal): Promise<Endpoint[]> {
    const sockets = await this.#ready()
    const found = await this.#options.datagrams.resolve(host, family, signal)
    const reached = found.filter(one => sockets.for(one) !== undefined)
    if (reached.length === 0) throw new GuildError('GH_DIAL_UNREACHABLE', `no UDP socket reaches ${host}`)
    return reached.slice(0, ADDRESSES_MAX).map(one => ({ host: one, port }))
  }

  close(): void {
    this.#closed = true
    this.#sockets?.close()
  }

  async #ready(): Promise<DatagramSockets> {
    if (this.#sockets !== undefined) return this.#sockets
    const { onError } = this.#options
    this.#opening ??= DatagramSockets.open({ ...this.listening, hosts: [], port: 0, onError })
    const sockets = await this.#opening
    if (this.#closed) sockets.close()
    else this.#sockets ??= sockets
    return sockets
  }

  carrier(self: Self, whom: Pick<PacketCarrierOptions, 'dial' | 'newcomer'>): MakeCarrier {
    const { drive, turn, congestion, interfaces, mtu, tracing, datagrams } = this.#options
    return host =>
      new PacketCarrier(
        {
          ...whom,
          self,
          drive,
          tracing,
          turn,
          interfaces,
          mtu,
          plaintext: this.#plaintext,
          slab: this.#slab,
          door: this.#door,
          mint: () => this.#ids.mint(),
          token: id => this.#ids.token(id),
          socketFor: to => this.#sockets?.for(to),
          datagrams,
          ...(congestion && { congestion }),
        },
        host,
      )
  }

  /** False: it was good for nothing. */
  #datagram(bytes: Uint8Array, from: Endpoint, by: DatagramSocket): boolean {
    const door = this.#door
    const { drive, self, onNewcomer, turn } = this.#options
    turn.came()
    const judgement = door.judge(bytes, from, drive.now())
    switch (judgement.kind) {
      case 'packet':
        return judgement.key.receive(bytes, from)
      case 'unit':
        judgement.key.feed({ kind: 'unit', unit: judgement.unit, size: bytes.length })
        return true
      case 'reset':
        judgement.key.feed({ kind: 'reset' })
        return true
      case 'reply':
        by.send(from, judgement.datagram)
        this.#tickLater()
        return false // whoever asks has proved nothing yet
      case 'proved':
        if (!this.#closed)
          onNewcomer(this.carrier(self, { newcomer: judgement.newcomer }), judgement.newcomer.from)
        return true
    }
    return false
  }

  /** Half-open handshakes end by themselves. */
  #tickLater(): void {
    const { drive } = this.#options
    const due = this.#door.deadline()
    if (this.#ticking || due === undefined || this.#closed) return
    this.#ticking = true
    drive.after(Math.max(1, due - drive.now()), () => {
      this.#ticking = false
      this.#door.tick(drive.now())
      this.#tickLater()
    })
  }
}
