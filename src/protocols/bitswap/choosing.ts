/**
 * Whom to ask for a block: the arithmetic, without any state of its own.
 *
 *   said HAVE, or had others of the session ──▶ room in its pipeline ──▶ soonest here
 *   nobody of the kind                      ──▶ everybody is asked, one of them for the block itself
 *
 * Floor: protocols.
 */
import type { Millis } from '../../base/machine.ts'
import type { Provider } from './provider.ts'
import type { Wanted } from './wanted.ts'

export interface Choice {
  /** Who is to be asked; undefined when nobody has room, or nobody is known. */
  readonly best: Provider | undefined
  /** Somebody likely has it, with room or without. */
  readonly known: boolean
}

/** Of those that likely have it, the one that would bring it soonest. */
export function choose(want: Wanted, size: number, except?: Provider): Choice {
  let best: Provider | undefined
  let soonest = Number.POSITIVE_INFINITY
  let known = false
  const consider = (provider: Provider, likelihood: number): void => {
    if (provider === except || !mayBeAsked(want, provider)) return
    known = true
    if (!provider.hasRoom(size) || !provider.out.hasRoom(want.key)) return
    const time = weigh(provider, size, likelihood)
    if (time >= soonest) return
    best = provider
    soonest = time
  }
  for (const provider of want.havers) consider(provider, 1)
  for (const session of want.sessions)
    for (const provider of session.providers.keys())
      if (!want.havers.has(provider)) consider(provider, session.likelihood(provider))
  return { best, known }
}

/** Nobody is known to have it: the one that would say so soonest. */
export function guess(want: Wanted, size: number, all: Iterable<Provider>): Provider | undefined {
  let best: Provider | undefined
  let soonest = Number.POSITIVE_INFINITY
  for (const provider of all) {
    if (!mayBeAsked(want, provider) || !provider.hasRoom(size) || !provider.out.hasRoom(want.key)) continue
    const time = weigh(provider, size, 1)
    if (time >= soonest) continue
    best = provider
    soonest = time
  }
  return best
}

export function mayBeAsked(want: Wanted, provider: Provider): boolean {
  return provider.usable && !want.lackers.has(provider) && !want.silent.has(provider)
}

/** Milliseconds until it would be here, longer for who was silent before or may not have it. */
function weigh(provider: Provider, size: number, likelihood: number): Millis {
  return ((1 + provider.expected(size)) * 4 ** Math.min(4, provider.strikes)) / likelihood
}
