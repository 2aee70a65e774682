/** `/dnsaddr/`: names, records, bounds; against a name server of our own. */
import t from 'tap'
import type { ResolveTxt } from '../../src/base/ports.ts'
import { bounds, followDnsaddr, txtResolver } from '../../src/discovery/dnsaddr.ts'
import { formatAddress } from '../../src/wire/address.ts'
import {
  type Dnsaddr,
  formatDnsaddr,
  parseBootstrap,
  RECORD_MAX,
  readRecord,
} from '../../src/wire/dnsaddr.ts'
import { peerIdFromKey } from '../../src/wire/peer-id.ts'
import { DnsServer } from '../support/dns-server.ts'
import { keyOf } from '../support/mini-mesh.ts'

const id = (n: number): string => peerIdFromKey(keyOf(n))
const place = (n: number): string => `/ip4/192.0.2.${n}/tcp/8000`
const from = (text: string): Dnsaddr => parseBootstrap(text) as Dnsaddr
const patience = (): AbortSignal => AbortSignal.timeout(20_000)

t.test('B24 what a person may write, and what a record may say', async t => {
  t.strictSame(parseBootstrap(' /dnsaddr/Mesh.Example. '), { name: 'mesh.example' })
  t.strictSame(parseBootstrap(`/dnsaddr/mesh.example/p2p/${id(1)}`), { name: 'mesh.example', peerId: id(1) })
  t.equal(formatDnsaddr(from(`/dnsaddr/mesh.example/p2p/${id(1)}`)), `/dnsaddr/mesh.example/p2p/${id(1)}`)
  t.match(parseBootstrap('mesh.example:8000'), { host: 'mesh.example', port: 8000 })
  const wrong: readonly [string, RegExp][] = [
    ['/dnsaddr/', /needs a value/],
    ['/dnsaddr/a..b', /not a name/],
    [`/dnsaddr/${'a.'.repeat(130)}b`, /not a (name|value)/],
    ['/dnsaddr/a.example/tcp/8000', /the port stands in the TXT record/],
    [`/dnsaddr/a.example/p2p/${id(1)}/p2p/${id(1)}`, /only \/p2p\/<id> may follow/],
    ['/dnsaddr/a.example/p2p/nobody', /begins with none of/],
    ['/dnsaddr/a.example/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N', /not of an Ed25519 key/],
    [`/dnsaddr/a.example/p2p/${'1'.repeat(600)}`, /at most 512/],
  ]
  for (const [text, why] of wrong)
    t.throws(() => parseBootstrap(text), { code: 'GH_ADDRESS_INVALID', message: why }, text.slice(0, 60))
  t.match(readRecord(`dnsaddr=${place(1)}`), { host: '192.0.2.1' })
  t.match(readRecord('dnsaddr=/dnsaddr/b.example'), { name: 'b.example' })
  for (const text of [
    '',
    'v=spf1 -all',
    place(1),
    'dnsaddr=',
    'dnsaddr=/ip4/1.2.3.4/udp/1/quic-v1',
    'DNSADDR=x',
  ])
    t.equal(readRecord(text), undefined, text)
  t.equal(readRecord(`dnsaddr=/dnsaddr/${'a'.repeat(RECORD_MAX)}`), undefined)
})

t.test('B24 a real name server: records, names within records, a peer id that is meant', async t => {
  const server = new DnsServer()
  const address = await server.start()
  t.teardown(() => server.stop())
  const resolveTxt = txtResolver({ servers: [address], timeout: 200 })
  const follow = async (text: string): Promise<string[]> =>
    (await followDnsaddr(from(text), resolveTxt, patience())).map(formatAddress)
  server.records.set('_dnsaddr.mesh.example', [
    `dnsaddr=${place(1)}/p2p/${id(1)}`,
    'v=spf1 -all',
    `dnsaddr=/ip4/192.0.2.1/udp/4001/quic-v1/p2p/${id(1)}`,
    `dnsaddr=/dnsaddr/eu.mesh.example/p2p/${id(3)}`,
    `dnsaddr=/dns4/node.mesh.example/tcp/8000`,
  ])
  server.records.set('_dnsaddr.eu.mesh.example', [
    `dnsaddr=${place(3)}/p2p/${id(3)}`,
    `dnsaddr=${place(4)}/p2p/${id(4)}`,
    'dnsaddr=/dnsaddr/too.deep.example',
  ])
  t.strictSame(await follow('/dnsaddr/mesh.example'), [
    `${place(1)}/p2p/${id(1)}`,
    '/dns4/node.mesh.example/tcp/8000',
    `${place(3)}/p2p/${id(3)}`,
  ])
  t.strictSame(await follow(`/dnsaddr/mesh.example/p2p/${id(3)}`), [`${place(3)}/p2p/${id(3)}`])
  t.notOk(server.asked.includes('_dnsaddr.too.deep.example'), 'two levels')
  const long = `/dns4/${'node-with-a-long-name.'.repeat(10)}example/tcp/8000/p2p/${id(1)}`
  server.records.set('_dnsaddr.long.example', [`dnsaddr=${long}`])
  t.ok(long.length > 255)
  t.strictSame(await follow('/dnsaddr/long.example'), [long], 'a record in two pieces')

  await t.test('what goes wrong has a code and words', async t => {
    await t.rejects(follow('/dnsaddr/nowhere.example'), { code: 'GH_DIAL_NAME', message: /no such name/ })
    server.records.set('_dnsaddr.empty.example', [])
    await t.rejects(follow('/dnsaddr/empty.example'), { code: 'GH_DIAL_NAME', message: /no TXT records/ })
    server.records.set('_dnsaddr.other.example', ['v=spf1 -all'])
    await t.rejects(follow('/dnsaddr/other.example'), { code: 'GH_DIAL_NAME', message: /holds an address/ })
    server.silent.add('_dnsaddr.silent.example')
    const stop = new AbortController()
    const waiting = followDnsaddr(from('/dnsaddr/silent.example'), resolveTxt, stop.signal)
    stop.abort(new Error('enough'))
    await t.rejects(waiting, /enough/, 'an abort ends it at once')
    const [two, silent] = ['_dnsaddr.two.example', '/dnsaddr/silent.example']
    server.records.set(two, [`dnsaddr=${silent}`, `dnsaddr=${place(7)}`])
    t.strictSame(await follow('/dnsaddr/two.example'), [place(7)], 'a silent branch costs only itself')
  })
})

t.test('ADDR-6 B24 bounds: records, names, addresses, circles', async t => {
  const asked: string[] = []
  const answering =
    (answer: (name: string) => readonly string[]): ResolveTxt =>
    async name => {
      asked.push(name)
      return answer(name)
    }
  const many = answering(() =>
    Array.from({ length: 10_000 }, (_, i) => `dnsaddr=/ip4/10.0.${i >> 8}.${i & 255}/tcp/1`),
  )
  t.equal((await followDnsaddr(from('/dnsaddr/a.b'), many, patience())).length, bounds.addresses)
  asked.length = 0
  const tree = answering(name =>
    Array.from({ length: 64 }, (_, i) => `dnsaddr=/dnsaddr/${i}.${name.slice('_dnsaddr.'.length)}`),
  )
  await t.rejects(followDnsaddr(from('/dnsaddr/a.b'), tree, patience()), { code: 'GH_DIAL_NAME' })
  t.equal(asked.length, bounds.names)
  asked.length = 0
  const circle = answering(() => ['dnsaddr=/dnsaddr/a.b', 'dnsaddr=/dnsaddr/A.b.'])
  await t.rejects(followDnsaddr(from('/dnsaddr/a.b'), circle, patience()), { code: 'GH_DIAL_NAME' })
  t.strictSame(asked, ['_dnsaddr.a.b'], 'no name twice')
})
