/** Connection ids: issued, used, retired, and the resets that their tokens prove. */
import t from 'tap'
import { concat, copy, equal, toHex } from '../../src/base/bytes.ts'
import { ByteReader } from '../../src/base/reader.ts'
import { ByteWriter } from '../../src/base/writer.ts'
import { nativeSuite } from '../../src/crypto/index.ts'
import { ConnectionIds } from '../../src/link/connection-ids.ts'
import { StatelessResets } from '../../src/link/stateless-reset.ts'
import { LocalIds } from '../../src/packets/local-ids.ts'
import { RemoteIds } from '../../src/packets/remote-ids.ts'
import { decodeNewConnectionId } from '../../src/wire/frames/connection-id.ts'
import type { InFlight } from '../../src/wire/frames/index.ts'
import { frameTypes } from '../../src/wire/registry.ts'
import { Seeded } from '../support/seeded.ts'

const PTO = 100

function node(seed: number): { ids: ConnectionIds; resets: StatelessResets; random: Seeded } {
  const random = new Seeded(seed)
  const ids = new ConnectionIds(nativeSuite, random.bytes(32), random)
  return { ids, resets: new StatelessResets(ids, random, 0), random }
}

t.test('PATH-1 UQ-15 a node knows its own connection ids again, and no others', async t => {
  const { ids } = node(1)
  const id = ids.mint()
  t.equal(id.length, 12)
  t.ok(ids.ours(id))
  t.ok(new ConnectionIds(nativeSuite, new Seeded(1).bytes(32), new Seeded(9)).ours(id), 'after a restart too')
  t.notOk(node(2).ids.ours(id), 'another node does not')
  let taken = 0
  for (let bit = 0; bit < 96; bit++) {
    const altered = copy(id)
    altered[bit >> 3]! ^= 1 << (bit & 7)
    if (ids.ours(altered)) taken++
  }
  for (let length = 0; length < 30; length++) if (length !== 12 && ids.ours(new Uint8Array(length))) taken++
  t.equal(taken, 0)
  t.equal(ids.token(id).length, 16)
  t.notOk(equal(ids.token(id), ids.token(ids.mint())))
  t.notOk(equal(ids.token(id), node(2).ids.token(id)))
})

t.test('PATH-2 UQ-15 a reset answers only an id of ours, and is shorter than its cause', async t => {
  const { ids, resets, random } = node(3)
  const packetTo = (id: Uint8Array, length: number): Uint8Array =>
    concat(Uint8Array.of(0x5a), id, random.bytes(length - 13))
  let now = 0
  for (let length = 33; length <= 1_500; length += length < 60 ? 1 : 97) {
    now += 1_000
    const cause = packetTo(ids.mint(), length)
    const reset = resets.answer(cause, now)!
    t.ok(reset.length < cause.length && reset.length >= 21, `${length} bytes: ${reset.length}`)
    t.equal(reset[0]! & 0xc0, 0x40, 'it looks like a packet')
    t.ok(equal(reset.subarray(-16), ids.token(cause.subarray(1, 13))))
  }
  for (const length of [33, 100, 1_200])
    t.equal(resets.answer(packetTo(random.bytes(12), length), now), undefined)
  t.equal(resets.answer(packetTo(ids.mint(), 21), now), undefined, 'too short to be answered by less')
  // A flood: of a second 20, after a burst of 40.
  now += 10_000
  const flood = (): number => {
    let answers = 0
    const cause = packetTo(ids.mint(), 100)
    for (let i = 0; i < 1_000; i++) if (resets.answer(cause, now) !== undefined) answers++
    return answers
  }
  t.equal(flood(), 40)
  now += 1_000
  t.equal(flood(), 20)
})

t.test('PATH-2 UQ-15 two nodes that both forgot come to an end', async t => {
  // The worst case: each reset happens to name an id of the other side.
  const [a, b] = [node(4), node(5)]
  const ends = [a, b]
  let packet = concat(Uint8Array.of(0x40), b.ids.mint(), a.random.bytes(1_187))
  let answers = 0
  for (;;) {
    const to = ends[(answers + 1) % 2]!
    const reset = to.resets.answer(packet, 0)
    if (reset === undefined) break
    reset.set(ends[answers % 2]!.ids.mint(), 1)
    t.ok(reset.length < packet.length)
    packet = reset
    answers++
  }
  t.equal(answers, 22, 'from 42 bytes down to 21')
})

t.test('PATH-3 UQ-15 the right token ends a link, a wrong one says nothing', async t => {
  const { ids, resets } = node(6)
  const [first, second, third] = [ids.mint(), ids.mint(), ids.mint()]
  const watched = new Set<string>()
  const remote = new RemoteIds(first, {
    watch: token => watched.add(toHex(token)),
    unwatch: token => watched.delete(toHex(token)),
  })
  const watches = (...expected: readonly Uint8Array[]): void =>
    void t.strictSame(
      [...watched],
      expected.map(id => toHex(ids.token(id))),
    )
  watches()
  const cause = (id: Uint8Array): Uint8Array => concat(Uint8Array.of(0x40), id, new Uint8Array(50))
  const reset = resets.answer(cause(first), 0)!
  t.notOk(remote.isReset(reset), 'the token is not known yet')
  remote.add(0, 0, first, ids.token(first))
  t.ok(remote.isReset(reset))
  watches(first)
  let taken = 0
  for (let bit = 8 * (reset.length - 16); bit < 8 * reset.length; bit++) {
    const wrong = copy(reset)
    wrong[bit >> 3]! ^= 1 << (bit & 7)
    if (remote.isReset(wrong)) taken++
  }
  t.equal(taken, 0)
  for (let length = 0; length < 21; length++) t.notOk(remote.isReset(reset.subarray(reset.length - length)))
  t.ok(remote.isReset(reset.subarray(reset.length - 21)))

  remote.add(1, 0, second, ids.token(second))
  remote.add(2, 0, third, ids.token(third))
  t.notOk(remote.isReset(resets.answer(cause(second), 0)!), 'the token of an id that was never used')
  t.ok(remote.rotate())
  t.ok(remote.isReset(resets.answer(cause(second), 0)!))
  t.notOk(remote.isReset(reset), 'nor that of one we let go of')
  watches(second)
  remote.close()
  watches()
})

t.test('PATH-5 PATH-6 what the peer may not do with connection ids', async t => {
  const broken = { code: 'GH_LINK_PROTOCOL' }
  const { ids } = node(7)
  const [first, second] = [ids.mint(), ids.mint()]
  const token = ids.token(second)
  const remote = (): RemoteIds => new RemoteIds(first)
  t.throws(() => remote().add(0, 0, second, token), broken, 'another id for the handshake')
  t.throws(() => remote().add(1, 0, first, token), broken, 'one id, two numbers')
  t.throws(() => remote().add(1, 2, second, token), broken, 'retires itself')
  t.throws(() => remote().add(66, 0, second, token), broken, 'far ahead')
  const twice = remote()
  twice.add(1, 0, second, token)
  twice.add(1, 0, second, token)
  t.equal(twice.spare, 1, 'said twice is nothing')
  t.throws(() => twice.add(1, 0, second, ids.token(first)), broken, 'two tokens')
  t.throws(() => twice.add(1, 0, ids.mint(), token), broken, 'two ids')
  twice.add(2, 0, ids.mint(), token)
  twice.add(3, 0, ids.mint(), token)
  t.throws(() => twice.add(4, 0, ids.mint(), token), broken, 'a fifth')

  // Ids replaced again and again, and no room to say that they are let go of.
  const mute = remote()
  t.throws(() => {
    for (let n = 1; n < 100; n++) mute.add(n, n, ids.mint(), token)
  }, broken)

  const { local } = localIds(8)
  t.throws(() => local.retire(1, first, PTO, 0), broken, 'never told')
  local.fill(new ByteWriter(1_000))
  t.throws(() => local.retire(4, first, PTO, 0), broken, 'never told')
  t.throws(() => local.retire(0, local.first, PTO, 0), broken, 'by the id itself')
})

/** Local ids with a door that remembers what leads to them. */
function localIds(seed: number) {
  const { ids } = node(seed)
  const first = ids.mint()
  const door = new Set([toHex(first)])
  const local = new LocalIds({
    first,
    mint: () => ids.mint(),
    token: id => ids.token(id),
    onAdded: id => door.add(toHex(id)),
    onRemoved: id => door.delete(toHex(id)),
  })
  return { ids, door, local: Object.assign(local, { first }) }
}

t.test('PATH-4 a link has four ids; a retired one is replaced, and lingers for 3 PTO', async t => {
  const { door, local } = localIds(9)
  t.equal(door.size, 4)
  t.ok(local.waiting)
  const w = new ByteWriter(1_000)
  t.notOk(local.fill(w))
  t.notOk(local.waiting)
  const told = tellings(w)
  t.strictSame(
    told.map(({ sequence }) => sequence),
    [0, 1, 2, 3],
    'the token of the handshake id first',
  )
  t.ok(equal(told[0]!.id, local.first))
  local.retire(0, told[1]!.id, PTO, 1_000)
  local.retire(0, told[1]!.id, PTO, 1_000)
  t.equal(door.size, 5, 'the old one still leads here')
  t.equal(local.deadline(), 1_000 + 3 * PTO)
  local.expire(1_000 + 3 * PTO - 1)
  t.equal(door.size, 5)
  local.expire(1_000 + 3 * PTO)
  t.equal(door.size, 4)
  t.equal(local.deadline(), undefined)
  // However fast ids are let go of, the door stays small.
  for (let n = 1; n < 200; n++) {
    local.fill(new ByteWriter(1_000))
    local.retire(n, told[0]!.id, PTO, 2_000)
    t.ok(door.size <= 8)
  }
  local.close()
  t.equal(door.size, 0)
})

t.test('PATH-4 PATH-6 ids reach the peer under loss, in any order, and are used once', async t => {
  for (let seed = 1; seed <= 20; seed++) {
    const { door, local } = localIds(seed)
    const random = new Seeded(seed)
    const remote = new RemoteIds(local.first)
    const used = new Set([toHex(remote.current)])
    let rotations = 0
    for (let turn = 0; turn < 400; turn++) {
      // There, in packets of which 30 % are lost and some come twice.
      const there = new ByteWriter(new Uint8Array(100))
      const frames: InFlight[] = []
      local.fill(there, { add: frame => frames.push(frame) })
      if (random.fraction() < 0.3) for (const frame of frames) frame.lost()
      else {
        const told = tellings(there)
        if (random.below(2) === 0) told.reverse()
        for (let times = 1 + random.below(2); times > 0; times--)
          for (const { sequence, retirePriorTo, id, token } of told)
            remote.add(sequence, retirePriorTo, id, token)
        for (const frame of frames) frame.acked()
      }
      // And back.
      const back = new ByteWriter(new Uint8Array(100))
      const retirings: InFlight[] = []
      remote.fill(back, { add: frame => retirings.push(frame) })
      if (random.fraction() < 0.3) for (const frame of retirings) frame.lost()
      else {
        const r = new ByteReader(back.view())
        while (r.remaining > 0) {
          t.equal(r.varint('frame type'), frameTypes.RETIRE_CONNECTION_ID.type)
          local.retire(r.varint('sequence'), remote.current, PTO, turn)
        }
        for (const frame of retirings) frame.acked()
      }
      if (turn === 200) local.renew()
      if (turn % 4 === 0 && remote.rotate()) {
        rotations++
        if (used.has(toHex(remote.current))) t.fail('an id was used again')
        used.add(toHex(remote.current))
      }
      if (!door.has(toHex(remote.current))) t.fail('an id that leads nowhere')
      local.expire(turn)
    }
    t.ok(rotations > 70, `${rotations} rotations`)
    t.equal(door.size <= 8, true)
  }
})

t.test('PATH-6 a peer that has moved asks us to let go of its old ids', async t => {
  const { local } = localIds(30)
  const remote = new RemoteIds(local.first)
  const deliver = (): void => {
    const w = new ByteWriter(1_000)
    local.fill(w)
    for (const { sequence, retirePriorTo, id, token } of tellings(w))
      remote.add(sequence, retirePriorTo, id, token)
  }
  deliver()
  const old = remote.current
  local.renew()
  deliver()
  t.notOk(equal(remote.current, old), 'the one in use as well')
  const w = new ByteWriter(100)
  remote.fill(w)
  const retired: number[] = []
  for (const r = new ByteReader(w.view()); r.remaining > 0; ) {
    r.varint('frame type')
    retired.push(r.varint('sequence'))
  }
  t.strictSame(retired, [0, 1, 2, 3])
  for (const sequence of retired) local.retire(sequence, remote.current, PTO, 0)
  deliver()
  t.equal(remote.spare, 3)

  // Before the first ones were even told: none asks for more than its own number allows.
  const early = localIds(31).local
  early.renew()
  const told = new ByteWriter(1_000)
  early.fill(told)
  t.strictSame(
    tellings(told).map(({ sequence, retirePriorTo }) => [sequence, retirePriorTo]),
    [0, 1, 2, 3, 4].map(n => [n, n]),
  )
})

interface Telling {
  readonly sequence: number
  readonly retirePriorTo: number
  readonly id: Uint8Array
  readonly token: Uint8Array
}

function tellings(w: ByteWriter): Telling[] {
  const out: Telling[] = []
  const r = new ByteReader(w.view().slice())
  while (r.remaining > 0) {
    r.varint('frame type')
    decodeNewConnectionId(r, {
      newConnectionId: (sequence, retirePriorTo, id, token) =>
        out.push({ sequence, retirePriorTo, id, token }),
      retireConnectionId() {},
    })
  }
  return out
}
