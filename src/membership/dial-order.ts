/**
 * In which order one peer is tried when somebody wants it now, and when to give up.
 *
 *   direct-first    its own addresses ─ 3 rounds ─▶ through relays ─ 3 rounds ─▶ given up
 *   relay-first     through relays    ─ 3 rounds ─▶ its own        ─ 3 rounds ─▶ given up
 *
 *   a round: every route of the stage once, side by side · between rounds 0.5 s, then 1 s, by chance less
 *
 * A route is an address, or a circuit: the way through a relay, in the words of its multiaddr. What
 * a circuit is, is the business of who dials it.
 *
 * The mesh does not use this: it tries for ever. Here a person or a program waits for an answer.
 *
 * Floor: membership. Page: protocol/tracker.md (spec: TRACKER-12).
 */
import type { Machine, Millis, Tick } from '../base/machine.ts'
import type { Random } from '../base/ports.ts'
import { BoundedQueue } from '../base/queue.ts'
import { type Address, addressKey } from '../wire/address.ts'

export type DialStrategy = 'direct-first' | 'relay-first'

export type Stage = 'direct' | 'relay'

export type Route =
  | { readonly stage: 'direct'; readonly address: Address }
  | { readonly stage: 'relay'; readonly circuit: string }

export type OrderInput =
  | Tick
  | { readonly kind: 'start' }
  /** The route with this number did not lead there. */
  | { readonly kind: 'failed'; readonly route: number }
  /** Somebody got there, by whatever way. */
  | { readonly kind: 'reached' }

export type OrderOutput =
  | { readonly kind: 'try'; readonly route: number; readonly stage: Stage; readonly round: number }
  | { readonly kind: 'gaveUp' }

export const orderDefaults = {
  rounds: 3,
  /** After the first round; it doubles. */
  between: 500,
  /** Routes of one stage; what is beyond is not tried. */
  routes: 16,
} as const

export class DialOrder implements Machine<OrderInput, OrderOutput> {
  readonly #random: Random
  /** Route numbers by stage, in the order to try them; a stage without any is left out. */
  readonly #stages: readonly { readonly stage: Stage; readonly routes: readonly number[] }[]
  readonly #out: BoundedQueue<OrderOutput>
  readonly #underWay = new Set<number>()
  #stage = 0
  #round = 0
  #at: Millis | undefined
  #ended = false

  constructor(routes: readonly Route[], strategy: DialStrategy, random: Random) {
    this.#random = random
    const order: readonly Stage[] = strategy === 'direct-first' ? ['direct', 'relay'] : ['relay', 'direct']
    const numbers = (stage: Stage): number[] => {
      const seen = new Set<string>()
      return routes.flatMap((route, number) => {
        const key = keyOf(route)
        if (route.stage !== stage || seen.has(key) || seen.size === orderDefaults.routes) return []
        seen.add(key)
        return [number]
      })
    }
    this.#stages = order
      .map(stage => ({ stage, routes: numbers(stage) }))
      .filter(one => one.routes.length > 0)
    this.#out = new BoundedQueue(2 * orderDefaults.routes)
  }

  handle(input: OrderInput, now: Millis): void {
    if (this.#ended) return
    switch (input.kind) {
      case 'start':
        return this.#begin()
      case 'reached':
        this.#ended = true
        this.#at = undefined
        return
      case 'failed':
        if (this.#underWay.delete(input.route) && this.#underWay.size === 0) this.#next(now)
        return
      case 'tick':
        if (this.#at !== undefined && now >= this.#at) this.#begin()
    }
  }

  poll(): OrderOutput | undefined {
    return this.#out.shift()
  }

  deadline(): Millis | undefined {
    return this.#at
  }

  #begin(): void {
    this.#at = undefined
    const current = this.#stages[this.#stage]
    if (current === undefined) {
      this.#ended = true
      this.#out.push({ kind: 'gaveUp' })
      return
    }
    this.#round++
    for (const route of current.routes) {
      this.#underWay.add(route)
      this.#out.push({ kind: 'try', route, stage: current.stage, round: this.#round })
    }
  }

  #next(now: Millis): void {
    if (this.#round < orderDefaults.rounds) {
      const wait = orderDefaults.between * 2 ** (this.#round - 1)
      this.#at = now + wait * (0.5 + this.#random.fraction() / 2)
      return
    }
    this.#stage++
    this.#round = 0
    this.#begin()
  }
}

function keyOf(route: Route): string {
  return route.stage === 'direct' ? addressKey(route.address) : route.circuit
}
