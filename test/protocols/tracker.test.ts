/** When a node asks its trackers, in virtual time. */
import fc from 'fast-check'
import t from 'tap'
import type { Millis } from '../../src/base/machine.ts'
import { Call, callDefaults } from '../../src/protocols/tracker/call.ts'
import {
  type Failure,
  type TrackerInput,
  type TrackerOutput,
  TrackerRounds,
} from '../../src/protocols/tracker/rounds.ts'
import { check } from '../support/property.ts'

const dice = (value: number) => ({ fraction: () => value, bytes: (length: number) => new Uint8Array(length) })
const down: Failure = { transient: true, code: 'GH_TRACKER_FAILED', detail: 'nobody listens there' }
const denied: Failure = { transient: false, code: 'GH_TRACKER_REFUSED', detail: '401' }

/** A machine and its clock. */
class Story {
  now: Millis = 0
  readonly rounds: TrackerRounds

  constructor(trackers = 1, chance = 1) {
    this.rounds = new TrackerRounds({ trackers, interval: 30_000, random: dice(chance) })
  }

  feed(input: TrackerInput): TrackerOutput[] {
    this.rounds.handle(input, this.now)
    const out: TrackerOutput[] = []
    for (let one = this.rounds.poll(); one !== undefined; one = this.rounds.poll()) out.push(one)
    return out
  }

  /** Goes on to when it wants to be woken. */
  wait(): TrackerOutput[] {
    this.now = this.rounds.deadline()!
    return this.feed({ kind: 'tick' })
  }
}

const kinds = (out: readonly TrackerOutput[]): string[] =>
  out.map(one => (one.kind === 'ask' ? `${one.what} ${one.how.attempt}` : one.kind))

t.test('TRACKER-9 registered at the start, renewed before its time, looked up every interval', async t => {
  const story = new Story()
  t.strictSame(story.feed({ kind: 'tick' }), [], 'nothing before the start')
  t.strictSame(kinds(story.feed({ kind: 'start' })), ['lookup 1'])
  t.strictSame(kinds(story.feed({ kind: 'addresses', count: 0 })), [], 'nothing to register')
  t.strictSame(kinds(story.feed({ kind: 'addresses', count: 2 })), ['register 1'])
  t.strictSame(kinds(story.feed({ kind: 'registered', tracker: 0, ttl: 60_000 })), [])
  t.strictSame(kinds(story.feed({ kind: 'listed', tracker: 0, others: 1 })), [])
  t.strictSame([kinds(story.wait()), story.now], [['lookup 1'], 20_000])
  t.strictSame([kinds(story.wait()), story.now], [['register 1'], 24_000], 'at 40 % of its time')
  story.feed({ kind: 'registered', tracker: 0, ttl: 60_000 })
  t.strictSame(kinds(story.feed({ kind: 'addresses', count: 3 })), ['register 1'], 'at once when they change')
  const late = new Story(1, 0)
  late.feed({ kind: 'start' })
  late.feed({ kind: 'addresses', count: 1 })
  late.feed({ kind: 'listed', tracker: 0, others: 1 })
  late.feed({ kind: 'registered', tracker: 0, ttl: 60_000 })
  late.wait()
  t.equal(late.now, 30_000)
  t.equal(late.rounds.deadline(), 36_000, 'at 60 % at the latest')
  t.strictSame(kinds(late.feed({ kind: 'stop' })), [])
  t.equal(late.rounds.deadline(), undefined, 'then nothing more')
})

t.test('TRACKER-9 TR-11 three tries, each with twice the time, then rests that double', async t => {
  const story = new Story()
  const [first] = story.feed({ kind: 'start' })
  t.match(first, { how: { attempt: 1, connect: 1_500, whole: 3_000 } })
  t.strictSame(kinds(story.feed({ kind: 'failed', tracker: 0, what: 'lookup', failure: down })), ['recall'])
  const [second] = story.wait()
  t.match([story.now, second], [500, { how: { attempt: 2, connect: 3_000, whole: 6_000 } }])
  t.strictSame(story.feed({ kind: 'failed', tracker: 0, what: 'lookup', failure: down }), [], 'recalled once')
  const [third] = story.wait()
  t.match([story.now, third], [1_500, { how: { attempt: 3, connect: 6_000, whole: 12_000 } }])
  const fail = (failure = down): string[] =>
    kinds(story.feed({ kind: 'failed', tracker: 0, what: 'lookup', failure }))
  t.strictSame(fail(), ['down'])
  const rests: number[] = []
  for (let round = 0; round < 9; round++) {
    const before = story.now
    t.strictSame(kinds(story.wait()), ['lookup 1'])
    rests.push(story.now - before)
    fail()
    for (let again = 0; again < 2; again++) {
      story.wait()
      t.strictSame(fail(), [], 'the same is told once')
    }
  }
  t.strictSame(rests, [5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000, 300_000])
  story.wait()
  t.strictSame(kinds(story.feed({ kind: 'listed', tracker: 0, others: 0 })), ['back'], 'and that it is back')
  story.wait()
  t.strictSame(fail(denied), ['down'], 'another failure is told, and is not tried again')
  t.ok(story.rounds.deadline()! - story.now >= 5_000)
})

t.test(
  'TRACKER-9 Retry-After is given: a short one between tries, a long one instead of the rest',
  async t => {
    const call = new Call(dice(1))
    call.want(0)
    call.next(0)
    t.notOk(call.failed({ transient: true, retryAfter: 7_000 }, 100))
    t.equal(call.deadline(), 7_100)
    t.equal(call.next(7_099), undefined)
    t.match(call.next(7_100), { attempt: 2 })
    t.ok(call.failed({ transient: true, retryAfter: 120_000 }, 8_000), 'that is the end of the round')
    t.equal(call.deadline(), 128_000)
    call.next(128_000)
    call.failed({ transient: true, retryAfter: 1e12 }, 128_000)
    t.equal(call.deadline(), 128_000 + callDefaults.retryAfterMax, 'an hour at most')
    call.want(130_000)
    t.equal(call.deadline(), 128_000 + callDefaults.retryAfterMax, 'whatever somebody wants')
  },
)

t.test('TRACKER-9 each tracker is on its own', async t => {
  const story = new Story(2)
  t.equal(story.feed({ kind: 'start' }).length, 2)
  story.feed({ kind: 'addresses', count: 1 })
  story.feed({ kind: 'failed', tracker: 0, what: 'lookup', failure: denied })
  t.strictSame(story.feed({ kind: 'failed', tracker: 0, what: 'register', failure: denied }), [], 'told once')
  story.feed({ kind: 'listed', tracker: 1, others: 2 })
  t.strictSame(story.feed({ kind: 'failed', tracker: 1, what: 'register', failure: down }), [])
  const [again] = story.wait()
  t.match(again, { kind: 'ask', tracker: 1, what: 'register', how: { attempt: 2 } })
})

t.test('TRACKER-11 an empty list asks for the peers from before, once until some are told again', async t => {
  const story = new Story()
  story.feed({ kind: 'start' })
  t.strictSame(kinds(story.feed({ kind: 'listed', tracker: 0, others: 0 })), ['recall'])
  story.wait()
  t.strictSame(kinds(story.feed({ kind: 'listed', tracker: 0, others: 0 })), [])
  story.wait()
  t.strictSame(kinds(story.feed({ kind: 'listed', tracker: 0, others: 1 })), [])
  story.wait()
  t.strictSame(kinds(story.feed({ kind: 'listed', tracker: 0, others: 0 })), ['recall'])
})

t.test(
  'TR-11 whatever trackers do, no more than three tries come within a round, and never two at once',
  async () => {
    const failure = fc.record({
      transient: fc.boolean(),
      retryAfter: fc.option(fc.integer({ min: 0, max: 1e7 }), { nil: undefined }),
      code: fc.constant('GH_TRACKER_FAILED' as const),
      detail: fc.constantFrom('a', 'b'),
    })
    const what = fc.constantFrom('register' as const, 'lookup' as const)
    const tracker = fc.integer({ min: 0, max: 1 })
    const input: fc.Arbitrary<TrackerInput | 'wait'> = fc.oneof(
      fc.constant('wait' as const),
      fc.record({ kind: fc.constant('addresses' as const), count: fc.integer({ min: 0, max: 2 }) }),
      fc.record({ kind: fc.constant('registered' as const), tracker, ttl: fc.integer({ min: 0, max: 1e6 }) }),
      fc.record({ kind: fc.constant('listed' as const), tracker, others: fc.integer({ min: 0, max: 3 }) }),
      fc.record({ kind: fc.constant('failed' as const), tracker, what, failure }),
    )
    check(
      fc.property(fc.array(input, { maxLength: 120, size: 'max' }), inputs => {
        const story = new Story(2, 0.5)
        const underWay = new Set<string>()
        const see = (out: readonly TrackerOutput[]): void => {
          for (const one of out) {
            if (one.kind !== 'ask') continue
            const key = `${one.tracker} ${one.what}`
            if (underWay.has(key) || one.how.attempt > 3 || one.how.whole > 12_000) throw new Error(key)
            underWay.add(key)
          }
        }
        see(story.feed({ kind: 'start' }))
        for (const one of inputs) {
          if (one === 'wait') {
            if (story.rounds.deadline() === undefined) continue
            const before = story.now
            see(story.wait())
            if (story.now < before) throw new Error('back in time')
            continue
          }
          // Dropped while it was under way: its answer still comes, and means nothing.
          if (one.kind === 'addresses' && one.count === 0)
            for (const key of [...underWay]) if (key.endsWith('register')) underWay.delete(key)
          const key =
            one.kind === 'registered'
              ? `${one.tracker} register`
              : one.kind === 'listed'
                ? `${one.tracker} lookup`
                : one.kind === 'failed'
                  ? `${one.tracker} ${one.what}`
                  : undefined
          if (key !== undefined && !underWay.delete(key)) continue
          see(story.feed(one))
        }
      }),
      400,
    )
  },
)
