/**
 * The stories of swarms, told over datagrams: which transports a swarm speaks, its seed says.
 *
 *   udp          every link is packets
 *   tcp, udp     each dial is a race of both, TCP first
 *   udp, tcp     the same, UDP first
 *   tcp          as ever
 */
import type { Scenario } from '../../src/testing/index.ts'
import { nodes } from './nodes.ts'
import { Swarm, type Transports } from './swarm.ts'
import { udpAttacks } from './udp-attacks.ts'
import { type Extent, long, udpCases } from './udp-cases.ts'
import { udpPathCases } from './udp-paths.ts'
import { longSpeed, type SpeedExtent, udpSpeedCases } from './udp-speed.ts'

const drawn: readonly Transports[] = [['udp'], ['udp'], ['udp'], ['tcp', 'udp'], ['udp', 'tcp'], ['tcp']]

export const udpSwarm: Scenario = nodes('udp-swarm', async (fleet, sim) => {
  const transport = sim.random.split('transport').pick(drawn)
  sim.note(`transport ${transport.join()}`)
  await new Swarm(fleet, sim, [transport]).play()
})

/** Everything that is told over datagrams. */
export function allUdpCases(extent: Extent = long, speed: SpeedExtent = longSpeed): readonly Scenario[] {
  return [...udpCases(extent), ...udpPathCases(extent), ...udpSpeedCases(speed), ...udpAttacks, udpSwarm]
}
