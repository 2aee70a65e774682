/**
 * What the QUIC interop runner asks of an implementation, asked of two of our nodes on datagrams.
 *
 *   client ══ path with an ill of its own ══ server        one case each, by the runner's names
 *
 * Each looks from outside: bytes are compared one by one, datagrams are counted at the sockets, and at the
 * end nothing may be pending. The short form of a case moves less; the rules are the same.
 * What happens to the path itself is in `udp-paths.ts`, how fast it is in `udp-speed.ts`.
 */
import type { LinkConditions, Scenario, SeededRandom, Simulation, Tamper } from '../../src/testing/index.ts'
import { calm } from '../../src/testing/index.ts'
import { claim, type Fleet, type Member, type MemberOptions } from './fleet.ts'
import { nodes } from './nodes.ts'
import { Parcel } from './parcel.ts'

/** How much a case moves. */
export interface Extent {
  /** Bytes of a transfer that the catalogue wants to be 10 MiB. */
  readonly transfer: number
  /** Handshakes of one run. */
  readonly handshakes: number
}

export const long: Extent = { transfer: 10 * 1024 * 1024, handshakes: 50 }
export const short: Extent = { transfer: 512 * 1024, handshakes: 10 }

export const udp: MemberOptions = { transport: ['udp'] }

/** Whoever dials is linked within so long, whatever the path (P9). */
const HANDSHAKE = 30_000

/** Two nodes that are linked, the second by dialling. */
export async function linked(fleet: Fleet): Promise<{ server: Member; client: Member }> {
  const server = fleet.add('server', udp)
  const client = fleet.add('client', { ...udp, bootstrap: [server.address] })
  await fleet.start()
  await fleet.untilWhole(HANDSHAKE)
  return { server, client }
}

/** One parcel, up or down as the seed has it. */
export function parcelOf(
  sim: Simulation,
  { server, client }: { server: Member; client: Member },
  options: ConstructorParameters<typeof Parcel>[4],
): Parcel {
  const [from, to] = sim.random.split('direction').chance(0.5) ? [client, server] : [server, client]
  return new Parcel(sim, 'one', from, to, options)
}

function transfer(
  name: string,
  weather: (dice: SeededRandom) => Partial<LinkConditions>,
  length: number,
): Scenario {
  return nodes(name, async (fleet, sim) => {
    sim.weather(weather(sim.random.split('weather')))
    const parcel = parcelOf(sim, await linked(fleet), { length })
    await parcel.deliver()
    await peace(fleet, sim)
  })
}

/** The path is well again: all that is left is said, and everybody agrees. */
export async function peace(fleet: Fleet, sim: Simulation): Promise<void> {
  sim.heal()
  sim.weather(calm)
  fleet.doubt()
  await fleet.untilWhole(60_000)
  await fleet.check(fleet.members, 60_000)
}

/** Pairs that know only each other, each a swarm of its own: all must be linked in time. */
function handshakes(name: string, weather: Partial<LinkConditions>, count: number, bursts = false): Scenario {
  return nodes(name, async (fleet, sim) => {
    sim.weather(weather)
    let links = 0
    fleet.started = ({ node }) => node.on('peer-connected', () => void links++)
    for (let i = 0; i < count; i++) {
      const own = { ...udp, swarmKey: sim.random.split(`pair ${i}`).bytes(32) }
      const server = fleet.add(`server-${i}`, own)
      const client = fleet.add(`client-${i}`, { ...own, bootstrap: [server.address] })
      if (!bursts) continue
      sim.tamper(client.host, server.host, inBursts(sim.random.split(`up ${i}`)))
      sim.tamper(server.host, client.host, inBursts(sim.random.split(`down ${i}`)))
    }
    await fleet.start()
    const began = sim.now
    const all = (): boolean => links >= 2 * count && fleet.members.every(member => member.peers.length === 1)
    await sim.run(all, { limit: HANDSHAKE }).catch(() => {})
    const late = fleet.members.filter(member => member.peers.length !== 1)
    const who = late.map(member => member.name).join(' ')
    claim(late.length === 0, `P9: ${late.length} of ${2 * count} are not linked after 30 s: ${who}`)
    // Where nothing is lost nobody has a reason to begin anew.
    claim(bursts || links === 2 * count, `UQ-06: ${links} links for ${count} pairs`)
    sim.note(`the last was linked after ${(sim.now - began).toFixed(0)} ms`)
    sim.weather(calm)
    for (const [i, { host }] of fleet.members.entries()) {
      const other = fleet.members[i ^ 1]!.host
      sim.tamper(host, other, undefined)
    }
    await sim.pass(15_000)
    // Each is linked; that a link works is looked at closely at some of them.
    for (let i = 0; i < count; i += 10) await fleet.check(fleet.members.slice(2 * i, 2 * i + 2))
  })
}

/** What the interop runner means by 30 % in bursts of 3: three in a row are lost, and between two bursts eight pass on average. */
function inBursts(dice: SeededRandom): Tamper {
  let left = 0
  return bytes => {
    if (left === 0 && dice.chance(0.125)) left = 3
    if (left === 0) return bytes
    left--
    return new Uint8Array(0)
  }
}

/** Five seconds there, two seconds gone, until all came (UQ-07). */
const blackhole = ({ transfer }: Extent): Scenario =>
  nodes('blackhole', async (fleet, sim) => {
    sim.weather({ delay: 15, rate: 500_000, queue: 30_000 })
    const pair = await linked(fleet)
    // Enough that it is away at least once.
    const length = Math.max(transfer, 3_000_000)
    const parcel = parcelOf(sim, pair, { length })
    const gone: number[] = []
    const away = (): void => {
      if (parcel.whole) return
      gone.push(sim.now)
      sim.cut(pair.server.host, pair.client.host)
      sim.world.after(2_000, () => {
        sim.heal()
        sim.world.after(5_000, away)
      })
    }
    sim.world.after(5_000, away)
    await parcel.deliver()
    claim(gone.length > 0, 'the path was never away')
    // After two seconds without an answer the next probe is less than two seconds off.
    const stall = parcel.stall()
    claim(stall < 4_500, `P12: ${(stall / 1000).toFixed(2)} s without a byte around two seconds of nothing`)
    await peace(fleet, sim)
  })

/** The second to the seventh datagram of the client never arrive (UQ-08). */
const amplificationLimit = nodes('amplification-limit', async (fleet, sim) => {
  const [from, to] = [sim.host('client'), sim.host('server')]
  sim.weather({ delay: sim.random.between(1, 100) })
  let sent = 0
  sim.tamper(from, to, bytes => {
    sent++
    return sent >= 2 && sent <= 7 ? new Uint8Array(0) : bytes
  })
  const server = fleet.add('server', udp, to)
  const client = fleet.add('client', { ...udp, bootstrap: [server.address] }, from)
  await fleet.start()
  await fleet.untilWhole(HANDSHAKE)
  claim(sent > 7, `only ${sent} datagrams were needed: nothing was lost`)
  const { worst } = server.watch.flows
  claim(worst > 0 && worst <= 3, `P8: up to ${worst.toFixed(2)} times what had come`)
  const parcel = parcelOf(sim, { server, client }, { length: 100_000 })
  await parcel.deliver()
  await peace(fleet, sim)
})

/** Any path between useless and clean: whatever is drawn, all of it arrives (P10). */
function drawLadder(dice: SeededRandom): Partial<LinkConditions> {
  return {
    delay: dice.between(1, 50),
    loss: dice.fraction() * 0.3,
    burst: dice.between(1, 4),
    reorder: dice.fraction() * 0.25,
    reorderBy: dice.between(5, 60),
    duplicate: dice.fraction() * 0.5,
  }
}

const barelyUsable: Partial<LinkConditions> = {
  delay: 450,
  rate: 62_500,
  queue: 64_000,
  loss: 0.12,
  burst: 4,
}

export function udpCases(extent: Extent = long): readonly Scenario[] {
  const { transfer: length, handshakes: count } = extent
  return [
    handshakes('handshake-loss', { delay: 15 }, count, true),
    handshakes('handshake-corruption', { delay: 15, corrupt: 0.3 }, count),
    handshakes('handshake-long-rtt', { delay: 750 }, count),
    transfer('transfer-loss', () => ({ delay: 15, loss: 0.02 }), length),
    transfer('transfer-corruption', () => ({ delay: 15, corrupt: 0.02 }), length),
    transfer('long-rtt', () => ({ delay: 750 }), length / 4),
    blackhole(extent),
    amplificationLimit,
    transfer('datagrams', drawLadder, length),
    transfer('barely-usable', () => barelyUsable, 256 * 1024),
  ]
}
