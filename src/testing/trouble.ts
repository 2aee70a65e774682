/**
 * Trouble drawn from the seed: which kinds, how strong, when; and then peace.
 *
 *   0 ──── faults begin and are undone, several at once ────▶ until ── peace ──▶
 *          safety must hold here                                       and here the
 *                                                                      nodes must agree
 *
 * Each seed first draws which kinds of fault it has at all (swarm testing): a run with every
 * fault at once finds less than many runs with few. At `until` all is undone, hosts are up
 * and the weather is calm, so that a scenario can ask for convergence.
 *
 * Floor: testing.
 */
import type { Millis } from '../base/machine.ts'
import type { Host } from './host.ts'
import { calm, type LinkConditions } from './link.ts'
import type { SeededRandom } from './random.ts'
import type { Simulation } from './simulation.ts'

/** Kinds of fault, as they appear in the list `trouble` gives back. */
export const troubles = ['weather', 'cut', 'one-way', 'partition', 'crash', 'kill', 'pause', 'clock'] as const
export type TroubleKind = (typeof troubles)[number]

export interface TroubleOptions {
  readonly hosts: readonly Host[]
  /** Virtual time at which peace begins. */
  readonly until: Millis
  /** Mean time between faults. Default 5 s. */
  readonly every?: Millis
  /** Mean time until a fault is undone. Default 10 s. */
  readonly lasting?: Millis
  /** The kinds to draw from. Default: all. */
  readonly kinds?: readonly TroubleKind[]
  /** A host whose programs died is up again: start a node on it with a new runtime. */
  readonly onRestart: (host: Host) => void
}

/** A link as bad as the dice say: each ill is there or not, and then of any strength. */
export function drawWeather(dice: SeededRandom): LinkConditions {
  const some = (most: number): number => (dice.chance(0.5) ? dice.fraction() * most : 0)
  return {
    ...calm,
    delay: 1 + some(200),
    jitter: some(100),
    loss: some(0.3),
    burst: dice.between(1, 5),
    reorder: some(0.25),
    duplicate: some(0.5),
    corrupt: some(0.1),
    rate: dice.chance(0.5) ? 20_000 + dice.below(2_000_000) : Number.POSITIVE_INFINITY,
  }
}

/** Schedules trouble until peace, and says which kinds this seed has. */
export function trouble(sim: Simulation, options: TroubleOptions): TroubleKind[] {
  const dice = sim.random.split('trouble')
  const kinds = (options.kinds ?? troubles).filter(() => dice.chance(0.5))
  const undone = new Set<() => void>()
  const busy = new Set<Host>()
  const { world } = sim

  const around = (mean: Millis): Millis => mean * (0.5 + dice.fraction())
  const lasts = (undo: () => void): void => {
    const once = (): void => {
      if (undone.delete(once)) undo()
    }
    undone.add(once)
    world.after(around(options.lasting ?? 10_000), once)
  }
  const next = (): void => {
    if (kinds.length === 0) return
    world.after(around(options.every ?? 5000), () => {
      if (sim.now >= options.until) return
      begin(sim, dice.pick(kinds), dice, options, busy, lasts)
      next()
    })
  }
  next()
  world.at(options.until, () => {
    for (const undo of [...undone]) undo()
    sim.heal()
    sim.weather(calm)
    sim.note('peace')
  })
  return kinds
}

function begin(
  sim: Simulation,
  kind: TroubleKind,
  dice: SeededRandom,
  { hosts, onRestart }: TroubleOptions,
  busy: Set<Host>,
  lasts: (undo: () => void) => void,
): void {
  const free = hosts.filter(host => !busy.has(host))
  if (free.length === 0) return
  const [a, b] = dice.shuffle(hosts)
  const host = dice.pick(free)
  const take = (undo: () => void): void => {
    busy.add(host)
    lasts(() => {
      busy.delete(host)
      undo()
    })
  }
  switch (kind) {
    case 'weather':
      sim.weather(drawWeather(dice))
      return lasts(() => sim.weather(calm))
    case 'cut':
    case 'one-way':
      if (a === undefined || b === undefined) return
      if (kind === 'cut') sim.cut(a, b)
      else sim.cutOneWay(a, b)
      return lasts(() => sim.heal(a, b))
    case 'partition': {
      const mixed = dice.shuffle(hosts)
      const middle = dice.between(1, Math.max(1, hosts.length - 1))
      sim.partition(mixed.slice(0, middle), mixed.slice(middle))
      return lasts(() => sim.heal())
    }
    case 'crash':
      host.crash()
      return take(() => {
        host.restart()
        sim.world.enter(() => onRestart(host))
      })
    case 'kill':
      host.kill()
      return take(() => sim.world.enter(() => onRestart(host)))
    case 'pause':
      host.pause()
      return take(() => host.resume())
    case 'clock':
      return host.jumpClock(dice.between(-86_400_000, 86_400_000))
    default:
      kind satisfies never
  }
}
