import t from 'tap'
import { accepts, next } from '../../src/base/states.ts'
import { AddressBook, type Entry } from '../../src/membership/address-book.ts'
import { defaults } from '../../src/membership/defaults.ts'
import { backoff, DialPlan } from '../../src/membership/dial-plan.ts'
import { type Claim, claimsToKeep, entriesToTell, Lots, Memory, sample } from '../../src/membership/gossip.ts'
import { believable, dialable } from '../../src/membership/hygiene.ts'
import { Liveness, type LivenessState, liveness, quietOf } from '../../src/membership/liveness.ts'
import { Membership } from '../../src/membership/membership.ts'
import type { MembershipInput, MembershipOutput } from '../../src/membership/messages.ts'
import { type Address, encodeAddress, formatAddress, parseAddress } from '../../src/wire/address.ts'
import type { PeerEntry } from '../../src/wire/frames/peers.ts'
import { limits } from '../../src/wire/limits.ts'
import { peerIdFromKey } from '../../src/wire/peer-id.ts'
import { closeCodes } from '../../src/wire/registry.ts'
import { keyOf, seeded } from '../support/mini-mesh.ts'

const random = seeded(1)
const address = (text: string): Address => parseAddress(text)
const drain = <T>(machine: { poll(): T | undefined }): T[] => {
  const out: T[] = []
  for (let item = machine.poll(); item !== undefined; item = machine.poll()) out.push(item)
  return out
}

t.test('liveness: the state table, state by event', async t => {
  const states: LivenessState[] = ['alive', 'suspect', 'gone']
  const seen = states.flatMap(state =>
    (['heard', 'silence'] as const).map(event => [
      state,
      event,
      accepts(liveness, state, event) ? next(liveness, state, event) : 'refused',
    ]),
  )
  t.strictSame(seen, [
    ['alive', 'heard', 'alive'],
    ['alive', 'silence', 'suspect'],
    ['suspect', 'heard', 'alive'],
    ['suspect', 'silence', 'gone'],
    ['gone', 'heard', 'refused'],
    ['gone', 'silence', 'refused'],
  ])
})

t.test('MEM-9 liveness: PING at once and every interval; doubt, then gone', async t => {
  const machine = new Liveness({ interval: 5_000, patience: 60_000, random }, 0)
  machine.handle({ kind: 'tick' }, 0)
  t.match(drain(machine), [{ kind: 'ping' }])
  const said: [number, string][] = []
  for (let at = machine.deadline(); at !== undefined; at = machine.deadline()) {
    machine.handle({ kind: 'tick' }, at)
    for (const { kind } of drain(machine)) said.push([at, kind])
  }
  t.strictSame(
    said.filter(([, kind]) => kind !== 'ping'),
    [
      [30_000, 'suspect'],
      [60_000, 'gone'],
    ],
  )
  t.equal(said.filter(([, kind]) => kind === 'ping').length, 11)
  t.equal(machine.deadline(), undefined, 'the gone ask for nothing')
  machine.heard(61_000)
  machine.handle({ kind: 'tick' }, 61_000)
  t.equal(machine.state, 'gone')
  t.strictSame(drain(machine), [])
})

t.test('PING-3 an idle link is asked about from the side that dialled, a busy one by nobody', async t => {
  const interval = 5_000
  const one = (dialled: boolean) =>
    new Liveness({ interval, patience: 60_000, quiet: quietOf(interval, dialled), random }, 0)
  /** Ten minutes on a link of 100 ms; when each end sent a PING. */
  const play = (busy: (now: number) => boolean) => {
    const ends = [one(true), one(false)] as const
    const sent: [number[], number[]] = [[], []]
    const coming: { to: 0 | 1; pong?: Uint8Array }[] = []
    for (let now = 0; now <= 600_000; now += 100) {
      for (let i = coming.length; i > 0; i--) {
        const { to, pong } = coming.shift()!
        if (pong !== undefined) ends[to].handle({ kind: 'pong', nonce: pong }, now)
        ends[to].heard(now)
      }
      for (const side of [0, 1] as const) {
        if (busy(now)) coming.push({ to: side })
        ends[side].handle({ kind: 'tick' }, now)
        for (const output of drain(ends[side])) {
          if (output.kind !== 'ping') t.fail(`${output.kind} at ${now}`)
          else {
            sent[side].push(now)
            // Question and answer take one step together: which side asks is all that counts here.
            coming.push({ to: side === 0 ? 1 : 0 }, { to: side, pong: output.nonce })
          }
        }
      }
    }
    for (const end of ends) t.equal(end.state, 'alive')
    return sent
  }
  const [dialler, listener] = play(() => false)
  t.equal(listener.length, 1, 'only when the link was new')
  t.ok(dialler.length >= 117 && dialler.length <= 121, `${dialler.length} PINGs in ten minutes`)
  t.strictSame(
    play(now => now % 3_000 === 0),
    [[0], [0]],
    'with something every three seconds',
  )
})

t.test('PING-3 a peer that asks late is asked: nobody relies on the other to PING', async t => {
  const machine = new Liveness({ interval: 5_000, patience: 60_000, quiet: 10_000, random }, 0)
  machine.handle({ kind: 'tick' }, 0)
  drain(machine)
  machine.heard(3_000)
  const pings: number[] = []
  for (let at = machine.deadline()!; at < 30_000; at = machine.deadline()!) {
    machine.handle({ kind: 'tick' }, at)
    if (drain(machine).some(({ kind }) => kind === 'ping')) pings.push(at)
  }
  t.strictSame(pings, [13_000, 18_000, 23_000, 28_000], 'after ten seconds of silence, then every interval')
  machine.heard(29_000)
  machine.hurry(29_500)
  machine.handle({ kind: 'tick' }, 29_500)
  t.match(drain(machine), [{ kind: 'ping' }], 'a doubt does not wait for silence')
})

t.test('MEM-9 who is awake for one link asks on those that are due soon, and on no other', async t => {
  const machine = new Liveness({ interval: 5_000, patience: 60_000, quiet: 5_000, random }, 0)
  machine.handle({ kind: 'tick' }, 0)
  drain(machine)
  machine.heard(40)
  machine.soon(4_400, 500)
  t.strictSame(drain(machine), [], 'not due so soon')
  machine.soon(4_500, 500)
  t.strictSame(drain(machine), [], 'something came since: it is looked at when that is five seconds old')
  t.equal(machine.deadline(), 5_040)
  machine.soon(4_600, 500)
  t.match(drain(machine), [{ kind: 'ping' }], 'half a second early')
  t.equal(machine.deadline(), 9_600, 'and the next an interval later')
  machine.soon(4_800, 500)
  t.strictSame(drain(machine), [], 'who does not answer is not asked at every turn')
  machine.soon(9_500, 500)
  drain(machine)
  let now = 0
  for (let at: number | undefined = 10_000; at !== undefined; at = machine.deadline()) {
    now = at
    machine.soon(now - 500, 500)
    machine.handle({ kind: 'tick' }, now)
    drain(machine)
  }
  t.equal(now, 60_040, 'nobody is given up early')
  t.equal(machine.state, 'gone')
})

t.test('liveness: any authenticated bytes are a sign of life', async t => {
  const machine = new Liveness({ interval: 5_000, patience: 60_000, random }, 0)
  for (let now = 0; now <= 600_000; now += 1_000) {
    if (now % 29_000 === 0) machine.heard(now)
    machine.handle({ kind: 'tick' }, now)
    for (const { kind } of drain(machine)) if (kind !== 'ping') t.fail(`${kind} at ${now}`)
  }
  for (let at = machine.deadline()!; machine.state === 'alive'; at = machine.deadline()!)
    machine.handle({ kind: 'tick' }, at)
  t.equal(machine.state, 'suspect')
  machine.heard(640_000)
  t.equal(machine.state, 'alive')
})

t.test('PING-2 PT-11 a PONG unasked, repeated or with another nonce leaves the RTT untouched', async t => {
  const machine = new Liveness({ interval: 5_000, patience: 60_000, random }, 0)
  const pong = (nonce: Uint8Array, now: number) => machine.handle({ kind: 'pong', nonce }, now)
  pong(new Uint8Array(8), 1)
  t.equal(machine.rtt, undefined)
  machine.handle({ kind: 'tick' }, 5)
  const [ping] = drain(machine) as { nonce: Uint8Array }[]
  pong(new Uint8Array(8), 10)
  pong(ping!.nonce.subarray(0, 7), 10)
  t.equal(machine.rtt, undefined)
  pong(ping!.nonce, 17)
  t.equal(machine.rtt, 12)
  pong(ping!.nonce, 99)
  t.equal(machine.rtt, 12, 'each nonce measures once')
})

t.test('ADDR-3 PEERS-2 PT-02 hygiene: which told addresses may be dialled', async t => {
  const lan = address('10.0.0.5:7000')
  const wan = address('93.184.216.34:7000')
  const self = address('127.0.0.1:7000')
  const at =
    (teller: Address, own: Address[] = [], ofItself = false) =>
    (text: string) => {
      const told = { ...address('1.2.3.4:1'), ...readHost(text) }
      const found = believable(told, { teller, own, ofItself })
      return found && formatAddress(found)
    }
  const readHost = (text: string) => {
    const colon = text.lastIndexOf(':')
    return { host: text.slice(0, colon).replace(/[[\]]/g, ''), port: Number(text.slice(colon + 1)) }
  }
  const never = [
    '224.0.0.1:8000',
    '0.0.0.0:8000',
    '[::]:8000',
    '[ff02::1]:8000',
    '8.8.8.8:0',
    '255.255.255.255:80',
  ]
  for (const teller of [lan, wan, self])
    for (const text of never) t.equal(at(teller)(text), undefined, `${text} never`)
  for (const text of never)
    t.notOk(dialable({ transport: 'tcp', ...readHost(text) }), 'not even from a person')
  t.equal(at(wan)('8.8.8.8:8000'), '/ip4/8.8.8.8/tcp/8000')
  t.equal(at(self)('127.0.0.1:8000'), '/ip4/127.0.0.1/tcp/8000', 'loopback over loopback')
  t.equal(at(lan)('127.0.0.1:8000'), '/ip4/10.0.0.5/tcp/8000', 'C12 else the host of the teller')
  t.equal(at(wan)('[::1]:8000'), '/ip4/93.184.216.34/tcp/8000')
  t.equal(at(lan)('192.168.1.9:8000'), '/ip4/192.168.1.9/tcp/8000', 'a LAN mesh forms by gossip')
  t.equal(at(wan)('192.168.1.9:8000'), undefined, 'from afar it means nothing')
  t.equal(at(wan, [lan])('192.168.1.9:8000'), '/ip4/192.168.1.9/tcp/8000', 'unless we have such an interface')
  t.equal(at(wan)('[fe80::2]:8000'), undefined)
  t.equal(at(lan)('169.254.1.1:8000'), undefined)
  const link = { transport: 'tcp', host: 'fe80::1%eth0', port: 7000 }
  t.equal(at(link)('[fe80::2]:8000'), '/ip6zone/eth0/ip6/fe80::2/tcp/8000', 'on that link')
  t.equal(at(wan, [address('8.8.8.8:8000')])('8.8.8.8:8000'), undefined, 'our own')
  t.equal(at(wan)('db.internal:5432'), undefined, 'a name could stand for anything')
  t.equal(at(wan, [], true)('me.example:8000'), '/dns/me.example/tcp/8000', 'but each may name itself')
})

t.test(
  'PT-01 PT-08 claims: fifty considered, eight addresses each, ages clamped, ourselves skipped',
  async t => {
    const entry = (n: number, age = 0, addresses = [`8.8.${n >> 8}.${n & 255}:80`]): PeerEntry => ({
      identityKey: keyOf(n),
      name: `n${n}`,
      age,
      addresses: addresses.map(text => encodeAddress(address(text))),
    })
    const now = 10 ** 10
    const hearing = {
      ownKey: keyOf(1),
      own: [],
      tellerKey: keyOf(2),
      teller: address('9.9.9.9:1'),
      knows: (peerId: string) => peerId === peerIdFromKey(keyOf(3)),
      now,
    }
    const keep = (entries: readonly PeerEntry[]): Claim[] => claimsToKeep(entries, hearing, new Memory(10))
    t.equal(keep(Array.from({ length: 10_000 }, (_, i) => entry(i + 10))).length, limits.peersPerFrame)
    t.strictSame(keep([entry(1)]), [], 'ourselves')
    t.strictSame(keep([entry(3)]), [], 'linked already')
    const many = Array.from({ length: 20 }, (_, i) => `8.8.8.8:${i + 1}`)
    t.equal(keep([entry(5, 0, many)])[0]!.addresses.length, limits.addressesPerPeer)
    t.equal(keep([entry(5, 60)])[0]!.heardAt, now - 60_000)
    t.equal(keep([entry(5, Number.MAX_SAFE_INTEGER)])[0]!.heardAt, now - 1000 * defaults.ageMaxSeconds)
    const odd = { ...entry(5), addresses: [new Uint8Array([1, 2, 3]), ...entry(5).addresses] }
    t.equal(keep([odd])[0]!.addresses.length, 1, 'an address of an unknown kind is skipped')
  },
)

t.test('PEERS-3 PT-05 an answer: linked ones first, 23 % of the rest, fifty in all, sampled', async t => {
  const tellable = (n: number) => ({
    key: keyOf(n),
    name: '',
    heardAt: 5_000,
    addresses: [encodeAddress(address('1.2.3.4:5'))],
  })
  const make = (from: number, count: number) => Array.from({ length: count }, (_, i) => tellable(from + i))
  const { fraction } = seeded(3)
  const count = (linked: number, unlinked: number) =>
    entriesToTell(make(1, linked), make(500, unlinked), 9_999, new Lots(fraction)).length
  t.equal(count(10, 0), 10)
  t.equal(count(0, 100), 23)
  t.equal(count(40, 400), 50)
  t.equal(count(400, 400), 50)
  t.equal(entriesToTell(make(1, 1), [], 9_999, new Lots(fraction))[0]!.age, 4)
  t.equal(entriesToTell(make(1, 1), [], 0, new Lots(fraction))[0]!.age, 0)
  t.strictSame(
    entriesToTell([{ ...tellable(1), addresses: [] }], [], 0, new Lots(fraction)),
    [],
    'unreachable: no use',
  )
  const lots = new Lots(fraction)
  const tell = (now: number): string[] =>
    entriesToTell([], make(1, 400), now, lots).map(({ identityKey }) => String(identityKey))
  const seen = new Set<string>()
  for (let now = 0; now < 3_600_000; now += 60_000) for (const one of tell(now)) seen.add(one)
  t.equal(seen.size, 50, 'no repeat scan: whoever asks for an hour sees what one question shows')
  for (const one of tell(3_700_000)) seen.add(one)
  t.ok(seen.size > 50, 'then the lots are drawn anew')
  const hits = new Array<number>(20).fill(0)
  for (let i = 0; i < 2_000; i++) for (const n of sample([...hits.keys()], 5, fraction)) hits[n]!++
  t.ok(
    hits.every(n => n > 400 && n < 600),
    'each as likely as any other',
  )
})

t.test('MEM-4 PT-06 back-off: doubles from one second to thirty, 50 to 100 % by chance', async t => {
  t.strictSame(
    [0, 1, 2, 3, 4, 5, 6, 7, 1_000].map(failures => backoff(failures, 1)),
    [1, 1, 2, 4, 8, 16, 30, 30, 30].map(s => s * 1_000),
  )
  t.equal(backoff(3, 0), 2_000)
})

function book(limit = 1_000, busy: (entry: Entry) => boolean = () => false): AddressBook {
  return new AddressBook({ limit, busy })
}

t.test('MEM-1 MEM-6 PT-03 the address book: one entry an address, caps by teller, host, prefix', async t => {
  const b = book()
  for (let i = 0; i < 1_000; i++) {
    const told = { teller: 'x', peerId: `peer ${i}` }
    b.add(address('8.8.8.8:80'), 'gossip', 0, told)
  }
  t.equal(b.size, 1)
  t.equal(b.find(address('8.8.8.8:80'))!.peerId, 'peer 0', 'the first claim stays')
  for (let i = 1; i < 1_000; i++) b.add(address(`8.8.8.8:${i}`), 'gossip', 0, { teller: `t${i}` })
  t.equal(b.size, defaults.perHost, 'per host')
  for (let i = 0; i < 1_000; i++)
    b.add(address(`8.8.${i % 200}.${i >> 3}:80`), 'gossip', 0, { teller: `t${i}` })
  t.equal(b.size, defaults.perPrefix, 'per prefix')
  for (let i = 0; i < 200; i++) b.add(address(`${20 + i}.1.1.1:80`), 'gossip', 0, { teller: 'one' })
  t.equal(b.size, defaults.perPrefix + defaults.perTeller, 'per teller')
  t.equal(b.add(address('[2a00::1]:1'), 'gossip', 0, { teller: 'one' }), undefined)
  b.proved(b.find(address('20.1.1.1:80'))!, 'good', 1)
  t.ok(b.add(address('[2a00::1]:1'), 'gossip', 0, { teller: 'one' }), 'what was proven no longer counts')
  const lan = book()
  for (let i = 1; i <= 100; i++) lan.add(address(`192.168.1.${i}:80`), 'gossip', 0, { teller: `t${i}` })
  for (let i = 1; i <= 100; i++) lan.add(address(`127.0.0.1:${i}`), 'gossip', 0, { teller: `t${i}` })
  t.equal(lan.size, 200, 'a LAN and a machine may hold a whole mesh')
  const spread = book()
  let teller = 0
  for (let group = 1; group < 5; group++)
    for (let i = 0; i < 10_000; i++)
      spread.add(address(`${group * 16}.7.${i >> 8}.${i & 255}:80`), 'gossip', 0, {
        teller: `t${teller++}`,
      })
  t.equal(spread.size, 4 * defaults.perPrefix, 'P18 10,000 planted addresses from four /16s')
})

t.test(
  'MEM-6 PT-07 a full book: what failed goes first, what was never tried stays, persons are never dropped',
  async t => {
    const b = book(4)
    b.add(address('boot:1'), 'bootstrap', 0)
    b.add(address('hand:1'), 'person', 0)
    const one = b.add(address('1.1.1.1:1'), 'gossip', 0, { teller: 'a' })!
    const two = b.add(address('2.2.2.2:1'), 'gossip', 5, { teller: 'b' })!
    t.equal(b.add(address('3.3.3.3:1'), 'gossip', 9, { teller: 'c' }), undefined, 'an untried one stays')
    two.failures = 1
    t.ok(b.add(address('3.3.3.3:1'), 'gossip', 9, { teller: 'c' }))
    t.equal(b.find(two.address), undefined, 'a tried one goes')
    t.ok(b.add(address('4.4.4.4:1'), 'mdns', 10), 'what was not told takes the place of an untried told one')
    t.equal(b.find(one.address), undefined, 'the one heard of longest ago')
    t.ok(b.add(address('5.5.5.5:1'), 'bootstrap', 10))
    t.equal(b.add(address('6.6.6.6:1'), 'bootstrap', 10), undefined, 'all the others are kept')
    t.equal(b.size, 4)
    t.ok(b.find(address('boot:1')) && b.find(address('hand:1')))
    const held = book(1, () => true)
    held.add(address('1.1.1.1:1'), 'gossip', 0, { teller: 'a' })!.failures = 9
    t.equal(held.add(address('2.2.2.2:1'), 'bootstrap', 0), undefined, 'what is linked stays')
  },
)

t.test('BOOK-5 a peerbook row that only came in counts as told, one that was reached does not', async t => {
  const b = book()
  const now = 1_000_000
  for (let i = 0; i < 100; i++) {
    const told = { peerId: `in ${i}`, teller: `in ${i}`, metAt: 0 }
    b.add(address(`8.8.${i}.1:80`), 'peerbook', now, told)
  }
  t.equal(b.size, defaults.perPrefix)
  for (let i = 0; i < 10; i++) {
    const reached = { peerId: `out ${i}`, teller: `out ${i}`, metAt: 0, reachedAt: 0 }
    t.ok(b.add(address(`8.8.${i}.2:80`), 'peerbook', now, reached))
  }
})

t.test('MEM-3 the dial plan: slots, one dial a peer, order, self, closed peers', async t => {
  const closed = new Set<string>()
  let room = 100
  let kept = 0
  const b = book()
  const plan = new DialPlan(
    b,
    { closed: (id: string) => closed.has(id), room: () => room, kept: () => kept },
    random,
    () => {},
  )
  const add = (text: string, peerId?: string, source: 'mdns' | 'bootstrap' = 'mdns') =>
    b.add(address(text), source, 0, peerId === undefined ? {} : { peerId })!
  const dials = (now: number): string[] => {
    const out: string[] = []
    for (let dial = plan.next(now); dial !== undefined; dial = plan.next(now)) out.push(dial.address.host)
    return out
  }
  plan.wish(add('1.1.1.1:1', 'p'), 0)
  plan.wish(add('1.1.1.2:1', 'p'), 0)
  plan.wish(add('1.1.1.1:1', 'p'), 0)
  t.strictSame(dials(0), ['1.1.1.1'], 'one dial at a time for one peer')
  const first = b.find(address('1.1.1.1:1'))!
  t.equal(plan.ended(first.address), 'p')
  plan.failed(first, 0)
  plan.wishPeer('p', 0)
  t.strictSame(dials(0), ['1.1.1.2'], 'then its next address')
  closed.add('q')
  plan.wish(add('2.2.2.2:1', 'q'), 0)
  const self = add('3.3.3.3:1')
  self.self = true
  plan.wish(self, 0)
  plan.urge(self)
  t.strictSame(dials(0), [], 'HS-08 never ourselves, and nobody who is linked')
  for (let i = 1; i <= 40; i++) plan.wish(add(`4.4.4.${i}:1`), 0)
  t.equal(dials(0).length, defaults.dials - plan.underWay + 15, 'at most 16 at once')
  t.equal(plan.underWay, defaults.dials)
  plan.wish(add('5.5.5.5:1', undefined, 'bootstrap'), 0)
  t.strictSame(dials(0), ['5.5.5.5'], 'bootstrap need not wait for told ones')
  room = plan.underWay
  plan.ended(address('4.4.4.1:1'))
  room = plan.underWay
  t.strictSame(dials(0), [], 'no more than places for peers')
  room = plan.underWay + 3
  kept = 2
  for (let i = 1; i <= 4; i++) plan.ended(address(`4.4.4.${1 + i}:1`))
  for (let i = 1; i <= 3; i++)
    plan.wish(b.add(address(`7.7.7.${i}:1`), 'gossip', 0, { teller: 'x', peerId: `g${i}` })!, 0)
  const order = dials(0)
  t.ok(
    order.length > 0 && order.every(host => host.startsWith('4.')),
    'whom we found before whom we were told of',
  )
  for (let i = 1; i <= 40; i++) plan.ended(address(`4.4.4.${i}:1`))
  room = plan.underWay + 4
  t.equal(dials(0).filter(host => host.startsWith('4.')).length, 4)
  for (let i = 1; i <= 40; i++) plan.ended(address(`4.4.4.${i}:1`))
  for (let i = 1; i <= 40; i++) b.remove(b.find(address(`4.4.4.${i}:1`)) ?? self)
  room = plan.underWay + 3
  t.equal(dials(0).length, 1, 'P18 what was only told leaves the places of the lost alone')
  kept = 0
  t.equal(dials(0).length, 2)
  const late = add('6.6.6.6:1')
  plan.failed(late, 0)
  plan.wish(late, 0)
  t.ok(plan.deadline()! >= 500 && plan.deadline()! <= 1_000)
})

const ownKey = keyOf(5)

function machine(options: { maxPeers?: number; own?: Address[] } = {}) {
  const membership = new Membership({
    ownKey,
    ownId: peerIdFromKey(ownKey),
    ownName: () => 'me',
    random: seeded(4),
    own: () => options.own ?? [],
    ...(options.maxPeers === undefined ? {} : { maxPeers: options.maxPeers }),
  })
  const tell = (input: MembershipInput, now: number): MembershipOutput[] => {
    membership.handle(input, now)
    return drain(membership)
  }
  const proof = (link: number, n: number, linkCount = 0) => ({
    link,
    peerKey: keyOf(n),
    peerId: peerIdFromKey(keyOf(n)),
    name: `n${n}`,
    staticKey: keyOf(n + 1_000),
    address: address(`10.0.0.${n}:40000`),
    listenAddress: address(`10.0.0.${n}:8000`),
    linkCount,
  })
  tell({ kind: 'start' }, 0)
  return { membership, tell, proof }
}

const kinds = (outputs: readonly MembershipOutput[]): string[] => outputs.map(({ kind }) => kind)

t.test(
  'PEERS-1 MEM-12 PT-04 REQUEST_PEERS a thousand a second: ten answers, then silence, then the link is closed',
  async t => {
    const { membership, tell, proof } = machine()
    tell({ kind: 'proved', ...proof(1, 6) }, 0)
    const answers: string[] = []
    for (let i = 0; i < 1_000; i++) answers.push(...kinds(tell({ kind: 'requestPeers', link: 1 }, i / 10)))
    t.strictSame(answers, [...new Array<string>(10).fill('peers'), 'close', 'event'])
    t.equal(membership.peers().length, 0)
    const { tell: tell2, proof: proof2 } = machine()
    tell2({ kind: 'proved', ...proof2(1, 6) }, 0)
    let count = 0
    for (let i = 0; i < 600; i++)
      count += kinds(tell2({ kind: 'requestPeers', link: 1 }, 1_000 * i)).filter(
        kind => kind === 'peers',
      ).length
    t.equal(count, 600, 'one a second is always answered')
  },
)

t.test('MEM-12 PT-01 unasked PEERS: a few are taken, then none, then the link is closed', async t => {
  const { tell, proof, membership } = machine()
  tell({ kind: 'proved', ...proof(1, 6) }, 0)
  let closed = -1
  for (let i = 0; i < 1_000 && closed < 0; i++) {
    const entries = [
      {
        identityKey: keyOf(300 + i),
        name: '',
        age: 0,
        addresses: [encodeAddress(address(`10.1.${i >> 8}.${i & 255}:1`))],
      },
    ]
    const outputs = tell({ kind: 'peers', link: 1, entries }, 0)
    const close = outputs.find(({ kind }) => kind === 'close')
    if (close?.kind === 'close') {
      closed = i
      t.equal(close.code, closeCodes.BUDGET)
    }
  }
  t.equal(closed, defaults.gossipBurst + defaults.gossipPatience - 1)
  t.equal(membership.peers().length, 0)
})

t.test('MEM-2 PEERS-1 D9 first words on a link: the dialler asks and tells, the other answers', async t => {
  const { tell, proof, membership } = machine()
  const dialled = address('10.0.0.6:8000')
  t.strictSame(kinds(tell({ kind: 'learned', addresses: [dialled], source: 'bootstrap' }, 0)), ['dial'])
  membership.debug = true
  const out = tell({ kind: 'accepted', ...proof(1, 6), dialled }, 1)
  t.strictSame(
    out.filter(({ kind }) => kind !== 'event').map(({ kind }) => kind),
    ['ping', 'requestPeers', 'peers', 'mesh'],
  )
  const words = out.flatMap(output => (output.kind === 'event' ? [output.message] : []))
  t.match(words, [
    { event: 'bootstrap-success', address: '/ip4/10.0.0.6/tcp/8000' },
    { event: 'debug', message: 'Sent PING to n6' },
    { event: 'peer-connected', name: 'n6', direction: 'out', peers: 1, maxPeers: 20, transport: 'tcp' },
    { event: 'debug', message: 'Sent REQUEST_PEERS to n6' },
  ])
  const ping = out.find(output => output.kind === 'ping')
  const nonce = ping?.kind === 'ping' ? ping.nonce : new Uint8Array()
  t.match(tell({ kind: 'pong', link: 1, nonce }, 8), [{ message: { message: 'Received PONG from n6' } }])
  t.match(membership.peers(), [{ name: 'n6', rttMs: 7, direction: 'out', link: 1 }])
  const other = proof(0, 9)
  const entries = [
    { identityKey: other.peerKey, name: 'n9', age: 0, addresses: [encodeAddress(other.listenAddress)] },
  ]
  const learned = tell({ kind: 'peers', link: 1, entries }, 9)
  t.match(learned, [
    { kind: 'event', message: { event: 'debug', message: 'Received PEERS: n9 from n6' } },
    { kind: 'event', message: { event: 'peers-discovered', name: 'n6', count: 1, known: 2 } },
    { kind: 'dial', address: other.listenAddress, expect: other.peerId },
  ])
  t.ok(membership.partial)
  t.strictSame(kinds(tell({ kind: 'peers', link: 1, entries }, 9)), ['event'], 'told again: nothing new')
  const asked = tell({ kind: 'requestPeers', link: 1 }, 10)
  t.match(asked.at(-1), { kind: 'peers', entries: [] }, 'never the asker itself')
  t.match(kinds(tell({ kind: 'discover' }, 11)), ['requestPeers', 'event'])
})

t.test('MEM-8 decision 14 full: MAX_PEERS with PEERS; a lone newcomer gets the newest place', async t => {
  const { tell, proof, membership } = machine({ maxPeers: 2 })
  tell({ kind: 'proved', ...proof(1, 11, 3) }, 0)
  tell({ kind: 'proved', ...proof(2, 12, 3) }, 1)
  const refused = tell({ kind: 'proved', ...proof(3, 13, 1) }, 2)
  t.match(refused, [{ kind: 'refuse', link: 3, reason: 'MAX_PEERS', entries: [{}, {}] }])
  const yielded = tell({ kind: 'proved', ...proof(4, 14, 0) }, 3)
  t.match(yielded.slice(0, 3), [
    { kind: 'close', link: 2 },
    { kind: 'event', message: { event: 'peer-disconnected', name: 'n12' } },
    { kind: 'admit', link: 4 },
  ])
  t.strictSame(
    membership.peers().map(({ name }) => name),
    ['n11', 'n14'],
  )
  const again = tell({ kind: 'proved', ...proof(5, 15, 0) }, 4)
  t.match(again[0], { kind: 'close', link: 1 }, 'not the one that would be alone')
  t.match(tell({ kind: 'proved', ...proof(6, 16, 0) }, 5), [{ kind: 'refuse', reason: 'MAX_PEERS' }])
  t.match(tell({ kind: 'proved', ...proof(7, 5) }, 6), [{ kind: 'refuse', reason: 'SELF' }])
})

t.test('MEM-8 REFUSED: full helps on, denied waits, duplicate without a link comes again soon', async t => {
  const { tell, proof, membership } = machine()
  const dialled = address('10.0.0.6:8000')
  tell({ kind: 'learned', addresses: [dialled], source: 'bootstrap' }, 0)
  const other = proof(0, 9)
  const entries = [
    { identityKey: other.peerKey, name: 'n9', age: 0, addresses: [encodeAddress(other.listenAddress)] },
  ]
  const { peerId } = proof(0, 6)
  const out = tell({ kind: 'refused', address: dialled, reason: 'MAX_PEERS', peerId, entries }, 1)
  t.match(out, [
    { message: { event: 'bootstrap-failed', code: 'GH_REFUSED_MAX_PEERS' } },
    { message: { event: 'peers-discovered', count: 1, known: 2 } },
    { kind: 'dial', address: other.listenAddress },
  ])
  t.equal(membership.knownCount, 2, 'a full peer stays known: the mesh is not whole')
  const soon = (now: number) => membership.deadline()! - now
  tell({ kind: 'dialFailed', address: other.listenAddress, code: 'GH_DIAL_REFUSED', message: '' }, 1)
  t.ok(soon(1) <= 1_000)
  const { tell: tell2, membership: second } = machine()
  tell2({ kind: 'learned', addresses: [dialled], source: 'bootstrap' }, 0)
  tell2({ kind: 'refused', address: dialled, reason: 'DUPLICATE', peerId, entries: [] }, 1)
  t.ok(second.deadline()! <= 1_001)
  t.equal(second.objection(peerId, 0), undefined)
})

t.test('MEM-5 gossip is given up after ten failures, bootstrap never, a person is asked again', async t => {
  const times: number[] = []
  const attempts = (source: 'mdns' | 'person' | 'bootstrap'): number => {
    times.length = 0
    const { tell, membership } = machine()
    const place = address('10.0.0.6:8000')
    let dials = 0
    const run = (outputs: readonly MembershipOutput[], now: number): void => {
      for (const output of outputs)
        if (output.kind === 'dial') {
          dials++
          times.push(now)
          run(
            tell({ kind: 'dialFailed', address: output.address, code: 'GH_DIAL_REFUSED', message: '' }, now),
            now,
          )
        }
    }
    run(tell({ kind: 'learned', addresses: [place], source }, 0), 0)
    for (let now = membership.deadline()!; now < 3_600_000; now = membership.deadline()!)
      run(tell({ kind: 'tick' }, now), now)
    return dials
  }
  t.equal(attempts('mdns'), defaults.giveUpAfter)
  const waits = times.slice(1).map((at, i) => at - times[i]!)
  t.ok(
    waits.every((wait, i) => wait >= backoff(i + 1, 0) && wait <= backoff(i + 1, 1)),
    'PT-06 each wait as the back-off says',
  )
  t.equal(attempts('person'), defaults.giveUpAfter)
  t.ok(attempts('bootstrap') > 100)
})

t.test('MESH-1 MESH: on link-up, then when the numbers changed, at most once a second a link', async t => {
  const { tell, proof, membership } = machine()
  const sent: [number, number, number, number][] = []
  const note = (outputs: readonly MembershipOutput[], now: number) => {
    for (const o of outputs) if (o.kind === 'mesh') sent.push([now, o.link, o.linked, o.known])
  }
  const at = (until: number) => {
    for (let now = membership.deadline()!; now <= until; now = membership.deadline()!)
      note(tell({ kind: 'tick' }, now), now)
  }
  for (let i = 0; i < 5; i++) {
    at(i * 100)
    note(tell({ kind: 'proved', ...proof(i + 1, 11 + i) }, i * 100), i * 100)
  }
  at(10_000)
  t.strictSame(
    sent.slice(0, 5),
    [0, 1, 2, 3, 4].map(i => [i * 100, i + 1, i + 1, i + 1]),
  )
  t.strictSame(
    sent.slice(5).map(([, link, linked, known]) => [link, linked, known]),
    [1, 2, 3, 4].map(link => [link, 5, 5]),
    'one more for each but the last',
  )
  t.strictSame(membership.partialLinks(), [1, 2, 3, 4, 5], 'who has said nothing may miss something')
  for (let link = 1; link <= 5; link++)
    tell({ kind: 'mesh', link, linked: 5, known: link === 3 ? 6 : 5 }, 10_000)
  t.strictSame(membership.partialLinks(), [3])
})

t.test('stop: every link gets its goodbye; what comes later is closed', async t => {
  const { tell, proof, membership } = machine()
  tell({ kind: 'proved', ...proof(1, 11) }, 0)
  tell({ kind: 'proved', ...proof(2, 12) }, 0)
  const out = tell({ kind: 'stop' }, 1)
  t.match(
    out.filter(({ kind }) => kind === 'close'),
    [
      { link: 1, code: closeCodes.GOODBYE },
      { link: 2, code: closeCodes.GOODBYE },
    ],
  )
  t.equal(membership.deadline(), undefined)
  t.match(tell({ kind: 'proved', ...proof(3, 13) }, 2), [{ kind: 'close', link: 3 }])
  t.strictSame(tell({ kind: 'tick' }, 100_000), [])
  t.strictSame(tell({ kind: 'down', link: 9, byPeer: false, goodbye: false, detail: '' }, 3), [])
})

t.test('why a link ended, in words', async t => {
  const words = (down: Partial<Extract<MembershipInput, { kind: 'down' }>>): string => {
    const { tell, proof } = machine()
    tell({ kind: 'proved', ...proof(1, 11) }, 0)
    const input = { kind: 'down', link: 1, byPeer: false, goodbye: false, detail: '', ...down } as const
    const [event] = tell(input, 1)
    return event?.kind === 'event' && event.message.event === 'peer-disconnected' ? event.message.reason : ''
  }
  t.equal(words({ byPeer: true, goodbye: true }), 'goodbye')
  t.equal(words({ byPeer: true, closeCode: closeCodes.DISCONNECTED }), 'disconnected by the peer')
  t.match(words({ byPeer: true, closeCode: closeCodes.REPLACED }), /another process/)
  t.equal(
    words({ byPeer: true, closeCode: closeCodes.FRAME, detail: 'x' }),
    'closed by the peer with code 6: x',
  )
  t.equal(words({ code: 'GH_LINK_SILENT' }), 'timeout')
  t.match(words({ code: 'GH_LINK_PROTOCOL', detail: 'x' }), /broke the protocol: x/)
  t.equal(words({}), 'connection lost')
})

t.test('what is announced is told in place of what is seen', async t => {
  const { tell, proof } = machine()
  tell({ kind: 'proved', ...proof(1, 11) }, 0)
  tell({ kind: 'proved', ...proof(2, 12) }, 0)
  const told = [encodeAddress(address('93.184.216.34:443'))]
  tell(
    { kind: 'peers', link: 1, entries: [{ identityKey: keyOf(11), name: 'n11', age: 0, addresses: told }] },
    1,
  )
  t.match(tell({ kind: 'requestPeers', link: 2 }, 2), [{ kind: 'peers', entries: [{ addresses: told }] }])
  const announcing = new Membership({
    ownKey,
    ownId: peerIdFromKey(ownKey),
    ownName: () => 'me',
    random,
    announce: [address('93.184.216.34:443')],
  })
  announcing.handle({ kind: 'start' }, 0)
  announcing.handle({ kind: 'proved', ...proof(1, 11) }, 0)
  drain(announcing)
  announcing.handle({ kind: 'requestPeers', link: 1 }, 0)
  t.match(drain(announcing), [{ kind: 'peers', entries: [{ identityKey: ownKey, addresses: told }] }])
})
