/** The door for datagrams: strangers, floods, half-open handshakes, cookies, resets. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { concat } from '../../src/base/bytes.ts'
import type { Endpoint, Suite } from '../../src/base/ports.ts'
import { nativeSuite } from '../../src/crypto/index.ts'
import { ConnectionIds } from '../../src/link/connection-ids.ts'
import { AddressCookies } from '../../src/link/cookies.ts'
import { DatagramInitiator, type DialOutput } from '../../src/link/datagram-initiator.ts'
import { defaults } from '../../src/link/datagram-responder.ts'
import { Door } from '../../src/link/door.ts'
import { Freshness } from '../../src/link/freshness.ts'
import type { Self } from '../../src/link/self.ts'
import { createSwarm } from '../../src/link/swarm.ts'
import { limits } from '../../src/wire/limits.ts'
import { responderUnits } from '../../src/wire/registry.ts'
import { strangers } from '../floods/datagrams.ts'
import { DatagramPath, linked } from '../support/datagram-path.ts'
import { makeSelf, START, yes } from '../support/link-pair.ts'
import { Seeded } from '../support/seeded.ts'

const psk = new Uint8Array(32).fill(7)
const anywhere: Endpoint = { host: '198.51.100.1', port: 9 }

/** A node at the door of which something happens; its Diffie-Hellmans are counted. */
function house(options: { remembered?: number; startedAt?: number } = {}) {
  const count = { dh: 0 }
  const suite: Suite = {
    ...nativeSuite,
    dh: (...args) => {
      count.dh++
      return nativeSuite.dh(...args)
    },
  }
  const made = makeSelf({ seed: 2 })
  const freshness = new Freshness(options.startedAt ?? START - 1_000_000, made.random, options.remembered)
  const self: Self = { ...made, suite, swarms: [createSwarm(suite, psk)], freshness }
  const ids = new ConnectionIds(suite, new Uint8Array(32).fill(5), self.random)
  return { self, ids, door: new Door<string>(self, ids, START), count }
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Of the heap and what hangs on it, without garbage. */
async function settledMemory(): Promise<number> {
  for (let i = 0; i < 2; i++) {
    await new Promise(resolve => setImmediate(resolve))
    collect()
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const idsOf = (self: Self): ConnectionIds =>
  new ConnectionIds(self.suite, new Uint8Array(32).fill(6), self.random)

const selves = new Map<Uint8Array, Self>()

/** A dial, and what it sent. All of them are of one process, for a process costs more than a dial. */
function asker(key: Uint8Array = psk) {
  const self = selves.get(key) ?? makeSelf({ seed: 1_000 + selves.size, psk: key })
  selves.set(key, self)
  const dial = new DatagramInitiator({ self, ids: idsOf(self), proceed: yes }, START)
  const drain = (): DialOutput[] => {
    const outputs: DialOutput[] = []
    for (let output = dial.poll(); output !== undefined; output = dial.poll()) outputs.push(output)
    return outputs
  }
  const sent = (): Uint8Array[] => drain().flatMap(one => (one.kind === 'send' ? [one.datagram] : []))
  const door = new Door<string>(self, idsOf(self), START)
  const first = drain()
  for (const one of first) if (one.kind === 'expect') door.expect(one.id, 'dial')
  const give = (datagram: Uint8Array): void => {
    const judgement = door.judge(datagram, anywhere, START)
    if (judgement.kind === 'unit') dial.handle({ kind: 'unit', unit: judgement.unit }, START)
  }
  const message1 = first.flatMap(one => (one.kind === 'send' ? [one.datagram] : []))[0]!
  return { self, dial, message1, give, sent }
}

const unitOf = (datagram: Uint8Array): number | undefined => datagram[41]

t.test('HS-02 P1 random bytes of each length from 0 to 1,500: no reply', async t => {
  const { door, count } = house()
  const dice = new Seeded(3)
  for (let length = 0; length <= 1_500; length++)
    for (const first of [undefined, 0x01, 0x02, 0x03, 0x40 | dice.below(64)]) {
      const bytes = dice.bytes(length)
      if (first !== undefined && length > 0) bytes[0] = first
      const judgement = door.judge(bytes, anywhere, START)
      if (judgement.kind !== 'drop') t.fail(`${length} bytes: ${judgement.kind}`)
    }
  t.equal(door.dropped.stranger, 1_501 * 5)
  t.equal(count.dh, 0)
  t.equal(door.halfOpen, 0)
})

t.test(
  'HAND-19 HS-01 P1 20,000 datagrams of strangers: random, cut short, of another swarm, ids made up',
  async t => {
    const { door, self, count } = house()
    const told = strangers(door, self, 20_000, 1)
    t.strictSame(told, { asked: 20_000, answered: 0, bytes: 0 })
    t.equal(count.dh, 0)
    t.equal(door.halfOpen, 0)
    t.equal(door.deadline(), undefined)
  },
)

t.test('HAND-19 HS-01 a message 1 with a MAC of ours that another psk sealed: no reply', async t => {
  const { door, self, count } = house()
  const { message1 } = asker(new Uint8Array(32).fill(9))
  t.equal(door.judge(message1, anywhere, START).kind, 'drop')
  t.equal(door.dropped.stranger, 1)
  const mac = nativeSuite.hmac(self.swarms[0]!.macKey, message1.subarray(0, 1), message1.subarray(17))
  const forged = concat(message1.subarray(0, 1), mac.subarray(0, 16), message1.subarray(17))
  t.equal(door.judge(forged, anywhere, START).kind, 'drop')
  t.equal(door.dropped.damaged, 1)
  t.equal(count.dh, 0)
})

t.test(
  'HAND-26 HS-18 P3 10,000 half-open handshakes: 1,024 at most, the oldest goes, 16 MiB, gone after 10 s',
  async t => {
    const { door } = house()
    const asked = Array.from({ length: 10_000 }, (_, i) => ({
      message1: asker().message1,
      // Not from one place, and half of them not often enough from one for its eight.
      from: { host: `10.${i & 255}.${(i >> 8) & 255}.1`, port: 1_024 + i },
    }))
    const before = await settledMemory()
    let [most, cookies, second] = [0, 0, 0]
    for (const { message1, from } of asked) {
      const judgement = door.judge(message1, from, START)
      if (judgement.kind !== 'reply') t.fail(judgement.kind)
      else if (unitOf(judgement.datagram) === responderUnits.COOKIE) cookies++
      else second++
      most = Math.max(most, door.halfOpen)
    }
    t.equal(second, defaults.busy, 'from an eighth of the table on everybody needs a cookie')
    t.equal(cookies, 10_000 - defaults.busy)
    t.equal(most, defaults.busy)
    const grown = (await settledMemory()) - before
    t.ok(grown < 16 * 2 ** 20, `${(grown / 2 ** 20).toFixed(1)} MiB`)
    t.equal(door.deadline(), START + 10_000)
    door.tick(START + 9_999)
    t.equal(door.halfOpen, most)
    door.tick(START + 10_000)
    t.equal(door.halfOpen, 0)
    t.equal(door.deadline(), undefined)
  },
)

t.test(
  'HAND-26 HS-18 P3 the same from members who answer cookies: 1,024 stand, eight a place, an honest one gets in',
  async t => {
    const { door } = house()
    const before = await settledMemory()
    let stood = 0
    for (let i = 0; i < 1_200; i++) {
      const { message1, give, sent } = asker()
      const from = { host: `10.${i & 255}.${(i >> 8) & 255}.1`, port: 1_024 + i }
      const judgement = door.judge(message1, from, START)
      if (judgement.kind === 'reply' && unitOf(judgement.datagram) === responderUnits.COOKIE) {
        give(judgement.datagram)
        const [again] = sent()
        const answer = door.judge(again!, from, START)
        if (answer.kind !== 'reply' || unitOf(answer.datagram) !== responderUnits.MESSAGE_2)
          t.fail('not let in')
      }
      stood = Math.max(stood, door.halfOpen)
    }
    t.equal(stood, 1_024)
    const grown = (await settledMemory()) - before
    t.comment(`${(grown / 2 ** 20).toFixed(1)} MiB more`)
    t.ok(grown < 16 * 2 ** 20)
    const honest = asker()
    const cookie = door.judge(honest.message1, { host: '203.0.113.5', port: 1 }, START)
    if (cookie.kind === 'reply') honest.give(cookie.datagram)
    const [again] = honest.sent()
    const second = door.judge(again!, { host: '203.0.113.5', port: 1 }, START)
    if (second.kind === 'reply') honest.give(second.datagram)
    const [third] = honest.sent()
    t.equal(door.judge(third!, { host: '203.0.113.5', port: 1 }, START).kind, 'proved')
    t.equal(door.halfOpen, 1_023)
  },
)

t.test(
  'HAND-26 P3 eight from one place, of which the oldest goes; on loopback only the total counts',
  async t => {
    for (const [host, expected] of [
      ['198.51.100.1', 8],
      ['2001:db8::1', 8],
      ['127.0.0.1', 40],
    ] as const) {
      const { door } = house()
      const thirds: { third: Uint8Array; from: Endpoint }[] = []
      for (let i = 0; i < 40; i++) {
        const one = asker()
        const from = { host, port: 1_024 + i }
        let answer = door.judge(one.message1, from, START + 1_000 * (i >> 2))
        for (let turn = 0; turn < 2 && answer.kind === 'reply'; turn++) {
          one.give(answer.datagram)
          const [next] = one.sent()
          if (unitOf(answer.datagram) === responderUnits.MESSAGE_2) {
            thirds.push({ third: next!, from })
            break
          }
          answer = door.judge(next!, from, START + 1_000 * (i >> 2))
        }
      }
      t.equal(thirds.length, 40)
      t.equal(door.halfOpen, expected, host)
      const last = thirds.at(-1)!
      t.equal(door.judge(last.third, last.from, START + 9_999).kind, 'proved', 'the newest stands')
      t.equal(
        door.judge(thirds[0]!.third, thirds[0]!.from, START + 9_999).kind,
        expected === 8 ? 'drop' : 'proved',
      )
    }
  },
)

t.test(
  'HAND-21 HS-19 under load a cookie, no larger than the question and without Diffie-Hellman; with it on',
  async t => {
    const { door, count } = house({ remembered: 4 })
    for (let i = 0; i < 4; i++) door.judge(asker().message1, { host: `10.0.0.${i}`, port: 9 }, START)
    t.equal(count.dh, 8)
    for (let i = 0; i < 200; i++) {
      const { message1 } = asker()
      const judgement = door.judge(message1, { host: `10.0.1.${i}`, port: 9 }, START)
      if (judgement.kind !== 'reply' || unitOf(judgement.datagram) !== responderUnits.COOKIE)
        t.fail('no cookie')
      else if (judgement.datagram.length > message1.length) t.fail('larger')
    }
    t.equal(count.dh, 8)
    const path = new DatagramPath()
    const b = path.node('203.0.113.1', { self: house({ remembered: 1 }).self })
    b.door.judge(asker().message1, anywhere, START)
    const a = path.node('198.51.100.1', { seed: 77 })
    a.dial(b.place)
    t.ok(path.run(START + 900, () => linked(a, b)))
  },
)

t.test(
  'HAND-21 HS-19 more than five at once, or twenty a second, from one place: cookies; another place is not asked',
  async t => {
    const { door } = house()
    const kinds: (number | undefined)[] = []
    for (let i = 0; i < 8; i++) {
      const judgement = door.judge(asker().message1, { ...anywhere, port: i }, START)
      kinds.push(judgement.kind === 'reply' ? unitOf(judgement.datagram) : undefined)
    }
    t.strictSame(kinds, [2, 2, 2, 2, 2, 3, 3, 3])
    const other = door.judge(asker().message1, { host: '203.0.113.9', port: 9 }, START)
    t.equal(other.kind === 'reply' && unitOf(other.datagram), responderUnits.MESSAGE_2)
    const later = door.judge(asker().message1, anywhere, START + 50)
    t.equal(later.kind === 'reply' && unitOf(later.datagram), responderUnits.MESSAGE_2)
  },
)

t.test('HAND-21 HS-20 a cookie is of one address and port, of one node, and lives 120 s', async t => {
  const dice = new Seeded(4)
  const random = { bytes: (length: number) => dice.bytes(length), fraction: () => dice.fraction() }
  const cookies = new AddressCookies(nativeSuite, random, START)
  const other = new AddressCookies(nativeSuite, random, START)
  // Whatever the moment within the life of a secret, and where the clock passes 2^32.
  for (const at of [
    START,
    START + 1,
    START + 119_999,
    START + 120_000,
    START + 250_000.5,
    2 ** 32 - 5,
    2 ** 33,
  ]) {
    const cookie = cookies.of(anywhere).issue(at)
    t.ok(cookie.length <= limits.cookie)
    const good = (from: Endpoint, now: number): boolean => cookies.of(from).proved(cookie, now)
    t.ok(good(anywhere, at) && good(anywhere, at + 119_999))
    t.notOk(good({ ...anywhere, port: 10 }, at), 'another port')
    t.notOk(good({ ...anywhere, host: '198.51.100.2' }, at), 'another host')
    t.notOk(other.of(anywhere).proved(cookie, at), 'another node')
    for (let byte = 0; byte < cookie.length; byte++) {
      const changed = cookie.slice()
      changed[byte]! ^= 1
      if (cookies.of(anywhere).proved(changed, at)) t.fail(`byte ${byte}`)
    }
    t.notOk(good(anywhere, at + 120_001), 'too old')
    t.notOk(good(anywhere, at + 500_000), 'much too old')
  }
  t.notOk(cookies.of(anywhere).proved(new Uint8Array(0), START))
})

t.test('HAND-21 HS-20 at the door: the cookie of another address begins nothing', async t => {
  // Its memory is full from the first on, so that everybody needs one.
  const { door, count } = house({ remembered: 1 })
  door.judge(asker().message1, { host: '192.0.2.1', port: 9 }, START)
  t.equal(count.dh, 2)
  const answer = (message1: Uint8Array, from: Endpoint, now: number): number | undefined => {
    const judgement = door.judge(message1, from, now)
    return judgement.kind === 'reply' ? unitOf(judgement.datagram) : undefined
  }
  const retry = (): Uint8Array => {
    const one = asker()
    const cookie = door.judge(one.message1, anywhere, START)
    if (cookie.kind === 'reply') one.give(cookie.datagram)
    return one.sent()[0]!
  }
  const [early, late] = [retry(), retry()]
  t.equal(answer(early, { host: '203.0.113.7', port: 9 }, START), responderUnits.COOKIE)
  t.equal(answer(early, { ...anywhere, port: 10 }, START), responderUnits.COOKIE)
  t.equal(count.dh, 2)
  t.equal(answer(early, anywhere, START + 1_000), responderUnits.MESSAGE_2)
  t.equal(count.dh, 4)
  t.equal(answer(late, anywhere, START + 120_001), responderUnits.COOKIE, 'older than 120 s')
  t.equal(count.dh, 4)
})

t.test(
  'UQ-15 a packet to an id we gave out and forgot: one reset, shorter; a stranger gets none; the peer knows it',
  async t => {
    const { door, ids } = house()
    const peer = house()
    const id = ids.mint()
    const packet = concat(Uint8Array.of(0x41), id, new Uint8Array(60).fill(9))
    const judgement = door.judge(packet, anywhere, START)
    if (judgement.kind !== 'reply') return t.fail(judgement.kind)
    const reset = judgement.datagram
    t.ok(reset.length < packet.length)
    t.equal(peer.door.judge(reset, anywhere, START).kind, 'drop', 'nobody waits for it there')
    peer.door.watch(ids.token(id), 'their link')
    t.strictSame(peer.door.judge(reset, anywhere, START), { kind: 'reset', key: 'their link' })
    const wrong = reset.slice()
    wrong[wrong.length - 1]! ^= 1
    t.equal(peer.door.judge(wrong, anywhere, START).kind, 'drop')
    peer.door.unwatch(ids.token(id))
    t.equal(peer.door.judge(reset, anywhere, START).kind, 'drop')
    const madeUp = packet.slice()
    madeUp[5]! ^= 1
    t.equal(door.judge(madeUp, anywhere, START).kind, 'drop')
    door.open(id, 'a link')
    t.strictSame(door.judge(packet, anywhere, START), { kind: 'packet', key: 'a link' })
    door.close(id)
    let answered = 0
    for (let i = 0; i < 1_000; i++) if (door.judge(packet, anywhere, START + i).kind === 'reply') answered++
    t.ok(answered > 0 && answered < 100, `${answered} resets in a second`)
  },
)

t.test('HAND-27 packets held for all handshakes together have a bound too', async t => {
  const { door } = house()
  const ids: Uint8Array[] = []
  for (let i = 0; i < 128; i++) {
    const judgement = door.judge(asker().message1, { host: '127.0.0.1', port: i }, START)
    if (judgement.kind === 'reply') ids.push(judgement.datagram.slice(29, 41))
  }
  t.equal(ids.length, 128)
  const before = await settledMemory()
  for (const [port, id] of ids.entries())
    for (let i = 0; i < 100; i++) {
      const packet = concat(Uint8Array.of(0x41), id, new Uint8Array(1_400))
      if (door.judge(packet, { host: '127.0.0.1', port }, START).kind !== 'drop') t.fail('not held')
    }
  const grown = (await settledMemory()) - before
  t.ok(grown < 2 * defaults.heldInAll * defaults.heldSize, `${grown} bytes`)
  t.equal(door.dropped.held, 12_800)
})
