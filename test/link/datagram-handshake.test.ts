/** The handshake in datagrams on paths that lose, damage, double, delay and repeat. */
import t from 'tap'
import { equal } from '../../src/base/bytes.ts'
import { GuildError } from '../../src/base/errors.ts'
import { nativeSuite } from '../../src/crypto/index.ts'
import { sealedDatagram } from '../../src/link/datagram-mac.ts'
import { defaults as responders } from '../../src/link/datagram-responder.ts'
import { Freshness } from '../../src/link/freshness.ts'
import { openResponderUnit } from '../../src/link/responder-unit.ts'
import { createSwarm } from '../../src/link/swarm.ts'
import { HandshakeState } from '../../src/noise/index.ts'
import { decodeHandshakeDatagram } from '../../src/wire/handshake-datagram.ts'
import { limits } from '../../src/wire/limits.ts'
import { encodeMessage1 } from '../../src/wire/message-1.ts'
import { peerIdFromKey } from '../../src/wire/peer-id.ts'
import { handshakeDatagrams, responderUnits } from '../../src/wire/registry.ts'
import {
  type Crossing,
  type DatagramNode,
  DatagramPath,
  linked,
  type Weather,
} from '../support/datagram-path.ts'
import { exchange, makeSelf, pair, type SelfOptions, START, WALL } from '../support/link-pair.ts'
import { Seeded } from '../support/seeded.ts'

interface Two {
  path: DatagramPath
  a: DatagramNode
  b: DatagramNode
}

function two(options: { a?: SelfOptions; b?: SelfOptions; seed?: number } = {}): Two {
  const path = new DatagramPath()
  const seed = 2 * (options.seed ?? 0)
  const a = path.node('198.51.100.1', { seed: seed + 1, name: 'alice', ...options.a })
  const b = path.node('203.0.113.1', { seed: seed + 2, name: 'bob', ...options.b })
  return { path, a, b }
}

/** Which datagrams crossed, by type, `>` from the first node. */
const story = ({ path, a }: Two): string =>
  path.crossings
    .map(({ from, bytes }) => `${from === a ? '>' : '<'}${bytes[0]! >= 0x40 ? 'p' : bytes[0]}`)
    .join(' ')

/** Loses `rate` of what crosses, three in a row, each way for itself; a handshake may begin amid such a row. */
function bursts(seed: number, rate: number, delay: number): Weather {
  const left = new Map<DatagramNode, number>()
  const dice = new Seeded(seed)
  return ({ from, bytes }) => {
    const more = left.get(from) ?? (dice.fraction() < rate ? 1 + dice.below(3) : 0)
    // Three for each that begins one: as often as makes `rate` of all.
    const lost = more > 0 || dice.fraction() < rate / (3 - 2 * rate)
    left.set(from, more > 0 ? more - 1 : lost ? 2 : 0)
    return lost ? [] : [{ bytes, delay }]
  }
}

const { MESSAGE_1, MESSAGE_3 } = handshakeDatagrams

t.test('HAND-20 fresh path: three datagrams, and both hold the same keys', async t => {
  const it = two()
  const { path, a, b } = it
  const dial = a.dial(b.place, { expect: peerIdFromKey(b.self.identity.publicKey) })
  t.ok(path.run(START + 1_000, () => linked(a, b)))
  t.match(story(it), /^>1 <2 >3 >p <p/)
  const [[, mine], [, theirs]] = [[...a.ties][0]!, [...b.ties][0]!]
  t.equal(mine.proved.peerId, peerIdFromKey(b.self.identity.publicKey))
  t.equal(theirs.proved.peerId, peerIdFromKey(a.self.identity.publicKey))
  t.equal(mine.proved.role, 'initiator')
  t.strictSame(mine.proved.linkId, theirs.proved.linkId)
  const [ours, others] = [mine.proved.packetKeys!, theirs.proved.packetKeys!]
  t.strictSame([ours.sendMask, ours.receiveMask], [others.receiveMask, others.sendMask])
  t.equal(ours.sendMask.length, 16)
  t.notOk(equal(ours.sendMask, ours.receiveMask))
  t.equal(mine.rtt, 20)
  t.ok(equal(mine.remoteId, theirs.localId) && equal(theirs.remoteId, mine.localId))
  t.ok(a.ids.ours(mine.localId) && b.ids.ours(theirs.localId))
  t.equal(b.door.halfOpen, 0)
  t.equal(dial.deadline(), undefined, 'confirmed: it has nothing more to do')
  t.equal(path.crossings.filter(({ bytes }) => bytes[0] === MESSAGE_3).length, 1)
})

t.test('HAND-20 on ordered bytes no keys for packets are made', async t => {
  const { a, b } = pair()
  exchange(a, b)
  t.equal(b.proved?.packetKeys, undefined)
})

t.test('HAND-21 cookie path: the responder has just started, or clocks differ', async t => {
  for (const b of [{ startedAt: START }, { wall: () => WALL + 3_600_000 }]) {
    const it = two({ b })
    it.a.dial(it.b.place)
    t.ok(it.path.run(START + 1_000, () => linked(it.a, it.b)))
    t.match(story(it), /^>1 <2 >1 <2 >3/)
    const [first, second] = it.path.crossings.filter(({ bytes }) => bytes[0] === MESSAGE_1)
    t.ok(equal(first!.bytes.subarray(17, 29), second!.bytes.subarray(17, 29)), 'the same connection id')
    t.notOk(equal(first!.bytes.subarray(31, 63), second!.bytes.subarray(31, 63)), 'a new ephemeral key')
    t.equal([...it.a.ties.values()][0]!.rtt, 20)
  }
})

for (const [title, young] of [
  ['P9 UQ-01 30 % lost in bursts of three, each way: 50 of 50 within 30 s', false],
  ['P9 UQ-01 the same where every handshake needs a cookie: 50 of 50 within 30 s', true],
] as const)
  t.test(title, async t => {
    let longest = 0
    let lost = 0
    let sent = 0
    for (let seed = 0; seed < 50; seed++) {
      const { path, a, b } = two({ seed, ...(young ? { b: { startedAt: START } } : {}) })
      const weather = bursts(seed, 0.3, 15)
      path.weather = crossing => {
        const arrives = weather(crossing)
        sent++
        if (arrives.length === 0) lost++
        return arrives
      }
      a.dial(b.place)
      if (!path.run(START + 30_000, () => linked(a, b))) t.fail(`seed ${seed}`)
      longest = Math.max(longest, path.now - START)
      if (a.ties.size !== 1 || b.ties.size !== 1)
        t.fail(`seed ${seed}: ${a.ties.size} and ${b.ties.size} links`)
    }
    t.ok(lost / sent > 0.2 && lost / sent < 0.4, `${lost} of ${sent} lost`)
    t.comment(`the longest took ${longest.toFixed(0)} virtual ms; ${lost} of ${sent} lost`)
  })

t.test('HAND-23 UQ-03 P9 30 % damaged: dropped in silence, 50 of 50 within 30 s', async t => {
  let longest = 0
  for (let seed = 0; seed < 50; seed++) {
    const dice = new Seeded(seed)
    const { path, a, b } = two({ seed })
    path.weather = ({ bytes }) => {
      const changed = bytes.slice()
      if (dice.fraction() < 0.3) changed[dice.below(bytes.length)]! ^= 1 << dice.below(8)
      return [{ bytes: changed, delay: 15 }]
    }
    a.dial(b.place)
    if (!path.run(START + 30_000, () => linked(a, b))) t.fail(`seed ${seed}`)
    longest = Math.max(longest, path.now - START)
    if (a.failures.length > 0 || a.ties.size !== 1 || b.ties.size !== 1) t.fail(`seed ${seed}`)
  }
  t.comment(`the longest took ${longest.toFixed(0)} virtual ms`)
})

t.test('HAND-22 UQ-06 750 ms each way: it connects, as one link only', async t => {
  for (const startedAt of [START - 1_000_000, START]) {
    const it = two({ b: { startedAt } })
    it.path.weather = ({ bytes }) => [{ bytes, delay: 750 }]
    it.a.dial(it.b.place)
    it.path.run(START + 60_000)
    t.ok(linked(it.a, it.b))
    t.equal(it.a.ties.size, 1)
    t.equal(it.b.ties.size, 1)
    t.equal(it.b.door.halfOpen, 0)
    t.equal(it.a.failures.length, 0)
    const first = it.path.crossings.filter(({ bytes }) => bytes[0] === MESSAGE_1)
    t.ok(equal(first[0]!.bytes, first[1]!.bytes), 'message 1 again is the same, byte for byte')
  }
})

t.test('HAND-22 an answer later than an attempt still counts; no attempt leaves a second link', async t => {
  const it = two()
  it.path.weather = ({ bytes }) => [{ bytes, delay: 3_100 }]
  it.a.dial(it.b.place)
  it.path.run(START + 90_000)
  t.ok(linked(it.a, it.b))
  t.equal(it.a.ties.size, 1)
  t.equal(it.b.ties.size, 1, 'the second attempt was half-open there, and went')
  t.equal(it.b.door.halfOpen, 0)
})

t.test(
  'HAND-24 UQ-08 P8 what the initiator sends second to seventh is lost: below 3x, no deadlock',
  async t => {
    for (const startedAt of [START - 1_000_000, START]) {
      const it = two({ b: { startedAt } })
      const { path, a, b } = it
      let [number, received, sent, worst] = [0, 0, 0, 0]
      let proved = false
      path.weather = ({ from, bytes }) => {
        if (from === a) {
          number++
          if (number >= 2 && number <= 7) return []
          received += bytes.length
        } else if (!proved) {
          sent += bytes.length
          worst = Math.max(worst, sent / received)
        }
        proved ||= b.ties.size > 0
        return [{ bytes, delay: 15 }]
      }
      a.dial(b.place)
      t.ok(
        path.run(START + 30_000, () => linked(a, b)),
        `after ${path.now - START} ms`,
      )
      t.ok(worst > 0 && worst <= 1, `${worst.toFixed(2)} bytes out for one that came`)
    }
  },
)

t.test('HAND-28 P8 no answer of a responder is larger than what it answers', async t => {
  for (let seed = 0; seed < 100; seed++) {
    const dice = new Seeded(seed)
    const it = two({ seed, b: dice.fraction() < 0.5 ? { startedAt: START } : {} })
    const { path, a, b } = it
    const strike = bursts(seed, 0.4 * dice.fraction(), 10)
    const last = { bytes: 0 }
    path.weather = crossing =>
      strike(crossing).flatMap(({ bytes }) => {
        const copies = dice.fraction() < 0.3 ? 2 : 1
        return Array.from({ length: copies }, () => ({ bytes, delay: 200 * dice.fraction() }))
      })
    const take = b.take.bind(b)
    b.take = (bytes, from) => {
      const before = path.crossings.length
      last.bytes = bytes.length
      const links = b.ties.size
      take(bytes, from)
      const out = path.crossings.slice(before).reduce((sum, one) => sum + one.bytes.length, 0)
      if (links === 0 && b.ties.size === 0 && out > bytes.length) t.fail(`${out} for ${bytes.length}`)
    }
    a.dial(b.place)
    path.run(START + 30_000, () => linked(a, b))
    t.ok(linked(a, b), `seed ${seed}`)
  }
})

t.test(
  'HS-10 HS-11 P5 each bit of each datagram flipped in turn: nothing is accepted, and the true one still is',
  async t => {
    for (const startedAt of [START - 1_000_000, START]) {
      const it = two({ b: { startedAt } })
      const { path, a, b } = it
      let accepted = 0
      path.weather = ({ bytes, to }) => {
        if (bytes[0]! >= 0x40 || to === undefined) return [{ bytes, delay: 10 }]
        const from = to === a ? b.place : a.place
        // The padding is long: every eighth bit of it is enough.
        for (let bit = 0; bit < 8 * bytes.length; bit += bit > 8 * 500 ? 37 : 1) {
          const changed = bytes.slice()
          changed[bit >> 3]! ^= 1 << (bit & 7)
          const judgement = to.door.judge(changed, from, path.now)
          if (judgement.kind !== 'drop') accepted++
        }
        for (const changed of [bytes.subarray(0, -1), Uint8Array.of(...bytes, 0)])
          if (to.door.judge(changed, from, path.now).kind !== 'drop') accepted++
        return [{ bytes, delay: 10 }]
      }
      a.dial(b.place)
      t.ok(path.run(START + 900, () => linked(a, b)))
      t.equal(accepted, 0)
      t.equal(b.ties.size, 1)
    }
  },
)

t.test(
  'HAND-23 a member that damages what is inside the MAC ends no dial and no half-open handshake',
  async t => {
    const it = two()
    const { path, a, b } = it
    const swarm = it.a.self.swarms[0]!
    const again = (bytes: Uint8Array, at: number): Uint8Array => {
      const changed = bytes.slice()
      changed[at]! ^= 1
      const mac = nativeSuite.hmac(swarm.macKey, changed.subarray(0, 1), changed.subarray(17))
      changed.set(mac.subarray(0, 16), 1)
      return changed
    }
    path.weather = ({ bytes }) => {
      if (bytes[0]! >= 0x40) return [{ bytes, delay: 10 }]
      const at = bytes[0] === MESSAGE_1 ? 70 : bytes.length - 20
      return [
        { bytes: again(bytes, at), delay: 5 },
        { bytes, delay: 10 },
      ]
    }
    a.dial(b.place)
    t.ok(path.run(START + 900, () => linked(a, b)))
    t.ok(b.door.dropped.damaged >= 2)
    t.equal(a.failures.length, 0)
  },
)

t.test(
  'HS-12 HAND-11 HAND-23 what opens and is wrong ends the dial: another peer, ourselves, an objection',
  async t => {
    const refused = new GuildError('GH_REFUSED_MAX_PEERS', 'full')
    const cases: [string, (it: Two) => void][] = [
      [
        'GH_HANDSHAKE_IDENTITY',
        ({ a, b }) => a.dial(b.place, { expect: peerIdFromKey(a.self.identity.publicKey) }),
      ],
      ['GH_HANDSHAKE_SELF', ({ a }) => a.dial(a.place)],
      ['GH_REFUSED_MAX_PEERS', ({ a, b }) => a.dial(b.place, { proceed: () => refused })],
    ]
    for (const [code, dial] of cases) {
      const it = two()
      dial(it)
      it.path.run(START + 40_000)
      t.strictSame(
        it.a.failures.map(({ error }) => error.code),
        [code],
      )
      t.equal(
        it.path.crossings.filter(({ bytes }) => bytes[0] === MESSAGE_3).length,
        0,
        'we never said who we are',
      )
      t.equal(it.a.ties.size + it.b.ties.size, 0)
      t.equal(it.b.door.halfOpen, 0)
    }
  },
)

t.test(
  'HAND-22 nobody answers: six attempts, each with a new key and id, then GH_HANDSHAKE_TIMEOUT',
  async t => {
    const it = two()
    it.path.weather = () => []
    const dial = it.a.dial(it.b.place)
    it.path.run(START + 60_000)
    t.strictSame(
      it.a.failures.map(({ error, stage }) => [error.code, stage]),
      [['GH_HANDSHAKE_TIMEOUT', 'message 1']],
    )
    t.equal(dial.deadline(), undefined)
    const at = it.path.crossings.map(one => one.at - START)
    t.strictSame(at.slice(0, 10), [0, 1_000, 1_500, 2_000, 2_500, 3_000, 3_500, 4_000, 4_500, 5_000])
    t.equal(new Set(it.path.crossings.map(({ bytes }) => Buffer.from(bytes).toString('hex'))).size, 6)
    t.equal(
      new Set(it.path.crossings.map(({ bytes }) => Buffer.from(bytes.subarray(17, 29)).toString('hex'))).size,
      6,
    )
    t.ok(it.path.crossings.every(({ bytes }) => bytes.length === limits.datagramLeast))
  },
)

t.test('HAND-22 the message 1 with a cookie goes again by the round trip that the cookie took', async t => {
  const it = two({ b: { startedAt: START } })
  let units = 0
  it.path.weather = ({ bytes, from }) => (from === it.b && ++units > 1 ? [] : [{ bytes, delay: 20 }])
  it.a.dial(it.b.place)
  it.path.run(START + 4_000)
  const asked = it.path.crossings.filter(({ bytes }) => bytes[0] === MESSAGE_1)
  t.strictSame(
    asked.map(({ at }) => at - START),
    [0, 40, 100, 220, 460, 940, 1_440, 1_940, 2_440, 2_940, 3_440, 3_940],
  )
  t.equal(new Set(asked.slice(1).map(({ bytes }) => Buffer.from(bytes).toString('hex'))).size, 1)
})

t.test('HAND-24 P4 a cookie that comes again does not make message 3 go again', async t => {
  const it = two({ b: { startedAt: START } })
  const units: Uint8Array[] = []
  it.path.weather = ({ bytes, from }) => {
    if (from === it.b && bytes[0]! < 0x40) units.push(bytes.slice())
    return bytes[0] === MESSAGE_3 || bytes[0]! >= 0x40 ? [] : [{ bytes, delay: 10 }]
  }
  it.a.dial(it.b.place)
  it.path.run(START + 45)
  const thirds = (): number => it.path.crossings.filter(({ bytes }) => bytes[0] === MESSAGE_3).length
  t.equal(units.length, 2)
  t.equal(thirds(), 1)
  it.path.run(START + 85)
  const [cookie, message2] = units as [Uint8Array, Uint8Array]
  it.a.take(cookie, it.b.place)
  t.equal(thirds(), 1, 'it is shorter than message 3, and nobody has missed that')
  it.a.take(message2, it.b.place)
  t.equal(thirds(), 2, 'message 2 again means that it is missed')
})

t.test('HAND-24 message 3 goes again until a packet opens, and the dial ends where none does', async t => {
  const it = two()
  it.path.weather = ({ bytes, from }) => (from === it.b && bytes[0]! >= 0x40 ? [] : [{ bytes, delay: 10 }])
  it.a.dial(it.b.place)
  it.path.run(START + 60_000)
  t.equal(it.b.ties.size, 1, 'the responder has its link')
  t.strictSame(
    it.a.failures.map(({ error, stage }) => [error.code, stage]),
    [['GH_HANDSHAKE_TIMEOUT', 'message 3']],
  )
  const thirds = it.path.crossings.filter(({ bytes }) => bytes[0] === MESSAGE_3)
  t.ok(thirds.length > 20 && thirds.length < 40, `${thirds.length}`)
  t.ok(
    thirds.every(({ bytes }) => equal(bytes, thirds[0]!.bytes)),
    'byte for byte',
  )
})

t.test('HAND-27 packets that overtake message 3 are held, at most eight', async t => {
  const it = two()
  const { path, a, b } = it
  path.weather = ({ bytes, from }) => [{ bytes, delay: from === a && bytes[0] === MESSAGE_3 ? 100 : 10 }]
  a.dial(b.place)
  path.run(START + 25)
  const tie = [...a.ties.values()][0]!
  for (let i = 0; i < 20; i++) a.say(tie, new Uint8Array(10))
  path.run(START + 119)
  t.equal(b.ties.size, 0)
  path.run(START + 125)
  t.equal([...b.ties.values()][0]!.heard, 8)
  t.equal(b.door.dropped.held, 21, 'the one said at once, and twenty')
})

t.test(
  'HAND-25 once proved, a late message 1 or 3 of the same asker is ignored: not even a cookie',
  async t => {
    const it = two()
    const { path, a, b } = it
    a.dial(b.place)
    t.ok(path.run(START + 900, () => linked(a, b)))
    const ours = path.crossings.filter(({ from, bytes }) => from === a && bytes[0]! < 0x40)
    t.equal(ours.length, 2)
    for (const { bytes } of ours)
      t.strictSame(b.door.judge(bytes, a.place, path.now), { kind: 'drop', reason: 'repeat' })
  },
)

t.test('HAND-26 message 3 from another address than message 1 is of no use', async t => {
  const it = two()
  const { path, a, b } = it
  const thief = path.node('192.0.2.66', { seed: 66 })
  path.weather = ({ bytes, from }) => {
    if (from === a && bytes[0] === MESSAGE_3) path.at(path.now + 5, () => b.take(bytes, thief.place))
    return [{ bytes, delay: 10 }]
  }
  a.dial(b.place)
  t.ok(path.run(START + 900, () => linked(a, b)))
  t.equal(b.ties.size, 1)
  t.strictSame([...b.ties.values()][0]!.to, a.place)
  t.notOk(path.crossings.some(({ to }) => to === thief))
})

t.test(
  'HAND-25 P4 HS-09 every datagram of a handshake sent again ten times, at once and later: no session, one cookie at most',
  async t => {
    for (const startedAt of [START - 1_000_000, START]) {
      const it = two({ b: { startedAt } })
      const { path, a, b } = it
      a.dial(b.place)
      path.run(START + 500)
      t.ok(linked(a, b))
      const recorded: Crossing[] = path.crossings.filter(({ from }) => from === a)
      for (const at of [START + 600, START + 20_000, START + 100_000]) {
        path.run(at)
        const cookies = new Map<Crossing, number>()
        for (let times = 0; times < 10; times++)
          for (const one of recorded)
            for (const from of [a.place, { host: '192.0.2.7', port: 9 }]) {
              const judgement = b.door.judge(one.bytes, from, path.now)
              if (judgement.kind === 'packet') continue // the packet number's business
              if (judgement.kind === 'reply') {
                cookies.set(one, (cookies.get(one) ?? 0) + 1)
                t.equal(judgement.datagram[41], responderUnits.COOKIE)
                t.ok(judgement.datagram.length < one.bytes.length)
              } else if (judgement.kind !== 'drop') t.fail(judgement.kind)
            }
        for (const [one, count] of cookies) {
          // One that was given a cookie and began nothing may be sent again by its sender, for five seconds.
          const repeated = startedAt === START && one === recorded[0]
          const most = repeated ? (at < START + 5_000 ? responders.cookies - 1 : 0) : 1
          t.ok(count <= most, `${count} answers`)
        }
      }
      t.equal(b.ties.size, 1)
      t.equal(b.door.halfOpen, 0)
    }
  },
)

t.test('HAND-25 UQ-05 every datagram doubled and out of order: one link', async t => {
  for (let seed = 0; seed < 50; seed++) {
    const dice = new Seeded(seed)
    const it = two({ seed, ...(seed % 2 === 0 ? {} : { b: { startedAt: START } }) })
    it.path.weather = ({ bytes }) => [1, 2, 3].map(() => ({ bytes, delay: 1_500 * dice.fraction() }))
    it.a.dial(it.b.place)
    it.path.run(START + 40_000)
    if (!linked(it.a, it.b) || it.a.ties.size !== 1 || it.b.ties.size !== 1)
      t.fail(`seed ${seed}: ${it.a.ties.size} and ${it.b.ties.size} links`)
    if (it.b.door.halfOpen !== 0) t.fail(`seed ${seed}: half-open`)
  }
  t.pass()
})

t.test('HS-07 HS-08 a mirror of all we send: no link, the dial ends as one of ourselves', async t => {
  for (const startedAt of [START - 1_000_000, START]) {
    const it = two({ a: { startedAt } })
    const { path, a, b } = it
    path.weather = ({ bytes, to }) => {
      if (to === b) path.at(path.now + 10, () => a.take(bytes, b.place))
      return []
    }
    a.dial(b.place)
    path.run(START + 40_000)
    t.equal(a.ties.size, 0)
    t.strictSame(
      a.failures.map(({ error }) => error.code),
      ['GH_HANDSHAKE_SELF'],
    )
    t.notOk(path.crossings.some(({ bytes }) => bytes[0] === MESSAGE_3))
    path.run(START + 60_000)
    t.equal(a.door.halfOpen, 0)
  }
})

t.test(
  'HAND-19 while a key is rotated the door takes datagrams of both swarms, each side with its own',
  async t => {
    const [old, young] = [new Uint8Array(32).fill(7), new Uint8Array(32).fill(8)]
    for (const psk of [old, young]) {
      const path = new DatagramPath()
      const self = makeSelf({ seed: 2 })
      const b = path.node('203.0.113.1', {
        self: { ...self, swarms: [createSwarm(nativeSuite, young), createSwarm(nativeSuite, old)] },
      })
      const a = path.node('198.51.100.1', { seed: 1, psk })
      a.dial(b.place)
      t.ok(path.run(START + 900, () => linked(a, b)))
    }
  },
)

t.test('HAND-15 HAND-28 a version nobody here speaks is refused with words that arrive, sealed', async t => {
  const { a, b } = two()
  const { self } = a
  const [swarm] = self.swarms
  const state = new HandshakeState({
    snapshot: swarm!.snapshot,
    initiator: true,
    s: self.staticKey,
    random: self.random.bytes,
  })
  const body = state.writeMessage(
    encodeMessage1({ versions: [99], time: WALL, parameters: new Map(), cookie: new Uint8Array(0) }),
  )
  const message1 = { kind: 'MESSAGE_1', initiatorId: a.ids.mint(), body } as const
  const judgement = b.door.judge(sealedDatagram(nativeSuite, swarm!, message1), a.place, START)
  t.equal(judgement.kind, 'reply')
  if (judgement.kind !== 'reply') return
  const { body: unit } = decodeHandshakeDatagram(judgement.datagram)
  t.equal(unit[0], responderUnits.VERSION_REFUSAL)
  t.strictSame([...openResponderUnit(nativeSuite, state, unit.subarray(1))], [1, 1])
  t.equal(b.door.halfOpen, 0)
})

t.test('HS-19 a dial asked for a second cookie gives up', async t => {
  const it = two({ b: { startedAt: START } })
  const { path, a, b } = it
  // The responder forgets its secrets between the two: as if another process answered.
  const other = new DatagramPath().node('203.0.113.1', {
    self: { ...b.self, freshness: new Freshness(START, b.self.random) },
  })
  let asked = 0
  path.weather = ({ bytes, from }) => {
    if (from === a && bytes[0] === MESSAGE_1 && ++asked === 2) {
      const judgement = other.door.judge(bytes, a.place, path.now)
      t.equal(judgement.kind, 'reply')
      if (judgement.kind === 'reply') path.at(path.now + 5, () => a.take(judgement.datagram, b.place))
      return []
    }
    return [{ bytes, delay: 10 }]
  }
  a.dial(b.place)
  path.run(START + 200)
  t.strictSame(
    a.failures.map(({ error }) => error.code),
    ['GH_HANDSHAKE_FAILED'],
  )
})
