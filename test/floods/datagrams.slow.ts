/** The floods of datagrams at a hundredth of their size, for what they must not do; how fast they may be is for `npm run floods`. */
import t from 'tap'
import { UdpProxy } from '../lab/udp-proxy.ts'
import type { Child } from './child.ts'
import type { HonestCommands } from './honest.ts'
import { Scene, until } from './scene.ts'

/** One victim for all of them, which has run for an hour. */
const scene = new Scene()
const { victim } = scene
const attacker = scene.attacker()
/** An honest member that is linked by UDP. */
let other: Child<HonestCommands>

t.before(async () => {
  await scene.start()
})
t.teardown(() => scene.end())

t.test('P1 HS-01 HS-02 datagrams of strangers, each length from 0 to 1,500 among them: no reply', async t => {
  const volley = { ...scene.where, rate: 20_000 }
  const told = await attacker.ask('volley', { ...volley, count: 3_002, kinds: ['each length'] })
  const others = await attacker.ask('volley', { ...volley, count: 3_000 })
  const { datagramsIn, datagramsOut, dhs, sessions } = await victim.ask('figures', {})
  t.ok(datagramsIn >= 5_000, `${datagramsIn} read`)
  t.match({ datagramsOut, dhs, sessions }, { datagramsOut: 0, dhs: 0, sessions: 0 })
  t.equal(told.datagramsBack + others.datagramsBack, 0)
})

t.test(
  'P4 P8 HS-09 what a member once sent, again from elsewhere: one cookie or a reset, no session',
  async t => {
    const before = await victim.ask('figures', {})
    const told = await attacker.ask('replayDatagrams', { ...scene.where, times: 3 })
    const after = await victim.ask('figures', {})
    t.ok(told.messages1 >= 1 && told.recorded > told.messages1)
    t.ok(told.mostBack <= told.message1, `${told.mostBack} bytes back`)
    t.equal(told.otherAnswers, 0)
    t.equal(after.sessions - before.sessions, 1, 'the one that was recorded')
    const { worst } = await victim.ask('traffic', { ports: told.ports })
    t.ok(worst > 0 && worst <= 1, `${worst} times what came`)
  },
)

t.test('P3 a member that proves itself and says no more is a peer at once', async t => {
  const before = await victim.ask('figures', {})
  const { halfOpen, excess } = await attacker.ask('ask', {
    ...scene.where,
    count: 1,
    atOnce: 1,
    answering: true,
  })
  t.equal(halfOpen, 1)
  t.ok(excess <= 0, 'no answer is larger than what it answers')
  t.equal((await victim.ask('figures', {})).sessions, before.sessions, 'message 2 makes no peer')
  await attacker.ask('prove', { count: 1 })
  const came = async () => (await victim.ask('figures', {})).sessions > before.sessions
  t.not(await until(came, 1_000), Number.NaN)
})

t.test(
  'P5 forged packets to a link, and damaged ones on its way: it stands, and nothing is altered',
  async t => {
    const proxy = await UdpProxy.start({
      seed: 5,
      target: { host: '127.0.0.1', port: scene.port },
    })
    t.teardown(() => proxy.close())
    const honest = await scene.honest(false, true)
    await honest.ask('connect', { address: `127.0.0.1:${proxy.port}` })
    proxy.weather({ corrupt: 0.25 })
    const before = await victim.ask('figures', {})
    for (let i = 0; i < 50 && proxy.counts().corrupted < 3; i++) {
      const { answer } = await honest.ask('send', { peerId: scene.peerId, bytes: 10_000 })
      if (!answer.startsWith('10000 ')) t.fail(answer)
    }
    t.ok(proxy.counts().corrupted >= 3, `${proxy.counts().corrupted} damaged`)
    proxy.weather({ corrupt: 0 })
    other = await scene.honest(true, true)
    const { port } = await other.ask('where', {})
    const { head } = await victim.ask('traffic', { ports: [port] })
    t.equal(head.length, 13)
    const forged = await attacker.ask('volley', { ...scene.where, head, count: 2_000, rate: 20_000 })
    t.equal(forged.datagramsBack, 0)
    t.ok((await other.ask('echo', { peerId: scene.peerId, ms: 50 })).same)
    const after = await victim.ask('figures', {})
    t.equal(after.sessions - before.sessions, 1, 'no link was made anew')
    await honest.ask('stop', {})
  },
)

t.test(
  'FR-04 FR-07 FR-08 over datagrams too members gone bad are shown out with the code that says why',
  async t => {
    for (const [deed, fill, code, look] of [
      ['pings', 40_000, 7, 21_000],
      ['emptyStreams', 40_000, 7, 14_000],
      ['opens', 1_000, 4, 500],
      ['churn', 5_500, 7, 4_500],
    ] as const) {
      const { shownOut } = await attacker.ask('deed', { ...scene.where, deed, fill, look, udp: true })
      t.ok((shownOut[code] ?? 0) > 0, deed)
      const { answer } = await other.ask('send', { peerId: scene.peerId, bytes: 10_000 })
      t.match(answer, /^10000 /, `${deed}: others are not touched`)
    }
  },
)

t.test(
  'P8 UQ-10 a member that moves and never answers where it moved to: never above three times what came',
  async t => {
    const { ports, heard } = await attacker.ask('wanders', { ...scene.where, ports: 4 })
    const traffic = await victim.ask('traffic', { ports })
    t.ok(traffic.in > 0 && traffic.out > 0, 'it was heard there, and challenged')
    t.ok(traffic.worst <= 3, `${traffic.worst} times`)
    t.ok(heard > 0, 'where it had been it is served on')
  },
)
