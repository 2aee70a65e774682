/**
 * Floods of those who hold no key, or prove nothing: strangers, half-open handshakes, replays, cookies.
 */
import type { Usage } from './gauge.ts'
import { mib, quantile } from './report.ts'
import { type Flood, type Scene, sleep, until } from './scene.ts'
import type { VisitFigures } from './strangers.ts'
import type { VictimFigures } from './victim.ts'

export const strangers: Flood = {
  name: 'strangers',
  codes: 'P1 HS-01 HS-05 HS-10 HS-11',
  async run(scene, full) {
    await scene.start()
    await scene.victim.ask('begin', {})
    const visits = full ? 10_000 : 1_000
    const flood = await scene.attacker().ask('visits', { ...scene.where, visits, atOnce: 64 })
    const victim = await scene.victim.ask('figures', {})
    return [
      { name: 'connections', value: flood.visits, unit: '', least: visits },
      { name: 'bytes that came back', value: flood.bytesBack, unit: '', most: 0 },
      { name: 'bytes the victim wrote', value: victim.bytesOut, unit: '', most: 0 },
      { name: 'Diffie-Hellmans', value: victim.dhs, unit: '', most: 0 },
      { name: 'sessions', value: victim.sessions, unit: '', most: 0 },
      { name: 'connections nobody ended', value: flood.failed, unit: '', most: 0 },
      { name: 'connections a second', value: flood.visits / flood.seconds, unit: '1/s' },
      { name: 'memory grown, resident', value: mib(victim.rssGrown), unit: 'MiB' },
    ]
  },
}

export const halfOpen: Flood = {
  name: 'half-open',
  codes: 'P3 HS-18',
  async run(scene, full) {
    await scene.start()
    const { victim, where, swarmKey, address } = scene
    const honest = await scene.honest(false)
    const attacker = scene.attacker()
    // What is made once, for the first links ever, is no growth.
    await honest.ask('newcomers', { swarmKey, address, ms: 500 })
    const before = await victim.ask('begin', {})
    const silent = full ? 3_000 : 1_500
    const { standing } = await attacker.ask('halfOpen', { ...where, count: silent, atOnce: 32, mixed: false })
    // What was shown out a moment ago is no longer open, and not yet collected.
    await sleep(300)
    const held = await victim.ask('live', {})
    const then = await attacker.ask('standing', {})
    const newcomers = honest.ask('newcomers', { swarmKey, address, ms: full ? 4_000 : 1_500 })
    const mixed = full ? 10_000 - silent : 1_200
    const more = await scene.attacker().ask('halfOpenOn', { ...where, count: mixed, atOnce: 32 })
    await sleep(300)
    const crowded = await victim.ask('live', {})
    const peers = await newcomers
    const figures = await victim.ask('figures', {})
    const gone = await until(async () => (await victim.ask('live', {})).pipes === 0, 12_000)
    const after = await victim.ask('live', {})
    const survivors = then.standing.flatMap((stands, number) => (stands ? [number] : []))
    return [
      { name: 'half-open connections', value: standing.length + more.made, unit: '', least: silent + mixed },
      { name: 'most open at once', value: figures.pipesPeak, unit: '', most: 1_024 + 2, least: 1_000 },
      { name: 'standing after the first wave', value: survivors.length, unit: '', most: 1_024 },
      // Some at once: those are connected in one order and accepted in nearly that.
      { name: 'oldest of them', value: survivors[0] ?? Number.NaN, unit: '', least: silent - 1_024 - 32 },
      {
        name: 'of the newest 900, closed',
        value: then.standing.slice(-900).filter(stands => !stands).length,
        unit: '',
        most: 0,
      },
      { name: 'memory for 1,024 silent ones', value: mib(held.live - before.live), unit: 'MiB', most: 16 },
      { name: 'memory for 1,024 mixed ones', value: mib(crowded.live - before.live), unit: 'MiB', most: 16 },
      // Not yet collected: what all of them took, one after the other.
      { name: 'resident memory grown', value: mib(figures.rssGrown), unit: 'MiB', most: 128 },
      { name: 'newcomers linked meanwhile', value: peers.count, unit: '', least: 5 },
      { name: 'newcomers that failed', value: peers.failed, unit: '', most: 0 },
      { name: 'newcomer, median', value: peers.median, unit: 'ms' },
      { name: 'newcomer, slowest', value: peers.slowest, unit: 'ms', most: 2_000 },
      { name: 'all gone after', value: gone, unit: 'ms', most: 10_500 },
      { name: 'memory left', value: mib(after.live - before.live), unit: 'MiB', most: 2 },
      { name: 'loop delay p99', value: figures.loopP99, unit: 'ms' },
    ]
  },
}

export const replays: Flood = {
  name: 'replays',
  codes: 'P4 P1 HS-09 HS-14',
  async run(scene, full) {
    // Young, it asks for a cookie; aged, it takes a fresh message 1 at once.
    const [young, aged] = [await replayed(scene, false, full), await second(full)]
    return [
      ...young.map(figure => ({ ...figure, name: `just started: ${figure.name}` })),
      ...aged.map(figure => ({ ...figure, name: `long running: ${figure.name}` })),
    ]
  },
}

async function second(full: boolean) {
  const { Scene } = await import('./scene.ts')
  const scene = new Scene()
  try {
    return await replayed(scene, true, full)
  } finally {
    await scene.end()
  }
}

async function replayed(scene: Scene, aged: boolean, full: boolean) {
  await scene.start({ aged })
  const { victim, where } = scene
  const attacker = scene.attacker()
  const { port } = await attacker.ask('relay', { port: scene.port, echo: false })
  const honest = await scene.honest(false)
  await honest.ask('connect', { address: `127.0.0.1:${port}` })
  const sent = 40_000
  await honest.ask('say', { text: 'once' })
  await honest.ask('send', { peerId: scene.peerId, bytes: sent })
  await honest.ask('stop', {})
  const { forth } = await attacker.ask('recorded', {})
  const before = await victim.ask('figures', {})
  const times = full ? 10 : 3
  const again = await attacker.ask('replays', { ...where, sent: forth, times })
  const after = await victim.ask('figures', {})
  // And inside the link itself: everything the dialler says arrives twice.
  const doubled = await scene.honest(false)
  await doubled.ask('connect', { address: `127.0.0.1:${port}` })
  await attacker.ask('stutter', {})
  await doubled.ask('send', { peerId: scene.peerId, bytes: sent }, 10_000).catch(() => {})
  await sleep(100)
  const last = await victim.ask('figures', {})
  return [
    { name: 'bytes recorded', value: forth.length, unit: '', least: sent },
    { name: 'connections that repeat them', value: again.connections, unit: '', least: 2 * times },
    { name: 'sessions', value: after.sessions - before.sessions, unit: '', most: 0 },
    { name: 'bytes delivered again', value: after.delivered - before.delivered, unit: '', most: 0 },
    { name: 'chat shown again', value: after.chats - 1, unit: '', most: 0, least: 0 },
    { name: 'Diffie-Hellmans', value: after.dhs - before.dhs, unit: '', most: 0 },
    { name: 'most that came back', value: again.mostBack, unit: 'bytes', most: again.message1 },
    { name: 'answers that were no cookie', value: again.otherAnswers, unit: '', most: 0 },
    {
      name: 'of records sent twice, delivered',
      value: last.delivered - after.delivered,
      unit: 'bytes',
      most: sent,
    },
    { name: 'links left with the one who doubles', value: last.peers, unit: '', most: 0 },
  ]
}

export const cookies: Flood = {
  name: 'cookies',
  codes: 'HS-19 HS-20',
  async run(scene, full) {
    await scene.start({ aged: false })
    const count = full ? 2_000 : 100
    const told = await scene.attacker().ask('cookies', { ...scene.where, count })
    const { dhs } = await scene.victim.ask('figures', {})
    return [
      { name: 'asked without a cookie', value: told.asked, unit: '', least: count },
      { name: 'answers that were no cookie', value: told.otherAnswers, unit: '', most: 0 },
      { name: 'answer larger than the question by', value: told.excess, unit: 'bytes', most: 0 },
      { name: 'own cookie: went on', value: told.proceeded, unit: '', least: count - told.strangeTried },
      { name: 'cookie of another connection: went on', value: told.strangeAccepted, unit: '', most: 0 },
      { name: 'tried with such a one', value: told.strangeTried, unit: '', least: count / 2 - 1 },
      // Message 2 takes two; nothing before it takes any.
      { name: 'Diffie-Hellmans for others', value: dhs - 2 * told.proceeded, unit: '', most: 0, least: 0 },
    ]
  },
}

/** Strangers a second, for as long as a transfer is watched: some 6,000 sockets a second are all a bare sink can do. */
const RATE = 1_000

/** Visits to the victim, and as many to the bare sink. */
interface Round {
  readonly fast: VisitFigures
  readonly strained: VictimFigures
  readonly control: VisitFigures
  readonly bare: Usage
}

export const refusing: Flood = {
  name: 'refusing',
  codes: 'P2',
  async run(scene, full) {
    await scene.start()
    const { victim, where, peerId } = scene
    const honest = await scene.honest()
    const { sink, port } = await scene.sink()
    const attacker = scene.attacker()
    const flood = { visits: 1_000_000, quick: true }
    const measured = { ...where, visits: full ? 6_000 : 2_000, quick: true, atOnce: 64 }
    const ms = full ? 4_000 : 500
    // As fast as it goes, the victim doing nothing else. The first thousand are slow everywhere.
    for (const to of [scene.port, port])
      await attacker.ask('visits', { ...measured, port: to, visits: 1_000 })
    // In turn, for the machine is not as fast at all times.
    const rounds: Round[] = []
    for (let round = 0; round < (full ? 5 : 3); round++) {
      await victim.ask('begin', {})
      const fast = await attacker.ask('visits', measured)
      const strained = await victim.ask('figures', {})
      await sink.ask('begin', {})
      const control = await attacker.ask('visits', { ...measured, port })
      rounds.push({ fast, strained, control, bare: await sink.ask('figures', {}) })
    }
    // At one rate, into the sink and into the victim, beside a transfer into the victim.
    const rates: { calm: number[]; sink: number[]; victim: number[] } = { calm: [], sink: [], victim: [] }
    const passes = full ? 5 : 2
    for (let pass = 0; pass <= passes; pass++) {
      rates.calm.push((await honest.ask('transfer', { peerId, ms })).rate)
      for (const target of ['sink', 'victim'] as const) {
        const to = target === 'sink' ? port : scene.port
        const running = attacker.ask('visits', {
          ...where,
          port: to,
          ...flood,
          atOnce: 64,
          ms: ms + 200,
          rate: RATE,
        })
        await sleep(100)
        const { rate } = await honest.ask('transfer', { peerId, ms })
        if (pass > 0) rates[target].push(rate)
        await running
      }
    }
    const { dhs } = await victim.ask('figures', {})
    const median = (all: readonly number[]): number => quantile(all, 0.5) / 1e6
    const of = (figure: (round: Round) => number): number => quantile(rounds.map(figure), 0.5)
    const most = (figure: (round: Round) => number): number => Math.max(...rounds.map(figure))
    const refusal = ({ fast, strained }: Round): number => (1000 * strained.cpuSeconds) / fast.visits
    const bareOne = ({ control, bare }: Round): number => (1000 * bare.cpuSeconds) / control.visits
    const each = of(refusal)
    return [
      {
        name: 'refused a second, everything on these cores',
        value: of(({ fast }) => fast.visits / fast.seconds),
        unit: '1/s',
      },
      {
        name: 'a bare sink in the same place',
        value: of(({ control }) => control.visits / control.seconds),
        unit: '1/s',
      },
      { name: 'CPU time of one refusal', value: each, unit: 'ms' },
      { name: 'CPU time of one in the bare sink', value: of(bareOne), unit: 'ms' },
      {
        name: 'refused a second of a whole core',
        value: 1000 / each,
        unit: '1/s',
        ...(full && { least: 2_000 }),
      },
      {
        name: 'share of the bare sink',
        value: of(round => bareOne(round) / refusal(round)),
        unit: '',
        least: 0.25,
      },
      { name: 'bytes that came back', value: most(({ fast }) => fast.bytesBack), unit: '', most: 0 },
      // The link of the honest member took four.
      { name: 'Diffie-Hellmans', value: dhs, unit: '', most: 4 },
      { name: 'loop delay p99, as measured', value: most(({ strained }) => strained.loopP99), unit: 'ms' },
      {
        name: 'less what others had the core',
        value: most(({ strained }) => strained.loopOwn),
        unit: 'ms',
        most: 50,
      },
      { name: 'loop delay p99, bare sink', value: most(({ bare }) => bare.loopP99), unit: 'ms' },
      { name: 'transfer, no flood', value: median(rates.calm), unit: 'MB/s' },
      { name: `transfer, ${RATE} strangers/s into the sink`, value: median(rates.sink), unit: 'MB/s' },
      { name: `transfer, ${RATE} strangers/s into the victim`, value: median(rates.victim), unit: 'MB/s' },
      {
        name: 'of its speed is kept',
        value: median(rates.victim) / median(rates.sink),
        unit: '',
        // A second is too short to tell much.
        least: full ? 0.7 : 0.4,
      },
    ]
  },
}
