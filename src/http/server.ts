/**
 * HTTP for machines, with a bound on everything: connections, heads, bodies, rates, times.
 *
 *   connection ─▶ head ≤ 8 KiB, 5 s ─▶ Host, Origin ─▶ path ─▶ rate ─▶ handler ─▶ answer within 15 s
 *        │                │                 │            │       │
 *        │               408, 431          403        400      429
 *        └ 1,024 at once, 64 from one place: the one that has waited longest for its first request goes
 *
 * Node's parser is strict and refuses two lengths, or a length beside chunks, with 400 (spec: TR-08);
 * its limits of time and size are generous, and set by hand here. Nothing of a request is ever
 * written to a log but its method, its path and its status (spec: TR-10). No file is read.
 *
 * Refuses upgrades and CONNECT: what asks for one is answered like any other request, or closed.
 * Source: RFC 9110, RFC 9112. Floor: http. Page: protocol/tracker.md. Faults: TR-02, TR-06, TR-09.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, BlockList, Socket } from 'node:net'
import { GuildError } from '../base/errors.ts'
import { type Answer, type Handler, later, Refusal, type Request } from './answer.ts'
import { Bodies, linger } from './bodies.ts'
import { type Client, clientOf, type Rate, Rates } from './clients.ts'
import { checkSender, type HostList } from './hosts.ts'

export const httpLimits = {
  /** Open at once, and of them from one place that is no proxy and not this machine. */
  connections: 1_024,
  connectionsPerPlace: 64,
  headBytes: 8_192,
  /** Milliseconds for a head, for a whole request, for an answer to be taken, and between requests. */
  head: 5_000,
  request: 10_000,
  answer: 15_000,
  idle: 5_000,
  requestsPerConnection: 1_000,
  /** For requests under way when the server stops. */
  farewell: 700,
} as const
export type HttpLimits = { readonly [Key in keyof typeof httpLimits]: number }

export interface HttpOptions {
  readonly host: string
  readonly port: number
  readonly handler: Handler
  readonly serves: HostList
  readonly proxies: BlockList
  readonly rate: Rate
  readonly now: () => number
  /** A request was answered, or a connection ended before it could be: 400, 408, 431. */
  readonly onAnswered?: (method: string, path: string, status: number, milliseconds: number) => void
  /** A handler threw what it should not have. */
  readonly onFault?: (error: unknown) => void
  readonly limits?: Partial<HttpLimits>
}

export interface HttpServer {
  readonly host: string
  readonly port: number
  readonly connections: number
  /** Listens no more, lets requests under way end, then closes what is left. */
  stop(): Promise<void>
}

/** GH_LISTEN_IN_USE, GH_LISTEN_FAILED. */
export async function serveHttp(options: HttpOptions): Promise<HttpServer> {
  const serving = new Serving(options)
  await serving.listen()
  return serving
}

interface Open {
  readonly place: string
  /** A request of it has come. */
  served: boolean
  /** When each answer that has not left yet was given. */
  readonly leaving: Set<number>
}

class Serving implements HttpServer {
  readonly #options: HttpOptions
  readonly #limits: HttpLimits
  readonly #server: Server
  readonly #bodies = new Bodies()
  readonly #rates: Rates
  /** In the order they came. */
  readonly #open = new Map<Socket, Open>()
  #watch: NodeJS.Timeout | undefined
  #stopping = false

  constructor(options: HttpOptions) {
    this.#options = options
    this.#limits = { ...httpLimits, ...options.limits }
    this.#rates = new Rates(options.rate)
    const { headBytes, head, request, idle, requestsPerConnection } = this.#limits
    const server = createServer({
      maxHeaderSize: headBytes,
      headersTimeout: head,
      requestTimeout: request,
      keepAliveTimeout: idle,
      connectionsCheckingInterval: Math.min(1_000, head / 2),
      insecureHTTPParser: false,
      requireHostHeader: false, // `checkSender` wants exactly one
    })
    server.maxRequestsPerSocket = requestsPerConnection
    server.timeout = this.#limits.answer
    const take = (message: IncomingMessage, response: ServerResponse): void =>
      void this.#take(message, response)
    server
      .on('connection', socket => this.#admit(socket))
      .on('request', take)
      .on('checkContinue', take)
      .on('clientError', (error, socket) => this.#malformed(error, socket as Socket))
    this.#server = server
  }

  get host(): string {
    return (this.#server.address() as AddressInfo | null)?.address ?? this.#options.host
  }

  get port(): number {
    return (this.#server.address() as AddressInfo | null)?.port ?? this.#options.port
  }

  get connections(): number {
    return this.#open.size
  }

  listen(): Promise<void> {
    const { host, port } = this.#options
    return new Promise((resolve, reject) => {
      this.#server.once('error', error => reject(listenError(error, host, port)))
      this.#server.listen({ host, port, ipv6Only: false }, () => {
        this.#server.removeAllListeners('error').on('error', error => this.#options.onFault?.(error))
        this.#watch = setInterval(() => this.#cutSlowReaders(), 1_000)
        resolve()
      })
    })
  }

  stop(): Promise<void> {
    return new Promise(resolve => {
      this.#stopping = true
      clearInterval(this.#watch)
      const timer = setTimeout(() => this.#server.closeAllConnections(), this.#limits.farewell)
      this.#server.close(() => {
        clearTimeout(timer)
        resolve()
      })
      this.#server.closeIdleConnections()
      // Node counts a connection that has not sent its first request as busy.
      for (const [socket, { served }] of this.#open) if (!served) socket.destroy()
    })
  }

  #admit(socket: Socket): void {
    const { place, shared, address } = clientOf(socket.remoteAddress ?? '', undefined, this.#options.proxies)
    this.#open.set(socket, { place, served: false, leaving: new Set() })
    socket.once('close', () => this.#open.delete(socket))
    const local = shared || /^127\.|^::1$/.test(address)
    const crowd = local ? [] : [...this.#open].filter(([, one]) => one.place === place)
    if (crowd.length > this.#limits.connectionsPerPlace) this.#oldest(crowd)?.destroy()
    else if (this.#open.size > this.#limits.connections) this.#oldest(this.#open)?.destroy()
  }

  /** The one that has waited longest for its first request, else the oldest of all. */
  #oldest(among: Iterable<[Socket, { readonly served: boolean }]>): Socket | undefined {
    let first: Socket | undefined
    for (const [socket, { served }] of among) {
      if (!served) return socket
      first ??= socket
    }
    return first
  }

  async #take(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const begun = this.#options.now()
    const open = this.#open.get(message.socket)
    if (open !== undefined) open.served = true
    const path = pathOf(message)
    let answer: Answer
    try {
      answer = await this.#answer(message, response, path, begun)
    } catch (error) {
      if (!(error instanceof Refusal)) this.#options.onFault?.(error)
      answer = (error instanceof Refusal ? error : new Refusal(500, 'internal', 'a fault of this server'))
        .answer
    }
    this.#options.onAnswered?.(message.method ?? '', path, answer.status, this.#options.now() - begun)
    this.#send(message, response, answer)
  }

  async #answer(
    message: IncomingMessage,
    response: ServerResponse,
    path: string,
    now: number,
  ): Promise<Answer> {
    const { serves, proxies, handler } = this.#options
    checkSender(message.rawHeaders, serves)
    checkPath(message.url ?? '')
    const forwarded = message.headers['x-forwarded-for']
    const client = clientOf(message.socket.remoteAddress ?? '', joined(forwarded), proxies)
    if (!this.#rates.spend(client.place, now))
      throw later(429, 'rate', 'too many requests; come again later', 1, !client.shared)
    return await handler(this.#request(message, response, path, client))
  }

  #request(message: IncomingMessage, response: ServerResponse, path: string, client: Client): Request {
    return {
      method: message.method ?? '',
      path,
      query: new URLSearchParams((message.url ?? '').slice(path.length + 1)),
      header: name => joined(message.headers[name]),
      place: client.place,
      client: client.address,
      body: most => {
        const length = Number(message.headers['content-length'] ?? 0)
        if (message.headers.expect !== undefined && length <= most) response.writeContinue()
        return this.#bodies.read(message, most)
      },
    }
  }

  #send(message: IncomingMessage, response: ServerResponse, answer: Answer): void {
    const { status, type, body, headers = {}, last = false } = answer
    if (response.destroyed) return
    const leaving = this.#open.get(message.socket)?.leaving
    const since = this.#options.now()
    leaving?.add(since)
    response.once('finish', () => leaving?.delete(since)).on('error', () => {})
    response.writeHead(status, {
      ...(type === undefined ? {} : { 'content-type': type }),
      'content-length': body?.length ?? 0,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...(last || this.#stopping ? { connection: 'close' } : {}),
      ...headers,
    })
    response.end(message.method === 'HEAD' ? undefined : body)
    if (!last) linger(message)
  }

  /** Who takes its answer a byte at a time holds it no longer than others would. */
  #cutSlowReaders(): void {
    const before = this.#options.now() - this.#limits.answer
    for (const [socket, { leaving }] of this.#open) {
      const [first] = leaving
      if (first !== undefined && first < before) socket.destroy()
    }
  }

  /** What the parser refused, or a deadline. */
  #malformed(error: NodeJS.ErrnoException, socket: Socket): void {
    const [status, code, why] =
      error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? ([408, 'time', 'the request did not come in time'] as const)
        : error.code === 'HPE_HEADER_OVERFLOW'
          ? ([431, 'head', 'the head of the request is too large'] as const)
          : ([400, 'http', 'this is not a request of HTTP/1.1'] as const)
    if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy()
    this.#options.onAnswered?.('', '', status, 0)
    const { body, type } = new Refusal(status, code, why).answer
    const text = Buffer.from(body ?? [])
    const head = `HTTP/1.1 ${status} ${code}\r\ncontent-type: ${type}\r\ncontent-length: ${text.length}\r\nconnection: close\r\n\r\n`
    socket.end(Buffer.concat([Buffer.from(head), text]))
    // The other side may send on for ever, and never read.
    const timer = setTimeout(() => socket.destroy(), 1_000)
    socket.once('close', () => clearTimeout(timer)).on('error', () => {})
  }
}

function pathOf({ url = '' }: IncomingMessage): string {
  const mark = url.indexOf('?')
  return mark < 0 ? url : url.slice(0, mark)
}

/** spec: TR-06. No route has any of these in its path, so nobody is ever asked what they would mean. */
function checkPath(url: string): void {
  const path = url.split('?', 1)[0]!
  if (url.length > 2_048 || !path.startsWith('/') || /[%\\]|\/\.\.?(?:\/|$)|\/\//.test(path))
    throw new Refusal(400, 'path', 'this is not a path of this server')
}

function joined(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(',') : value
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): GuildError {
  const where = `${host.includes(':') ? `[${host}]` : host}:${port}`
  const code = error.code === 'EADDRINUSE' ? 'GH_LISTEN_IN_USE' : 'GH_LISTEN_FAILED'
  return new GuildError(
    code,
    code === 'GH_LISTEN_IN_USE' ? where : `${where}: ${error.code ?? error.message}`,
    {
      cause: error,
    },
  )
}
