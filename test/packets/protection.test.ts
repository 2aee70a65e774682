/** Packets sealed and opened: recorded, altered, replayed, reordered, and under keys that change. */
import t from 'tap'
import { concat, equal, toHex } from '../../src/base/bytes.ts'
import type { Suite } from '../../src/base/ports.ts'
import { ByteWriter } from '../../src/base/writer.ts'
import { nativeSuite, nobleSuite } from '../../src/crypto/index.ts'
import { MAX_NONCE, ReplayWindow } from '../../src/noise/index.ts'
import { type PhaseLimits, ReceiveKeys, SendKeys } from '../../src/packets/key-phases.ts'
import { Protection, type ProtectionOptions } from '../../src/packets/protection.ts'
import { nullSuite } from '../../src/testing/null-suite.ts'
import { encodePacketHead, isPacket, LEAST_PACKET, maskHead, sampleOf } from '../../src/wire/packet.ts'
import { Seeded } from '../support/seeded.ts'

const id = new Uint8Array(12).fill(0x1d)
const PTO = 100

/** The two ends of one direction. */
function pair(
  seed: number,
  { suite = nativeSuite, ...more }: Partial<ProtectionOptions> & { suite?: Suite } = {},
) {
  const random = new Seeded(seed)
  const [key, back, mask, maskBack] = [32, 32, 16, 16].map(n => random.bytes(n))
  const common = { now: 0, pto: () => PTO, ...more }
  const [there, here] = [suite.cipher(key!), suite.cipher(back!)]
  const [maskThere, maskHere] = [suite.headerMask(mask!), suite.headerMask(maskBack!)]
  return {
    random,
    alice: new Protection({
      ...common,
      send: there,
      receive: here,
      sendMask: maskThere,
      receiveMask: maskHere,
    }),
    bob: new Protection({
      ...common,
      send: here,
      receive: there,
      sendMask: maskHere,
      receiveMask: maskThere,
    }),
    /** A packet as somebody with the keys might make it, however wrong. */
    forge: (number: number, first: number, frames: Uint8Array, cipher = suite.cipher(key!)): Uint8Array => {
      const w = new ByteWriter(200)
      encodePacketHead(w, id, number, 4, 0)
      const head = w.view().slice()
      head[0] = first
      const packet = concat(head, cipher.seal(number, head, frames))
      maskHead(packet, suite.headerMask(mask!).mask(sampleOf(packet)))
      return packet
    },
    cipher: () => suite.cipher(key!),
  }
}

const anything = { isNew: () => true }

for (const [name, suite] of [
  ['native', nativeSuite],
  ['noble', nobleSuite],
  ['null', nullSuite()],
] as const) {
  t.test(
    `PROT-1 PROT-2 PROT-3 ${name}: what is sealed opens, whatever the length of number and frames`,
    async t => {
      const { alice, bob, random } = pair(1, { suite })
      const twin = pair(1, { suite: name === 'native' ? nobleSuite : suite })
      const faults: string[] = []
      let number = -1
      for (const [round, apart] of [
        1,
        3,
        127,
        128,
        200,
        32_768,
        40_000,
        8_388_608,
        9_000_000,
        2 ** 31,
      ].entries()) {
        number += apart
        for (const length of [0, 1, 2, 3, 4, 5, 1_150, 60_000]) {
          const frames = random.bytes(length)
          const largest = number - apart
          const packet = alice.sealed(id, number, largest, frames, 0)
          if (name === 'native' && length < 60_000) {
            const other = twin.alice.sealed(id, number, largest, frames, 0)
            if (!equal(packet, other)) faults.push(`${round} ${length}: the suites differ`)
          }
          if (packet.length < LEAST_PACKET) faults.push(`${length}: ${packet.length} bytes have no sample`)
          const overhead = Protection.overhead(number, largest)
          if (length >= 4 && packet.length !== overhead + length) faults.push(`${length}: overhead`)
          const before = toHex(packet)
          // No sender has more packets out, so a nearer one came.
          const opened = bob.open(packet, Math.max(largest, number - 2 ** 17), anything, 0)
          const { plaintext } = opened ?? { plaintext: new Uint8Array(0) }
          if (opened?.number !== number || !equal(plaintext.subarray(0, length), frames))
            faults.push(`${round} ${length}: ${opened?.number}`)
          if (plaintext.subarray(length).some(byte => byte !== 0)) faults.push(`${length}: not PADDING`)
          if (toHex(packet) !== before) faults.push(`${length}: the datagram was changed`)
          number++
        }
      }
      t.strictSame(faults, [])
      const room = new Uint8Array(2_000)
      const inPlace = alice.sealed(id, number + 1, number, Uint8Array.of(7, 7, 7, 7), 0, room)
      t.equal(inPlace.buffer, room.buffer)
      t.equal(inPlace.length, Protection.overhead(number + 1, number) + 4)
      t.ok(bob.open(inPlace, number, anything, 0))
    },
  )
}

t.test('P5 each bit of recorded packets flipped: nothing opens, and nothing changes', async t => {
  const { alice, bob, random } = pair(2, { phaseLimits: { bytes: 20, after: 1e9 } })
  const recorded: Uint8Array[] = []
  for (let n = 0; n < 12; n++) {
    recorded.push(
      alice.sealed(id, n, n - 1, random.bytes(n === 11 ? 1_150 : [0, 1, 40, 120][n % 4]!), n * 1_000),
    )
    alice.acked(n, n * 1_000)
  }
  const window = new ReplayWindow()
  let flips = 0
  let opened = 0
  let changes = 0
  for (const [n, packet] of recorded.entries()) {
    const { receivePhase } = bob
    for (let bit = 0; bit < 8 * packet.length; bit++) {
      const altered = packet.slice()
      altered[bit >> 3]! ^= 1 << (bit & 7)
      flips++
      if (bob.open(altered, n - 1, window, n * 1_000) !== undefined) opened++
      if (bob.receivePhase !== receivePhase) opened++
    }
    // Untouched, it opens as if nothing had been.
    const result = bob.open(packet, n - 1, window, n * 1_000)
    t.equal(result?.number, n)
    if (bob.receivePhase !== receivePhase) changes++
    window.mark(n)
    bob.acknowledged(n)
  }
  t.equal(opened, 0)
  t.ok(changes > 2, 'through more than one key')
  t.ok(flips > 14_000, `${flips} flips`)
  t.ok(bob.failures > 0 && bob.failures < flips)
})

t.test('P4 every recorded packet ten times more, in any order: none is delivered twice', async t => {
  for (const seed of [1, 2, 3]) {
    const { alice, bob, random } = pair(seed)
    const window = new ReplayWindow()
    const recorded = Array.from({ length: 300 }, (_, n) => alice.sealed(id, n, n - 1, random.bytes(20), 0))
    const delivered = new Map<number, number>()
    const replay = [...recorded]
    for (let again = 0; again < 10; again++) replay.push(...shuffled(recorded, random))
    for (const packet of replay) {
      const opened = bob.open(packet, window.greatest, window, 0)
      if (opened === undefined) continue
      if (!window.mark(opened.number)) t.fail('opened a second time')
      delivered.set(opened.number, (delivered.get(opened.number) ?? 0) + 1)
    }
    t.equal(delivered.size, 300)
    t.ok([...delivered.values()].every(count => count === 1))
  }
})

t.test('HS-13 PROT-9 the last packet number is used once, and nothing comes after it', async t => {
  const { alice, bob } = pair(4)
  const last = alice.sealed(id, MAX_NONCE, MAX_NONCE - 1, Uint8Array.of(1, 2, 3, 4), 0)
  t.equal(bob.open(last, MAX_NONCE - 1, anything, 0)?.number, MAX_NONCE)
  t.throws(() => alice.sealed(id, MAX_NONCE + 1, MAX_NONCE, id, 0), { code: 'GH_NOISE_NONCE' })
  t.throws(() => alice.sealed(id, MAX_NONCE, MAX_NONCE - 1, id, 0), { code: 'GH_INTERNAL' })
  t.throws(() => alice.sealed(id, 7, 6, id, 0), { code: 'GH_INTERNAL' }, 'nor any that was used before')
  const small = pair(4, { maxNumber: 2 }).alice
  for (const n of [0, 1, 2]) small.sealed(id, n, n - 1, id, 0)
  t.throws(() => small.sealed(id, 3, 2, id, 0), { code: 'GH_NOISE_NONCE' })
})

t.test('UQ-16 PROT-7 a second key change before the first is confirmed ends the link', async t => {
  // A sender that believes its changes confirmed at once: it changes with every packet.
  const { alice, bob } = pair(5, { phaseLimits: { bytes: 0, after: 0 }, pto: () => 0 })
  const next = (n: number): Uint8Array => {
    const packet = alice.sealed(id, n, n - 1, id, n)
    alice.acked(n, n)
    return packet
  }
  t.equal(bob.open(next(0), -1, anything, 0)?.phase, 0)
  bob.acknowledged(0)
  t.equal(bob.open(next(1), 0, anything, 0)?.phase, 1, 'the first change')
  const second = next(2)
  t.throws(() => bob.open(second, 1, anything, 0), { code: 'GH_LINK_PROTOCOL' })
  t.equal(bob.receivePhase, 1, 'and is not followed')
  bob.acknowledged(0)
  t.throws(
    () => bob.open(second, 1, anything, 0),
    { code: 'GH_LINK_PROTOCOL' },
    'an older number confirms nothing',
  )
  bob.acknowledged(1)
  t.equal(bob.open(second, 1, anything, 0)?.phase, 0)

  const eager = pair(6, { phaseLimits: { bytes: 0, after: 0 }, pto: () => 0 })
  eager.alice.sealed(id, 0, -1, id, 0)
  eager.alice.acked(0, 0)
  const early = eager.alice.sealed(id, 1, -1, id, 0)
  t.throws(
    () => eager.bob.open(early, -1, anything, 0),
    { code: 'GH_LINK_PROTOCOL' },
    'nor one before any packet',
  )
})

t.test('UQ-16 HS-17 PROT-8 overtaken packets of the old key open for 3 PTO, and never after', async t => {
  const { alice, bob } = pair(7, { phaseLimits: { bytes: 1, after: 1e9 } })
  const old = [0, 1, 2].map(n => alice.sealed(id, n, -1, id, 0))
  alice.acked(0, 0)
  t.equal(alice.sendPhase, 0)
  const changed = alice.sealed(id, 3, 0, id, 3 * PTO)
  t.equal(alice.sendPhase, 1)
  t.ok(bob.open(old[0]!, -1, anything, 0))
  bob.acknowledged(0)
  t.equal(bob.open(changed, 0, anything, 1_000)?.phase, 1)
  t.equal(bob.open(old[1]!, 3, anything, 1_000 + 3 * PTO - 1)?.phase, 0, 'just in time')
  t.equal(bob.open(old[2]!, 3, anything, 1_000 + 3 * PTO), undefined, 'too late')
  t.equal(bob.open(old[2]!, 3, anything, 0), undefined, 'the old key is gone for good')
  t.equal(bob.failures, 0, 'which is no forgery')
  // However slow the path, 180 s after it came into use a key is dead.
  const slow = pair(7, { phaseLimits: { bytes: 1, after: 1e9 }, pto: () => 60_000 })
  const slowOld = [0, 1].map(n => slow.alice.sealed(id, n, -1, id, 0))
  slow.alice.acked(0, 0)
  const slowChanged = slow.alice.sealed(id, 2, 0, id, 60_000)
  slow.bob.open(slowOld[0]!, -1, anything, 0)
  slow.bob.acknowledged(0)
  t.equal(slow.bob.open(slowChanged, 0, anything, 120_000)?.phase, 1)
  t.equal(slow.bob.open(slowOld[1]!, 2, anything, 180_000), undefined)
})

t.test(
  'P6 PROT-6 a key is changed by 120 s or 2^30 bytes, and not before the last change is confirmed',
  async t => {
    const cipher = pair(8).cipher()
    const phases = (keys: SendKeys, times: readonly number[]): number[] =>
      times.map((now, n) => {
        keys.cipherFor(n + 1, PTO, now)
        return keys.phase
      })
    const byTime = new SendKeys(cipher, 0)
    byTime.acked(0, 50)
    t.strictSame(
      phases(byTime, [119_999, 120_000, 240_000, 400_000]),
      [0, 1, 1, 1],
      'the second is not confirmed',
    )
    byTime.acked(1, 400_000)
    t.strictSame(phases(byTime, [450_000]), [1], 'of an old phase: confirms nothing')
    byTime.acked(2, 500_000)
    byTime.cipherFor(9, PTO, 500_000 + 3 * PTO - 1)
    t.equal(byTime.phase, 1, 'the peer may still need the old key')
    byTime.cipherFor(10, PTO, 500_000 + 3 * PTO)
    t.equal(byTime.phase, 0)
    const byBytes = new SendKeys(cipher, 0)
    byBytes.acked(0, 0)
    byBytes.sealed(2 ** 30 - 1)
    t.strictSame(phases(byBytes, [1_000]), [0])
    byBytes.sealed(1)
    t.strictSame(phases(byBytes, [1_000]), [1])
    // The two directions do not hang on each other.
    const { alice, bob } = pair(8, { phaseLimits: { bytes: 1, after: 1e9 } })
    bob.open(alice.sealed(id, 0, -1, id, 0), -1, anything, 0)
    bob.acknowledged(0)
    alice.acked(0, 0)
    bob.open(alice.sealed(id, 1, 0, id, 1_000), 0, anything, 1_000)
    t.strictSame([alice.sendPhase, bob.receivePhase, bob.sendPhase, alice.receivePhase], [1, 1, 0, 0])
  },
)

t.test(
  'P6 HS-17 1,000 key changes under 10 % loss and reordering: 0 frames lost, 0 packets that do not open',
  async t => {
    const { changes, delivered, refused, failures, frames } = lossyTransfer(9, 1_000)
    t.ok(changes >= 1_000, `${changes} changes`)
    t.equal(delivered, frames)
    t.equal(refused, 0)
    t.equal(failures, 0)
  },
)

/** Frames of four bytes, sent again until acknowledged, over a path that loses 10 % and overtakes. */
function lossyTransfer(seed: number, wanted: number) {
  const phaseLimits: PhaseLimits = { bytes: 1, after: 1e9 }
  const { alice, bob, random } = pair(seed, { phaseLimits, pto: () => 30 })
  const window = new ReplayWindow()
  const inFlight = new Map<number, { frame: number; at: number }>()
  const onTheWay: { packet: Uint8Array; at: number }[] = []
  const acks: { number: number; at: number }[] = []
  const got = new Set<number>()
  const again: number[] = []
  let [now, number, frames, changes, phase, largestAcked, refused] = [0, 0, 0, 0, 0, -1, 0]
  const lost = (): boolean => random.fraction() < 0.1
  while (changes < wanted || inFlight.size > 0 || again.length > 0) {
    now += 10
    const frame = again.shift() ?? (changes < wanted ? frames++ : undefined)
    if (frame !== undefined) {
      const bytes = new Uint8Array(4)
      new DataView(bytes.buffer).setUint32(0, frame)
      const packet = alice.sealed(id, number, largestAcked, bytes, now)
      if (alice.sendPhase !== phase) changes++
      phase = alice.sendPhase
      inFlight.set(number++, { frame, at: now })
      if (!lost()) onTheWay.push({ packet, at: now + 20 + random.below(60) })
    }
    for (const { packet } of due(onTheWay, now)) {
      const opened = bob.open(packet, window.greatest, window, now)
      if (opened === undefined) {
        refused++
        continue
      }
      window.mark(opened.number)
      got.add(new DataView(opened.plaintext.buffer, opened.plaintext.byteOffset).getUint32(0))
      bob.acknowledged(opened.number)
      if (!lost()) acks.push({ number: opened.number, at: now + 20 + random.below(30) })
    }
    for (const ack of due(acks, now)) {
      inFlight.delete(ack.number)
      largestAcked = Math.max(largestAcked, ack.number)
      alice.acked(ack.number, now)
    }
    for (const [sent, { frame, at }] of inFlight)
      if (now - at > 200) {
        inFlight.delete(sent)
        again.push(frame)
      }
  }
  return { changes, delivered: got.size, frames, refused, failures: bob.failures }
}

t.test('PROT-4 PROT-5 what must end the link does, what may come from anybody does not', async t => {
  const { bob, random, forge } = pair(10)
  let thrown = 0
  let impossible = 0
  for (let round = 0; round < 4_500; round++) {
    const bytes = random.bytes(round % 1_500)
    if (round % 2 === 0 && bytes.length > 0) bytes[0] = 0x40 | (bytes[0]! & 0x3f)
    try {
      if (bob.open(bytes, 5, anything, 0) !== undefined) thrown++
      else if (bob.refusal === 'invalid' && isPacket(bytes)) impossible++
    } catch {
      thrown++
    }
  }
  t.equal(thrown, 0)
  t.ok(impossible > 1_000, `${impossible} had numbers that no sender has a reason for`)
  t.ok(bob.failures > 500)
  for (const first of [0x43 | 0x20, 0x43 | 0x10, 0x43 | 0x08])
    t.throws(() => bob.open(forge(1, first, id), 0, anything, 0), { code: 'GH_WIRE_RESERVED' })
  t.ok(bob.open(forge(1, 0x43, id), 0, anything, 0), 'the same without reserved bits')

  const weary = pair(10, { maxFailures: 3 }).bob
  const forged = forge(1, 0x43, id, pair(12).cipher())
  for (let i = 0; i < 2; i++) t.equal(weary.open(forged, 0, anything, 0), undefined)
  t.throws(() => weary.open(forged, 0, anything, 0), { code: 'GH_NOISE_OPEN' }, 'the limit of the cipher')
})

t.test('P5 LOSS-16 a number further away than its length or any sender allows is not opened', async t => {
  const { alice, bob } = pair(10)
  const frames = Uint8Array.of(7, 7, 7, 7)
  let number = 0
  // Lengths 1, 2, 3 and 4: what came last, and how far ahead a number of that length may be.
  for (const [length, ahead] of [
    [1, 2 ** 7],
    [2, 2 ** 15],
    [3, 2 ** 17],
    [4, 2 ** 17],
  ] as const) {
    for (const distance of [ahead - 1, ahead, ahead + 1]) {
      number += 2 ** 25
      const packet = alice.sealed(id, number, number - 2 ** (8 * length - 1), frames, 0)
      const opened = bob.open(packet, number - distance, anything, 0)
      t.equal(opened?.number, distance > ahead ? undefined : number, `${length} bytes, ${distance} ahead`)
    }
  }
  t.equal(bob.refusal, 'invalid')
  // Where numbers are small there is no past that it could be taken for.
  const young = pair(11)
  t.equal(young.bob.open(young.alice.sealed(id, 60_000, 59_000, frames, 0), 5, anything, 0), undefined)
  t.equal(bob.failures + young.bob.failures, 0, 'it costs no opening')
})

t.test('a packet for which there is no key is asked about, never opened', async t => {
  const keys = new ReceiveKeys(pair(11).cipher())
  t.ok(keys.has(0, 5, 0) && keys.has(1, 5, 0))
  const next = pair(11).cipher().rekeyed()
  keys.acknowledged(0)
  keys.open(1, 5, id, next.seal(5, id, id), PTO, 0)
  // Number 3 shows that the phase began there: 4 with the other bit is no packet of the old key.
  const old = pair(11).cipher()
  t.ok(keys.open(0, 2, id, old.seal(2, id, id), PTO, 0))
  t.ok(keys.open(1, 3, id, next.seal(3, id, id), PTO, 0))
  t.throws(() => keys.open(0, 4, id, old.seal(4, id, id), PTO, 0), { code: 'GH_NOISE_OPEN' })
  t.notOk(keys.has(0, 2, 3 * PTO))
  t.throws(() => keys.open(0, 2, id, id, PTO, 3 * PTO), { code: 'GH_INTERNAL' })
})

function due<T extends { readonly at: number }>(queue: T[], now: number): T[] {
  const ready = queue.filter(one => one.at <= now).sort((a, b) => a.at - b.at)
  const rest = queue.filter(one => one.at > now)
  queue.splice(0, queue.length, ...rest)
  return ready
}

function shuffled<T>(items: readonly T[], random: Seeded): T[] {
  const out = [...items]
  for (let i = out.length - 1; i > 0; i--) {
    const j = random.below(i + 1)
    ;[out[i], out[j]] = [out[j]!, out[i]!]
  }
  return out
}
