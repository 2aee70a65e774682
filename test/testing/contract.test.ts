/** The transport contract over the simulated network, in every weather. */
import t from 'tap'
import { type LinkConditions, Simulation, transportContract } from '../../src/testing/index.ts'

const weathers: Readonly<Record<string, Partial<LinkConditions>>> = {
  'simulated, calm': {},
  'simulated, at once': { delay: 0 },
  'simulated, rough': { delay: 40, jitter: 30, loss: 0.1, burst: 3, reorder: 0.2, duplicate: 0.2, rate: 2e6 },
}

for (const [name, conditions] of Object.entries(weathers)) {
  let seed = 0
  const checks = transportContract(name, async () => {
    const sim = new Simulation({ seed: ++seed, conditions })
    const server = sim.host('server')
    return {
      server: server.transport(),
      client: sim.host('client').transport(),
      host: server.address,
      settle: promise => sim.settle(promise),
      sleep: milliseconds => sim.world.sleep(milliseconds),
    }
  })
  for (const { title, run } of checks) t.test(title, run)
}
