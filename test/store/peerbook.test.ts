/** The peerbook on disk: written whole, read with care, set aside when damaged. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type BookPeer, loadPeerbook, PEERS_MAX, savePeerbook, shelfIn } from '../../src/store/peerbook.ts'
import { parseAddress } from '../../src/wire/address.ts'
import { peerIdFromKey } from '../../src/wire/peer-id.ts'
import { keyOf } from '../support/mini-mesh.ts'

const id = (n: number): string => peerIdFromKey(keyOf(n))
const met = Date.parse('2026-01-31T15:04:32.000Z')
const peer = (n: number, place = `/ip4/192.0.2.${n % 250}/tcp/8000`): BookPeer => ({
  address: parseAddress(`${place}/p2p/${id(n)}`),
  met: met + n,
  ...(n % 2 === 0 ? {} : { reached: met - n }),
})

t.test('peerbook: what was saved is loaded, in its order; one row a line; for its owner alone', async t => {
  const path = join(t.testdir(), 'peers.json')
  t.strictSame(await loadPeerbook(path), { peers: [] }, 'none yet')
  const peers = [
    peer(3),
    peer(1),
    peer(2, '/ip6/2001:db8::7/tcp/8000'),
    peer(5, '/dns4/node-2/tcp/8000'),
    peer(7, '/ip6zone/eth0/ip6/fe80::1/tcp/8000'),
  ]
  await savePeerbook(path, peers)
  t.strictSame(await loadPeerbook(path), { peers })
  const text = readFileSync(path, 'utf8')
  t.match(JSON.parse(text), { format: 'guild-home peerbook', version: 1 })
  t.equal(text.match(/^ {4}\{.*\},?$/gm)?.length, 5)
  if (process.platform !== 'win32') t.equal(statSync(path).mode & 0o777, 0o600)
  await savePeerbook(path, [])
  t.strictSame(await loadPeerbook(path), { peers: [] })
  t.strictSame(readdirSync(join(path, '..')), ['peers.json'], 'nothing else is left')
})

t.test('peerbook: bounded in rows, in bytes and in time', async t => {
  const path = join(t.testdir(), 'peers.json')
  const many = Array.from({ length: PEERS_MAX + 5 }, (_, i) => peer(i))
  await savePeerbook(path, many)
  t.ok(statSync(path).size < 512 * 1024, `${statSync(path).size} bytes`)
  const { peers, fault } = await loadPeerbook(path)
  t.strictSame(peers, many.slice(0, PEERS_MAX))
  t.equal(fault, undefined)
  await savePeerbook(path, [{ ...peer(1), met: 1e300, reached: -1e300 }])
  t.match(readFileSync(path, 'utf8'), /"met":"9999-12-31T23:59:59.999Z","reached":"1970-/)
})

t.test(
  'BOOK-4 PT-12 a damaged, truncated or foreign peerbook is set aside, said once, and never in the way',
  async t => {
    const whole = JSON.stringify({
      format: 'guild-home peerbook',
      version: 1,
      peers: [{ address: `/ip4/192.0.2.1/tcp/8000/p2p/${id(1)}`, met: '2026-01-31T15:04:32.000Z' }],
    })
    const cases: readonly [string, string | Uint8Array, RegExp][] = [
      ['empty', '', /it is empty/],
      ['cut off', whole.slice(0, -10), /damaged or cut off/],
      ['zeros after a power cut', new Uint8Array(300), /damaged or cut off/],
      ['not UTF-8', Uint8Array.of(0x22, 0xff, 0x22), /damaged or cut off/],
      ['another program', '{"peers":[]}', /not a peerbook/],
      ['a list', '[]', /not a peerbook/],
      ['null', 'null', /not a peerbook/],
      ['a newer version', whole.replace('"version":1', '"version":2'), /version 2/],
      ['too long', new Uint8Array(2 * 1024 * 1024).fill(0x20), /2097152 bytes/],
    ]
    for (const [name, bytes, why] of cases) {
      const path = join(t.testdir(), 'peers.json')
      writeFileSync(path, bytes)
      const { peers, fault } = await loadPeerbook(path)
      t.strictSame(peers, [], name)
      t.equal(fault?.code, 'GH_STORE_DAMAGED')
      t.match(fault?.message, why, name)
      t.ok(fault?.message.includes(`${path}.set-aside`), 'the path is named')
      t.strictSame(readFileSync(`${path}.set-aside`), Buffer.from(bytes), 'nothing is lost')
      t.notOk(existsSync(path))
      t.strictSame(await loadPeerbook(path), { peers: [] }, 'said once')
    }
  },
)

t.test('BOOK-4 PT-12 a row that makes no sense spoils only itself', async t => {
  const path = join(t.testdir(), 'peers.json')
  const row = { address: `/ip4/192.0.2.1/tcp/8000/p2p/${id(1)}`, met: '2026-01-31T15:04:32.000Z' }
  const bad = [
    null,
    7,
    {},
    { ...row, address: '/ip4/192.0.2.1/tcp/8000' },
    { ...row, address: '/ip4/192.0.2.1/tcp/0/p2p/x' },
    { ...row, address: 'x'.repeat(5000) },
    { ...row, met: undefined },
    { ...row, met: '2026-13-31T15:04:32.000Z' },
    { ...row, met: 1_700_000_000_000 },
    { ...row, reached: 'yesterday' },
  ]
  writeFileSync(path, JSON.stringify({ format: 'guild-home peerbook', version: 1, peers: [...bad, row] }))
  const { peers, fault } = await loadPeerbook(path)
  t.match(peers, [{ address: { host: '192.0.2.1', peerId: id(1) }, met }])
  t.equal(peers.length, 1)
  t.match(fault?.message, /10 of its rows make no sense/)
})

t.test('PT-12 what is no file, or cannot be moved, does not keep a node from starting', async t => {
  const directory = t.testdir()
  const path = join(directory, 'peers.json')
  mkdirSync(path)
  t.match((await loadPeerbook(path)).fault?.message, /it is not a file; it is .*set-aside now/)
  t.ok(statSync(`${path}.set-aside`).isDirectory())
  const loop = join(directory, 'loop')
  symlinkSync(loop, loop)
  t.match((await loadPeerbook(loop)).fault?.message, /symbolic links go round/)
  t.strictSame(await loadPeerbook(loop), { peers: [] }, 'the link was moved, not followed')
  writeFileSync(path, 'x')
  mkdirSync(join(directory, 'peers.json.set-aside', 'full'), { recursive: true })
  const stuck = await loadPeerbook(path)
  t.equal(stuck.fault?.code, 'GH_STORE_DAMAGED')
  t.match(stuck.fault?.message, /cannot be moved/)
})

t.test('peerbook: a save that fails names the path and leaves the old file as it was', async t => {
  const directory = t.testdir()
  const path = join(directory, 'peers.json')
  await savePeerbook(path, [peer(1)])
  mkdirSync(`${path}.tmp`)
  await t.rejects(savePeerbook(path, [peer(2)]), { code: 'GH_STORE_FAILED', message: /peers\.json/ })
  t.match((await loadPeerbook(path)).peers, [{ met: met + 1 }])
})

t.test(
  'PT-12 files that were handed in: the same book; a damaged one is said, and the next replaces it',
  async t => {
    const kept = new Map<string, Uint8Array>()
    const shelf = shelfIn({
      read: async name => kept.get(name),
      replace: async (name, bytes) => void kept.set(name, bytes),
    })
    t.strictSame(await shelf.load(), { peers: [] }, 'none yet')
    await shelf.save([peer(1), peer(2)])
    t.strictSame(await shelf.load(), { peers: [peer(1), peer(2)] })
    const text = Buffer.from(kept.get('peers.json')!).toString()
    kept.set('peers.json', Buffer.from(text.slice(0, -9)))
    const { peers, fault } = await shelf.load()
    t.strictSame(peers, [])
    t.match(fault, { code: 'GH_STORE_DAMAGED', message: /peers\.json: it is damaged or cut off/ })
    kept.set('peers.json', Buffer.from(text.replace('/tcp/', '/pigeon/')))
    const half = await shelf.load()
    t.strictSame(half.peers, [peer(2)])
    t.match(half.fault, { message: /1 of its rows makes no sense/ })
    await shelf.save([peer(3)])
    t.strictSame(await shelf.load(), { peers: [peer(3)] })
    const broken = shelfIn({ read: () => Promise.reject(new Error('EIO')), replace: async () => {} })
    t.match((await broken.load()).fault, { code: 'GH_STORE_DAMAGED' })
  },
)
