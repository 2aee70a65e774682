/**
 * How fast two nodes on datagrams are, and how fair beside others (P11).
 *
 *   left ══ one queue, one rate ══ right       all that goes from one host to another shares them
 *
 * What is counted is what the reader's program was handed. Bytes that the path carries are more: packets
 * have heads and tags, and some come twice.
 */
import type { Scenario, Simulation } from '../../src/testing/index.ts'
import { claim, type Fleet, type Member } from './fleet.ts'
import { nodes } from './nodes.ts'
import { Parcel } from './parcel.ts'
import { linked, parcelOf, peace, udp } from './udp-cases.ts'

type Controller = 'bbr' | 'cubic' | 'newreno'

export interface SpeedExtent {
  /** Bytes of the goodput case. */
  readonly goodput: number
  /** Virtual seconds for which flows share a path, and from when on they are counted. */
  readonly shared: number
  readonly from: number
}

export const longSpeed: SpeedExtent = { goodput: 10_000_000, shared: 20, from: 5 }
export const shortSpeed: SpeedExtent = { goodput: 2_500_000, shared: 8, from: 3 }

/** 10 Mbit/s, a round trip of 30 ms, a queue of one bandwidth-delay product. */
const narrow = { delay: 15, rate: 1_250_000, queue: 37_500 }
/** 20 Mbit/s, the same otherwise. */
const wide = { delay: 15, rate: 2_500_000, queue: 75_000 }

const goodput = ({ goodput: length }: SpeedExtent): Scenario =>
  nodes('goodput', async (fleet, sim) => {
    sim.weather(narrow)
    const parcel = parcelOf(sim, await linked(fleet), { length })
    await parcel.deliver()
    const rate = (8 * length) / parcel.took / 1000
    sim.note(`${rate.toFixed(2)} Mbit/s`)
    claim(rate >= 8.5, `P11: ${rate.toFixed(2)} Mbit/s of 10, at least 8.5`)
    await peace(fleet, sim)
  })

/** One sender on the left for each controller, its reader on the right; bytes each got through while all ran. */
async function share(
  fleet: Fleet,
  sim: Simulation,
  controllers: readonly Controller[],
  { shared, from }: SpeedExtent,
): Promise<number[]> {
  const [left, right] = [sim.host('left'), sim.host('right')]
  sim.link(left, right, wide)
  const pairs: [Member, Member][] = []
  for (const [i, congestion] of controllers.entries()) {
    const own = { ...udp, congestion, port: 8000 + i, swarmKey: sim.random.split(`pair ${i}`).bytes(32) }
    const reader = fleet.add(`reader-${i}`, own, right)
    const writer = fleet.add(`writer-${i}`, { ...own, bootstrap: [reader.address] }, left)
    pairs.push([writer, reader])
  }
  await fleet.start()
  for (const pair of pairs) await fleet.untilWhole(30_000, pair)
  const options = { length: Number.MAX_SAFE_INTEGER, lasts: 1000 * shared }
  const parcels = pairs.map(([writer, reader], i) => new Parcel(sim, String(i), writer, reader, options))
  const began = sim.now
  const sent: Promise<void>[] = []
  // Not all at once, but soon: whoever comes later has to find a place.
  for (const [i, parcel] of parcels.entries()) {
    const at = i * sim.random.split(`start ${i}`).between(0, 1000)
    sim.world.after(at, () => sim.world.enter(() => void sent.push(parcel.send())))
  }
  await sim.pass(1000 * controllers.length)
  await sim.settle(Promise.all(sent), { limit: 1000 * (shared + 60), events: 50_000_000 })
  for (const parcel of parcels) parcel.check()
  return parcels.map(parcel => parcel.arrived(began + 1000 * from, began + 1000 * shared))
}

/** Jain's index: 1 where all get the same, 1/n where one gets everything. */
function jain(shares: readonly number[]): number {
  const sum = shares.reduce((a, b) => a + b, 0)
  return sum ** 2 / (shares.length * shares.reduce((a, b) => a + b ** 2, 0))
}

const text = (shares: readonly number[], seconds: number): string =>
  shares.map(bytes => ((8 * bytes) / seconds / 1_000_000).toFixed(2)).join(' and ')

const crossTraffic = (extent: SpeedExtent): Scenario =>
  nodes('cross-traffic', async (fleet, sim) => {
    const shares = await share(fleet, sim, ['bbr', 'bbr'], extent)
    const index = jain(shares)
    const told = `${text(shares, extent.shared - extent.from)} Mbit/s, Jain ${index.toFixed(3)}`
    sim.note(told)
    claim(index >= 0.8, `P11: ${told}, at least 0.8`)
  })

const besideCubic = (extent: SpeedExtent): Scenario =>
  nodes('beside-cubic', async (fleet, sim) => {
    const shares = await share(fleet, sim, ['bbr', 'cubic'], extent)
    const [bbr, cubic] = shares as [number, number]
    const fair = (bbr + cubic) / 2
    const told = `${text(shares, extent.shared - extent.from)} Mbit/s, ${(bbr / fair).toFixed(2)} times its share`
    sim.note(told)
    claim(bbr <= 2 * fair, `P11: BBR and CUBIC got ${told}, at most 2`)
    // Of two, nobody can have more than twice its share: what counts is that the other one lives.
    claim(cubic >= 0.3 * fair, `P11: BBR and CUBIC got ${told}: CUBIC starves`)
  })

export function udpSpeedCases(extent: SpeedExtent = longSpeed): readonly Scenario[] {
  return [goodput(extent), crossTraffic(extent), besideCubic(extent)]
}
