/** Which message 1 is taken at once, which has to come back with a cookie, and which is a replay. */
import t from 'tap'
import type { Millis, WallMillis } from '../../src/base/machine.ts'
import { Freshness, type Verdict } from '../../src/link/freshness.ts'
import { limits } from '../../src/wire/limits.ts'
import { Seeded } from '../support/seeded.ts'

const WALL = 1_800_000_000_000
/** Long enough after the start that the memory covers every time that is believed. */
const AWAKE = 1_000_000

const random = new Seeded(1)

const key = (number: number): Uint8Array => new Uint8Array(32).fill(number)

interface Asked {
  readonly key?: number
  readonly time?: WallMillis
  readonly cookie?: boolean
  readonly now?: Millis
}

function judge(freshness: Freshness, asked: Asked = {}): Verdict {
  const now = asked.now ?? AWAKE
  const message = {
    ephemeral: key(asked.key ?? 1),
    time: asked.time ?? WALL,
    cookieProved: asked.cookie ?? false,
  }
  // The wall clock goes on with the other one.
  return freshness.judge(message, now, WALL + now - AWAKE)
}

t.test('HS-09: a message 1 is fresh once', async t => {
  const freshness = new Freshness(0, random)
  t.equal(judge(freshness), 'fresh')
  t.equal(judge(freshness), 'cookie', 'again: whoever sent it has to show that it is there')
  t.equal(judge(freshness, { cookie: true }), 'replay', 'with a cookie too it is the same message 1')
  t.equal(judge(freshness, { key: 2 }), 'fresh', 'another one is not held up by it')
})

t.test('HS-09: a message 1 that came with its cookie is remembered too', async t => {
  const freshness = new Freshness(0, random)
  t.equal(judge(freshness, { cookie: true }), 'fresh')
  t.equal(judge(freshness, { cookie: true }), 'replay')
  t.equal(judge(freshness), 'cookie')
})

t.test('HS-09: the memory outlasts the time in a message 1, however far ahead its clock was', async t => {
  for (const ahead of [-limits.freshness + 1, 0, limits.freshness - 1]) {
    const freshness = new Freshness(0, random)
    const time = WALL + ahead
    t.equal(judge(freshness, { time }), 'fresh', `${ahead} ms ahead`)
    const again = new Set<Verdict>()
    for (let wait = 0; wait <= 3 * limits.freshness; wait += 500)
      again.add(judge(freshness, { time, now: AWAKE + wait }))
    t.strictSame([...again], ['cookie'], 'and never again')
  }
})

t.test('a clock that is off costs a cookie, never the link', async t => {
  for (const off of [
    -limits.freshness,
    limits.freshness,
    -limits.freshness - 1,
    limits.freshness + 1,
    -WALL,
  ]) {
    const freshness = new Freshness(0, random)
    t.equal(judge(freshness, { time: WALL + off }), 'cookie', `${off} ms`)
    t.equal(
      judge(freshness, { time: WALL + off, cookie: true }),
      'fresh',
      'and with it the handshake goes on',
    )
  }
})

t.test('HS-19: who has just started, or remembers all it can, asks for cookies', async t => {
  const young = new Freshness(AWAKE - limits.freshness, random)
  t.equal(judge(young), 'cookie', 'what came before the start is unknown')
  t.equal(judge(young, { now: AWAKE + 1 }), 'fresh')

  const full = new Freshness(0, random, 3)
  for (const number of [1, 2, 3]) t.equal(judge(full, { key: number }), 'fresh')
  t.equal(judge(full, { key: 4 }), 'cookie', 'nothing is forgotten early for a newcomer without one')
  t.equal(judge(full, { key: 4, cookie: true }), 'fresh')
  t.equal(
    judge(full, { key: 5, now: AWAKE + 2 * limits.freshness, time: WALL + 2 * limits.freshness }),
    'fresh',
  )
})

t.test('HS-07: an ephemeral of our own comes back: a cookie, which the mirror cannot answer', async t => {
  const freshness = new Freshness(0, random)
  freshness.own(key(1), AWAKE)
  t.equal(judge(freshness), 'cookie')
  t.equal(judge(freshness, { key: 2 }), 'fresh')
})
