/**
 * Simulated datagrams: the same weather, and nothing makes up for it.
 *
 *   send ─▶ too big? queue full? lost? ─▶ a bit flipped? ─▶ delay ─▶ once, or twice
 *
 * What is dropped is dropped in silence, as on a real network; the transcript says why.
 *
 * Floor: testing.
 */
import { copy } from '../base/bytes.ts'
import { GuildError } from '../base/errors.ts'
import type { Endpoint } from '../base/ports.ts'
import { hostPort, listenError } from '../transport/errors.ts'
import { type Bound, type Computer, type Network, type Receiving, wildcard } from './network.ts'
import type { Process } from './process.ts'

/** An unconnected UDP socket. */
export interface DatagramSocket {
  readonly local: Endpoint
  /**
   * Sends one datagram to an IP address, without waiting. GH_MESSAGE_TOO_LARGE above 65,507
   * bytes, GH_DIAL_UNREACHABLE where the host has no address of that family; whatever else
   * befalls it goes unsaid.
   */
  send(to: Endpoint, bytes: Uint8Array): void
  close(): void
}

export interface DatagramOptions {
  /** An address of the host. Default: all of IPv4. */
  readonly host?: string
  /** Default 0: any free one. */
  readonly port?: number
  /** The bytes belong to the receiver. */
  readonly onDatagram: (bytes: Uint8Array, from: Endpoint) => void
}

/** IP and UDP headers, which count against the MTU. */
const HEADERS_V4 = 28
const HEADERS_V6 = 48
const MAX_PAYLOAD = 65_507

export function openDatagrams(
  network: Network,
  computer: Computer,
  process: Process,
  options: DatagramOptions,
): DatagramSocket {
  const host = options.host ?? '0.0.0.0'
  const port = options.port ?? 0
  if (!computer.has(host)) throw listenError(new Error(`${computer.name} has no such address`), host, port)
  const bound = computer.udp.bind([host], port, { process, onDatagram: options.onDatagram })?.[0]
  if (bound === undefined)
    throw listenError(Object.assign(new Error('EADDRINUSE'), { code: 'EADDRINUSE' }), host, port)
  const close = (): void => {
    computer.udp.unbind(bound)
    process.resources.delete(resource)
  }
  const resource = { vanish: close, release: close }
  process.resources.add(resource)
  return {
    local: { host, port: bound.port },
    send: (to, bytes) => {
      if (process.alive) send(network, computer, process, bound, to, copy(bytes))
    },
    close,
  }
}

function send(
  network: Network,
  computer: Computer,
  { world, transcript }: Process,
  bound: Bound<Receiving>,
  to: Endpoint,
  bytes: Uint8Array,
): void {
  if (bytes.length > MAX_PAYLOAD)
    throw new GuildError('GH_MESSAGE_TOO_LARGE', `a datagram of ${bytes.length} bytes`)
  const route = network.route(computer, to.host)
  const target = route.to
  if (target === undefined) return
  const path = network.path(computer, target)
  const passed = path.tamper?.(bytes) ?? bytes
  if (passed.length === 0 && bytes.length > 0) return
  const drop = (why: string): void =>
    transcript.record(world.now, 'dropped', computer.name, target.name, passed, why)
  const headers = route.remote.includes(':') ? HEADERS_V6 : HEADERS_V4
  if (passed.length + headers > path.conditions.mtu) return drop('too big')
  if (path.backlog(world.now) + passed.length > path.conditions.queue) return drop('queue full')
  const flip = path.corrupted(passed.length * 8)
  if (flip !== undefined) passed[flip >> 3]! ^= 1 << (flip & 7)

  const from = { host: bound.host === wildcard(bound.host) ? route.local : bound.host, port: bound.port }
  const copies = path.duplicated() ? 2 : 1
  for (let i = 0; i < copies; i++) {
    const arrival = path.depart(world.now, passed.length) + path.flight()
    if (path.lost()) {
      drop('lost')
      continue
    }
    world.at(arrival, () => {
      if (!path.passes) return drop('cut')
      const receiver = target.udp.find(route.remote, to.port)
      if (receiver === undefined) return drop(`nobody at ${hostPort(to.host, to.port)}`)
      transcript.record(world.now, 'datagram', computer.name, target.name, passed)
      const own = copy(passed)
      receiver.open.process.enter(() => receiver.open.onDatagram(own, from))
    })
  }
}
