/**
 * More nodes than one node may have peers: nobody is alone, and all chat reaches all, once and in order.
 *
 * Decision 14 is what these are about. A node that is full refuses newcomers and tells them of
 * others; a newcomer that has nobody gets a place all the same.
 */

import { nativeSuite } from '../../src/crypto/native.ts'
import { type Scenario, type Simulation, scenario } from '../../src/testing/index.ts'
import { claim, Fleet, type Member } from './fleet.ts'

/** One figure of a run, for whoever reads the transcript. */
export interface Crowd {
  readonly nodes: number
  readonly maxPeers: number
  /** Milliseconds between two starts; 0: all at once. */
  readonly apart: number
}

export function crowd(name: string, { nodes, maxPeers, apart }: Crowd): Scenario {
  const body = async (sim: Simulation): Promise<void> => {
    const fleet = new Fleet(sim)
    try {
      sim.weather({ delay: 5, jitter: 10 })
      fleet.star(nodes, { maxPeers })
      for (const [i, member] of fleet.members.entries())
        sim.world.after(i * apart * (0.5 + sim.random.fraction()), () =>
          sim.world.enter(() => member.startSoon()),
        )
      // Looked at now and then, not after every event: with sixty nodes these are many.
      await sim.pass(nodes * apart * 1.5 + 10_000)
      claim(connected(fleet.members), 'ten seconds after the last start the mesh is in pieces')
      for (let round = 0; round < 6; round++) {
        await sim.pass(10_000)
        bounded(fleet, maxPeers)
      }
      const changes = watchChanges(fleet)
      await checkChat(fleet)
      bounded(fleet, maxPeers)
      await sim.pass(60_000)
      bounded(fleet, maxPeers)
      await checkChat(fleet)
      const most = Math.max(...changes.values())
      sim.note(`links lost in ${fleet.members.length} nodes in 75 s: at most ${most} by one`)
      claim(most <= 2, `a node lost ${most} links in 75 s in which nothing happened`)
      const late = fleet.add('late', { bootstrap: [fleet.members[0]!.address], maxPeers })
      await fleet.start([late])
      await sim.pass(10_000)
      bounded(fleet, maxPeers)
      await checkChat(fleet)
      await fleet.end()
    } finally {
      fleet.dispose()
    }
  }
  return scenario(name, body, { suite: nativeSuite })
}

/** Nobody is alone, nobody has too many, and there is a way from everyone to everyone. */
export function bounded({ members }: Fleet, maxPeers: number): void {
  for (const { name, peers } of members) {
    claim(peers.length <= maxPeers, `${name} has ${peers.length} peers, at most ${maxPeers}`)
    claim(peers.length >= 1, `${name} is isolated`)
  }
  claim(connected(members), 'the mesh is in pieces')
}

/** Is there a way from every node to every other? */
function connected(members: readonly Member[]): boolean {
  const byId = new Map(members.filter(({ running }) => running).map(member => [member.node.peerId, member]))
  const reached = new Set<string>()
  const queue = [members[0]!.node.peerId]
  for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
    if (reached.has(id)) continue
    reached.add(id)
    queue.push(...byId.get(id)!.peers)
  }
  return reached.size === members.length
}

/** Each says three things at once: five seconds later everybody has heard them. Once and in order, as `Watch` sees. */
async function checkChat(fleet: Fleet): Promise<void> {
  const { members, sim } = fleet
  const said: string[] = []
  sim.world.enter(() => {
    for (let i = 0; i < 3; i++) for (const member of members) said.push(fleet.say(member))
  })
  await sim.pass(5_000)
  const missed: string[] = []
  for (const { name, watch } of members) {
    const heard = new Set(watch.chat.map(({ message }) => message))
    for (const text of said)
      if (!text.startsWith(`${name} says `) && !heard.has(text)) missed.push(`${name} misses "${text}"`)
  }
  claim(missed.length === 0, `${missed.length} messages missed: ${missed.slice(0, 5).join(', ')}`)
}

function watchChanges({ members }: Fleet): Map<string, number> {
  const lost = new Map(members.map(({ name }) => [name, 0]))
  for (const { name, node } of members)
    node.on('peer-disconnected', () => lost.set(name, lost.get(name)! + 1))
  return lost
}

export const largeCases: readonly Scenario[] = [
  crowd('crowd-25', { nodes: 25, maxPeers: 20, apart: 100 }),
  crowd('crowd-25-at-once', { nodes: 25, maxPeers: 20, apart: 0 }),
  crowd('crowd-50', { nodes: 50, maxPeers: 50, apart: 50 }),
  crowd('crowd-60', { nodes: 60, maxPeers: 20, apart: 50 }),
]
