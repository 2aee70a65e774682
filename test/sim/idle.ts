/**
 * Nodes that have nothing to say to each other, for an hour.
 *
 * What is left is PING, PONG, questions for more peers and upkeep: this is what a mesh costs
 * when nobody uses it, and how fast the simulator can pass the time.
 */
import { nullSuite, type Scenario, type Simulation, scenario } from '../../src/testing/index.ts'
import { claim, Fleet } from './fleet.ts'

export interface Idle {
  readonly nodes: number
  /** Virtual milliseconds of idleness. */
  readonly lasts: number
  /** Counts PINGs, which takes as much time again as all the rest. Default false. */
  readonly counts?: boolean
}

/** What the idleness cost. */
export interface IdleCost {
  readonly links: number
  readonly eventsPerLinkMinute: number
  /** Of both sides; undefined where nobody counts them. */
  readonly pingsPerLinkMinute: number | undefined
  readonly bytesPerNodeSecond: number
}

export function idle(
  name: string,
  { nodes, lasts, counts = false }: Idle,
  told: (cost: IdleCost) => void = () => {},
): Scenario {
  const body = async (sim: Simulation): Promise<void> => {
    const fleet = new Fleet(sim)
    try {
      sim.weather({ whole: true })
      let pings = 0
      if (counts)
        fleet.started = ({ node }) =>
          node.on('debug', ({ message }) => {
            if (message.startsWith('Sent PING') && sim.now >= FORMED) pings++
          })
      fleet.star(nodes, { maxPeers: nodes })
      for (const member of fleet.members)
        sim.world.after(sim.random.below(1000), () => sim.world.enter(() => member.startSoon()))
      await sim.pass(FORMED)
      claim(fleet.whole(), 'not whole after ten seconds')
      const before = written(fleet)
      const events = sim.transcript.count
      await sim.pass(lasts, { events: 100_000_000 })
      const links = (nodes * (nodes - 1)) / 2
      const bytes = written(fleet) - before
      const minutes = lasts / 60_000
      told({
        links,
        pingsPerLinkMinute: counts ? pings / links / minutes : undefined,
        eventsPerLinkMinute: (sim.transcript.count - events) / links / minutes,
        bytesPerNodeSecond: bytes / nodes / (lasts / 1000),
      })
      claim(fleet.whole(), 'no longer whole')
      fleet.checkPairs()
      for (const { name, watch } of fleet.members)
        claim(watch.opened.length < 2 * nodes, `${name} opened ${watch.opened.length} connections`)
      await fleet.end()
    } finally {
      fleet.dispose()
    }
  }
  return scenario(name, body, { suite: nullSuite() })
}

/** By then all are linked. */
const FORMED = 10_000

function written({ members }: Fleet): number {
  let sum = 0
  for (const { watch } of members) for (const pipe of watch.opened) sum += pipe.written
  return sum
}

const print = ({ links, eventsPerLinkMinute, bytesPerNodeSecond }: IdleCost): void => {
  const events = eventsPerLinkMinute.toFixed(1)
  console.log(
    `${links} links: ${events} events a link and minute, ${bytesPerNodeSecond.toFixed(0)} bytes a node and second`,
  )
}

/** An hour takes most of a minute: only when it is named. */
export const idleCases: readonly Scenario[] = [idle('idle-hour', { nodes: 50, lasts: 3_600_000 }, print)]
