/** The small parts of the engine: want-list, outbox, provider, inlet. */
import t from 'tap'
import { defaults } from '../../../src/protocols/bitswap/defaults.ts'
import { Inlet } from '../../../src/protocols/bitswap/inlet.ts'
import { Outbox } from '../../../src/protocols/bitswap/outbox.ts'
import { Provider } from '../../../src/protocols/bitswap/provider.ts'
import { Session } from '../../../src/protocols/bitswap/session.ts'
import { WantList } from '../../../src/protocols/bitswap/want-list.ts'
import { bitswapPreamble } from '../../../src/wire/bitswap.ts'
import { limits } from '../../../src/wire/limits.ts'
import { bytes, cid, key, nothing, numberOf, want } from './desk.ts'

t.test('want-list: by priority, then as they came; counted by session', async t => {
  const list = new WantList()
  const [one, two] = [new Session(1), new Session(2)]
  for (const [number, priority] of [
    [1, 1],
    [2, 5],
    [3, 1],
    [4, 5],
  ] as const)
    list.add(one, key(number), cid(number), priority)
  list.add(two, key(3), cid(3), 9)
  const third = list.next()!
  t.equal(numberOf(third.cid), 3, 'its priority rose')
  third.state = 'asked'
  t.strictSame(
    [list.next(), list.next(), list.next()].map(one => numberOf(one!.cid)),
    [2, 4, 1],
  )
  t.equal(list.next(), undefined, 'and it is in line once')
  t.equal(list.release(one, third), false)
  t.equal(list.size, 4)
  t.equal(list.release(two, third), true)
  t.equal(list.size, 3)
})

t.test('outbox: what was never told is not cancelled, what changed in a turn is told once', async t => {
  const out = new Outbox()
  out.want(key(1), cid(1), 1, true)
  out.want(key(1), cid(1), 1, false)
  out.want(key(2), cid(2), 1, true)
  out.cancel(key(2))
  const first = out.take()!
  t.strictSame(
    first.wants.map(one => [numberOf(one.cid), one.have, one.cancel]),
    [[1, false, false]],
  )
  out.cancel(key(1))
  t.strictSame(
    out.take()!.wants.map(one => [numberOf(one.cid), one.cancel]),
    [[1, true]],
  )
  t.equal(out.take(), undefined)
  t.equal(out.size, 0)
})

t.test('BITSWAP-4 outbox: more than one message holds goes in several, each within its limits', async t => {
  const out = new Outbox()
  for (let i = 0; i < 1_500; i++) out.presence(key(i), cid(i), true)
  const sizes: number[] = []
  for (let head = out.take(); head !== undefined; head = out.take()) {
    sizes.push(head.presences.length)
    t.ok(bitswapPreamble(head).length <= limits.bitswapHead)
  }
  t.strictSame(sizes, [1_024, 476])
})

t.test('provider: the pipeline doubles a round trip, then follows the measured rate', async t => {
  const provider = new Provider('a', new Outbox(), 0)
  const begin = provider.pipeline
  provider.begun(0)
  for (let i = 0; i < 8; i++) provider.completed(begin / 8)
  t.equal(provider.pipeline, 2 * begin)
  // 1 MB/s and 40 ms: 290 kB, but a few blocks at least.
  provider.answered(0, 40)
  for (let now = 10; now <= 2_000; now += 10) provider.progress(10_000, now)
  t.ok(Math.abs(provider.rate - 1_000) < 20, `${provider.rate}`)
  t.equal(provider.pipeline, limits.block / 4)
  for (let now = 2_010; now <= 6_000; now += 10) provider.progress(200_000, now)
  t.ok(Math.abs(provider.pipeline - 20_000 * (provider.latency! + defaults.pipelineTime)) < 100_000)
  provider.silent()
  t.equal(provider.strikes, 1)
  provider.progress(1, 6_010)
  t.equal(provider.strikes, 0, 'who speaks is forgiven')
})

/** What an inlet tells, in words. */
function heard(chunks: readonly Uint8Array[], wanted: (number: number) => boolean = () => true): string[] {
  const words: string[] = []
  let length = 0
  const inlet = new Inlet({
    head: head => words.push(`head ${head.wants.length}`),
    block: block => {
      length = 0
      words.push(`block ${numberOf(block.cid)}`)
      return wanted(numberOf(block.cid))
    },
    bytes: piece => {
      length += piece.length
    },
    end: () => words.push(`end ${length}`),
  })
  for (const chunk of chunks) inlet.feed(chunk)
  if (inlet.partial) words.push('partial')
  return words
}

const message = Buffer.concat([
  bitswapPreamble({
    ...nothing,
    wants: [want(1), want(2)],
    blocks: [
      { cid: cid(3), length: 1_000 },
      { cid: cid(4), length: 0 },
      { cid: cid(5), length: 7 },
    ],
  }),
  bytes(3),
  new Uint8Array(7),
  bitswapPreamble(nothing),
])
const whole = ['head 2', 'block 3', 'end 1000', 'block 4', 'end 0', 'block 5', 'end 7', 'head 0']

t.test('BITSWAP-1 inlet: a message cut anywhere is the same message', async t => {
  t.strictSame(heard([message]), whole)
  t.strictSame(heard([...message].map(byte => Uint8Array.of(byte))), whole)
  for (let cut = 0; cut <= message.length; cut += cut < 200 ? 1 : 97)
    t.strictSame(heard([message.subarray(0, cut), message.subarray(cut)]), whole) || t.bailout()
  t.match(heard([message.subarray(0, 300)]), [...whole.slice(0, 2), 'partial'])
})

t.test('inlet: what is not wanted is counted off, and nothing of it is told', async t => {
  t.strictSame(
    heard([message], number => number === 5),
    ['head 2', 'block 3', 'block 4', 'block 5', 'end 7', 'head 0'],
  )
})

t.test(
  'BX-05 BITSWAP-4 inlet: a head, a block, a message above its limit is refused by its claim',
  async t => {
    const long = Uint8Array.of(0x80, 0x04, 0x00, 0x01) // 262,145
    t.throws(() => heard([long]), { code: 'GH_WIRE_LENGTH', field: 'head length' })
    const block = { cid: cid(1), length: limits.block + 1 }
    t.throws(() => heard([bitswapPreamble({ ...nothing, blocks: [block] })]), {
      code: 'GH_WIRE_LENGTH',
      field: 'block length',
    })
    const two = Array.from({ length: 2 }, (_, i) => ({ cid: cid(i), length: limits.block }))
    t.throws(() => heard([bitswapPreamble({ ...nothing, blocks: two })]), {
      code: 'GH_WIRE_LENGTH',
      field: 'block length',
    })
  },
)

t.test('BX-06 BITSWAP-3 inlet: a CID with a weak hash, or with its block in it, ends the stream', async t => {
  const head = bitswapPreamble({ ...nothing, wants: [want(1)] })
  const broken = head.slice()
  broken[broken.indexOf(0x12, 5)] = 0x11 // sha1
  t.throws(() => heard([broken]), { code: 'GH_CID_UNSUPPORTED' })
})
