/**
 * A bad network for real sockets: a UDP proxy with seeded weather.
 *
 *   client A ─┐            ┌─ a socket for A ─┐
 *             ├─▶ proxy ─▶ │   weather out    ├─▶ target
 *   client B ─┘   ◀─ back ─└─ a socket for B ─┘        the target sees each client at an address of its own,
 *                                                      which `rebind` changes, as a NAT box does
 *
 * Loss (alone or in bursts), reorder, duplicates, flipped bits, delay, jitter, rate with a queue and
 * MTU are those of the simulated network, by the same `Path` and dice: one way there, one back, each
 * shared by all clients. The same datagrams in the same order meet the same fate; when they come is
 * the machine's business. What is due is sent together, at most about a millisecond late.
 *
 * Refuses to be part of the weather by itself: what it must drop, because it holds too much or
 * because the system's buffer overflowed, is counted apart (`overflow`, `missed`).
 */
import { readFileSync } from 'node:fs'
import { copy } from '../../src/base/bytes.ts'
import { TimeHeap } from '../../src/base/heap.ts'
import type { DatagramSocket, Endpoint } from '../../src/base/ports.ts'
import { calm, type LinkConditions, Path } from '../../src/testing/link.ts'
import { SeededRandom } from '../../src/testing/random.ts'
import { udpDatagrams } from '../../src/transport/udp.ts'

export interface ProxyOptions {
  readonly seed: number
  /** Where the clients' datagrams go. An IPv4 address. */
  readonly target: Endpoint
  /** Both ways. Default: calm, and no delay. `whole` means nothing here. */
  readonly conditions?: Partial<LinkConditions>
  /** From the target to the clients, over `conditions`. */
  readonly back?: Partial<LinkConditions>
}

export interface ProxyCounts {
  /** Datagrams handed on, copies included. */
  passed: number
  bytes: number
  lost: number
  duplicated: number
  corrupted: number
  queueFull: number
  tooBig: number
  /** Dropped because the proxy held as much as it can. */
  overflow: number
  /** Dropped by the system before the proxy read them, where it tells. */
  missed: number
}

export type Way = 'out' | 'back'

const HEADERS = 28
/** Bytes under way at a time, both ways together. */
const HELD = 64 * 1024 * 1024
const CLIENTS = 256
/** Datagrams that wait for the socket of a new client. */
const EARLY = 64
/** Where the target sees the clients, in turn: loopback has many addresses on Linux. */
const outward = ['127.0.0.1', '127.0.0.2', '127.0.0.3']

interface Held {
  readonly at: number
  readonly order: number
  readonly bytes: Uint8Array
  readonly client: Client
  readonly way: Way
}

interface Client {
  readonly endpoint: Endpoint
  socket: DatagramSocket | undefined
  early: Uint8Array[]
}

export class UdpProxy {
  readonly #target: Endpoint
  readonly #paths: Readonly<Record<Way, Path>>
  readonly #clients = new Map<string, Client>()
  readonly #held = new TimeHeap<Held>()
  readonly #udp = udpDatagrams()
  readonly #counts: ProxyCounts = {
    passed: 0,
    bytes: 0,
    lost: 0,
    duplicated: 0,
    corrupted: 0,
    queueFull: 0,
    tooBig: 0,
    overflow: 0,
    missed: 0,
  }
  #inward!: DatagramSocket
  #order = 0
  #holding = 0
  #timer: NodeJS.Timeout | undefined
  #firesAt = Number.POSITIVE_INFINITY
  #address = 0
  #closed = false

  static async start(options: ProxyOptions): Promise<UdpProxy> {
    const proxy = new UdpProxy(options)
    proxy.#inward = await proxy.#udp.open({
      host: '127.0.0.1',
      port: 0,
      onDatagram: (bytes, from) => proxy.#fromClient(copy(bytes), from),
      onError: error => {
        throw error
      },
    })
    return proxy
  }

  private constructor({ seed, target, conditions = {}, back = {} }: ProxyOptions) {
    const random = new SeededRandom(seed)
    const still = { ...calm, delay: 0, mtu: 65_535, ...conditions }
    const [client, server] = ['client', 'server'].map(name => ({ name, up: true }))
    this.#target = target
    this.#paths = {
      out: new Path(client!, server!, still, random.split('out')),
      back: new Path(server!, client!, { ...still, ...back }, random.split('back')),
    }
  }

  /** Where clients find it: on 127.0.0.1. */
  get port(): number {
    return this.#inward.local.port
  }

  /** The weather changes, one way or both. */
  weather(conditions: Partial<LinkConditions>, ways: readonly Way[] = ['out', 'back']): void {
    for (const way of ways) this.#paths[way].conditions = { ...this.#paths[way].conditions, ...conditions }
  }

  /** The target sees every client at another port from now on, or at another address too. The old ones are closed. */
  async rebind(to: 'port' | 'address'): Promise<void> {
    if (to === 'address') this.#address = (this.#address + 1) % outward.length
    await Promise.all([...this.#clients.values()].map(client => this.#bind(client)))
  }

  counts(): ProxyCounts {
    const open = [this.#inward, ...[...this.#clients.values()].flatMap(({ socket }) => socket ?? [])]
    return { ...this.#counts, missed: this.#counts.missed + missed(open.map(({ local }) => local.port)) }
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#inward.close()
    for (const { socket } of this.#clients.values()) socket?.close()
  }

  #fromClient(bytes: Uint8Array, from: Endpoint): void {
    const key = `${from.host} ${from.port}`
    let client = this.#clients.get(key)
    if (client === undefined) {
      if (this.#clients.size >= CLIENTS) {
        this.#counts.overflow++
        return
      }
      client = { endpoint: from, socket: undefined, early: [] }
      this.#clients.set(key, client)
      void this.#bind(client)
    }
    if (client.socket !== undefined) this.#pass(bytes, client, 'out')
    else if (client.early.length < EARLY) client.early.push(bytes)
    else this.#counts.overflow++
  }

  /** Gives a client a new place outside. */
  async #bind(client: Client): Promise<void> {
    const socket = await this.#udp.open({
      host: outward[this.#address]!,
      port: 0,
      onDatagram: bytes => this.#pass(copy(bytes), client, 'back'),
      onError: () => {},
    })
    if (this.#closed) return socket.close()
    if (client.socket !== undefined) this.#counts.missed += missed([client.socket.local.port])
    client.socket?.close()
    client.socket = socket
    for (const bytes of client.early.splice(0)) this.#pass(bytes, client, 'out')
  }

  /** Through the weather of one way. */
  #pass(bytes: Uint8Array, client: Client, way: Way): void {
    const path = this.#paths[way]
    const counts = this.#counts
    const now = performance.now()
    const { mtu, queue } = path.conditions
    if (bytes.length + HEADERS > mtu) return void counts.tooBig++
    if (path.backlog(now) + bytes.length > queue) return void counts.queueFull++
    const flip = path.corrupted(bytes.length * 8)
    if (flip !== undefined) {
      bytes[flip >> 3]! ^= 1 << (flip & 7)
      counts.corrupted++
    }
    const copies = path.duplicated() ? 2 : 1
    if (copies === 2) counts.duplicated++
    for (let i = 0; i < copies; i++) {
      const at = path.depart(now, bytes.length) + path.flight()
      if (path.lost()) counts.lost++
      else if (at <= now) this.#send({ at, order: 0, bytes, client, way })
      else if (this.#holding + bytes.length > HELD) counts.overflow++
      else {
        this.#holding += bytes.length
        this.#held.push({ at, order: this.#order++, bytes, client, way })
        this.#arm(at, now)
      }
    }
  }

  #arm(at: number, now: number): void {
    if (this.#firesAt <= at) return
    clearTimeout(this.#timer)
    this.#firesAt = at
    this.#timer = setTimeout(this.#due, at - now)
  }

  /** Everything that is due. */
  readonly #due = (): void => {
    this.#firesAt = Number.POSITIVE_INFINITY
    const now = performance.now()
    for (let first = this.#held.first; first !== undefined && first.at <= now; first = this.#held.first) {
      this.#held.pop()
      this.#holding -= first.bytes.length
      this.#send(first)
    }
    if (this.#held.first !== undefined) this.#arm(this.#held.first.at, now)
  }

  #send({ bytes, client, way }: Held): void {
    this.#counts.passed++
    this.#counts.bytes += bytes.length
    if (way === 'out') client.socket?.send(this.#target, bytes)
    else this.#inward.send(client.endpoint, bytes)
  }
}

/** Datagrams that the system dropped because nobody had read those before: Linux tells, in the last column. */
function missed(ports: readonly number[]): number {
  let table: string
  try {
    table = readFileSync('/proc/net/udp', 'utf8')
  } catch {
    return 0
  }
  let sum = 0
  for (const line of table.split('\n').slice(1)) {
    const fields = line.trim().split(/\s+/)
    const port = Number.parseInt(fields[1]?.split(':')[1] ?? '', 16)
    if (ports.includes(port)) sum += Number(fields.at(-1))
  }
  return sum
}
