/** P15: how long a turn of the event loop may read, by a clock that the test moves. */
import t from 'tap'
import { Share, Turn } from '../../src/node/turn.ts'
import { Drive } from '../../src/runtime/drive.ts'

/** A turn whose time passes only where the test says so. */
function bench(): {
  turn: Turn
  pass: (ms: number) => void
  /** Reads fresh bytes for so long; true when that was too much. */
  read: (ms: number) => boolean
  /** The turn has read its fresh bytes: what was deferred runs. False when nothing was. */
  turned: () => boolean
} {
  let now = 500
  let deferred: (() => void)[] = []
  const drive = new Drive(
    { now: () => now, wall: () => 0 },
    { arm: () => {}, disarm: () => {}, defer: work => void deferred.push(work) },
  )
  const turn = new Turn(drive)
  const pass = (ms: number): void => {
    now += ms
  }
  return {
    turn,
    pass,
    read: ms => {
      turn.begin()
      pass(ms)
      const spent = turn.spent()
      turn.end()
      return spent
    },
    turned: () => {
      const all = deferred
      deferred = []
      for (const work of all) work()
      return all.length > 0
    },
  }
}

t.test('P15 a link reads one millisecond at a time', async t => {
  const { turn, read } = bench()
  t.notOk(read(0.75))
  t.ok(read(1))
  t.ok(read(1.5))
  t.notOk(read(0.5), 'the next one too')
  t.notOk(turn.spent(), 'of the turn something is left')
})

t.test(
  'P15 where the system hands out all the datagrams it does at once, more wait: what comes in order is read briefly',
  async t => {
    const { turn, read, turned } = bench()
    for (let i = 0; i < 31; i++) turn.came()
    t.notOk(turned(), 'there may be no more')
    turn.came()
    t.ok(turned())
    t.notOk(read(0.9))
    t.notOk(read(0.9))
    t.ok(read(0.3), 'two milliseconds, of all links together')
    t.ok(turn.hears(new Share()), 'which is not held against datagrams')
    t.ok(turned())
    for (let i = 0; i < 10; i++) t.notOk(read(0.9), 'and the next turn is whole again')
  },
)

t.test('P15 ten milliseconds of a turn are enough, of whatever links; the next turn begins anew', async t => {
  const { turn, pass, read, turned } = bench()
  for (let i = 0; i < 19; i++) t.notOk(read(0.5))
  pass(50)
  t.notOk(turn.spent(), 'time in which nobody read does not count')
  t.ok(read(0.5))
  t.ok(turn.spent())
  t.ok(read(0), 'whoever comes now is held at once')
  t.ok(turned())
  t.notOk(turn.spent())
  t.notOk(read(0.5))
})

t.test('P15 reading that takes no time asks for nothing: a simulated turn stays what it was', async t => {
  const { read, turned } = bench()
  for (let i = 0; i < 1000; i++) if (read(0)) return t.fail(`spent at ${i}`)
  t.notOk(turned())
})

t.test('P15 small reads of many turns are not taken for one', async t => {
  const { turn, read, turned } = bench()
  for (let i = 0; i < 1000; i++) {
    read(0.25)
    turned()
    if (turn.spent()) return t.fail(`spent after read ${i}`)
  }
})

t.test('P15 those held read a slice each, in the order they came, and the rest at the tail', async t => {
  const { turn, pass, turned } = bench()
  const log: string[] = []
  const link = (name: string, slices: number): (() => boolean) => {
    return () => {
      t.notOk(turn.spent(), 'its slice has just begun')
      pass(0.75)
      t.notOk(turn.spent())
      pass(0.25)
      t.ok(turn.spent(), 'one millisecond is a slice')
      log.push(name)
      return --slices > 0
    }
  }
  turn.hold(link('a', 3))
  turn.hold(link('b', 1))
  turn.hold(link('c', 2))
  turned()
  t.same(log, ['a', 'b', 'c'])
  turned()
  t.same(log.slice(3), ['a', 'c'])
  turned()
  t.same(log.slice(5), ['a'])
  t.notOk(turned(), 'nobody waits, nothing is asked for')
})

t.test('P15 a long line is read over several turns, and nobody twice before all had one', async t => {
  const { turn, pass, read, turned } = bench()
  const log: number[] = []
  for (let i = 0; i < 12; i++)
    turn.hold(() => {
      pass(1)
      log.push(i)
      return true
    })
  turned()
  t.same(log, [0, 1, 2, 3, 4])
  for (let i = 0; i < 18; i++) t.notOk(read(0.5), 'fresh bytes are heard whoever waits in line')
  turned()
  turned()
  t.same(log.slice(5), [5, 6, 7, 8, 9, 10, 11, 0, 1, 2])
})

t.test('P15 where one step is long, each turn takes one', async t => {
  const { turn, pass, read, turned } = bench()
  const log: string[] = []
  const slow = (name: string) => (): boolean => {
    pass(25)
    log.push(name)
    return log.length < 4
  }
  turn.hold(slow('a'))
  turn.hold(slow('b'))
  for (let i = 1; i <= 4; i++) {
    turned()
    t.equal(log.length, i)
    t.notOk(read(0.5))
  }
  t.same(log, ['a', 'b', 'a', 'b'])
})

t.test('P15 who is gone is not asked, even in the turn in which it goes', async t => {
  const { turn, turned } = bench()
  const asked: string[] = []
  const second = (): boolean => {
    asked.push('second')
    return false
  }
  turn.hold(() => {
    asked.push('first')
    turn.drop(second)
    return false
  })
  turn.hold(second)
  turned()
  turned()
  t.same(asked, ['first'])
})

t.test('P15 held twice is in line once', async t => {
  const { turn, turned } = bench()
  let asked = 0
  const more = (): boolean => ++asked > 5
  turn.hold(more)
  turn.hold(more)
  turned()
  turned()
  t.equal(asked, 1)
})

t.test(
  'P15 datagrams: ten milliseconds of a turn are for all, then only who was hardly read is heard',
  async t => {
    const { turn, pass, read, turned } = bench()
    const [heavy, light] = [new Share(), new Share()]
    for (let i = 0; i < 4; i++) heavy.add(3, 500)
    light.add(2, 500)
    t.ok(turn.hears(heavy))
    read(10)
    t.notOk(turn.hears(heavy), 'its datagram is lost')
    t.ok(turn.hears(light))
    read(69)
    t.ok(turn.hears(light))
    read(1)
    t.notOk(turn.hears(light), 'eighty milliseconds are enough of anything')
    t.equal(turn.lost, 2)
    t.ok(turned())
    t.ok(turn.hears(heavy), 'another turn')
    read(10)
    pass(200)
    t.ok(turn.hears(heavy), 'what was read long ago is forgotten')
    t.equal(turn.lost, 2)
  },
)

t.test('P15 what a link was read adds up and is forgotten twenty times as slowly', async t => {
  const share = new Share()
  share.add(3, 0)
  share.add(3, 20)
  t.equal(share.of(20), 5)
  t.equal(share.of(120), 0)
  t.equal(share.of(10_000), 0)
  share.add(1, 10_000)
  t.equal(share.of(10_000), 1)
  share.add(50, 10_000)
  t.equal(share.of(10_000), 4, 'no datagram takes so long: the process was kept waiting')
})

t.test('P15 a datagram that took long, as the first of a link may, costs it a slice', async t => {
  const { turn, pass } = bench()
  const share = new Share()
  const read = (ms: number): void => {
    turn.begin()
    pass(ms)
    share.add(turn.end(), 500)
  }
  read(20)
  t.equal(share.of(500), 1)
  t.ok(turn.hears(share), 'the next one is heard')
  for (let n = 0; n < 10; n++) read(0.7)
  t.notOk(turn.hears(share), 'until it has had its share')
})

t.test(
  'P15 a slice that passes before its link looks at the time is not lost: a line always moves',
  async t => {
    const { turn, pass, turned } = bench()
    let records = 3
    turn.hold(() => {
      pass(2) // the process was kept from its core
      while (records > 0 && !turn.spent()) {
        records--
        pass(2)
      }
      return records > 0
    })
    for (const left of [2, 1, 0]) {
      t.ok(turned())
      t.equal(records, left)
    }
    t.notOk(turned())
  },
)
