/** P15: how long a turn of the event loop may read, by a clock that the test moves. */
import t from 'tap'
import { Turn } from '../../src/node/turn.ts'
import { Drive } from '../../src/runtime/drive.ts'

/** A turn whose time passes only where the test says so. */
function bench(): {
  turn: Turn
  pass: (ms: number) => void
  /** Reads for so long in the poll phase; true when that was too much. */
  read: (ms: number) => boolean
  /** The turn has done its reading: what was deferred runs. False when nothing was. */
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

t.test(
  'P15 ten milliseconds of one turn are enough, of whatever links together; the next begins anew',
  async t => {
    const { turn, pass, read, turned } = bench()
    t.notOk(read(6))
    t.notOk(read(3))
    pass(50)
    t.notOk(turn.spent(), 'time that nobody read in does not count')
    t.ok(read(2))
    t.ok(turn.spent(), 'whoever comes now is held at once')
    t.ok(turned())
    t.notOk(turn.spent())
    t.notOk(read(9))
  },
)

t.test('P15 reading that takes no time asks for nothing: a simulated turn stays what it was', async t => {
  const { read, turned } = bench()
  for (let i = 0; i < 1000; i++) t.notOk(read(0))
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
  const { turn, pass, read, turned } = bench()
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
  read(10)
  turn.hold(link('a', 3))
  turn.hold(link('b', 1))
  turn.hold(link('c', 2))
  turned()
  t.same(log, ['a', 'b', 'c'])
  t.notOk(turn.spent(), 'the poll phase goes on with what is left')
  t.ok(read(7))
  turned()
  t.same(log.slice(3), ['a', 'c'])
  turned()
  t.same(log.slice(5), ['a'])
  turned()
  t.notOk(turned(), 'nobody waits, nothing is asked for')
  t.equal(log.length, 6)
})

t.test('P15 a long line is read over several turns, and nobody twice before all had one', async t => {
  const { turn, pass, turned } = bench()
  const log: number[] = []
  for (let i = 0; i < 25; i++)
    turn.hold(() => {
      pass(1)
      log.push(i)
      return true
    })
  turned()
  t.same(log, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  t.ok(turn.spent(), 'this budget is used: what the poll phase brings is held')
  turned()
  turned()
  t.same(log.slice(10), [...Array(15).keys()].map(i => i + 10).concat([0, 1, 2, 3, 4]))
})

t.test('P15 one long unit ends the turn but not the line', async t => {
  const { turn, pass, turned } = bench()
  const log: string[] = []
  const slow = (name: string) => (): boolean => {
    pass(25)
    log.push(name)
    return log.length < 4
  }
  turn.hold(slow('a'))
  turn.hold(slow('b'))
  for (let i = 0; i < 4; i++) turned()
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
  t.equal(asked, 1)
})
