/**
 * One peer, by whichever of its addresses leads there: the dial order with a mesh behind it.
 *
 *   routes ─▶ order ─ try ─▶ direct: mesh.connect    ─▶ linked
 *                     └────▶ relay:  not yet, and said so
 *
 * Floor: node. Page: protocol/tracker.md (spec: TRACKER-12).
 */
import { asGuildError, GuildError } from '../base/errors.ts'
import { DialOrder, type DialStrategy, orderDefaults, type Route } from '../membership/dial-order.ts'
import { formatAddress } from '../wire/address.ts'
import type { Happenings } from './emitter.ts'
import type { Mesh } from './mesh.ts'
import { routesOf } from './tracker-addresses.ts'

export interface ReachOptions {
  readonly mesh: Mesh
  readonly routes: readonly Route[]
  readonly strategy: DialStrategy
  /** In [0, 1). */
  readonly random: ConstructorParameters<typeof DialOrder>[2]
  readonly signal?: AbortSignal | undefined
  readonly debug: (text: () => string) => void
}

/** The same by addresses as they are written; of `expected`, where that is known. */
export function reachOne(
  mesh: Mesh,
  happenings: Happenings,
  {
    addresses,
    expected,
    ...how
  }: Pick<ReachOptions, 'strategy' | 'random' | 'signal'> & {
    readonly addresses: readonly string[]
    readonly expected: string | undefined
  },
): Promise<string> {
  const debug = (text: () => string): void => {
    if (happenings.wanted('debug')) happenings.emit({ event: 'debug', message: text() })
  }
  return reach({ ...how, mesh, routes: routesOf(expected, addresses), debug })
}

/** The peer's id, once it is linked. Rejects with what became of the first route that was tried. */
export async function reach({
  mesh,
  routes,
  strategy,
  random,
  signal,
  debug,
}: ReachOptions): Promise<string> {
  if (routes.length === 0) throw new GuildError('GH_ADDRESS_INVALID', 'no address to dial was given')
  const enough = new AbortController()
  const either = signal === undefined ? enough.signal : AbortSignal.any([signal, enough.signal])
  const failures: GuildError[] = []
  try {
    return await new Promise<string>((resolve, reject) => {
      const aborted = (): void => {
        driven.stop()
        reject(new GuildError('GH_ABORTED', 'reach', { cause: signal?.reason }))
      }
      const driven = mesh.drive.run(new DialOrder(routes, strategy, random), output => {
        if (output.kind === 'gaveUp') {
          signal?.removeEventListener('abort', aborted)
          return reject(gaveUp(failures))
        }
        const { route: number, stage, round } = output
        const route = routes[number]!
        debug(() => `Try ${round} of ${orderDefaults.rounds}, ${stage}: ${textOf(route)}`)
        follow(mesh, route, either).then(
          peerId => {
            signal?.removeEventListener('abort', aborted)
            driven.feed({ kind: 'reached' })
            resolve(peerId)
          },
          error => {
            const failure = asGuildError(error, 'GH_DIAL_FAILED')
            failures.push(failure)
            debug(() => `Try ${round}, ${textOf(route)}: ${failure.message}`)
            driven.feed({ kind: 'failed', route: number })
          },
        )
      })
      if (signal?.aborted) return aborted()
      signal?.addEventListener('abort', aborted, { once: true })
      driven.feed({ kind: 'start' })
    })
  } finally {
    enough.abort()
  }
}

/** What tries of other routes found: the peer may be linked by another one meanwhile. */
async function follow(mesh: Mesh, route: Route, signal: AbortSignal): Promise<string> {
  if (route.stage === 'relay')
    throw new GuildError('GH_DIAL_FAILED', `${route.circuit}: this version dials no relay circuits`)
  const { peerId } = route.address
  const linked = (): boolean => peerId !== undefined && mesh.membership.linkOf(peerId) !== undefined
  if (linked()) return peerId!
  try {
    return await mesh.connect(route.address, signal)
  } catch (error) {
    if (linked()) return peerId!
    throw error
  }
}

function gaveUp(failures: readonly GuildError[]): GuildError {
  const [first] = failures
  if (first === undefined) return new GuildError('GH_DIAL_FAILED', 'nothing was tried')
  const more = failures.length === 1 ? '' : ` (the first of ${failures.length} tries that failed)`
  return new GuildError(first.code, `${first.detail}${more}`, { cause: first })
}

function textOf(route: Route): string {
  return route.stage === 'direct' ? formatAddress(route.address) : route.circuit
}
