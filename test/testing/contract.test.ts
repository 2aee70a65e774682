/** The contracts of transports and of datagrams over the simulated network. */
import t from 'tap'
import {
  datagramsContract,
  type LinkConditions,
  Simulation,
  transportContract,
} from '../../src/testing/index.ts'

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

for (const [name, host, clientHost, conditions, largest] of [
  ['datagrams, simulated', '10.0.0.1', '10.0.0.2', {}, 1472],
  ['datagrams, simulated, large and far', '10.0.0.1', '10.0.0.2', { delay: 40, mtu: 65_535 }, 65_507],
  ['datagrams, simulated, IPv6', '2001:db8::1', '2001:db8::2', {}, 1452],
] as const) {
  const checks = datagramsContract(name, async () => {
    const sim = new Simulation({ seed: 1, conditions })
    return {
      server: sim.host('server', { addresses: [host] }).datagrams(),
      client: sim.host('client', { addresses: [clientHost] }).datagrams(),
      host,
      clientHost,
      largest,
      settle: promise => sim.settle(promise),
      sleep: milliseconds => sim.world.sleep(milliseconds),
    }
  })
  for (const { title, run } of checks) t.test(title, run)
}
