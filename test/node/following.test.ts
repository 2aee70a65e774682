/** Whose log is read when: back-off, faults, and peers that come together, in virtual time. */
import t from 'tap'
import { type ErrorCode, GuildError } from '../../src/base/errors.ts'
import { defaults, Following } from '../../src/node/log/following.ts'
import type { Pull } from '../../src/node/log/pull.ts'
import { Drive } from '../../src/runtime/drive.ts'
import { World } from '../../src/testing/world.ts'

interface Begun {
  readonly peerId: string
  readonly at: number
  readonly caughtUp: () => void
  readonly fail: (code: ErrorCode) => void
  readonly stopped: () => ErrorCode | undefined
}

/** `fate`: what comes of a pull at once; nothing: it waits. */
function scene(fate: (peerId: string, count: number) => ErrorCode | undefined = () => undefined) {
  const world = new World()
  const drive = new Drive(
    { now: () => world.now, wall: () => world.now },
    {
      arm: (at, wake) => void world.at(at, wake),
      disarm: () => {},
      defer: work => void world.after(0, work),
    },
  )
  const begun: Begun[] = []
  const faults: ErrorCode[] = []
  const following = new Following({
    drive,
    pull: (peerId, caughtUp) => {
      let fail = (_: GuildError): void => {}
      const done = new Promise<void>((_, reject) => {
        fail = reject
      })
      let stopped: ErrorCode | undefined
      const one = { peerId, at: world.now, caughtUp, stopped: () => stopped }
      begun.push({ ...one, fail: code => world.enter(() => fail(new GuildError(code))) })
      const count = begun.filter(other => other.peerId === peerId).length
      const code = fate(peerId, count)
      if (code !== undefined) world.after(1, () => world.enter(() => fail(new GuildError(code))))
      const stop = (error: GuildError): void => {
        stopped = error.code
        fail(error)
      }
      return { done, stop } as Pull
    },
    fault: error => faults.push(error.code),
  })
  const gaps = (peerId: string): number[] => {
    const times = begun.filter(one => one.peerId === peerId).map(({ at }) => at)
    return times.slice(1).map((at, n) => at - times[n]! - 1)
  }
  return { world, following, begun, faults, gaps }
}

t.test(
  'LG-07 a pull that broke comes again after 1, 2, 4 … 30 s; one that reached the end counts anew',
  async t => {
    const { world, following, begun, gaps } = scene((_, count) =>
      count === 8 ? undefined : 'GH_LINK_CLOSED',
    )
    following.follow('a')
    await world.run(() => begun.length === 8)
    t.strictSame(gaps('a'), [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
    begun[7]!.caughtUp()
    begun[7]!.fail('GH_STREAM_RESET')
    await world.run(() => begun.length === 9)
    t.ok(begun[8]!.at - begun[7]!.at <= defaults.retryFirst + 1)
    following.stop()
  },
)

t.test(
  'LG-07 who breaks the rules is asked again after a minute, three times in all on this link',
  async t => {
    const { world, following, begun, faults, gaps } = scene(() => 'GH_LOG_ENTRY')
    following.follow('a')
    await world.run(600_000)
    t.strictSame(gaps('a'), [defaults.afterFault, defaults.afterFault])
    t.strictSame(faults, ['GH_LOG_ENTRY', 'GH_LOG_ENTRY', 'GH_LOG_ENTRY'])
    following.leave('a')
    following.follow('a')
    await world.run(world.now + 10)
    t.equal(begun.length, 4, 'a new link is a new beginning')
  },
)

t.test('a peer without a log is left alone until it asks for ours', async t => {
  const { world, following, begun } = scene((_, count) =>
    count === 1 ? 'GH_STREAM_PROTOCOL_UNKNOWN' : undefined,
  )
  following.follow('a')
  await world.run(600_000)
  t.equal(begun.length, 1)
  following.follow('a')
  following.follow('a')
  t.equal(begun.length, 2)
})

t.test(
  'peers that come together: one after the other, each at the end of the one before or a second later',
  async t => {
    const { world, following, begun } = scene()
    for (const peerId of ['a', 'b', 'c', 'd']) following.follow(peerId)
    await world.run(400)
    t.strictSame(
      begun.map(({ peerId }) => peerId),
      ['a'],
    )
    begun[0]!.caughtUp()
    following.leave('c')
    await world.run(world.now + 5_000)
    t.strictSame(
      begun.map(({ peerId, at }) => [peerId, at]),
      [
        ['a', 0],
        ['b', 400],
        ['d', 400 + defaults.alone],
      ],
    )
    following.stop()
    t.strictSame(
      begun.map(({ stopped }) => stopped()),
      ['GH_LINK_CLOSED', 'GH_LINK_CLOSED', 'GH_LINK_CLOSED'],
    )
    following.follow('e')
    t.equal(begun.length, 3, 'nothing begins after the end')
  },
)

t.test('a link that drains: the pull goes on over the other one at once, and that is no failure', async t => {
  const { world, following, begun } = scene()
  following.follow('a')
  following.move('a')
  await world.run(60_000)
  t.equal(begun.length, 2)
  t.strictSame([begun[0]!.stopped(), begun[1]!.at], ['GH_LINK_REPLACED', 0])
})
