/**
 * State tables, timers, queue, recent set, budget: against their naive twins.
 */
import fc from 'fast-check'
import t from 'tap'
import { Budget } from '../../src/base/budget.ts'
import { earlier } from '../../src/base/machine.ts'
import { BoundedQueue } from '../../src/base/queue.ts'
import { RecentSet } from '../../src/base/recent.ts'
import { RecentKeys } from '../../src/base/recent-keys.ts'
import { accepts, next, type StateTable, toMermaid } from '../../src/base/states.ts'
import { TimerTable } from '../../src/base/timers.ts'
import { check } from '../support/property.ts'
import { Seeded } from '../support/seeded.ts'
import { NaiveRecent } from '../twins/recent.ts'
import { NaiveTimers } from '../twins/timers.ts'

const door = {
  push: { closed: 'open' },
  pull: { open: 'closed', ajar: 'closed' },
} as const satisfies StateTable

t.test('states: a table answers or throws, for every state and event', async t => {
  const states = ['closed', 'open', 'ajar'] as const
  const events = ['push', 'pull'] as const
  for (const state of states)
    for (const event of events) {
      const target = (door as StateTable)[event]![state]
      t.equal(accepts(door, state, event), target !== undefined)
      if (target !== undefined) t.equal(next(door, state, event), target)
      else t.throws(() => next(door, state, event), { code: 'GH_STATE_EVENT', message: /push|pull/ })
    }
  t.equal(
    toMermaid(door),
    'stateDiagram-v2\n  closed --> open: push\n  open --> closed: pull\n  ajar --> closed: pull\n',
  )
})

t.test('machine: the earlier of two deadlines', async t => {
  t.equal(earlier(undefined, undefined), undefined)
  t.equal(earlier(1, undefined), 1)
  t.equal(earlier(undefined, 2), 2)
  t.equal(earlier(3, 2), 2)
})

t.test('timers: equal times come out in the order they were set', async t => {
  const timers = new TimerTable<string>()
  for (const key of ['a', 'b', 'c']) timers.set(key, 5)
  timers.set('a', 5)
  t.equal(timers.due(4), undefined, 'nothing is due early')
  t.strictSame([timers.due(5), timers.due(5), timers.due(5), timers.due(5)], ['b', 'c', 'a', undefined])
})

t.test('timers: the heap and the list agree on any series of acts', async t => {
  const key = fc.nat(20)
  const at = fc.nat(50)
  const act = fc.oneof(
    { weight: 5, arbitrary: fc.record({ do: fc.constant('set' as const), key, at }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('clear' as const), key, at }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('due' as const), key, at }) },
  )
  check(
    fc.property(fc.array(act, { maxLength: 400, size: 'max' }), acts => {
      const timers = new TimerTable<number>()
      const twin = new NaiveTimers<number>()
      for (const { do: what, key, at } of acts) {
        if (what === 'set') timers.set(key, at)
        if (what === 'set') twin.set(key, at)
        if (what === 'clear') timers.clear(key)
        if (what === 'clear') twin.clear(key)
        if (what === 'due' && timers.due(at) !== twin.due(at)) return false
        if (timers.next() !== twin.next() || timers.size !== twin.size) return false
        if (timers.at(key) !== twin.at(key)) return false
      }
      for (;;) {
        const one = timers.due(1000)
        if (one !== twin.due(1000)) return false
        if (one === undefined) return true
      }
    }),
    150,
  )
  t.pass()
})

t.test('timers: moving one key for ever keeps memory and order', async t => {
  const timers = new TimerTable<string>()
  timers.set('still', 1_000_000)
  for (let i = 0; i < 100_000; i++) timers.set('moved', 1_000_000 - i)
  t.equal(timers.size, 2)
  t.strictSame([timers.due(2e6), timers.due(2e6), timers.due(2e6)], ['moved', 'still', undefined])
  t.equal(timers.next(), undefined)
})

t.test('queue: bounded, in order, and its drop rule is counted', async t => {
  const acts = fc.array(fc.option(fc.nat()), { maxLength: 2000, size: 'max' })
  for (const rule of ['oldest', 'refuse'] as const)
    check(
      fc.property(fc.integer({ min: 1, max: 700 }), acts, (limit, acts) => {
        const queue = new BoundedQueue<number>(limit, rule)
        const twin: number[] = []
        let dropped = 0
        for (const item of acts) {
          if (item === null) {
            if (queue.peek() !== twin[0] || queue.shift() !== twin.shift()) return false
          } else {
            const full = twin.length >= limit
            if (full) dropped++
            if (full && rule === 'oldest') twin.shift()
            if (!full || rule === 'oldest') twin.push(item)
            if (queue.push(item) !== (!full || rule === 'oldest')) return false
          }
          if (queue.length !== twin.length || queue.dropped !== dropped) return false
        }
        return twin.every(item => queue.shift() === item) && queue.shift() === undefined
      }),
      60,
    )
  t.pass()
})

t.test('queue: a long one-in, one-out life does not grow', async t => {
  const queue = new BoundedQueue<number>(1000)
  for (let i = 0; i < 500; i++) queue.push(i)
  for (let i = 500; i < 50_000; i++) {
    queue.push(i)
    if (queue.shift() !== i - 500) t.fail('out of order')
  }
  t.equal(queue.length, 500)
  t.equal(queue.dropped, 0)
})

t.test('HS-09 recent set: remembers for its lifetime, at most its limit, as its twin does', async t => {
  const act = fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), fc.nat(6), fc.boolean())
  check(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.array(act, { maxLength: 200, size: 'max' }),
      (limit, acts) => {
        const set = new RecentSet(limit, 10)
        const twin = new NaiveRecent(limit, 10)
        let now = 0
        for (const [key, passed, asks] of acts) {
          now += passed
          if (asks && set.full(now) !== twin.full(now)) return false
          if (set.has(key, now) !== twin.has(key, now)) return false
          if (set.add(key, now) !== twin.add(key, now)) return false
          if (set.size > limit) return false
        }
        return true
      },
    ),
    300,
  )
  const set = new RecentSet(2, 10)
  t.ok(set.add('x', 0))
  t.notOk(set.add('x', 9), 'seen again: keeps its first time')
  t.ok(set.has('x', 9.5))
  t.notOk(set.has('x', 10))
  t.ok(set.add('x', 10), 'its time is over')
})

t.test(
  'HS-09 recent keys: as the recent set does, whatever they look like and wherever they stand',
  async () => {
    // Few salts and keys that differ in one word: many of them stand in one place.
    const key = fc
      .tuple(fc.nat(3), fc.constantFrom(0, 1, 40, 0x8000_0000))
      .map(([word, value]) => keyOf(word, value))
    const act = fc.tuple(key, fc.nat(6), fc.boolean())
    check(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.constantFrom(0, 0.25, 0.75, 0.9),
        fc.array(act, { maxLength: 300, size: 'max' }),
        (limit, salt, acts) => {
          const keys = new RecentKeys(limit, 40, { fraction: () => salt })
          const twin = new NaiveRecent(limit, 40)
          let now = 0
          for (const [key, passed, asks] of acts) {
            now += passed
            const word = Buffer.from(key).toString('hex')
            if (asks && keys.full(now) !== twin.full(now)) return false
            if (keys.has(key, now) !== twin.has(word, now)) return false
            if (keys.add(key, now) !== twin.add(word, now)) return false
            if (keys.size > limit) return false
          }
          return true
        },
      ),
      300,
    )
  },
)

t.test('HS-19 recent keys: tens of thousands, and gone again', async t => {
  const dice = new Seeded(7)
  const keys = new RecentKeys(40_000, 1_000, dice)
  const random = Array.from({ length: 50_000 }, () => dice.bytes(32))
  for (const [i, key] of random.entries()) if (!keys.add(key, i / 1_000)) t.fail('two alike')
  t.equal(keys.size, 40_000)
  t.ok(keys.full(50))
  t.notOk(keys.has(random[9_999]!, 50), 'the oldest went')
  t.ok(random.slice(10_000).every(key => keys.has(key, 50)))
  t.notOk(random.slice(10_000).some(key => keys.add(key, 50)))
  const other = Uint8Array.from(random[49_999]!)
  other[16]! ^= 1
  t.ok(keys.has(other, 50), 'the first 16 bytes count')
  t.notOk(keys.full(1_051))
  t.equal(keys.size, 0)
  t.ok(
    random.slice(0, 20).every(key => keys.add(key, 2_000)),
    'and there is room again',
  )
})

function keyOf(word: number, value: number): Uint8Array {
  const bytes = new Uint8Array(32)
  new DataView(bytes.buffer).setUint32(4 * word, value, true)
  return bytes
}

t.test('FR-04 budget: a burst, then so many a second, never more than the burst again', async t => {
  const budget = new Budget(10, 3, 0)
  t.strictSame(
    [1, 2, 3, 4].map(() => budget.spend(1, 0)),
    [true, true, true, false],
  )
  t.notOk(budget.spend(1, 99))
  t.ok(budget.spend(1, 101))
  t.notOk(budget.spend(4, 100_000), 'above the burst: never')
  t.ok(budget.spend(3, 100_000), 'a refused cost took nothing')
  t.notOk(budget.spend(1, 50_000), 'time that runs backwards gives nothing')
})

t.test('FR-04 budget: no series of asks gets more than rate times time plus burst', async t => {
  check(
    fc.property(fc.array(fc.tuple(fc.nat(300), fc.integer({ min: 1, max: 5 }))), asks => {
      const budget = new Budget(20, 5, 0)
      let now = 0
      let got = 0
      for (const [passed, cost] of asks) {
        now += passed
        if (budget.spend(cost, now)) got += cost
      }
      return got <= 5 + (now * 20) / 1000 + 1e-6
    }),
  )
  t.pass()
})
