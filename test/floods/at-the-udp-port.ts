/**
 * Floods of datagrams by those who hold no key, prove nothing, or only repeat what others said.
 */
import type { Child } from './child.ts'
import type { HonestCommands } from './honest.ts'
import { type Figure, mib, quantile } from './report.ts'
import { type Flood, type Scene, sleep, until } from './scene.ts'
import type { VictimFigures } from './victim.ts'

export const datagrams: Flood = {
  name: 'datagrams',
  codes: 'P1 HS-01 HS-02',
  async run(scene, full) {
    await scene.start()
    const { victim, where } = scene
    const wanted = full ? 500_000 : 10_000
    const attacker = scene.attacker()
    await victim.ask('begin', {})
    let [sent, back, seconds] = [0, 0, 0]
    let figures = await victim.ask('figures', {})
    // Some are lost in the system, where the flood is faster than the node: they do not count.
    for (let i = 0; i < 40 && figures.datagramsIn < wanted; i++) {
      const told = await attacker.ask('volley', { ...where, count: wanted / 4 })
      sent += told.sent
      back += told.datagramsBack
      seconds += told.seconds
      figures = await victim.ask('figures', {})
    }
    const honest = await scene.honest(false, true)
    const { ms } = await honest.ask('connect', { address: scene.address })
    return [
      { name: 'datagrams sent', value: sent, unit: '', least: wanted },
      { name: 'of them read by the victim', value: figures.datagramsIn, unit: '', least: wanted },
      { name: 'datagrams that came back', value: back, unit: '', most: 0 },
      { name: 'datagrams the victim wrote', value: figures.datagramsOut, unit: '', most: 0 },
      { name: 'Diffie-Hellmans', value: figures.dhs, unit: '', most: 0 },
      { name: 'sent a second', value: sent / seconds, unit: '1/s' },
      { name: 'memory grown, resident', value: mib(figures.rssGrown), unit: 'MiB', most: 64 },
      { name: 'an honest member links in', value: ms, unit: 'ms', most: 2_000 },
    ]
  },
}

export const datagramReplays: Flood = {
  name: 'datagram-replays',
  codes: 'P4 P1 P8 HS-09',
  async run(scene, full) {
    await scene.start()
    const { victim, where } = scene
    const attacker = scene.attacker()
    const before = await victim.ask('figures', {})
    const told = await attacker.ask('replayDatagrams', { ...where, times: full ? 10 : 3 })
    const { ports } = told
    const after = await victim.ask('figures', {})
    const traffic = await victim.ask('traffic', { ports })
    return [
      { name: 'datagrams recorded', value: told.recorded, unit: '', least: 4 },
      { name: 'message 1 among them', value: told.messages1, unit: '', least: 1 },
      { name: 'bytes back for one, all times together', value: told.mostBack, unit: '', most: told.message1 },
      { name: 'answers that were no cookie, and no reset', value: told.otherAnswers, unit: '', most: 0 },
      {
        name: 'sessions beside the recorded one',
        value: after.sessions - before.sessions - 1,
        unit: '',
        most: 0,
      },
      // Four of the recorded link itself.
      { name: 'Diffie-Hellmans', value: after.dhs - before.dhs, unit: '', most: 4 },
      { name: 'chat shown', value: after.chats, unit: '', most: 0 },
      { name: 'most that went out for a byte that came', value: traffic.worst, unit: '', most: 1 },
    ]
  },
}

/** Strangers' datagrams a second beside a transfer. */
const RATE = 15_000

export const datagramRefusing: Flood = {
  name: 'datagram-refusing',
  codes: 'P2 HS-01',
  async run(scene, full) {
    await scene.start()
    const { victim, where } = scene
    const attacker = scene.attacker()
    const { sink, port } = await scene.sink()
    const count = full ? 300_000 : 10_000
    await attacker.ask('volley', { ...where, count: 5_000 })
    await victim.ask('begin', {})
    const before = await victim.ask('figures', {})
    const fast = await attacker.ask('volley', { ...where, count })
    const strained = await victim.ask('figures', {})
    await sink.ask('begin', {})
    await attacker.ask('volley', { ...where, port, count })
    const bare = await sink.ask('figures', {})
    const each = micros(strained, before)
    const eachBare = (1e6 * bare.cpuSeconds) / bare.datagrams
    const read = strained.datagramsIn - before.datagramsIn
    return [
      { name: 'refused a second, everything on these cores', value: read / fast.seconds, unit: '1/s' },
      { name: 'CPU time of one refusal', value: each, unit: 'µs' },
      { name: 'CPU time of one in a bare socket', value: eachBare, unit: 'µs' },
      {
        name: 'refused a second of a whole core',
        value: 1e6 / each,
        unit: '1/s',
        ...(full && { least: 15_000 }),
      },
      { name: 'datagrams that came back', value: fast.datagramsBack, unit: '', most: 0 },
      { name: 'Diffie-Hellmans', value: strained.dhs, unit: '', most: 0 },
      { name: 'loop delay p99, as measured', value: strained.loopP99, unit: 'ms' },
      { name: 'less what others had the core', value: strained.loopOwn, unit: 'ms', most: 50 },
      ...(await beside(scene, full, { port, flood: { ...where } })),
    ]
  },
}

/** CPU time of one datagram between two looks. */
function micros(after: VictimFigures, before: VictimFigures): number {
  return (1e6 * after.cpuSeconds) / (after.datagramsIn - before.datagramsIn)
}

/** How fast transfers into the victim are beside a flood into it, and into a bare socket. */
async function beside(
  scene: Scene,
  full: boolean,
  { port, flood }: { port: number; flood: { port: number; swarmKey: Uint8Array; head?: Uint8Array } },
  members?: readonly { name: string; honest: Child<HonestCommands> }[],
): Promise<Figure[]> {
  const { peerId } = scene
  const attacker = scene.attacker()
  const ms = full ? 3_000 : 400
  const passes = full ? 5 : 1
  const honest = members ?? [
    { name: 'TCP', honest: await scene.honest(true, false) },
    { name: 'UDP', honest: await scene.honest(true, true) },
  ]
  const figures: Figure[] = []
  for (const { name, honest: one } of honest) {
    const rates: Record<'calm' | 'sink' | 'victim', number[]> = { calm: [], sink: [], victim: [] }
    for (let pass = 0; pass <= passes; pass++) {
      const calm = (await one.ask('transfer', { peerId, ms })).rate
      if (pass > 0) rates.calm.push(calm)
      for (const target of ['sink', 'victim'] as const) {
        const to = target === 'sink' ? port : scene.port
        const options = { ...flood, port: to, count: 1e9, rate: RATE, ms: ms + 200 }
        const running = attacker.ask('volley', options)
        await sleep(100)
        const { rate } = await one.ask('transfer', { peerId, ms })
        if (pass > 0) rates[target].push(rate)
        await running
      }
    }
    const [calm, sink, victim] = [rates.calm, rates.sink, rates.victim].map(all => quantile(all, 0.5) / 1e6)
    figures.push(
      { name: `transfer over ${name}, no flood`, value: calm!, unit: 'MB/s' },
      { name: `transfer over ${name}, ${RATE}/s into a bare socket`, value: sink!, unit: 'MB/s' },
      { name: `transfer over ${name}, ${RATE}/s into the victim`, value: victim!, unit: 'MB/s' },
      // Half a second is too short to tell much.
      {
        name: `of its speed over ${name} is kept`,
        value: victim! / sink!,
        unit: '',
        least: full ? 0.7 : 0.2,
      },
    )
  }
  return figures
}

export const forgedPackets: Flood = {
  name: 'forged-packets',
  codes: 'P5 P2',
  async run(scene, full) {
    await scene.start()
    const { victim, where, peerId } = scene
    const honest = await scene.honest(true, true)
    const { port: from } = await honest.ask('where', {})
    const { port } = await scene.sink()
    // Whoever sits on the path has seen how its packets begin.
    const { head } = await victim.ask('traffic', { ports: [from] })
    const attacker = scene.attacker()
    const flood = { ...where, head }
    await attacker.ask('volley', { ...flood, count: 5_000 })
    await victim.ask('begin', {})
    const before = await victim.ask('figures', {})
    await honest.ask('startPings', { peerId })
    const fast = await attacker.ask('volley', { ...flood, count: full ? 300_000 : 10_000 })
    const pings = await honest.ask('pings', {})
    const strained = await victim.ask('figures', {})
    const each = micros(strained, before)
    const speed = await beside(scene, full, { port, flood }, [{ name: 'UDP', honest }])
    const echo = await honest.ask('echo', { peerId, ms: 300 })
    const { sessions, peers } = await victim.ask('figures', {})
    return [
      { name: 'forged packets sent', value: fast.sent, unit: '' },
      {
        name: 'forged packets read',
        value: strained.datagramsIn - before.datagramsIn,
        unit: '',
        least: 1_000,
      },
      { name: 'CPU time of one', value: each, unit: 'µs', ...(full && { most: 40 }) },
      { name: 'datagrams that came back', value: fast.datagramsBack, unit: '', most: 0 },
      { name: 'loop delay p99, as measured', value: strained.loopP99, unit: 'ms' },
      { name: 'less what others had the core', value: strained.loopOwn, unit: 'ms', most: 50 },
      { name: 'honest pings on that link', value: pings.count, unit: '', least: 1 },
      { name: 'of them failed', value: pings.failed, unit: '', most: 0 },
      { name: 'slowest', value: pings.slowest, unit: 'ms', most: 1_000 },
      ...speed,
      { name: 'bytes come back as they were', value: Number(echo.same), unit: '', least: 1 },
      { name: 'links ever made', value: sessions, unit: '', most: 1 },
      { name: 'links that stand', value: peers, unit: '', least: 1 },
    ]
  },
}

export const datagramHalfOpen: Flood = {
  name: 'datagram-half-open',
  codes: 'P3 P8 HS-18 HS-19',
  async run(scene, full) {
    await scene.start()
    const { victim, where, swarmKey, address } = scene
    const honest = await scene.honest(false, true)
    const attacker = scene.attacker()
    const newcomers = { swarmKey, address, udp: true }
    await honest.ask('newcomers', { ...newcomers, ms: 500 })
    const before = await victim.ask('begin', {})
    const begun = await victim.ask('figures', {})
    const count = full ? 10_000 : 1_500
    const joining = honest.ask('newcomers', { ...newcomers, ms: full ? 4_000 : 800 })
    const told = await attacker.ask('ask', { ...where, count, atOnce: 32, answering: true })
    const held = await victim.ask('live', {})
    const peers = await joining
    const full1 = await victim.ask('figures', {})
    // Busy: who brings no cookie back costs none.
    const shy = await attacker.ask('ask', {
      ...where,
      count: full ? 2_000 : 200,
      atOnce: 32,
      answering: false,
    })
    const busy = await victim.ask('figures', {})
    const traffic = await victim.ask('traffic', { ports: [told.port] })
    await attacker.ask('prove', { count: 2_048 })
    const proved = await victim.ask('figures', {})
    // What stands takes one for its message 3, and has a link that is refused or not.
    const standing = proved.dhs - busy.dhs
    await sleep(11_000)
    const after = await victim.ask('live', {})
    const late = await victim.ask('figures', {})
    await attacker.ask('prove', { count: 1_000 })
    const none = await victim.ask('figures', {})
    return [
      { name: 'half-open handshakes', value: told.halfOpen, unit: '', least: count * 0.98 },
      { name: 'of them asked for a cookie first', value: told.cookies, unit: '', least: count - 128 - 256 },
      { name: 'made in', value: told.seconds * 1000, unit: 'ms' },
      {
        name: 'answer larger than the question by',
        value: Math.max(told.excess, shy.excess),
        unit: 'bytes',
        most: 0,
      },
      { name: 'most that went out for a byte that came', value: traffic.worst, unit: '', most: 3 },
      { name: 'memory for them', value: mib(held.live - before.live), unit: 'MiB', most: 16 },
      { name: 'resident memory grown', value: mib(full1.rssGrown), unit: 'MiB', most: 64 },
      {
        name: 'Diffie-Hellmans of message 3: those kept',
        value: standing,
        unit: '',
        most: 2 * 1_024,
        least: 100,
      },
      { name: 'newcomers linked meanwhile', value: peers.count, unit: '', least: 3 },
      { name: 'newcomers that failed', value: peers.failed, unit: '', most: 0 },
      { name: 'newcomer, median', value: peers.median, unit: 'ms' },
      { name: 'newcomer, slowest', value: peers.slowest, unit: 'ms', most: 2_000 },
      { name: 'asked when busy, brought no cookie back', value: shy.cookies, unit: '', least: 100 },
      {
        name: 'Diffie-Hellmans for them',
        value: busy.dhs - full1.dhs,
        unit: '',
        most: 0,
      },
      { name: 'Diffie-Hellmans at all', value: busy.dhs - begun.dhs, unit: '' },
      {
        name: 'memory left after eleven seconds',
        value: mib(after.live - before.live),
        unit: 'MiB',
        most: 3,
      },
      { name: 'message 3 then: Diffie-Hellmans', value: none.dhs - late.dhs, unit: '', most: 0 },
      { name: 'loop delay p99', value: full1.loopP99, unit: 'ms' },
    ]
  },
}

export const resets: Flood = {
  name: 'resets',
  codes: 'UQ-15 P8',
  async run(scene, full) {
    await scene.start()
    const { victim, where, peerId } = scene
    const honest = await scene.honest(true, true)
    const { port: from } = await honest.ask('where', {})
    const { head } = await victim.ask('traffic', { ports: [from] })
    await honest.ask('stop', {})
    // Once the link is forgotten its id is one of ours that nobody has.
    const attacker = scene.attacker()
    let told = { sent: 0, datagramsBack: 0 }
    const forgotten = await until(async () => {
      told = await attacker.ask('volley', { ...where, head, count: 1 })
      return told.datagramsBack > 0
    }, 10_000)
    await sleep(3_000)
    const ms = full ? 5_000 : 1_000
    const flood = await attacker.ask('volley', { ...where, head, count: 1e9, ms })
    const { sessions, peers } = await victim.ask('figures', {})
    const traffic = await victim.ask('traffic', { ports: [flood.port] })
    const other = await scene.honest(true, true)
    const echo = await other.ask('echo', { peerId, ms: 200 })
    return [
      { name: 'the link is forgotten after', value: forgotten, unit: 'ms', most: 10_000 },
      { name: 'packets to its id', value: flood.sent, unit: '', least: 1_000 },
      {
        name: 'resets',
        value: flood.datagramsBack,
        unit: '',
        most: 40 + 20 * (flood.seconds + 0.2),
        least: 20,
      },
      { name: 'the largest', value: flood.largest, unit: 'bytes', most: 42 },
      { name: 'bytes out for a byte in, over all', value: traffic.out / traffic.in, unit: '', most: 0.1 },
      { name: 'most at any time', value: traffic.worst, unit: '', most: 1 },
      { name: 'links ever made', value: sessions, unit: '', most: 1 },
      { name: 'links that stand', value: peers, unit: '', most: 0 },
      { name: 'bytes of another link come back as they were', value: Number(echo.same), unit: '', least: 1 },
    ]
  },
}

export const wandering: Flood = {
  name: 'wandering',
  codes: 'P8 UQ-10 UQ-11',
  async run(scene, full) {
    await scene.start()
    const { victim, where } = scene
    const count = full ? 200 : 10
    const { ports, heard } = await scene.attacker().ask('wanders', { ...where, ports: count })
    const traffic = await victim.ask('traffic', { ports })
    return [
      { name: 'ports that never answered', value: ports.length, unit: '', least: count },
      { name: 'bytes from them', value: traffic.in, unit: '', least: 1_000 },
      { name: 'bytes to them', value: traffic.out, unit: '', least: 100 },
      { name: 'most that went out for a byte that came', value: traffic.worst, unit: '', most: 3 },
      { name: 'bytes of a stream to where it had been', value: heard, unit: '', least: 100_000 },
    ]
  },
}

export const atTheUdpPort: readonly Flood[] = [
  datagrams,
  datagramReplays,
  datagramRefusing,
  forgedPackets,
  datagramHalfOpen,
  resets,
  wandering,
]
