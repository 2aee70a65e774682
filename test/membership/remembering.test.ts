/** What of the address book outlives a restart. */
import t from 'tap'
import { AddressBook } from '../../src/membership/address-book.ts'
import { defaults } from '../../src/membership/defaults.ts'
import { Membership } from '../../src/membership/membership.ts'
import type { MembershipOutput } from '../../src/membership/messages.ts'
import { believed, type Remembered } from '../../src/membership/remembering.ts'
import { type Address, formatAddress, parseAddress } from '../../src/wire/address.ts'
import { peerIdFromKey } from '../../src/wire/peer-id.ts'
import { keyOf, MiniMesh, seeded } from '../support/mini-mesh.ts'

const id = (n: number): string => peerIdFromKey(keyOf(n))
const address = (n: number): Address => parseAddress(`/ip4/10.0.0.${n}/tcp/8000/p2p/${id(n)}`)
const day = 86_400_000

const make = (options: object = {}): Membership =>
  new Membership({ ownKey: keyOf(200), ownId: id(200), ownName: () => 'me', random: seeded(1), ...options })

const dials = (membership: Membership): string[] => {
  const out: string[] = []
  for (let one = membership.poll(); one !== undefined; one = membership.poll())
    if ((one as MembershipOutput).kind === 'dial') out.push((one as { address: Address }).address.host)
  return out
}

t.test('PT-12 restart: every node knows again whom it was linked to, without any bootstrap', async t => {
  const mesh = new MiniMesh({ seed: 11 })
  for (let i = 1; i <= 6; i++) {
    const node = mesh.add(i)
    if (i === 1) mesh.start(node)
    else mesh.start(node, mesh.nodes[0]!.address)
  }
  mesh.run(20_000)
  t.ok(mesh.whole())
  const books = mesh.nodes.map(({ process }) => process.membership.remembered(mesh.now))
  // n1 dialled nobody: it knows the others because they came and said where they listen.
  t.ok(books[0]!.every(({ reachedAt }) => reachedAt === undefined))
  t.ok(books[5]!.every(({ reachedAt }) => reachedAt !== undefined))
  for (const [i, book] of books.entries())
    t.strictSame(new Set(book.map(row => row.address.peerId)).size, 5, `n${i + 1} remembers the five others`)
  for (const node of mesh.nodes) mesh.crash(node)
  mesh.run(mesh.now + 3_600_000)
  for (const [i, node] of mesh.nodes.entries()) {
    mesh.restart(node)
    mesh.tell(node, { kind: 'recalled', rows: books[i]! })
  }
  t.ok(
    mesh.run(mesh.now + 2_000, () => mesh.whole()),
    'whole in two seconds',
  )
})

t.test('PT-12 one book among them is enough, and a book of the dead harms nobody', async t => {
  const mesh = new MiniMesh({ seed: 12 })
  for (let i = 1; i <= 5; i++) mesh.add(i)
  for (const node of mesh.nodes) mesh.start(node)
  const rows: Remembered[] = [1, 2, 3, 4, 90, 91, 92].map(n => ({ address: address(n), metAt: 0 }))
  mesh.tell(mesh.nodes[4]!, { kind: 'recalled', rows })
  t.ok(mesh.run(mesh.now + 60_000, () => mesh.whole()))
  mesh.run(mesh.now + 600_000)
  t.notOk(mesh.nodes[0]!.process.membership.partial, 'who is gone does not count as known')
})

t.test('BOOK-2 PT-12 anchors: the first eight peers of the book are dialled before all others', async t => {
  const membership = make({ maxPeers: 100 })
  const rows = Array.from({ length: 30 }, (_, i) => ({ address: address(i + 1), metAt: 0 }))
  membership.handle({ kind: 'learned', addresses: [parseAddress('10.9.0.1:1')], source: 'mdns' }, 0)
  membership.handle({ kind: 'recalled', rows }, 0)
  t.strictSame(dials(membership), [], 'nothing before the start')
  membership.handle({ kind: 'start' }, 0)
  const first = dials(membership)
  t.strictSame(
    first.slice(0, 8),
    rows.slice(0, 8).map(row => row.address.host),
  )
  t.equal(first.length, defaults.dials, 'and no more than may be under way at once')
})

t.test('the book holds who was linked longest first, then who was met last; nobody merely told', async t => {
  const membership = make()
  membership.handle({ kind: 'start' }, 0)
  const staticKey = new Uint8Array(32)
  const came = (n: number, at: number): void =>
    membership.handle(
      {
        kind: 'proved',
        link: n,
        peerKey: keyOf(n),
        peerId: id(n),
        name: `n${n}`,
        staticKey,
        address: { transport: 'tcp', host: `10.0.0.${n}`, port: 50_000 + n },
        listenAddress: { transport: 'tcp', host: `10.0.0.${n}`, port: 8000 },
        linkCount: 0,
      },
      at,
    )
  for (const [i, n] of [4, 2, 9, 7].entries()) came(n, 1000 * i)
  const gossip = { identityKey: keyOf(50), name: 'told', age: 0, addresses: [] }
  membership.handle({ kind: 'peers', link: 4, entries: [gossip] }, 4000)
  const down = { kind: 'down', code: 'GH_LINK_CLOSED', byPeer: false, goodbye: false, detail: '' } as const
  membership.handle({ ...down, link: 9 }, 20_000)
  membership.handle({ ...down, link: 4 }, 30_000)
  membership.handle({ kind: 'disconnect', peerId: id(7) }, 31_000)
  const rows = membership.remembered(40_000)
  t.strictSame(
    rows.map(row => [row.address.host, row.metAt]),
    [
      ['10.0.0.2', 40_000],
      ['10.0.0.4', 30_000],
      ['10.0.0.9', 20_000],
    ],
    'linked; met last; met before; and nobody a person parted from',
  )
  t.strictSame(membership.remembered(40_000 + 8 * day).length, 1, 'who is linked is not forgotten')
})

t.test('BOOK-3 PT-08 E18 times of a file: the future is now, a week old is forgotten', async t => {
  const now = 10 * day
  const rows = [
    { address: address(1), metAt: now + 400 * day, reachedAt: Number.POSITIVE_INFINITY },
    { address: address(2), metAt: now - 7 * day, reachedAt: now - 300 * day },
    { address: address(3), metAt: now - 7 * day - 1 },
    { address: address(4), metAt: Number.NEGATIVE_INFINITY },
  ]
  t.strictSame(believed(rows, now), [
    { address: address(1), metAt: now, reachedAt: now },
    { address: address(2), metAt: now - 7 * day, reachedAt: now - 300 * day },
  ])
})

t.test(
  'E18 an address where nobody was met for seven days is forgotten while the node runs, too',
  async t => {
    const mesh = new MiniMesh({ seed: 13 })
    const [a, b] = [mesh.add(1), mesh.add(2)] as const
    mesh.start(a)
    mesh.start(b)
    mesh.tell(a, { kind: 'recalled', rows: [{ address: address(2), metAt: 0 }] })
    t.ok(mesh.run(5_000, () => mesh.linked(a, b)))
    mesh.crash(b, true)
    mesh.run(mesh.now + 6 * day)
    t.equal(a.process.membership.remembered(mesh.now).length, 1, 'six days: still tried')
    const before = a.dials
    mesh.run(mesh.now + 2 * day)
    t.ok(a.dials > before)
    const late = a.dials
    mesh.run(mesh.now + day)
    t.equal(a.dials, late, 'after a week no more')
  },
)

t.test(
  'P18 a book that comes back is bound by the same quotas: what only came in counts as told',
  async t => {
    const book = new AddressBook({ limit: 1_000, busy: () => false })
    const host = (n: number): Address => parseAddress(`203.0.${n >> 8}.${n & 255}:8000`)
    for (let n = 0; n < 500; n++) book.add(host(n), 'peerbook', 0, { peerId: id(n), teller: id(n), metAt: 0 })
    t.equal(book.size, defaults.perPrefix, 'one network places what one network may')
    t.ok(formatAddress([...book.entries()][0]!.address))
  },
)
