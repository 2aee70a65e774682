/**
 * The faults of one seed, drawn before any of them begins.
 *
 *   seed ─▶ kinds this run has ─▶ when, which kind, how long, whom      one set of dice each
 *
 * Each seed first draws which kinds of fault it has at all (swarm testing): a run with every
 * fault at once finds less than many runs with few. A fault names its hosts by number among
 * the hosts of the whole run, so that a run with fewer of them has fewer faults and no others.
 *
 * Floor: testing.
 */
import type { Millis } from '../base/machine.ts'
import { calm, type LinkConditions } from './link.ts'
import type { SeededRandom } from './random.ts'

/** Kinds of fault, as they appear in the list `trouble` gives back. */
export const troubles = [
  'weather',
  'cut',
  'one-way',
  'triangle',
  'partition',
  'crash',
  'kill',
  'rewind',
  'wipe',
  'pause',
  'clock',
  'rate',
] as const
export type FaultKind = (typeof troubles)[number]

/** One fault. */
export interface Fault {
  readonly number: number
  readonly kind: FaultKind
  /** Virtual time at which it begins. */
  readonly at: Millis
  /** How long until it is undone. */
  readonly lasts: Millis
  /** The numbers of all hosts, those it is about first. */
  readonly hosts: readonly number[]
  /** For how strong it is. */
  readonly dice: SeededRandom
}

export interface FaultOptions {
  readonly from: Millis
  readonly until: Millis
  /** Mean time between two. */
  readonly every: Millis
  /** Mean time until one is undone. */
  readonly lasting: Millis
  readonly kinds: readonly FaultKind[]
  readonly hosts: number
}

/** Most faults of one run. */
const FAULTS_MAX = 10_000

/** All faults of these dice, in time. */
export function drawFaults(
  dice: SeededRandom,
  options: FaultOptions,
): { kinds: FaultKind[]; faults: Fault[] } {
  const { from, until, every, lasting, hosts } = options
  const kinds = options.kinds.filter(kind => dice.split(`kind ${kind}`).chance(0.5))
  const faults: Fault[] = []
  const numbers = Array.from({ length: hosts }, (_, i) => i)
  for (let at = from; kinds.length > 0 && faults.length < FAULTS_MAX; ) {
    const number = faults.length
    const own = dice.split(`fault ${number}`)
    const around = (mean: Millis): Millis => mean * (0.5 + own.fraction())
    at += around(every)
    if (at >= until) break
    const kind = own.pick(kinds)
    const lasts = around(lasting)
    faults.push({ number, kind, at, lasts, hosts: own.shuffle(numbers), dice: own.split('strength') })
  }
  return { kinds, faults }
}

/** A link as bad as the dice say: each ill is there or not, and then of any strength. */
export function drawWeather(dice: SeededRandom): LinkConditions {
  const some = (most: number): number => (dice.chance(0.5) ? dice.fraction() * most : 0)
  const loss = some(0.3)
  // Now and then a bad spell that lets some through, and a good one that loses some too.
  const spells = dice.chance(0.3)
  return {
    ...calm,
    delay: 1 + some(200),
    jitter: some(100),
    loss,
    burst: dice.between(1, spells ? 40 : 5),
    badLoss: spells ? loss + (1 - loss) * dice.fraction() : 1,
    goodLoss: spells ? (loss * dice.fraction()) / 2 : 0,
    reorder: some(0.25),
    duplicate: some(0.5),
    corrupt: some(0.1),
    rate: dice.chance(0.5) ? 20_000 + dice.below(2_000_000) : Number.POSITIVE_INFINITY,
  }
}
