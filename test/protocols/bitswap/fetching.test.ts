/** Our half of bitswap: whom a want goes to, and what happens when that one lies, stalls or leaves. */
import t from 'tap'
import { defaults } from '../../../src/protocols/bitswap/defaults.ts'
import { limits } from '../../../src/wire/limits.ts'
import { cid as cidOf, Desk, key as keyOf, numberOf, SIZE } from './desk.ts'

t.test(
  'BITSWAP-9 a first want: one is asked for the block, all others whether they have it; then cancelled',
  async t => {
    const desk = new Desk().up('a', 'b', 'c').wants(1, 7)
    t.strictSame(
      ['a', 'b', 'c'].map(peer => desk.says(peer)),
      [['block 7'], ['have 7'], ['have 7']],
    )
    desk.have('b', 7)
    t.ok(desk.comes('a', 7))
    t.strictSame(desk.store(), [7])
    t.strictSame(desk.says('a'), [], 'who sent it holds the want no more')
    t.strictSame(desk.says('b'), [], 'nor does who answered HAVE')
    t.strictSame(desk.says('c'), ['cancel 7'])
    t.equal(desk.wantList, 0)
    t.notOk(desk.comes('c', 7), 'a second copy is not taken')
    t.match(desk.engine.figures(), { duplicateBlocks: 1, duplicateBytes: SIZE, strayBlocks: 0 })
    t.match(desk.engine.session(1), {
      duplicateBytes: SIZE,
      sources: [{ peerId: 'a', blocks: 1, bytes: SIZE }],
    })
  },
)

t.test('a session splits its wants over everybody who has them, each block at one of them', async t => {
  const desk = new Desk().up('a', 'b', 'c', 'd').wants(1, 0)
  desk.have('b', 0).have('c', 0).dontHave('d', 0)
  desk.comes('a', 0)
  desk.store()
  for (const peer of 'abcd') desk.says(peer)
  desk.wants(1, ...Array.from({ length: 40 }, (_, i) => i + 1))
  const asked = ['a', 'b', 'c', 'd'].map(peer => desk.says(peer).filter(word => word.startsWith('block')))
  t.equal(asked[3]!.length, 0, 'who lacks the first is not asked for the rest')
  for (const words of asked.slice(0, 3)) t.ok(words.length > 5, `${words.length} blocks`)
  t.equal(new Set(asked.flat()).size, 40)
  t.equal(asked.flat().length, 40, 'each at one')
})

t.test('BX-07 HAVE, then nothing: a second of silence, and another one is asked', async t => {
  const desk = new Desk().up('liar', 'honest').wants(1, 7)
  t.strictSame(desk.says('liar'), ['block 7'])
  desk.says('honest')
  desk.have('liar', 7).have('honest', 7)
  desk.pass(defaults.silence - 1)
  t.strictSame(desk.says('honest'), [])
  desk.pass(10)
  t.strictSame(desk.says('honest'), ['block 7'])
  t.strictSame(desk.says('liar'), ['cancel 7'])
  t.ok(desk.comes('honest', 7))
  t.strictSame(desk.store(), [7])
  desk.wants(1, 8)
  t.strictSame(desk.says('honest'), ['block 8'], 'who was silent is asked last')
})

t.test(
  'BX-07 a block whose bytes stop half way, and one that comes in drops: another one is asked',
  async t => {
    for (const drops of [false, true]) {
      const desk = new Desk().up('liar', 'honest').wants(1, 7)
      desk.have('honest', 7)
      desk.says('honest')
      t.ok(desk.engine.accepts('liar', desk.engine.wantList()[0]!.cid, limits.block, desk.now))
      for (let i = 0; i < 100 && desk.says('honest').length === 0; i++) {
        if (drops) desk.engine.progress('liar', 1, desk.now)
        desk.pass(100)
      }
      t.ok(desk.now <= 5_000, `${desk.now} ms`)
      t.ok(desk.comes('honest', 7), 'its copy is taken although the other has begun')
    }
  },
)

t.test(
  'BX-01 wrong bytes: never to be stored, asked elsewhere in the same call; the third time refused',
  async t => {
    const desk = new Desk().up('liar', 'honest').wants(1, 1, 2, 3)
    desk.have('honest', 1, 2, 3).have('liar', 1, 2, 3)
    const before = desk.says('liar').concat(desk.says('honest'))
    t.equal(before.filter(word => word.startsWith('block')).length, 3)
    const mine = desk.engine
      .wantList()
      .filter(({ asked }) => asked === 'liar')
      .map(one => numberOf(one.cid))
    t.ok(mine.length > 0)
    for (const block of [1, 2, 3]) t.equal(desk.comes('liar', block, false), true)
    t.strictSame(desk.kinds('store'), [])
    t.strictSame(
      desk.kinds('misdeed').map(one => one.kind === 'misdeed' && one.refused),
      [false, false, true],
    )
    t.ok(desk.engine.wantList().every(({ asked }) => asked === 'honest'))
    t.equal(desk.engine.figures().badBlocks, 3)
    for (const block of [1, 2, 3]) t.ok(desk.comes('honest', block))
    t.strictSame(desk.store(), [1, 2, 3])
  },
)

t.test(
  'BITSWAP-8 a refused peer is neither asked nor served, nor when it comes back; after ten minutes it is',
  async t => {
    const desk = new Desk().up('bad')
    for (let i = 0; i < defaults.misdeeds; i++) desk.feed({ kind: 'broke', peer: 'bad' })
    desk.says('bad')
    const quiet = (): void => {
      desk.outputs.length = 0
      desk.said('bad', {
        wants: [{ ...desk.engine.wantList()[0]!, cancel: false, have: false, sendDontHave: true }],
      })
      t.strictSame(desk.kinds('look'), [])
      t.strictSame(desk.says('bad'), [])
      t.notOk(desk.comes('bad', 7))
    }
    desk.wants(1, 7)
    quiet()
    desk.feed({ kind: 'peer-down', peer: 'bad' }).up('bad')
    quiet()
    desk.feed({ kind: 'peer-down', peer: 'bad' })
    desk.now += defaults.refusedFor
    desk.up('bad').pass(defaults.askAgain + defaults.answer)
    t.match(desk.says('bad'), ['block 7'])
  },
)

t.test(
  'BX-02 blocks nobody asked for: not taken, so not hashed; more than chance explains is a misdeed',
  async t => {
    const desk = new Desk().up('a')
    t.notOk(desk.comes('a', 1))
    t.match(desk.engine.figures(), { strayBlocks: 1, blocksReceived: 0 })
    const flood = (): void => {
      for (let bytes = 0; bytes < 2 * defaults.strayBurst; bytes += limits.block)
        t.notOk(desk.engine.accepts('a', desk.engine.wantList()[0]?.cid ?? cidOf(1), limits.block, desk.now))
    }
    flood()
    desk.feed({ kind: 'tick' })
    t.ok(desk.kinds('misdeed').length >= 3)
    t.match(desk.kinds('misdeed').at(-1), { refused: true })
  },
)

t.test(
  'nobody has it, nobody is there: told at once; the want stands, and who gets it later is heard',
  async t => {
    const desk = new Desk().wants(1, 7)
    t.match(desk.kinds('nowhere'), [{ session: 1, peers: 0 }])
    desk.outputs.length = 0
    desk.up('a', 'b')
    t.strictSame([desk.says('a'), desk.says('b')], [['have 7'], ['have 7']], 'newcomers are asked')
    desk.dontHave('a', 7).dontHave('b', 7)
    desk.have('b', 7)
    t.strictSame(desk.says('b'), ['block 7'])
    t.ok(desk.comes('b', 7))
    t.strictSame(desk.says('a'), ['cancel 7'])
  },
)

t.test(
  'DONT_HAVE of all that are there: told once all have answered; silence counts after ten seconds',
  async t => {
    const desk = new Desk().up('a', 'b', 'mute').wants(1, 7)
    desk.dontHave('a', 7).dontHave('b', 7)
    t.strictSame(desk.kinds('nowhere'), [])
    desk.pass(defaults.answer)
    t.match(desk.kinds('nowhere'), [{ peers: 3 }])
  },
)

t.test(
  'a peer that leaves: what it was asked for goes to others; alone, the want waits for the next',
  async t => {
    const desk = new Desk().up('a', 'b').wants(1, 7)
    desk.have('b', 7)
    desk.says('b')
    desk.feed({ kind: 'peer-down', peer: 'a' })
    t.strictSame(desk.says('b'), ['block 7'])
    desk.feed({ kind: 'peer-down', peer: 'b' })
    t.equal(desk.wantList, 1)
    desk.up('c')
    t.match(desk.says('c').join(), /7/)
  },
)

t.test(
  'one that is alone in having a block is waited for, and asked once more, but never given up',
  async t => {
    const desk = new Desk().up('slow').wants(1, 7)
    t.strictSame(desk.says('slow'), ['block 7'])
    desk.pass(60_000)
    t.ok(desk.says('slow').every(word => word === 'block 7'))
    t.strictSame(desk.kinds('nowhere'), [])
    t.ok(desk.comes('slow', 7))
  },
)

t.test('B6 whoever gives up leaves nothing behind: want-list empty, everybody told', async t => {
  const desk = new Desk().up('a', 'b').wants(1, 7, 8)
  desk.feed({ kind: 'open', session: 2 }).feed({ kind: 'want', session: 2, cids: [cidOf(7)], priority: 1 })
  desk.says('a')
  desk.says('b')
  desk.feed({ kind: 'close', session: 1 })
  t.equal(desk.wantList, 1, 'another session wants it still')
  t.match(desk.says('a').concat(desk.says('b')).sort().join(), /^cancel 8,cancel 8$/)
  desk.feed({ kind: 'unwant', session: 2, keys: [keyOf(7)] })
  t.equal(desk.wantList, 0)
  t.strictSame(desk.says('a').concat(desk.says('b')).sort(), ['cancel 7', 'cancel 7'])
  t.equal(desk.engine.inFlight, 0)
})

t.test(
  'at most about 8 MiB are asked for at a time, storing included, and the line goes on as they come',
  async t => {
    const desk = new Desk().up('a').wants(1, ...Array.from({ length: 400 }, (_, i) => i))
    let most = 0
    let done = 0
    for (let round = 0; done < 400 && round < 5_000; round++) {
      const asked = desk
        .says('a')
        .filter(word => word.startsWith('block'))
        .map(word => Number(word.slice(6)))
      for (const block of asked) {
        desk.comes('a', block)
        most = Math.max(most, desk.engine.inFlight)
      }
      done += desk.store().length
      desk.pass(10)
    }
    t.equal(done, 400)
    t.equal(desk.engine.inFlight, 0)
    t.ok(most <= defaults.inFlight + limits.block, `${most}`)
  },
)

t.test('BITSWAP-6 a new stream is told the whole list, and the first message on it says so', async t => {
  const desk = new Desk().up('a').wants(1, 1, 2)
  t.equal(desk.engine.take('a')?.full, true)
  t.equal(desk.engine.take('a'), undefined)
  desk.feed({ kind: 'retold', peer: 'a' })
  const again = desk.engine.take('a')
  t.equal(again?.full, true)
  t.equal(again?.wants.length, 2)
})

t.test('BITSWAP-5 a peer is never told more wants than it keeps', async t => {
  const desk = new Desk().up('a', 'b')
  for (let session = 1; session <= 60; session++)
    desk.wants(session, ...Array.from({ length: 50 }, (_, i) => 50 * session + i))
  const list = new Set<string>()
  for (let round = 0; round < 40; round++) {
    for (const word of desk.says('a')) {
      const [what, number] = word.split(' ')
      if (what === 'cancel') list.delete(number!)
      else list.add(number!)
      t.ok(list.size <= limits.bitswapEntries) || t.bailout()
    }
    desk.dontHave('a', ...[...list].slice(0, 200).map(Number))
    desk.dontHave('b', ...[...list].slice(0, 200).map(Number))
    desk.says('b')
    desk.pass(1_000)
  }
  t.ok(list.size > 100)
})

t.test(
  'DONT_HAVE for what is in no list of ours: the peer holds a want by mistake, and is told that it is none',
  async t => {
    const desk = new Desk().up('a')
    desk.dontHave('a', 7)
    t.strictSame(desk.says('a'), ['cancel 7'])
  },
)
