/**
 * UDP, as the system gives it: sockets that are never connected, for any number of peers.
 *
 *   open    bind ─▶ ask for large buffers ─▶ read back what was granted
 *   send    straight into the system, no callback, no name looked up ─▶ gone, or lost
 *   message one buffer of its own each ─▶ onDatagram(bytes, from)
 *
 * What a send comes to is never asked: with a callback each datagram would cost an object and a
 * turn, and the answer would say nothing that an acknowledgement does not say better. When the
 * system's buffer is full, Node keeps the datagram and sends it later; that queue has no bound
 * of its own, so here it gets one, and what is beyond it is lost (UQ-21).
 *
 * Without a large receive buffer a burst loses every second datagram. A system may grant less
 * than it was asked for without a word: `buffers` says what it was, in the system's own count
 * (Linux reserves half for itself and tells the whole). Under a flood it is made
 * shorter for a while: see `receive-room.ts`.
 *
 * One socket belongs to one family: `::` takes IPv6 only. Not in node:dgram, and so not here: the
 * DF bit, ECN, several datagrams a system call, the local address a datagram came to.
 *
 * Floor: transport (shell).
 */
import { createSocket, type Socket, type SocketOptions } from 'node:dgram'
import { lookup as resolveName } from 'node:dns'
import type { DatagramBuffers, DatagramOptions, DatagramSocket, Datagrams, Endpoint } from '../base/ports.ts'
import { abortError, dialError, listenError, plain, systemCode } from './errors.ts'
import { ReceiveRoom } from './receive-room.ts'

/** Asked of the system for each direction: 40 ms at 100 MB/s. */
const BUFFER = 4 * 1024 * 1024
/** Linux tells twice what it was asked for. */
const TOLD = process.platform === 'linux' ? 2 : 1
/** Below this it is not asked again. */
const BUFFER_LEAST = 128 * 1024
/** A system that refuses a datagram says so at once; over the longest path within this. */
const REFUSAL = 500
/** Addresses that are asked about at a time. */
const ASKED_MOST = 16
/** Bytes that may wait in Node for room in the system. */
const WAITING = 1024 * 1024
/** Remote ends remembered, so that each datagram of a peer comes with the same object. */
const REMEMBERED = 4096

/** As of node:dgram. */
export type CreateSocket = (options: SocketOptions) => Socket

/** `create` makes the socket. Default: the system's. */
export function udpDatagrams(create: CreateSocket = createSocket): Datagrams {
  let asked = 0
  const refuses = async (to: Endpoint): Promise<boolean> => {
    if (asked >= ASKED_MOST || to.port === 0) return false
    asked++
    return await refused(to, create).finally(() => asked--)
  }
  return { open: options => open(options, create), resolve, refuses }
}

function resolve(host: string, family: 4 | 6 | undefined, signal: AbortSignal): Promise<readonly string[]> {
  return new Promise((found, failed) => {
    const aborted = (): void => failed(abortError(signal, host))
    if (signal.aborted) return aborted()
    signal.addEventListener('abort', aborted, { once: true })
    resolveName(host, { all: true, family: family ?? 0 }, (error, addresses) => {
      signal.removeEventListener('abort', aborted)
      if (error !== null) failed(dialError(error, host))
      else found(addresses.map(({ address }) => address))
    })
  })
}

function open(options: DatagramOptions, create: CreateSocket): Promise<DatagramSocket> {
  const { host, port } = options
  return new Promise((resolve, reject) => {
    const v6 = host.includes(':')
    const socket = create({ type: v6 ? 'udp6' : 'udp4', ipv6Only: v6, lookup })
    const failed = (error: Error): void => {
      socket.close()
      reject(listenError(error, host, port))
    }
    socket.once('error', failed)
    // exclusive: the workers of a cluster are nodes of their own and share no port.
    socket.bind({ address: host, port, exclusive: true }, () => {
      socket.off('error', failed)
      resolve(new UdpSocket(socket, options))
    })
  })
}

/**
 * A socket that belongs to one remote end hears what its system has to say (ICMP), which one for everybody does
 * not. The datagram is empty: whoever does listen throws it away.
 */
function refused({ host, port }: Endpoint, create: CreateSocket): Promise<boolean> {
  return new Promise(resolve => {
    const socket = create({ type: host.includes(':') ? 'udp6' : 'udp4', lookup })
    const answer = (is: boolean): void => {
      clearTimeout(late)
      socket.removeAllListeners().on('error', () => {})
      try {
        socket.close()
      } catch {
        // It never came to be open.
      }
      resolve(is)
    }
    const late = setTimeout(() => answer(false), REFUSAL)
    late.unref()
    socket.unref()
    socket.on('error', error => answer(refusals.has(systemCode(error) ?? '')))
    socket.connect(port, host, () => socket.send(new Uint8Array(0)))
  })
}

const refusals: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ECONNRESET'])

/** IP in, IP out, at once: a resolver would cost a turn for each datagram. */
const lookup = (
  address: string,
  _options: unknown,
  found: (error: Error | null, address: string, family: number) => void,
): void => found(null, address, address.includes(':') ? 6 : 4)

class UdpSocket implements DatagramSocket {
  readonly local: Endpoint
  readonly buffers: DatagramBuffers
  readonly #socket: Socket
  #closed = false
  /** Datagrams wait in Node, as of the last look. */
  #waits = false
  readonly #room: ReceiveRoom
  /** Of this turn. */
  #came = 0
  #bytes = 0
  #wasted = 0

  constructor(socket: Socket, { onDatagram, onError, host, port }: DatagramOptions) {
    this.#socket = socket
    const bound = socket.address()
    this.local = { host: plain(bound.address), port: bound.port }
    this.buffers = {
      receive: granted(
        size => socket.setRecvBufferSize(size),
        () => socket.getRecvBufferSize(),
      ),
      send: granted(
        size => socket.setSendBufferSize(size),
        () => socket.getSendBufferSize(),
      ),
    }
    this.#room = new ReceiveRoom(this.buffers.receive)
    const remotes = new Remotes()
    const turned = (): void => this.#turned()
    socket.on('message', (bytes, { address, port }) => {
      if (this.#closed) return
      if (this.#came++ === 0) setImmediate(turned)
      this.#bytes += bytes.length
      if (onDatagram(bytes, remotes.of(address, port)) === false) this.#wasted++
    })
    socket.on('error', error => {
      if (!this.#closed && !losses.has(systemCode(error) ?? '')) onError(listenError(error, host, port))
    })
  }

  send(to: Endpoint, bytes: Uint8Array): boolean {
    const socket = this.#socket
    // Nobody is at port 0, which a datagram may still come from; Node would throw.
    if (this.#closed || to.port === 0) return true
    if (this.#waits && socket.getSendQueueSize() > WAITING) return true
    socket.send(bytes, to.port, to.host)
    // Node tries the system at once, and keeps what it does not take.
    this.#waits = socket.getSendQueueSize() > 0
    return !this.#waits
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#socket.close()
  }

  #turned(): void {
    if (this.#closed) return
    const size = this.#room.turned(this.#came, this.#bytes, this.#wasted, performance.now())
    this.#came = 0
    this.#bytes = 0
    this.#wasted = 0
    if (size === undefined) return
    try {
      this.#socket.setRecvBufferSize(Math.round(size / TOLD))
    } catch {
      // A system that grants no other size has the one it had.
    }
  }
}

/** What a system may say of datagrams long gone: each is a loss and no more (UQ-21). */
const losses = new Set([
  'EAGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'EMSGSIZE',
  'ENETDOWN',
  'ENETUNREACH',
  'ENOBUFS',
  'EPERM',
])

/** Asks for a buffer and reads back what it is. Some systems clamp in silence, some refuse what is too much. */
function granted(set: (size: number) => void, get: () => number): number {
  for (let size = BUFFER; size >= BUFFER_LEAST; size /= 2) {
    try {
      set(size)
      break
    } catch {
      // The next one is smaller; and if none is granted the system's own size will do.
    }
  }
  return get()
}

/** One object for each remote end, so that a datagram costs none. Of two at one port number the later one is kept. */
class Remotes {
  readonly #byPort = new Map<number, Endpoint>()

  of(address: string, port: number): Endpoint {
    const known = this.#byPort.get(port)
    if (known !== undefined && known.host === address) return known
    if (this.#byPort.size >= REMEMBERED) this.#byPort.clear()
    const remote = { host: plain(address), port }
    this.#byPort.set(port, remote)
    return remote
  }
}
