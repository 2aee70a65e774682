/**
 * The controllers at a bottleneck, in virtual time: speed, fairness, loss, queues.
 */
import t from 'tap'
import type { CongestionName } from '../../../src/packets/congestion/index.ts'
import { Bottleneck, type FlowOptions, jain, mbit, type Path } from '../bottleneck.ts'

/** A path whose queue holds one bandwidth-delay product. */
const pathOf = (rate: number, rtt: number, more: Partial<Path> = {}): Path => ({
  rate: mbit(rate),
  rtt,
  queue: (mbit(rate) * rtt) / 1000,
  ...more,
})

/** What one flow gets of a path, 0 to 1, after two seconds. */
function use(congestion: CongestionName, path: Path, seconds = 10): number {
  const link = new Bottleneck(path)
  link.flow({ congestion })
  link.run(2000)
  return link.measure(2000 + 1000 * seconds)[0]! / path.rate
}

t.test('P11 a clean path of 10 Mbit/s and 30 ms: at least 8.5 Mbit/s of goodput, whoever drives', async t => {
  for (const name of ['bbr', 'cubic', 'newreno'] as const) {
    const link = new Bottleneck(pathOf(10, 30))
    link.flow({ congestion: name })
    const [rate] = link.measure(8000)
    t.ok(rate! >= mbit(8.5), `${name}: ${(rate! * 8) / 1e6} Mbit/s from the first packet on`)
  }
})

t.test('P11 two BBR flows share, also when one comes late', async t => {
  for (const path of [pathOf(10, 30), pathOf(20, 40)])
    for (const seed of [1, 2]) {
      const link = new Bottleneck({ ...path, seed })
      link.flow({ congestion: 'bbr' })
      link.flow({ congestion: 'bbr', start: 1000 })
      link.run(5000)
      const rates = link.measure(25_000)
      t.ok(jain(rates) >= 0.8, `Jain ${jain(rates).toFixed(3)}`)
      t.ok(rates[0]! + rates[1]! >= 0.9 * path.rate)
    }
})

t.test('P11 beside CUBIC: at most twice its share, whoever was first', async t => {
  for (const order of [['bbr', 'cubic'] as const, ['cubic', 'bbr'] as const]) {
    const link = new Bottleneck(pathOf(10, 30))
    const flows: Partial<Record<CongestionName, number>> = {}
    for (const congestion of order) link.flow({ congestion, start: congestion === order[0] ? 0 : 500 })
    link.run(5000)
    link.measure(65_000).forEach((rate, i) => {
      flows[order[i]!] = rate
    })
    const ratio = flows.bbr! / flows.cubic!
    t.ok(ratio <= 2, `${order.join(', then ')}: BBR gets ${ratio.toFixed(2)} times what CUBIC gets`)
    t.ok(ratio >= 0.5, 'and is not pushed out')
  }
})

t.test('CC-5 1 % of random loss at 40 ms leaves BBR 0.8 of its speed, and the others little', async t => {
  for (const [rate, seeds] of [
    [10, [1, 2, 3]],
    [100, [1]],
  ] as const) {
    const clean = use('bbr', pathOf(rate, 40), 8)
    for (const seed of seeds) {
      const lossy = use('bbr', pathOf(rate, 40, { loss: 0.01, seed }), 8)
      t.ok(lossy / clean >= 0.8, `${rate} Mbit/s, seed ${seed}: ${(lossy / clean).toFixed(3)}`)
    }
  }
  const bursts = use('bbr', pathOf(20, 40, { loss: 0.01, burst: 3 }))
  t.ok(bursts >= 0.75, `in bursts of three: ${bursts.toFixed(3)}`)
  t.ok(use('newreno', pathOf(100, 40, { loss: 0.01 })) < 0.1)
  t.ok(use('cubic', pathOf(100, 40, { loss: 0.01 })) < 0.1)
})

t.test(
  'CC-8 what a path loses of itself is noise: a tenth, or three, leave BBR most of what arrives',
  async t => {
    for (const [loss, least] of [
      [0.05, 0.8],
      [0.1, 0.7],
      [0.3, 0.35],
    ] as const)
      for (const rate of [20, 100]) {
        const share = use('bbr', pathOf(rate, 40, { loss, queue: mbit(rate) * 0.08 }), 20) / (1 - loss)
        t.ok(share >= least, `${100 * loss} % of ${rate} Mbit/s: ${share.toFixed(3)} of what could arrive`)
      }
  },
)

t.test('CC-8 CC-5 what a full queue loses is not: no noise is heard, and losses bound', async t => {
  const crowds: [name: string, path: Path, beside: CongestionName[]][] = [
    ['alone, hardly a queue', pathOf(20, 40, { queue: 6_000 }), []],
    ['a quarter of a queue, beside CUBIC', pathOf(20, 40, { queue: 25_000 }), ['cubic']],
    ['beside three CUBIC', pathOf(20, 40, { queue: 50_000 }), ['cubic', 'cubic', 'cubic']],
    ['beside NewReno', pathOf(10, 30), ['newreno', 'newreno']],
    ['beside another BBR, hardly a queue', pathOf(20, 40, { queue: 10_000 }), ['bbr']],
  ]
  for (const [name, path, beside] of crowds) {
    const link = new Bottleneck(path)
    const flow = link.flow({ congestion: 'bbr' })
    for (const congestion of beside) link.flow({ congestion, start: 500 })
    let most = 0
    let bound = Number.POSITIVE_INFINITY
    for (let at = 500; at <= 30_000; at += 100) {
      link.run(at)
      const { noise, longTermBound } = flow.congestion.explain()
      most = Math.max(most, noise as number)
      bound = Math.min(bound, (longTermBound as number) ?? bound)
    }
    t.ok(most <= 0.02, `${name}: noise ${most.toFixed(4)} at most`)
    t.ok(bound < 4 * ((path.rate * path.rtt) / 1000 + path.queue), `${name}: bound ${bound}`)
  }
})

t.test('BBR fills 100 Mbit/s at 40 ms and keeps the queue short', async t => {
  const link = new Bottleneck(pathOf(100, 40))
  link.flow({ congestion: 'bbr' })
  link.run(3000)
  const [rate] = link.measure(13_000)
  const queue = link.waited.sum / link.waited.count
  t.ok(rate! >= 0.9 * mbit(100), `${(rate! * 8) / 1e6} Mbit/s`)
  t.ok(queue <= 10, `queue ${queue.toFixed(2)} ms on average, ${link.waited.most.toFixed(1)} at most`)
  t.comment(`queueing delay of BBR in steady state: ${queue.toFixed(2)} ms of 40`)
})

t.test('BBR measures the path without its queue when five seconds showed no less', async t => {
  const link = new Bottleneck(pathOf(10, 40, { queue: 100_000 }))
  const flow = link.flow({ congestion: 'bbr' })
  link.flow({ congestion: 'cubic' }) // keeps the queue from ever being empty
  const begun: number[] = []
  let before = ''
  const watch = (): void => {
    const { phase } = flow.congestion.explain()
    if (phase === 'probe-rtt' && before !== phase) begun.push(link.now)
    before = String(phase)
    link.at(link.now + 10, watch)
  }
  watch()
  link.run(22_000)
  t.ok(begun.length >= 3 && begun.length <= 5, `at ${begun.map(Math.round)}`)
  for (let i = 1; i < begun.length; i++) t.ok(begun[i]! - begun[i - 1]! > 4900)
})

t.test('CC-6 a sender with little to say neither raises nor forgets the bandwidth', async t => {
  const link = new Bottleneck(pathOf(20, 40))
  const flow = link.flow({ congestion: 'bbr', data: 5_000_000 })
  link.run(3000)
  const known = flow.congestion.explain().bandwidth as number
  t.ok(Math.abs(known / mbit(20) - 1) < 0.05, `${known}`)
  for (let at = 3000; at < 15_000; at += 20) link.at(at, () => flow.write(6000))
  link.run(15_000)
  const after = flow.congestion.explain().bandwidth as number
  t.ok(Math.abs(after / known - 1) < 0.05, `300 kB/s for 12 s: ${known} became ${after}`)

  const small = new Bottleneck(pathOf(20, 40))
  const shy = small.flow({ congestion: 'bbr', data: 0 })
  for (let at = 0; at < 5000; at += 20) small.at(at, () => shy.write(6000))
  small.run(5000)
  t.ok((shy.congestion.explain().bandwidth as number) < 2 * 300_000, 'nothing is made up')
  shy.write(1e9)
  small.run(6000)
  t.ok(small.measure(8000)[0]! > 0.9 * mbit(20), 'and it starts up from there')
})

t.test('BBR follows a path that slows down and speeds up', async t => {
  const link = new Bottleneck(pathOf(20, 40))
  const flow = link.flow({ congestion: 'bbr' })
  link.run(5000)
  link.path.rate = mbit(5)
  t.ok(link.measure(6000)[0]! > 0.95 * mbit(5), 'full at once')
  link.run(16_000)
  const model = flow.congestion.explain().bandwidth as number
  t.ok(model < 1.2 * mbit(5), `after two cycles the model says ${(model * 8) / 1e6} Mbit/s`)
  t.ok(link.measure(18_000)[0]! > 0.85 * mbit(5), 'and still full, but for a look at the empty path')
  link.path.rate = mbit(20)
  link.run(20_000)
  t.ok(link.measure(22_000)[0]! > 0.9 * mbit(20), 'two seconds later it is full again')
})

t.test('BBR is not starved by bunched acknowledgements and coarse timers', async t => {
  const cases: [string, Path, Omit<FlowOptions, 'congestion'>][] = [
    [
      'loopback, datagrams of 8 KiB',
      { rate: 1e9, rtt: 0.1, queue: 4e6 },
      { mss: 8192, ackEvery: 32, timer: 1 },
    ],
    [
      'loopback, datagrams of 60 kB',
      { rate: 1e9, rtt: 0.1, queue: 4e6 },
      { mss: 60_000, ackEvery: 10, timer: 1 },
    ],
    ['loopback, 1,452 bytes', { rate: 2e8, rtt: 0.1, queue: 1e6 }, { mss: 1452, ackEvery: 32, timer: 1 }],
    ['40 ms, every 32nd', pathOf(50, 40), { ackEvery: 32, timer: 1 }],
  ]
  for (const [name, path, options] of cases) {
    const link = new Bottleneck(path)
    link.flow({ congestion: 'bbr', ackDelay: 1, ...options })
    const far = path.rtt > 1
    link.run(far ? 2000 : 100)
    const [rate] = link.measure(far ? 8000 : 300)
    t.ok(rate! >= 0.9 * path.rate, `${name}: ${((100 * rate!) / path.rate).toFixed(0)} %`)
  }
})

t.test('the same seed gives the same run', async t => {
  const run = (seed: number): unknown => {
    const link = new Bottleneck(pathOf(10, 30, { loss: 0.02, seed }))
    const flow = link.flow({ congestion: 'bbr' })
    link.run(5000)
    return [flow.delivered, flow.lost, link.dropped, flow.congestion.explain()]
  }
  t.strictSame(run(3), run(3))
  t.not(String(run(3)), String(run(4)))
})
