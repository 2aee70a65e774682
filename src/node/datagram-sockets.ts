/**
 * The UDP sockets of a node: one for each address family, or for each host that was asked for.
 *
 *   ::       ─┐                       a datagram in ─▶ take(bytes, from, the socket it came by)
 *   0.0.0.0  ─┴─ one port number      a datagram out ─▶ by the socket of that family
 *
 * Listening, dialling, probing and punching share them: what a peer sees of us is the same place
 * whatever we do. A machine without one of the families has one socket.
 *
 * Refuses: a host twice; a number that is taken for one of the hosts (nothing stays open then).
 *
 * Floor: node.
 */
import { GuildError } from '../base/errors.ts'
import type { DatagramSocket, Datagrams, Endpoint } from '../base/ports.ts'
import { absentFamily } from '../transport/errors.ts'
import { hostKind } from '../wire/address.ts'

export interface DatagramSocketsOptions {
  readonly datagrams: Datagrams
  /** IP addresses to bind; empty means all of them, both families. */
  readonly hosts: readonly string[]
  /** 0 lets the system pick one number for all hosts. */
  readonly port: number
  /** `by` is the socket whose address the other side talks to: answer by it. The bytes are valid during the call only. */
  readonly onDatagram: (bytes: Uint8Array, from: Endpoint, by: DatagramSocket) => unknown
  readonly onError: (error: Error) => void
}

/** How often a number the system picked for one host may be taken on another. */
export const PORT_TRIES = 16

export class DatagramSockets {
  readonly all: readonly DatagramSocket[]
  /** The number they share. */
  readonly port: number

  /** GH_LISTEN_IN_USE where the number is taken on one of the hosts, GH_LISTEN_FAILED otherwise. */
  static async open(options: DatagramSocketsOptions): Promise<DatagramSockets> {
    for (let tries = 1; ; tries++) {
      try {
        return new DatagramSockets(await openAll(options))
      } catch (error) {
        if (options.port !== 0 || !isTaken(error) || tries === PORT_TRIES) throw error
      }
    }
  }

  private constructor(all: readonly DatagramSocket[]) {
    this.all = all
    this.port = all[0]!.local.port
  }

  /** By which a host is reached: of its family, and with a loopback address only what is on this machine. */
  for(host: string): DatagramSocket | undefined {
    const v6 = host.includes(':')
    const here = hostKind(host) === 'loopback'
    const family = this.all.filter(({ local }) => local.host.includes(':') === v6)
    const fits = ({ local }: DatagramSocket): boolean => {
      const kind = hostKind(local.host)
      return kind === 'unspecified' || (kind === 'loopback') === here
    }
    return family.find(fits)
  }

  close(): void {
    for (const socket of this.all) socket.close()
  }
}

/** Is the number taken? Then another may do. */
export function isTaken(error: unknown): boolean {
  return error instanceof GuildError && error.code === 'GH_LISTEN_IN_USE'
}

async function openAll(options: DatagramSocketsOptions): Promise<DatagramSocket[]> {
  const { datagrams, hosts, onDatagram, onError } = options
  const every = hosts.length === 0
  const sockets: DatagramSocket[] = []
  try {
    for (const host of every ? ['0.0.0.0', '::'] : hosts) {
      const port = sockets[0]?.local.port ?? options.port
      let socket: DatagramSocket | undefined
      try {
        socket = await datagrams.open({
          host,
          port,
          onDatagram: (bytes, from) => (socket === undefined ? undefined : onDatagram(bytes, from, socket)),
          onError,
        })
        sockets.push(socket)
      } catch (error) {
        if (!(every && absentFamily(error))) throw error
      }
    }
    if (sockets.length === 0) throw new GuildError('GH_LISTEN_FAILED', 'no address family is available')
    return sockets
  } catch (error) {
    for (const socket of sockets) socket.close()
    throw error
  }
}
