/**
 * P15: everything at once, for a minute. Strangers, half-open handshakes, and members gone bad of
 * every kind, while an honest member asks for an echo every 50 ms and newcomers join.
 */
import { execFileSync } from 'node:child_process'
import type { DeedName } from './deeds.ts'
import { mib } from './report.ts'
import { type Flood, sleep } from './scene.ts'

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

/** Of this process and those it starts, as they have the same. */
function descriptorLimit(): number {
  try {
    return Number(execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' })) || Number.POSITIVE_INFINITY
  } catch {
    return Number.POSITIVE_INFINITY
  }
}

export const everything: Flood = {
  name: 'everything',
  codes: 'P15',
  async run(scene, full) {
    const ms = full ? 60_000 : 4_000
    await scene.start({ maxPeers: 40 })
    const { victim, where, peerId, swarmKey, address } = scene
    const [honest, newcomers] = [await scene.honest(), await scene.honest(false)]
    const [strangers, halfOpen, members, sleepers] = [
      scene.attacker(),
      scene.attacker(),
      scene.attacker(),
      scene.attacker(),
    ]
    // Does nothing: how late it is shows what the machine itself allows.
    const { sink: witness } = await scene.sink()
    const forever = 1_000_000_000
    const before = await victim.ask('begin', {})
    await witness.ask('begin', {})
    await honest.ask('startPings', { peerId })
    const joining = newcomers.ask('newcomers', { swarmKey, address, ms: ms - 500 })
    const visits = strangers.ask('visits', { ...where, visits: forever, atOnce: 32, ms, quick: true })
    const half = halfOpen.ask('halfOpenOn', { ...where, count: 200 * (ms / 1_000), atOnce: 8 })
    const done = Promise.all(
      deeds.map(one => members.ask('deed', { ...where, ...one, fill: forever }).catch(() => undefined)),
    )
    const trickle = members.ask('singleBytes', { ...where, fill: forever }).catch(() => undefined)
    await sleepers.ask('neverReads', { ...where, members: 2 })
    await sleepers.ask('unread', { ...where, shape: 'kilobytes' })
    const visited = await visits
    const peers = await joining
    const figures = await victim.ask('figures', {})
    const idle = await witness.ask('figures', {})
    const pings = await honest.ask('pings', {})
    await Promise.all([strangers, halfOpen, members, sleepers].map(one => one.ask('stop', {})))
    const told = (await done).flatMap(one => one ?? [])
    await Promise.all([half, trickle])
    await sleep(500)
    const after = await victim.ask('live', {})
    return [
      { name: 'for', value: ms / 1_000, unit: 's' },
      { name: 'strangers', value: visited.visits, unit: '' },
      { name: 'bytes that came back to them', value: visited.bytesBack, unit: '', most: 0 },
      { name: 'links of members gone bad', value: told.reduce((sum, one) => sum + one.links, 0), unit: '' },
      {
        name: 'frames they sent, in thousands',
        value: told.reduce((sum, one) => sum + one.sent, 0) / 1000,
        unit: '',
      },
      { name: 'resident memory grown', value: mib(figures.rssGrown), unit: 'MiB', most: 256 },
      {
        name: 'memory left half a second later',
        value: mib(after.live - before.live),
        unit: 'MiB',
        most: 16,
      },
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
      { name: 'honest pings', value: pings.count, unit: '', least: ms / 1_500 },
      { name: 'of them failed', value: pings.failed, unit: '', most: 0 },
      { name: 'honest ping, median', value: pings.median, unit: 'ms' },
      { name: 'honest ping, slowest', value: pings.slowest, unit: 'ms', most: 1_000 },
      { name: 'newcomers linked', value: peers.count, unit: '', least: ms / 2_000 },
      { name: 'newcomers that failed', value: peers.failed, unit: '' },
      { name: 'newcomer, slowest', value: peers.slowest, unit: 'ms', most: 5_000 },
    ]
  },
}
