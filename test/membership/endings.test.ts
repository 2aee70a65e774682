/**
 * How a link ends, and what follows: when its peer is dialled again, and when no more.
 */
import t from 'tap'
import { Absences } from '../../src/membership/absences.ts'
import { defaults } from '../../src/membership/defaults.ts'
import { Membership } from '../../src/membership/membership.ts'
import type { MembershipInput, MembershipOutput, Proof } from '../../src/membership/messages.ts'
import { parseAddress } from '../../src/wire/address.ts'
import { peerIdFromKey } from '../../src/wire/peer-id.ts'
import { closeCodes } from '../../src/wire/registry.ts'
import { keyOf, seeded } from '../support/mini-mesh.ts'

const place = parseAddress('10.0.0.6:8000')
const peerKey = keyOf(6)
const peerId = peerIdFromKey(peerKey)
type Down = Partial<Extract<MembershipInput, { kind: 'down' }>>

/** A node that dials one peer; its time goes where the test says. */
class One {
  now = 0
  /** When it dialled. */
  readonly dials: number[] = []
  readonly outputs: MembershipOutput[] = []
  readonly membership: Membership
  #links = 0
  /** What comes of a dial. */
  reached = true

  constructor(ownKey = keyOf(9)) {
    this.membership = new Membership({
      ownKey,
      ownId: peerIdFromKey(ownKey),
      ownName: () => 'me',
      random: seeded(4),
    })
    this.tell({ kind: 'start' })
    this.tell({ kind: 'learned', addresses: [{ ...place, peerId }], source: 'mdns' })
  }

  proof(staticKey = keyOf(7)): Proof {
    const link = ++this.#links
    return { link, peerKey, peerId, name: 'six', staticKey, address: place, linkCount: 0 }
  }

  tell(input: MembershipInput): void {
    this.membership.handle(input, this.now)
    for (let output = this.membership.poll(); output !== undefined; output = this.membership.poll()) {
      this.outputs.push(output)
      if (output.kind !== 'dial') continue
      this.dials.push(this.now)
      const { address } = output
      if (this.reached) this.tell({ kind: 'accepted', dialled: address, ...this.proof() })
      else this.tell({ kind: 'dialFailed', address, code: 'GH_DIAL_TIMEOUT', message: '' })
    }
  }

  /** Lets time pass; the peer speaks, unless it is silent. */
  pass(wait: number, speaks = true): void {
    const until = this.now + wait
    for (let at = this.membership.deadline()!; at <= until; at = this.membership.deadline()!) {
      this.now = Math.max(this.now, at)
      if (speaks) this.membership.heard(this.#links, this.now)
      this.tell({ kind: 'tick' })
    }
    this.now = until
    if (speaks) this.membership.heard(this.#links, this.now)
  }

  /** The link ends so; how long until the next dial. */
  waitAfter(down: Down, most = 1_000_000): number {
    const from = this.now
    this.reached = false
    const before = this.dials.length
    const how = { byPeer: false, goodbye: false, detail: '', ...down }
    this.tell({ kind: 'down', link: this.#links, ...how })
    this.pass(most)
    this.reached = true
    return (this.dials[before] ?? Number.POSITIVE_INFINITY) - from
  }
}

/** A link that was a success. */
function linked(): One {
  const one = new One()
  t.equal(one.dials.length, 1)
  one.pass(20_000)
  return one
}

t.test('MEM-10 how a link ended says when its peer is dialled again', async t => {
  const told = (closeCode: number): Down => ({ byPeer: true, closeCode })
  const cases: [string, Down, number, number][] = [
    ['a goodbye', { byPeer: true, goodbye: true }, defaults.goodbyeWait, 1.5],
    ['a person over there', told(closeCodes.DISCONNECTED), defaults.slowPace, 1.5],
    ['it says that we broke the protocol', told(closeCodes.PROTOCOL), defaults.backoffMax, 1.5],
    ['another process with its identity', told(closeCodes.REPLACED), defaults.backoffMax, 1.5],
    ['it broke the protocol', { code: 'GH_LINK_PROTOCOL' }, defaults.backoffMax, 1.5],
    ['it spent its budget', { code: 'GH_LINK_BUDGET' }, defaults.backoffMax, 1.5],
    ['the carrier broke', {}, defaults.backoffFirst / 2, 2],
    ['silence, once', { code: 'GH_LINK_SILENT' }, defaults.backoffFirst / 2, 2],
  ]
  for (const [name, down, least, times] of cases) {
    const wait = linked().waitAfter(down)
    t.ok(wait >= least && wait <= least * times, `${name}: ${wait} ms`)
  }
})

t.test(
  'MEM-10 PT-13 silence for the second time in ten minutes waits a minute, later it does not',
  async t => {
    for (const [apart, least] of [
      [30_000, defaults.silenceWait],
      [defaults.silenceAgain, defaults.backoffFirst / 2],
    ] as const) {
      const one = linked()
      one.tell({ kind: 'down', link: 1, code: 'GH_LINK_SILENT', byPeer: false, goodbye: false, detail: '' })
      one.pass(apart)
      t.equal(one.dials.length, 2, 'linked again')
      const wait = one.waitAfter({ code: 'GH_LINK_SILENT' })
      t.ok(wait >= least && wait <= least * 2, `${apart} ms apart: ${wait} ms`)
    }
  },
)

t.test('MEM-10 whom a person parted from is not dialled until a person asks', async t => {
  const one = linked()
  one.tell({ kind: 'disconnect', peerId })
  t.match(one.outputs.at(-2), { kind: 'close', code: closeCodes.DISCONNECTED })
  one.pass(86_400_000)
  one.tell({ kind: 'learned', addresses: [{ ...place, peerId }], source: 'mdns' })
  one.pass(1_000)
  t.equal(one.dials.length, 1)
  one.tell({ kind: 'learned', addresses: [place], source: 'person' })
  t.equal(one.dials.length, 2)
})

t.test('MEM-4 MEM-5 a peer that is away: tried for ever more rarely, and forgotten in a week', async t => {
  const one = linked()
  const hour = 3_600_000
  const lost = one.now
  one.waitAfter({}, 8 * 24 * hour)
  const since = one.dials.slice(1).map(at => at - lost)
  const waits = since.slice(1).map((at, i) => at - since[i]!)
  const late = waits.filter((_, i) => since[i]! > hour + defaults.slowPace)
  t.ok(late.length > 1_000)
  t.ok(
    late.every(wait => wait >= defaults.slowPace / 2 && wait <= defaults.slowPace),
    'after an hour every 2.5 to 5 minutes',
  )
  const last = since.at(-1)!
  t.ok(last > defaults.retention - defaults.slowPace && last <= defaults.retention + 60_000, `${last}`)
})

t.test('MEM-11 places are kept for an hour, for so many, and not for who is back', async t => {
  const absences = new Absences(2)
  const nobody = (): boolean => false
  const loss = { short: false, silent: false }
  for (const [at, id] of ['a', 'b', 'c'].entries()) absences.lost(id, loss, at)
  t.equal(absences.kept(10, nobody), 2, 'those of the peers lost last')
  t.equal(
    absences.kept(10, id => id === 'c'),
    1,
  )
  t.equal(absences.kept(defaults.placeKept + 1, nobody), 0)
  absences.lost('short', { ...loss, short: true }, 0)
  absences.lost('parted', { ...loss, wait: defaults.slowPace }, 0)
  t.equal(absences.kept(1, nobody), 0, 'no success, or it left for good')
})

t.test('DRAIN-1 MEM-7 a link that lost: nothing new on it, closed when empty, or after 10 s', async t => {
  const lower = new One(keyOf(1))
  const first = lower.membership.linkOf(peerId)
  lower.pass(2_000)
  lower.tell({ kind: 'accepted', dialled: parseAddress('10.0.0.6:9000'), ...lower.proof() })
  t.match(
    lower.outputs.filter(({ kind }) => kind === 'drain'),
    [{ link: 2 }],
  )
  t.equal(lower.membership.linkOf(peerId), first, 'what is sent next goes over the other')
  const closes = () => lower.outputs.flatMap(one => (one.kind === 'close' ? [[one.link, one.code]] : []))
  lower.tell({ kind: 'idle', link: 2 })
  lower.pass(defaults.drainFor - 1)
  t.strictSame(closes(), [], 'the one that was told closes it; the one that decided waits')
  lower.pass(1)
  t.strictSame(closes(), [[2, closeCodes.REPLACED]])

  const higher = new One(keyOf(9))
  higher.pass(2_000)
  higher.tell({ kind: 'accepted', dialled: parseAddress('10.0.0.6:9000'), ...higher.proof() })
  t.notOk(
    higher.outputs.some(({ kind }) => kind === 'drain'),
    'the higher key never decides',
  )
  higher.tell({ kind: 'drain', link: 1 })
  t.equal(higher.membership.linkOf(peerId), 2)
  higher.tell({ kind: 'idle', link: 1 })
  t.match(higher.outputs.at(-1), { kind: 'close', link: 1, code: closeCodes.REPLACED })
})

t.test(
  'PATH-18 a peer is displaced once another came to its place, and not if it was heard since',
  async t => {
    const one = new One()
    const heir = (listen: string, key = 7): MembershipInput => ({
      kind: 'proved',
      link: 100 + key,
      peerKey: keyOf(key),
      peerId: peerIdFromKey(keyOf(key)),
      name: 'heir',
      staticKey: keyOf(key + 20),
      address: parseAddress('10.0.0.6:55555'),
      listenAddress: parseAddress(listen),
      linkCount: 0,
    })
    const { membership } = one
    const [link, at] = [membership.linkOf(peerId)!, { host: place.host, port: place.port }]
    one.pass(1_000)
    t.notOk(membership.displaced(link, at), 'nobody else came')
    one.pass(1_000, false)
    one.tell(heir('10.0.0.6:8001', 8))
    t.notOk(membership.displaced(link, at), 'another port is another place')
    one.tell(heir('10.0.0.6:8000'))
    t.ok(membership.displaced(link, at), 'the port has another owner')
    one.now += 20_000
    one.tell({ kind: 'tick' })
    t.ok(membership.displaced(link, at), 'where we woke late it was heard no later for that')
    t.notOk(membership.displaced(107, at), 'who is not displaced by the one that was there before')
    one.pass(1, false)
    membership.heard(link, one.now)
    t.notOk(membership.displaced(link, at), 'who is heard has not gone: both are behind one address')
    t.notOk(membership.displaced(99, at), 'a link that is gone')
  },
)
