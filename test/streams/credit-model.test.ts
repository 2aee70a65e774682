/**
 * Model against machine: the credit of a link and of one receiving half, beside plain counts.
 *
 * Credit is never negative, never taken back, and never above what the rule of `link-credit.ts`
 * says; a frame that is refused leaves the half as it was.
 */
import fc from 'fast-check'
import t from 'tap'
import { GuildError } from '../../src/base/errors.ts'
import { LinkCredit } from '../../src/streams/link-credit.ts'
import { ReceiveHalf } from '../../src/streams/receive-half.ts'

const seed = Number(process.env.GUILD_SEED ?? 0x5eed09)
const runs = 200 * Number(process.env.GUILD_RUNS ?? 1)
t.comment(`GUILD_SEED=${seed} replays this`)

const SLACK = 8 * 1024 * 1024
const amount = fc.oneof(fc.nat(20), fc.nat(5_000), fc.nat(3_000_000), fc.constant(0))

type CreditStep = {
  readonly do: 'receive' | 'consume' | 'grow' | 'grant' | 'send' | 'raise'
  readonly by: number
}
const creditStep: fc.Arbitrary<CreditStep> = fc.record({
  do: fc.constantFrom('receive', 'consume', 'grow', 'grant', 'send', 'raise'),
  by: amount,
})

t.test('FR-11 link credit: what it grants is what the rule says, and only ever rises', async t => {
  let [refused, granted, past] = [0, 0, 0]
  fc.assert(
    fc.property(
      fc.nat(6_000),
      fc.nat(6_000),
      fc.array(creditStep, { maxLength: 300, size: 'max' }),
      (local, remote, steps) => {
        const credit = new LinkCredit(local, remote)
        const is = { received: 0, consumed: 0, window: local, granted: local, maximum: remote, sent: 0 }
        for (const { do: what, by } of steps) {
          if (what === 'receive') {
            const allowed = is.received + by <= is.granted
            try {
              credit.check(by)
              if (!allowed) throw new Error(`byte ${is.received + by} of ${is.granted} was let in`)
              credit.receive(by)
              is.received += by
            } catch (error) {
              if (allowed || !(error instanceof GuildError) || error.code !== 'GH_LINK_FLOW') throw error
              refused++
            }
          } else if (what === 'consume') {
            const read = Math.min(by, is.received - is.consumed)
            credit.consume(read)
            is.consumed += read
          } else if (what === 'grow') {
            credit.grow(by)
            is.window = Math.max(is.window, Math.floor(1.5 * by))
          } else if (what === 'grant') {
            const before = is.granted
            const rule = Math.min(is.received, is.consumed + SLACK) + is.window
            if (credit.due !== rule - before >= is.window / 2) throw new Error('due')
            if (!credit.due) continue
            is.granted = credit.grant()
            granted++
            if (is.granted !== rule || is.granted < before)
              throw new Error(`granted ${is.granted}, not ${rule}`)
          } else if (what === 'send') {
            const sent = Math.min(by, credit.left)
            credit.send(sent)
            is.sent += sent
            if (sent < by) past++
          } else {
            const rises = by > is.maximum
            if (credit.raise(by) !== rises) throw new Error('a lower maximum grants nothing')
            is.maximum = Math.max(is.maximum, by)
          }
          if (credit.left !== is.maximum - is.sent || credit.left < 0) throw new Error(`${credit.left} left`)
          if (credit.unread !== is.received - is.consumed) throw new Error('unread')
          if (credit.unread > is.window + SLACK) throw new Error('more waits than window and slack')
        }
      },
    ),
    { seed, numRuns: runs, endOnFailure: true },
  )
  t.ok(
    refused > 100 && granted > 100 && past > 100,
    `${refused} refused, ${granted} grants, ${past} sent less`,
  )
})

type HalfStep =
  | {
      readonly do: 'frame' | 'reset'
      readonly offset: number
      readonly length: number
      readonly fin: boolean
    }
  | { readonly do: 'read'; readonly most: number }
  | { readonly do: 'grant'; readonly after: number }
  | { readonly do: 'stop' }

const WINDOW = 400
const offset = fc.oneof({ weight: 3, arbitrary: fc.nat(600) }, { weight: 1, arbitrary: fc.nat(2_000) })
const halfStep: fc.Arbitrary<HalfStep> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('frame' as const),
      offset,
      length: fc.nat(120),
      fin: fc.integer({ min: 0, max: 15 }).map(drawn => drawn === 0),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('read' as const), most: fc.integer({ min: 1, max: 300 }) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('grant' as const), after: fc.nat(100) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('reset' as const),
      offset,
      length: fc.constant(0),
      fin: fc.constant(false),
    }),
  },
)

/** The byte that belongs at a place of the stream. */
const byteAt = (place: number): number => (place * 31 + (place >>> 8)) & 0xff

t.test(
  'FR-09 FR-10 a receiving half beside an array of bytes: flow control, one end, each byte once',
  async t => {
    const codes = new Map<string, number>()
    const lengths = new Set<number>()
    let read = 0
    fc.assert(
      fc.property(fc.array(halfStep, { maxLength: 200, size: 'max' }), steps => {
        let now = 0
        const half = new ReceiveHalf(WINDOW, now)
        const here = new Set<number>()
        const is = {
          granted: WINDOW,
          highest: 0,
          consumed: 0,
          end: undefined as number | undefined,
          reset: false,
        }
        const contiguous = (): number => {
          let at = is.consumed
          while (here.has(at)) at++
          return at
        }
        for (const step of steps) {
          if (step.do === 'frame' || step.do === 'reset') {
            const end = step.offset + step.length
            const wrong =
              step.do === 'reset'
                ? end < is.highest || (is.end !== undefined && end !== is.end)
                  ? 'GH_LINK_FINAL_SIZE'
                  : end > is.granted
                    ? 'GH_LINK_FLOW'
                    : undefined
                : (is.end !== undefined && (end > is.end || (step.fin && end !== is.end))) ||
                    (step.fin && end < is.highest)
                  ? 'GH_LINK_FINAL_SIZE'
                  : end > is.granted
                    ? 'GH_LINK_FLOW'
                    : undefined
            try {
              const raised =
                step.do === 'reset' ? half.checkReset(end) : half.check(step.offset, step.length, step.fin)
              if (wrong !== undefined) throw new Error(`${end} was taken; ${wrong}`)
              if (raised !== Math.max(0, end - is.highest)) throw new Error(`raises by ${raised}`)
            } catch (error) {
              if (!(error instanceof GuildError) || error.code !== wrong) throw error
              codes.set(error.code, (codes.get(error.code) ?? 0) + 1)
              continue
            }
            if (step.do === 'reset') {
              const all = is.end !== undefined && contiguous() === is.end
              if (half.reset(end) !== (!all && !is.reset))
                throw new Error('a reset after everything says nothing')
              if (!all) is.reset = true
            } else {
              half.accept(
                step.offset,
                Uint8Array.from({ length: step.length }, (_, i) => byteAt(step.offset + i)),
                step.fin,
              )
              lengths.add(step.length)
              for (let at = step.offset; at < end; at++) here.add(at)
            }
            if (step.fin || step.do === 'reset') is.end = end
            is.highest = Math.max(is.highest, end)
          } else if (step.do === 'read') {
            const piece = half.read(step.most)
            const waits = is.reset ? 0 : contiguous() - is.consumed
            if ((piece?.length ?? 0) > Math.min(step.most, waits)) throw new Error('more than was there')
            if (piece === undefined && waits > 0) throw new Error(`${waits} bytes wait and are not given`)
            for (const byte of piece ?? [])
              if (byte !== byteAt(is.consumed++)) throw new Error('another byte')
            read += piece?.length ?? 0
          } else if (step.do === 'grant') {
            now += step.after
            if (half.creditDue) {
              half.grow(now, 50)
              const next = half.grant()
              if (next < is.granted || next > half.consumed + half.window) throw new Error(`granted ${next}`)
              is.granted = next
            }
          }
          const waits = is.reset ? 0 : contiguous() - is.consumed
          if (half.unread !== waits) throw new Error(`${half.unread} unread, not ${waits}`)
          if (half.complete && contiguous() !== is.end) throw new Error('complete, and bytes are missing')
        }
      }),
      { seed, numRuns: runs, endOnFailure: true },
    )
    t.ok(read > 5_000, `${read} bytes read`)
    t.ok(lengths.size > 100 && lengths.has(0), `${lengths.size} lengths`)
    for (const code of ['GH_LINK_FLOW', 'GH_LINK_FINAL_SIZE'])
      t.ok(codes.get(code)! > 100, `${codes.get(code)} ${code}`)
  },
)
