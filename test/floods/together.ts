/**
 * P15: everything at once, for a minute, over TCP and over UDP. Strangers, half-open handshakes, forged
 * packets, and members gone bad of every kind, while two honest members ask for an echo every 50 ms and
 * newcomers join.
 */
import { execFileSync } from 'node:child_process'
import type { DeedName } from './deeds.ts'
import type { PingFigures } from './honest.ts'
import { type Figure, mib } from './report.ts'
import { type Flood, type Scene, sleep, until } from './scene.ts'

/** Each goes on until the end, on one link after the other. */
const deeds: readonly { deed: DeedName; look: number }[] = [
  { deed: 'padding', look: 25_000 },
  { deed: 'pings', look: 25_000 },
  { deed: 'emptyStreams', look: 15_000 },
  { deed: 'opens', look: 2_000 },
  { deed: 'churn', look: 5_000 },
  { deed: 'requests', look: 200 },
  { deed: 'chats', look: 4_000 },
  { deed: 'forgedChats', look: 4_000 },
]

/** The same over datagrams, but for what costs nothing there; and a packet that costs as much as one can. */
const byDatagrams: readonly { deed: DeedName; look?: number }[] = [
  ...deeds.filter(({ deed }) => deed !== 'padding'),
  { deed: 'crumbs' },
]

/** Of this process and those it starts, as they have the same. */
function descriptorLimit(): number {
  try {
    return Number(execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' })) || Number.POSITIVE_INFINITY
  } catch {
    return Number.POSITIVE_INFINITY
  }
}

const MIB = 2 ** 20
const MEMORY_LEFT = 16 * MIB
/** Links over datagrams end after 30 s of silence. */
const IDLE = 32_000

export const everything: Flood = {
  name: 'everything',
  codes: 'P15',
  async run(scene, full) {
    const ms = full ? 60_000 : 4_000
    await scene.start({ maxPeers: 40 })
    const { victim, where, peerId, swarmKey, address } = scene
    const [honest, newcomers] = [await scene.honest(), await scene.honest(false)]
    const byUdp = await scene.honest(true, true)
    const attackers = Array.from({ length: 7 }, () => scene.attacker())
    const [strangers, halfOpen, members, sleepers, volleys, forgers, packets] = attackers as Attackers
    const { port: from } = await byUdp.ask('where', {})
    const { head } = await victim.ask('traffic', { ports: [from] })
    // Does nothing: how late it is shows what the machine itself allows.
    const { sink: witness } = await scene.sink()
    const forever = 1_000_000_000
    const before = await victim.ask('begin', {})
    await witness.ask('begin', {})
    await honest.ask('startPings', { peerId })
    await byUdp.ask('startPings', { peerId })
    const joining = newcomers.ask('newcomers', { swarmKey, address, ms: ms - 500 })
    const visits = strangers.ask('visits', { ...where, visits: forever, atOnce: 32, ms, quick: true })
    const half = halfOpen.ask('halfOpenOn', { ...where, count: 200 * (ms / 1_000), atOnce: 8 })
    const volley = volleys.ask('volley', { ...where, count: forever, rate: 5_000, ms })
    const forged = forgers.ask('volley', { ...where, count: forever, rate: 2_000, ms, head })
    const asked = volleys.ask('ask', { ...where, count: 200 * (ms / 1_000), atOnce: 8, answering: true })
    const of = (who: typeof members, all: typeof byDatagrams, udp: boolean) =>
      all.map(one => who.ask('deed', { ...where, ...one, fill: forever, udp }).catch(() => undefined))
    const done = Promise.all([...of(members, deeds, false), ...of(packets, byDatagrams, true)])
    const trickle = members.ask('singleBytes', { ...where, fill: forever }).catch(() => undefined)
    await sleepers.ask('neverReads', { ...where, members: 2 })
    await sleepers.ask('unread', { ...where, shape: 'kilobytes' })
    await sleepers.ask('neverReads', { ...where, members: 2, udp: true })
    // Where there is hardly time for its packets it is at it until the end.
    const slow = sleepers.ask('unread', { ...where, shape: 'kilobytes', udp: true })
    const visited = await visits
    const peers = await joining
    const figures = await victim.ask('figures', {})
    const idle = await witness.ask('figures', {})
    const pings = await honest.ask('pings', {})
    const pingsByUdp = await byUdp.ask('pings', {})
    await Promise.all(attackers.map(one => one.ask('stop', {})))
    const told = (await done).flatMap(one => one ?? [])
    await Promise.all([half, trickle, asked, slow])
    const [nothing, nobody] = await Promise.all([volley, forged])
    await sleep(1_000)
    // A CLOSE in one datagram is lost where so many are: such a link ends by itself, in silence.
    const left = async (): Promise<number> => (await victim.ask('live', {})).live - before.live
    const letGo = await until(async () => (await left()) <= MEMORY_LEFT, IDLE)
    return [
      { name: 'for', value: ms / 1_000, unit: 's' },
      { name: 'strangers', value: visited.visits, unit: '' },
      { name: 'bytes that came back to them', value: visited.bytesBack, unit: '', most: 0 },
      { name: 'datagrams of strangers, and forged packets', value: nothing.sent + nobody.sent, unit: '' },
      {
        name: 'datagrams that came back to them',
        value: nothing.datagramsBack + nobody.datagramsBack,
        unit: '',
        most: 0,
      },
      { name: 'datagrams read', value: figures.datagramsIn, unit: '' },
      { name: 'links of members gone bad', value: told.reduce((sum, one) => sum + one.links, 0), unit: '' },
      {
        name: 'frames they sent, in thousands',
        value: told.reduce((sum, one) => sum + one.sent, 0) / 1000,
        unit: '',
      },
      { name: 'resident memory grown', value: mib(figures.rssGrown), unit: 'MiB', most: 256 },
      {
        name: 'memory left once they were gone',
        value: mib(await left()),
        unit: 'MiB',
        most: MEMORY_LEFT / MIB,
      },
      { name: 'which took, from a second later on', value: letGo, unit: 'ms' },
      { name: 'descriptors', value: figures.files, unit: '', most: descriptorLimit() - 64 },
      { name: 'most pipes open', value: figures.pipesPeak, unit: '', most: 1_024 + 40 + 2 },
      { name: 'loop delay p99, as measured', value: figures.loopP99, unit: 'ms' },
      // Four seconds are mostly the first bursts, and the machine may be anybody's: told, not judged.
      {
        name: 'less what others had the core',
        value: figures.loopOwn,
        unit: 'ms',
        ...(full ? { most: 100 } : {}),
      },
      { name: 'loop delay p99 of a process that does nothing', value: idle.loopP99, unit: 'ms' },
      { name: 'loop delay, longest', value: figures.loopMax, unit: 'ms' },
      { name: 'CPU used, of one core', value: figures.cpuSeconds / figures.seconds, unit: '' },
      ...pinged('TCP', pings, ms),
      ...pinged('UDP', pingsByUdp, ms),
      { name: 'newcomers linked', value: peers.count, unit: '', least: ms / 2_000 },
      { name: 'newcomers that failed', value: peers.failed, unit: '' },
      { name: 'newcomer, slowest', value: peers.slowest, unit: 'ms', most: 5_000 },
    ]
  },
}

type Attackers = [Attacker, Attacker, Attacker, Attacker, Attacker, Attacker, Attacker]
type Attacker = ReturnType<Scene['attacker']>

function pinged(over: string, { count, failed, median, slowest }: PingFigures, ms: number): Figure[] {
  return [
    { name: `honest pings over ${over}`, value: count, unit: '', least: ms / 1_500 },
    { name: `of them over ${over}, failed`, value: failed, unit: '', most: 0 },
    { name: `honest ping over ${over}, median`, value: median, unit: 'ms' },
    { name: `honest ping over ${over}, slowest`, value: slowest, unit: 'ms', most: 1_000 },
  ]
}
