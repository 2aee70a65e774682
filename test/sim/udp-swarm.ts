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

const drawn: readonly Transports[] = [['udp'], ['udp'], ['udp'], ['tcp', 'udp'], ['udp', 'tcp'], ['tcp']]

export const udpSwarm: Scenario = nodes('udp-swarm', async (fleet, sim) => {
  const transport = sim.random.split('transport').pick(drawn)
  sim.note(`transport ${transport.join()}`)
  await new Swarm(fleet, sim, [transport]).play()
})
