/** Their half of bitswap: what peers want of us, kept within bounds and answered in turn. */
import fc from 'fast-check'
import t from 'tap'
import { defaults } from '../../../src/protocols/bitswap/defaults.ts'
import { Ledger } from '../../../src/protocols/bitswap/ledger.ts'
import type { BitswapOutput } from '../../../src/protocols/bitswap/messages.ts'
import { SendQueue } from '../../../src/protocols/bitswap/send-queue.ts'
import { limits } from '../../../src/wire/limits.ts'
import { cancelled, cid, Desk, key, numberOf, want } from './desk.ts'

type Serve = Extract<BitswapOutput, { kind: 'serve' }>
const served = (desk: Desk): number[] =>
  desk.kinds('serve').flatMap(one => (one as Serve).serving.blocks.map(block => numberOf(block.cid)))
const looked = (desk: Desk): number[] =>
  desk.outputs.splice(0).flatMap(one => (one.kind === 'look' ? one.cids.map(numberOf) : []))
const found = (desk: Desk, peer: string, number: number, size?: number): Desk =>
  desk.feed({ kind: 'found', peer, blocks: [{ key: key(number), size }] })

t.test('BITSWAP-7 want-block is answered with the block, want-have with HAVE; each once', async t => {
  const desk = new Desk().up('a')
  desk.said('a', { wants: [want(1), want(2, { have: true })] })
  t.strictSame(looked(desk), [1, 2])
  found(found(desk, 'a', 1, 500), 'a', 2, 5)
  t.strictSame(served(desk), [1])
  t.strictSame(desk.says('a'), ['HAVE 2'])
  const { serving } = desk.kinds('serve')[0] as Serve
  desk.feed({ kind: 'served', peer: 'a', serving, missing: [] })
  t.match(desk.engine.ledgers(), [{ wants: 0, bytesSent: 500, blocksSent: 1 }])
  t.match(desk.engine.figures(), { blocksSent: 1, bytesSent: 500 })
})

t.test('small blocks that are looked up together leave in one message', async t => {
  const desk = new Desk().up('a')
  desk.said('a', { wants: [want(1), want(2), want(3)] })
  const blocks = [1, 2, 3].map(number => ({ key: key(number), size: number === 2 ? undefined : 1_000 }))
  desk.feed({ kind: 'found', peer: 'a', blocks })
  const serves = desk.kinds('serve') as Serve[]
  t.strictSame(
    serves.map(({ serving }) => serving.blocks.map(block => numberOf(block.cid))),
    [[1, 3]],
  )
  t.strictSame(desk.says('a'), ['DONT_HAVE 2'])
})

t.test('BITSWAP-7 DONT_HAVE only where it was asked for; the want stands until the block comes', async t => {
  const desk = new Desk().up('a')
  desk.said('a', { wants: [want(1), want(2, { sendDontHave: false }), want(3, { have: true })] })
  for (const number of [1, 2, 3]) found(desk, 'a', number)
  t.strictSame(desk.says('a'), ['DONT_HAVE 1', 'DONT_HAVE 3'])
  desk.feed({ kind: 'have', cid: cid(2), size: 10, announce: false })
  desk.feed({ kind: 'have', cid: cid(3), size: 10, announce: false })
  t.strictSame(served(desk), [2])
  t.strictSame(desk.says('a'), ['HAVE 3'])
  desk.said('a', { wants: [cancelled(1)] })
  desk.outputs.length = 0
  desk.feed({ kind: 'have', cid: cid(1), size: 10, announce: false })
  t.strictSame(served(desk), [], 'cancelled is cancelled')
})

t.test(
  'a block that came for us is passed on to whoever wants it, and announced when it is asked',
  async t => {
    const desk = new Desk().up('a', 'b').wants(1, 7)
    desk.said('b', { wants: [want(7)] })
    found(desk, 'b', 7)
    desk.says('b')
    desk.comes('a', 7)
    for (const one of desk.kinds('store'))
      if (one.kind === 'store') desk.feed({ kind: 'stored', key: one.key, length: 1_000, kept: true })
    t.strictSame(served(desk), [7])
    desk.says('a')
    desk.says('b')
    desk.feed({ kind: 'have', cid: cid(9), size: 1, announce: true })
    t.strictSame([desk.says('a'), desk.says('b')], [['HAVE 9'], ['HAVE 9']])
  },
)

t.test(
  'BX-03 BITSWAP-5 a want-list of a million: 1,024 are kept, the rest is answered DONT_HAVE',
  async t => {
    const desk = new Desk().up('a')
    for (let at = 0; at < 20_000; at += 1_000)
      desk.said('a', { wants: Array.from({ length: 1_000 }, (_, i) => want(at + i)) })
    t.equal(looked(desk).length, limits.bitswapEntries)
    t.match(desk.engine.ledgers(), [{ wants: limits.bitswapEntries }])
    const words = desk.says('a')
    t.ok(words.length > 1_000 && words.every(word => word.startsWith('DONT_HAVE')))
    t.ok(words.length <= 2 * limits.bitswapEntries, 'answers to one that does not read are bounded too')
  },
)

t.test('BX-04 one CID wanted ten thousand times: looked up once, one send underway', async t => {
  const desk = new Desk().up('a')
  for (let i = 0; i < 10; i++) desk.said('a', { wants: Array.from({ length: 1_000 }, () => want(1)) })
  t.strictSame(looked(desk), [1])
  found(desk, 'a', 1, 100)
  for (let i = 0; i < 10; i++) desk.said('a', { wants: Array.from({ length: 1_000 }, () => want(1)) })
  t.strictSame(served(desk), [1])
  t.strictSame(desk.kinds('look'), [])
})

t.test('a full list takes the place of the one before it; a stream that ends takes all with it', async t => {
  const desk = new Desk().up('a')
  desk.said('a', { wants: [want(1), want(2)] })
  for (const number of [1, 2]) found(desk, 'a', number)
  desk.said('a', { full: true, wants: [want(3)] })
  found(desk, 'a', 3)
  t.match(desk.engine.ledgers(), [{ wants: 1 }])
  desk.feed({ kind: 'hung-up', peer: 'a' })
  t.match(desk.engine.ledgers(), [{ wants: 0 }])
  desk.outputs.length = 0
  desk.feed({ kind: 'have', cid: cid(3), size: 10, announce: false })
  t.strictSame(served(desk), [])
})

t.test(
  'a full list while a block is underway that is not in it, and then could not be sent: nothing stands',
  async t => {
    const desk = new Desk().up('a')
    desk.said('a', { wants: [want(1), want(2)] })
    for (const number of [1, 2]) found(desk, 'a', number, 100)
    const both = desk.kinds('serve') as Serve[]
    desk.said('a', { full: true, wants: [want(2)] })
    for (const { serving } of both)
      desk.feed({ kind: 'served', peer: 'a', serving, missing: serving.blocks.map(block => block.key) })
    t.strictSame(desk.says('a'), ['DONT_HAVE 2'])
    t.match(desk.engine.ledgers(), [{ wants: 1 }])
  },
)

t.test('a block that is gone when it is to be sent: DONT_HAVE, and the want stands', async t => {
  const desk = new Desk().up('a')
  desk.said('a', { wants: [want(1)] })
  found(desk, 'a', 1, 100)
  const { serving } = desk.kinds('serve')[0] as Serve
  desk.feed({ kind: 'served', peer: 'a', serving, missing: [key(1)] })
  t.strictSame(desk.says('a'), ['DONT_HAVE 1'])
  t.match(desk.engine.figures(), { blocksSent: 0, bytesSent: 0 })
  t.match(desk.engine.ledgers(), [{ wants: 1 }])
})

t.test('BX-05 a block of ours above 2 MiB is none for a peer', async t => {
  const desk = new Desk().up('a')
  desk.said('a', { wants: [want(1)] })
  found(desk, 'a', 1, limits.block + 1)
  t.strictSame(served(desk), [])
  t.strictSame(desk.says('a'), ['DONT_HAVE 1'])
})

/** Fills the queue: so many blocks of a size for each peer. */
function queueOf(
  peers: readonly string[],
  blocks: number,
  size: number,
): { queue: SendQueue; ledgers: Ledger[] } {
  const queue = new SendQueue()
  const ledgers = peers.map(peer => new Ledger(peer))
  for (const [i, ledger] of ledgers.entries())
    for (let n = 0; n < blocks; n++) {
      const number = 1_000 * i + n
      ledger.add(key(number), want(number))
      const theirs = ledger.get(key(number))!
      theirs.size = size
      queue.add(ledger, theirs)
    }
  return { queue, ledgers }
}

t.test(
  'BITSWAP-10 peers have turns, and none more than 1 MiB underway; higher priority goes first',
  async t => {
    const { queue } = queueOf(['a', 'b', 'c'], 40, 64 * 1024)
    const turns: string[] = []
    const underway = new Map<string, number>()
    for (let turn = queue.next(); turn !== undefined; turn = queue.next()) {
      const { ledger, serving } = turn
      turns.push(ledger.peer)
      underway.set(ledger.peer, (underway.get(ledger.peer) ?? 0) + serving.bytes)
    }
    t.strictSame(turns.slice(0, 6), ['a', 'b', 'c', 'a', 'b', 'c'])
    for (const [peer, bytes] of underway)
      t.ok(bytes >= defaults.outstanding && bytes < defaults.outstanding + defaults.servingBytes, peer)
    queue.done('b', 600 * 1024)
    t.equal(queue.next()?.ledger.peer, 'b')
    t.ok(queue.pendingBytes('b') > 0)

    const one = new SendQueue()
    const ledger = new Ledger('a')
    for (const [number, priority] of [
      [1, 1],
      [2, 9],
      [3, 9],
      [4, 5],
    ] as const) {
      ledger.add(key(number), want(number, { priority }))
      one.add(ledger, Object.assign(ledger.get(key(number))!, { size: 1 }))
    }
    t.strictSame(
      one.next()?.serving.blocks.map(block => numberOf(block.cid)),
      [2, 3, 4, 1],
    )
  },
)

t.test('who only takes has half a turn after 64 MiB; nobody has none', async t => {
  const { queue, ledgers } = queueOf(['greedy', 'fair'], 20, 64 * 1024)
  ledgers[0]!.bytesSent = 200 * 1024 * 1024
  ledgers[1]!.bytesSent = 200 * 1024 * 1024
  ledgers[1]!.bytesReceived = 150 * 1024 * 1024
  const [first, second] = [queue.next()!, queue.next()!]
  t.equal(first.ledger.peer, 'greedy')
  t.equal(first.serving.bytes, defaults.servingBytes / 2)
  t.equal(second.serving.bytes, defaults.servingBytes)
})

t.test('the ledger against a plain model: wants, cancels, full lists, blocks that come and go', async () => {
  const step = fc.oneof(
    fc.record({ what: fc.constant('want' as const), block: fc.nat(12), have: fc.boolean() }),
    fc.record({ what: fc.constant('cancel' as const), block: fc.nat(12), have: fc.boolean() }),
    fc.record({ what: fc.constant('full' as const), block: fc.nat(12), have: fc.boolean() }),
    fc.record({ what: fc.constant('comes' as const), block: fc.nat(12), have: fc.boolean() }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const desk = new Desk().up('a')
      const here = new Set<number>()
      /** What the peer waits for, and what it was answered. */
      const model = new Map<number, boolean>()
      const answers: string[] = []
      const settle = (): void => {
        for (let one = desk.outputs.shift(); one !== undefined; one = desk.outputs.shift())
          if (one.kind === 'look')
            for (const number of one.cids.map(numberOf))
              found(desk, 'a', number, here.has(number) ? 10 : undefined)
          else if (one.kind === 'serve') {
            for (const block of one.serving.blocks) answers.push(`block ${numberOf(block.cid)}`)
            desk.feed({ kind: 'served', peer: 'a', serving: one.serving, missing: [] })
          }
        answers.push(...desk.says('a').filter(word => word.startsWith('HAVE')))
      }
      const expected: string[] = []
      const answer = (): void => {
        for (const [block, have] of model)
          if (here.has(block)) {
            expected.push(have ? `HAVE ${block}` : `block ${block}`)
            model.delete(block)
          }
      }
      for (const { what, block, have } of steps) {
        if (what === 'comes') {
          here.add(block)
          desk.feed({ kind: 'have', cid: cid(block), size: 10, announce: false })
        } else if (what === 'cancel') {
          model.delete(block)
          desk.said('a', { wants: [cancelled(block)] })
        } else {
          if (what === 'full') model.clear()
          model.set(block, have)
          desk.said('a', { full: what === 'full', wants: [want(block, { have })] })
        }
        answer()
        settle()
      }
      const same = JSON.stringify(answers.sort()) === JSON.stringify(expected.sort())
      return same && desk.engine.ledgers()[0]!.wants === model.size
    }),
    { numRuns: 300 },
  )
})
