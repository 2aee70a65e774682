/**
 * TCP, as the system gives it.
 *
 *   dial    connect ─▶ noDelay ─▶ paused until attached ─▶ data … end ─▶ close
 *   listen  one server per address, all at one port number
 *
 * Chunks of one `write` leave in one system call (cork, writev). Sockets read into one buffer
 * shared by all, since bytes are valid during the call only: see `read-buffer.ts`. Liveness
 * is the protocol's business: no TCP keepalive.
 *
 * `destroy` sends a reset, so that the other side learns at once and no port lingers in
 * TIME_WAIT; whoever wants last words heard calls `end` and waits.
 *
 * Every socket has an `error` listener from its first moment: without one, a reset from a
 * stranger would end the process.
 *
 * Floor: transport (shell).
 */
import { type LookupAddress, type LookupAllOptions, lookup as systemLookup } from 'node:dns'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { GuildError } from '../base/errors.ts'
import type {
  DialOptions,
  Endpoint,
  Listener,
  ListenOptions,
  Pipe,
  PipeEvents,
  Transport,
} from '../base/ports.ts'
import { abortError, absentFamily, dialError, hostPort, listenError, plain, systemCode } from './errors.ts'
import { type Reading, readingInto, shareBuffer } from './read-buffer.ts'

/** `write` says false from here on: as much as a link may have sealed and unsent. */
const HIGH_WATER_MARK = 512 * 1024
/** How often a port the system picked for one address may be taken on another. */
const PORT_TRIES = 16

/** As of node:dns, with `all`: every address of a name. */
export type Lookup = (
  name: string,
  options: LookupAllOptions,
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void

/** `lookup` finds the addresses of a name. Default: the system's resolver. */
export function tcpTransport(lookup: Lookup = systemLookup): Transport {
  return { name: 'tcp', listen, dial: options => dial(options, lookup) }
}

async function listen(options: ListenOptions): Promise<Listener> {
  for (let tries = 1; ; tries++) {
    try {
      return await listenOnce(options)
    } catch (error) {
      const again = options.port === 0 && systemCode((error as Error).cause) === 'EADDRINUSE'
      if (!again || tries === PORT_TRIES) throw error
    }
  }
}

async function listenOnce(options: ListenOptions): Promise<Listener> {
  const every = options.hosts.length === 0
  const servers: Server[] = []
  const endpoints: Endpoint[] = []
  const close = async (): Promise<void> => {
    await Promise.all(servers.map(closeServer))
  }
  try {
    for (const host of every ? ['0.0.0.0', '::'] : options.hosts) {
      const port = endpoints[0]?.port ?? options.port
      try {
        const server = await bind(host, port, options)
        servers.push(server)
        const bound = server.address() as { address: string; port: number }
        endpoints.push({ host: plain(bound.address), port: bound.port })
      } catch (error) {
        const failed = listenError(error, host, port)
        // A machine without one of the families listens on the other.
        if (!(every && absentFamily(failed))) throw failed
      }
    }
    if (endpoints.length === 0) throw new GuildError('GH_LISTEN_FAILED', 'no address family is available')
  } catch (error) {
    await close()
    throw error
  }
  return { endpoints, close }
}

function bind(host: string, port: number, options: ListenOptions): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({
      allowHalfOpen: true,
      pauseOnConnect: true,
      noDelay: true,
      highWaterMark: HIGH_WATER_MARK,
    })
    server.on('connection', accepted => {
      const reading: Reading = {}
      shareBuffer(accepted, reading)
      const pipe = new TcpPipe(accepted)
      reading.take = bytes => pipe.take(bytes)
      // A socket reset while it waited to be accepted has no addresses any more.
      if (pipe.remote.port === 0) pipe.destroy()
      else options.onPipe(pipe)
    })
    server.once('error', reject)
    // exclusive: the workers of a cluster are nodes of their own and share no port.
    // By its colon: `isIPv6` compiles a pattern when first called, 5 ms of every start.
    server.listen({ host, port, ipv6Only: host.includes(':'), exclusive: true }, () => {
      server.off('error', reject)
      server.on('error', error => options.onError(listenError(error, host, port)))
      resolve(server)
    })
  })
}

/** Frees the port at once. Does not wait for the pipes, as Node's own callback would. */
function closeServer(server: Server): Promise<void> {
  server.close()
  return new Promise(resolve => setImmediate(resolve))
}

function dial({ host, port, family, signal }: DialOptions, lookup: Lookup): Promise<Pipe> {
  const where = hostPort(host, port)
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(abortError(signal, where))
    const reading: Reading = {}
    const socket = connect({
      host,
      port,
      allowHalfOpen: true,
      noDelay: true,
      // Every address of a name is tried in its turn (spec: ADDR-5). Node does so only where it was not told a
      // family, so the family goes by way of the look-up.
      autoSelectFamily: true,
      lookup: (name, _options, found) => lookup(name, { all: true, family: family ?? 0 }, found as Found),
      onread: readingInto(reading),
      ...{ writableHighWaterMark: HIGH_WATER_MARK }, // a Duplex takes it; its type does not say so
    })
    socket.pause()
    const settle = (): void => {
      signal.removeEventListener('abort', onAbort)
      socket.off('error', onError)
      socket.off('connect', onConnect)
    }
    const onAbort = (): void => {
      settle()
      socket.on('error', () => {})
      socket.destroy()
      reject(abortError(signal, where))
    }
    const onError = (error: Error): void => {
      settle()
      socket.on('error', () => {})
      reject(dialError(error, where))
    }
    const onConnect = (): void => {
      settle()
      const pipe = new TcpPipe(socket)
      reading.take = bytes => pipe.take(bytes)
      resolve(pipe)
    }
    signal.addEventListener('abort', onAbort)
    socket.on('error', onError)
    socket.on('connect', onConnect)
  })
}

type Found = Parameters<Lookup>[2]

class TcpPipe implements Pipe {
  readonly transport = 'tcp'
  readonly remote: Endpoint
  readonly #socket: Socket
  #local: Endpoint | undefined
  #events: PipeEvents | undefined
  #error: Error | undefined
  #destroyed = false
  #closed = false
  #paused = false

  constructor(socket: Socket) {
    this.#socket = socket
    this.remote = { host: plain(socket.remoteAddress ?? ''), port: socket.remotePort ?? 0 }
    socket.on('error', error => {
      this.#error ??= error
    })
    socket.on('close', () => {
      this.#closed = true
      this.#events?.close(this.#reason())
    })
  }

  /** Asked of the system when somebody wants to know, for it costs a call; a pipe that is closed has none. */
  get local(): Endpoint {
    const socket = this.#socket
    this.#local ??= { host: plain(socket.localAddress ?? ''), port: socket.localPort ?? 0 }
    return this.#local
  }

  get buffered(): number {
    return this.#destroyed ? 0 : this.#socket.writableLength
  }

  attach(events: PipeEvents): void {
    if (this.#events !== undefined) throw new GuildError('GH_INTERNAL', 'a pipe was attached twice')
    this.#events = events
    if (this.#closed) {
      setImmediate(() => events.close(this.#reason()))
      return
    }
    const socket = this.#socket
    socket.on('data', bytes => this.take(bytes))
    socket.on('drain', () => {
      if (!this.#destroyed) events.drain()
    })
    socket.on('end', () => {
      if (!this.#destroyed) events.end()
    })
    // A socket begins to read a tick after `resume`, whatever was said in between.
    socket.on('resume', () => {
      if (this.#paused) socket.pause()
    })
    if (!this.#paused) socket.resume()
  }

  /** Bytes from the system. */
  take(bytes: Uint8Array): void {
    if (!this.#destroyed) this.#events?.data(bytes)
  }

  write(chunks: readonly Uint8Array[]): boolean {
    const socket = this.#socket
    if (this.#destroyed || socket.destroyed || socket.writableEnded) return false
    if (chunks.length === 1) return socket.write(chunks[0]!)
    let more = true
    socket.cork()
    for (const chunk of chunks) more = socket.write(chunk)
    socket.uncork()
    return more
  }

  end(): void {
    if (!this.#destroyed && !this.#socket.destroyed) this.#socket.end()
  }

  pause(): void {
    this.#paused = true
    this.#socket.pause()
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    if (this.#events !== undefined) this.#socket.resume()
  }

  destroy(): void {
    if (this.#destroyed) return
    this.#destroyed = true
    const socket = this.#socket
    if (socket.destroyed) return
    // libuv cannot reset while a shutdown is under way.
    if (socket.writableEnded && !socket.writableFinished) socket.destroy()
    else socket.resetAndDestroy()
  }

  /** What was asked for is no error. */
  #reason(): Error | undefined {
    return this.#destroyed ? undefined : this.#error
  }
}
