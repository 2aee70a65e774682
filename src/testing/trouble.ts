/**
 * Trouble drawn from the seed, and then peace.
 *
 *   0 ──── faults begin and are undone, several at once ────▶ until ── peace ──▶
 *          safety must hold here                                       and here the
 *                                                                      nodes must agree
 *
 * At `until` all is undone, hosts are up, clocks are right again (but for what they show) and
 * the weather is calm, so that a scenario can ask for convergence. A run that was made smaller
 * (`sim.form`) has fewer of the same faults.
 *
 * Floor: testing.
 */
import type { Millis } from '../base/machine.ts'
import { drawFaults, drawWeather, type Fault, type FaultKind, troubles } from './faults.ts'
import type { Host } from './host.ts'
import { calm } from './link.ts'
import type { Simulation } from './simulation.ts'

export interface TroubleOptions {
  readonly hosts: readonly Host[]
  /** How many hosts the whole run has, where this one was made smaller. Default: all that are given. */
  readonly population?: number
  /** Virtual time at which peace begins. */
  readonly until: Millis
  /** Mean time between faults. Default 5 s. */
  readonly every?: Millis
  /** Mean time until a fault is undone. Default 10 s. */
  readonly lasting?: Millis
  /** The kinds to draw from. Default: all. */
  readonly kinds?: readonly FaultKind[]
  /** Its programs died. */
  readonly onDown?: (host: Host) => void
  /** A host whose programs died is up again: start a node on it with a new runtime. */
  readonly onRestart: (host: Host, after: FaultKind) => void
}

export interface Trouble {
  /** The kinds this seed has. */
  readonly kinds: readonly FaultKind[]
  /** When peace begins. */
  readonly until: Millis
}

/** Schedules trouble until peace. */
export function trouble(sim: Simulation, options: TroubleOptions): Trouble {
  const { world, form } = sim
  const { hosts, every = 5000, lasting = 10_000 } = options
  const until = Math.max(sim.now, Math.min(options.until, form.until ?? Number.POSITIVE_INFINITY))
  const { kinds, faults } = drawFaults(sim.random.split('trouble'), {
    from: sim.now,
    until,
    every,
    lasting,
    kinds: options.kinds ?? troubles,
    hosts: options.population ?? hosts.length,
  })
  const left = kinds.filter(kind => !form.without?.includes(kind))
  const undone = new Set<() => void>()
  const around: Around = {
    sim,
    options,
    busy: new Set(),
    lasts: (fault, undo) => {
      const once = (): void => {
        if (undone.delete(once)) undo()
      }
      undone.add(once)
      world.after(fault.lasts, once)
    },
  }
  for (const fault of faults) {
    if (!left.includes(fault.kind) || !(form.only?.includes(fault.number) ?? true)) continue
    const chosen = fault.hosts.flatMap(number => hosts[number] ?? [])
    world.at(fault.at, () => {
      sim.faults.push(fault)
      begin(fault, chosen, around)
    })
  }
  world.at(until, () => {
    for (const undo of [...undone]) undo()
    sim.heal()
    sim.weather(calm)
    sim.note('peace')
  })
  return { kinds: left, until }
}

interface Around {
  readonly sim: Simulation
  readonly options: TroubleOptions
  /** Hosts that are down, stand still or have a wrong clock: one such fault at a time. */
  readonly busy: Set<Host>
  readonly lasts: (fault: Fault, undo: () => void) => void
}

const DAY: Millis = 86_400_000

function begin(fault: Fault, chosen: readonly Host[], { sim, options, busy, lasts }: Around): void {
  const { kind, dice } = fault
  const [a, b] = chosen
  const free = chosen.find(host => !busy.has(host))
  const take = (host: Host, undo: () => void): void => {
    busy.add(host)
    lasts(fault, () => {
      busy.delete(host)
      undo()
    })
  }
  /** Between these groups nothing passes. */
  const part = (here: readonly Host[], there: readonly Host[]): void => {
    sim.partition(here, there)
    lasts(fault, () => {
      for (const one of here) for (const other of there) sim.heal(one, other)
    })
  }
  /** Down it is now; up again it comes with what `before` left of it. */
  const die = (host: Host, how: 'crash' | 'kill', before: () => void = () => {}): void => {
    host[how]()
    options.onDown?.(host)
    take(host, () => {
      before()
      if (how === 'crash') host.restart()
      sim.world.enter(() => options.onRestart(host, kind))
    })
  }
  switch (kind) {
    case 'weather':
      sim.weather(drawWeather(dice))
      return lasts(fault, () => sim.weather(calm))
    case 'cut':
      return a && b && part([a], [b])
    case 'one-way':
      if (a === undefined || b === undefined) return
      sim.cutOneWay(a, b)
      return lasts(fault, () => sim.heal(a, b))
    case 'triangle': {
      // Two groups do not reach each other, and a third between them reaches both.
      const one = dice.between(1, Math.max(1, chosen.length - 2))
      const two = dice.between(one + 1, Math.max(one + 1, chosen.length - 1))
      return part(chosen.slice(0, one), chosen.slice(two))
    }
    case 'partition': {
      const middle = dice.between(1, Math.max(1, chosen.length - 1))
      return part(chosen.slice(0, middle), chosen.slice(middle))
    }
    case 'crash':
    case 'kill':
      return free && die(free, kind)
    case 'rewind': {
      const back = sim.now - dice.fraction() * 120_000
      return free && die(free, dice.chance(0.5) ? 'crash' : 'kill', () => free.disk.rewind(back, sim.now))
    }
    case 'wipe':
      return free && die(free, 'crash', () => free.disk.wipe(sim.now))
    case 'pause':
      free?.pause()
      return free && take(free, () => free.resume())
    case 'clock': {
      // Mostly within a day; now and then as after a dead battery.
      const most = dice.chance(0.2) ? 3650 * DAY : DAY
      return free?.jumpClock(dice.between(-most, most))
    }
    case 'rate':
      free?.setClockRate(2 ** (2 * dice.fraction() - 1))
      return free && take(free, () => free.setClockRate(1))
    default:
      kind satisfies never
  }
}
