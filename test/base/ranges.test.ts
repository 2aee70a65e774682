import fc from 'fast-check'
import t from 'tap'
import { RangeSet } from '../../src/base/ranges.ts'
import { NaiveRanges } from '../twins/ranges.ts'

t.test('ranges merge, split and never touch', async t => {
  const set = new RangeSet()
  set.add(3, 5)
  set.add(8, 9)
  t.strictSame(
    [...set],
    [
      [3, 5],
      [8, 9],
    ],
  )
  set.add(5, 8)
  t.strictSame([...set], [[3, 9]], 'what lies between joins them')
  t.equal(set.size, 1)
  set.remove(4, 6)
  t.strictSame(
    [...set],
    [
      [3, 4],
      [6, 9],
    ],
  )
  t.equal(set.start(1), 6)
  t.equal(set.end(1), 9)
  t.equal(set.start(2), undefined)
  set.add(7, 7)
  set.remove(9, 9)
  t.equal(set.size, 2, 'empty ranges say nothing')
  t.ok(set.covers(5, 5), 'nothing at all is always covered')
})

t.test('numbers near 2^53 keep their place', async t => {
  const set = new RangeSet()
  const top = Number.MAX_SAFE_INTEGER
  set.add(top - 2, top)
  t.ok(set.has(top - 1))
  t.notOk(set.has(top - 3))
})

t.test('a range set answers as its naive twin does', async t => {
  const seed = 0x5eed01
  t.comment(`seed ${seed}`)
  const number = fc.integer({ min: 1, max: 60 })
  const step = fc.record({ add: fc.boolean(), start: number, length: fc.integer({ min: 0, max: 12 }) })
  let most = 0
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), steps => {
      const set = new RangeSet()
      const twin = new NaiveRanges()
      for (const { add, start, length } of steps) {
        const end = start + length
        if (set.covers(start, end) !== twin.covers(start, end)) return false
        if (length > 0 && set.touches(start, end) !== twin.touches(start, end)) return false
        if (set.firstMissing(start) !== twin.firstMissing(start)) return false
        if (set.firstPresent(start) !== twin.firstPresent(start)) return false
        if (add) {
          set.add(start, end)
          twin.add(start, end)
        } else {
          set.remove(start, end)
          twin.remove(start, end)
        }
        most = Math.max(most, set.size)
        if (set.has(start) !== twin.has(start)) return false
        if (JSON.stringify([...set]) !== JSON.stringify(twin.ranges())) return false
        if (set.size !== twin.ranges().length) return false
      }
      return true
    }),
    { seed, numRuns: 500 },
  )
  t.ok(most > 5, `up to ${most} ranges at once were tried`)
})
