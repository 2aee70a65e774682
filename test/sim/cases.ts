/**
 * The scenarios the runner knows, by name. Those of the simulated network itself; whole nodes
 * join the list from their own files.
 */
import { equal } from '../../src/base/bytes.ts'
import { GuildError } from '../../src/base/errors.ts'
import type { Pipe } from '../../src/base/ports.ts'
import {
  drawWeather,
  type Host,
  type Scenario,
  type Simulation,
  scenario,
  trouble,
} from '../../src/testing/index.ts'

const PORT = 9000

function claim(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what)
}

/** Answers every byte with itself, and ends when the other side does. */
async function echo(host: Host): Promise<void> {
  await host.transport().listen({
    hosts: [],
    port: PORT,
    onPipe: pipe =>
      pipe.attach({
        data: bytes => void pipe.write([bytes.slice()]),
        drain: () => {},
        end: () => pipe.end(),
        close: () => {},
      }),
    onError: error => {
      throw error
    },
  })
}

/** Sends bytes to an echo: how many came back, and whether they were the right ones. */
class Caller {
  closed = false
  matched = 0
  readonly #sent: Uint8Array
  readonly #sim: Simulation

  constructor(sim: Simulation, sent: Uint8Array) {
    this.#sim = sim
    this.#sent = sent
  }

  async call(from: Host, to: Host, patience = 60_000): Promise<void> {
    const controller = new AbortController()
    const timer = this.#sim.world.after(patience, () => controller.abort())
    let pipe: Pipe
    try {
      pipe = await from.transport().dial({ host: to.address, port: PORT, signal: controller.signal })
    } catch (error) {
      claim(error instanceof GuildError && error.code.startsWith('GH_'), 'a dial fails with a code')
      this.closed = true
      return
    } finally {
      this.#sim.world.cancel(timer)
    }
    pipe.attach({
      data: bytes => {
        const expected = this.#sent.subarray(this.matched, this.matched + bytes.length)
        claim(equal(bytes, expected), `wrong bytes at ${this.matched}`)
        this.matched += bytes.length
      },
      drain: () => {},
      end: () => {},
      close: () => {
        this.closed = true
      },
    })
    pipe.write([this.#sent.slice()])
    pipe.end()
  }
}

const weather = scenario('weather', async sim => {
  const [a, b] = [sim.host('a'), sim.host('b')]
  sim.linkOneWay(a, b, drawWeather(sim.random))
  sim.linkOneWay(b, a, drawWeather(sim.random))
  await sim.settle(echo(b))
  const lengths = [sim.random.below(200_000), sim.random.between(1, 5000)]
  const callers = lengths.map(length => new Caller(sim, sim.random.bytes(length)))
  for (const caller of callers) void caller.call(a, b, 600_000)
  await sim.run(() => callers.every(caller => caller.closed), { limit: 3_600_000 })
  for (const [i, { matched }] of callers.entries())
    claim(matched === lengths[i], `${matched} of ${lengths[i]} came back`)
})

const turmoil = scenario('turmoil', async sim => {
  const hosts = Array.from({ length: 5 }, (_, i) => sim.host(`host-${i + 1}`))
  for (const host of hosts) await sim.settle(echo(host))
  trouble(sim, { hosts, until: 60_000, onRestart: host => void echo(host) })
  const calls = (): void => {
    if (sim.now > 60_000) return
    const up = hosts.filter(host => host.up)
    const [from, to] = [sim.random.pick(hosts), sim.random.pick(hosts)]
    if (up.includes(from)) void new Caller(sim, sim.random.bytes(sim.random.below(20_000))).call(from, to)
    sim.world.after(sim.random.below(2000), () => sim.world.enter(calls))
  }
  calls()
  await sim.run(61_000)
  // Peace: everybody reaches everybody again, at once.
  const last: Caller[] = []
  for (const from of hosts)
    for (const to of hosts) {
      const caller = new Caller(sim, sim.random.bytes(1000))
      last.push(caller)
      void caller.call(from, to)
    }
  await sim.run(() => last.every(caller => caller.closed), { limit: 1000 })
  claim(
    last.every(caller => caller.matched === 1000),
    'after healing every call is answered',
  )
})

export const cases: readonly Scenario[] = [weather, turmoil]
