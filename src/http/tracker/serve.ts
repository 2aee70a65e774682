/**
 * A tracker on a socket: composition only.
 *
 *   bind ─▶ listen ─▶ open the rows of that port ─▶ answer …  a sweep a second …  stop
 *
 * The port comes first, for the rows of a tracker are those of its port. Who asks in the moment
 * between is told to come again.
 *
 * Floor: http. Page: protocol/tracker.md.
 */
import type { RegistrationShelf } from '../../index.ts'
import { type Answer, later, type Request } from '../answer.ts'
import { proxyList, type Rate } from '../clients.ts'
import { hostList } from '../hosts.ts'
import { type HttpLimits, serveHttp } from '../server.ts'
import { Tracker, type TrackerOptions } from './tracker.ts'

export interface ServeTrackerOptions extends Omit<TrackerOptions, 'shelf' | 'now' | 'wall' | 'connections'> {
  readonly host: string
  /** 0: the system picks. */
  readonly port: number
  /** Names it is reached by, beside those of this machine. */
  readonly hosts?: readonly string[]
  /** Addresses and networks of proxies whose X-Forwarded-For is believed. */
  readonly proxies?: readonly string[]
  /** The rows of this port; undefined: they are kept in memory. */
  readonly openShelf: (port: number) => Promise<RegistrationShelf | undefined>
  readonly onAnswered?: (method: string, path: string, status: number, milliseconds: number) => void
  readonly rate?: Rate
  readonly http?: Partial<HttpLimits>
}

export interface TrackerServer {
  readonly host: string
  readonly port: number
  /** Peers that are registered now. */
  readonly size: number
  stop(): Promise<void>
}

/** A mesh of a thousand renews and asks some seventy times a second. */
const rate: Rate = { perSecond: 100, burst: 1_000 }
const SWEEP_MS = 1_000

export async function serveTracker(options: ServeTrackerOptions): Promise<TrackerServer> {
  const { host, port, hosts = [], proxies = [], openShelf, onAnswered, onFault } = options
  const now = (): number => performance.now()
  let tracker: Tracker | undefined
  const handler = (request: Request): Answer | Promise<Answer> => {
    if (tracker === undefined) throw later(503, 'starting', 'the tracker is just starting', 1)
    return tracker.handle(request)
  }
  const server = await serveHttp({
    host,
    port,
    handler,
    serves: hostList(hosts),
    proxies: proxyList(proxies),
    rate: options.rate ?? rate,
    now,
    onAnswered: (method, path, status, milliseconds) => {
      tracker?.count(status)
      onAnswered?.(method, path, status, milliseconds)
    },
    ...(onFault === undefined ? {} : { onFault }),
    ...(options.http === undefined ? {} : { limits: options.http }),
  })
  try {
    const shelf = await openShelf(server.port)
    tracker = new Tracker({
      ...options,
      shelf,
      now,
      wall: () => Date.now(),
      connections: () => server.connections,
    })
  } catch (error) {
    await server.stop()
    throw error
  }
  const standing = tracker
  const timer = setInterval(() => standing.sweep(), SWEEP_MS)
  const { host: boundHost, port: boundPort } = server
  return {
    host: boundHost,
    port: boundPort,
    get size() {
      return standing.size
    },
    async stop() {
      clearInterval(timer)
      await server.stop()
      standing.close()
    },
  }
}
