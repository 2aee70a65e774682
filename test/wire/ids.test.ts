/** Peer ids, multiaddrs and addresses: other people's vectors first, then our own rules. */
import fc from 'fast-check'
import t from 'tap'
import { concat, equal, fromHex, toHex, utf8 } from '../../src/base/bytes.ts'
import { GuildError, WireError } from '../../src/base/errors.ts'
import {
  type Address,
  addressKey,
  decodeAddress,
  encodeAddress,
  formatAddress,
  hostKind,
  hostPort,
  parseAddress,
  parseAddressList,
} from '../../src/wire/address.ts'
import { formatIp, parseIp } from '../../src/wire/ip.ts'
import {
  component,
  decodeMultiaddr,
  encodeMultiaddr,
  formatMultiaddr,
  MULTIADDR_MAX,
  parseMultiaddr,
} from '../../src/wire/multiaddr.ts'
import { protocolOfCode, protocolOfName } from '../../src/wire/multiaddr-protocols.ts'
import {
  isPeerId,
  keyFromPeerId,
  multihashFromPeerId,
  peerIdFromKey,
  peerIdFromMultihash,
} from '../../src/wire/peer-id.ts'
import { decodePrivateKey, encodePrivateKey } from '../../src/wire/private-key.ts'
import { decodeSwarmKey, encodeSwarmKey } from '../../src/wire/swarm-key.ts'
import { sharedJson, sharedText } from '../support/shared.ts'

const absent = { skip: 'the shared vectors are not beside this checkout' }
const key = fromHex('1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e')!
const id = '12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq'

t.test('peer id of the published key, in each of its texts', async t => {
  t.equal(peerIdFromKey(key), id)
  for (const text of [
    id,
    'k51qzi5uqu5dgy8qsq67hbz73jqkw87l3fgf4a91qb0d9b5173tir7n4vxk1oe',
    'bafzaajaiaejcahwr5d5ofrfbis4l5d6uwr57hu5tjodrypfm6yaq6dsc2r2pzyt6',
  ])
    t.strictSame(keyFromPeerId(text), key, text)
  const everyKey = fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), bytes =>
    equal(keyFromPeerId(peerIdFromKey(bytes)), bytes),
  )
  fc.assert(everyKey, { numRuns: 200 })
})

t.test('ID-1 peer id: what is wrong is said', async t => {
  const cases: [string, RegExp][] = [
    ['', /empty/],
    ['QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N', /not of an Ed25519 key/],
    [id.slice(0, -1), /where [0-9]+ are announced|neither/],
    [`${id}z`, /where [0-9]+ are announced|neither/],
    [id.replace('w', '0'), /not base58/],
    [`${id.slice(0, 20)}ā${id.slice(21)}`, /not base58/],
    [` ${id}`, /begins with none/],
    ['hello', /begins with none/],
    [`1${'2'.repeat(500)}`, /at most 128/],
    ['bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4', /CID codec/],
    ['k', /not base36/],
    ['ba', /not whole base32|CID version/],
  ]
  for (const [text, why] of cases) {
    t.throws(() => keyFromPeerId(text), { code: 'GH_PEER_ID_INVALID', message: why }, text.slice(0, 60))
    t.equal(isPeerId(text), false)
  }
  t.throws(() => peerIdFromKey(new Uint8Array(31)), { code: 'GH_PEER_ID_INVALID', message: /31/ })
  t.throws(() => peerIdFromMultihash(Uint8Array.of(0x12, 0x20, 1)), { code: 'GH_PEER_ID_INVALID' })
  t.equal(isPeerId(id), true)
})

const peerIds = sharedJson('vectors/multiformats/libp2p-peer-id-keys.json')
t.test('peer id: the published examples', peerIds === undefined ? absent : {}, async t => {
  for (const { text, same_as } of peerIds.examples)
    t.equal(peerIdFromMultihash(multihashFromPeerId(text)), same_as ?? text)
})

const vectors = sharedJson('vectors/multiformats/multiaddr.json')
t.test('multiaddr: every published text, good and bad', vectors === undefined ? absent : {}, async t => {
  for (const text of vectors.valid) {
    const parsed = parseMultiaddr(text)
    const bytes = encodeMultiaddr(parsed)
    t.strictSame(decodeMultiaddr(bytes), parsed, text.slice(0, 60))
    const again = parseMultiaddr(formatMultiaddr(parsed))
    t.strictSame(encodeMultiaddr(again), bytes, 'formats to the same')
  }
  for (const text of [...vectors.invalid, ...vectors.invalid_p2p_strings])
    t.throws(() => parseMultiaddr(text), GuildError, text.slice(0, 60))
  for (const [text, hex] of vectors.string_hex) {
    t.equal(toHex(encodeMultiaddr(parseMultiaddr(text))), hex)
    t.equal(formatMultiaddr(decodeMultiaddr(fromHex(hex)!)), text)
  }
})

const corpus = sharedJson('vectors/multiformats/multiaddr-fuzz-corpus.json')
t.test(
  'multiaddr: a foreign fuzz corpus, and mutations of it',
  corpus === undefined ? absent : {},
  async t => {
    const seeds: Uint8Array[] = corpus.bytes_hex.map((hex: string) => fromHex(hex)!)
    for (const bytes of seeds) survives(t, bytes)
    for (const hex of corpus.string_hex_utf8) {
      const text = new TextDecoder().decode(fromHex(hex)!)
      try {
        const bytes = encodeMultiaddr(parseMultiaddr(text))
        t.strictSame(encodeMultiaddr(decodeMultiaddr(bytes)), bytes)
      } catch (error) {
        t.ok(error instanceof GuildError, `${text.slice(0, 40)}: ${error}`)
      }
    }
    for (const text of vectors?.valid ?? []) seeds.push(encodeMultiaddr(parseMultiaddr(text)))
    let refused = 0
    fc.assert(
      fc.property(fc.nat(seeds.length - 1), fc.nat(), fc.nat(255), fc.boolean(), (which, at, byte, cut) => {
        const seed = seeds[which]!
        const mutated = new Uint8Array(cut ? seed.subarray(0, at % seed.length) : seed)
        if (mutated.length > 0) mutated[at % mutated.length] = byte
        if (!roundTrips(mutated)) refused++
      }),
      { numRuns: 3_000 },
    )
    t.ok(refused > 0)
  },
)

t.test('multiaddr: random bytes and texts throw nothing but our errors', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), bytes => void roundTrips(bytes)),
    { numRuns: 2_000 },
  )
  const piece = fc.oneof(
    fc.constantFrom(
      'ip4',
      'tcp',
      'dns4',
      'p2p',
      'unix',
      'onion',
      'http-path',
      'certhash',
      '1.2.3.4',
      '80',
      id,
    ),
    fc.string({ unit: 'binary', maxLength: 12 }),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), pieces => {
      try {
        const parsed = parseMultiaddr(`/${pieces.join('/')}`)
        const bytes = encodeMultiaddr(parsed)
        if (!equal(encodeMultiaddr(parseMultiaddr(formatMultiaddr(decodeMultiaddr(bytes)))), bytes))
          throw new Error('not one form')
      } catch (error) {
        if (!(error instanceof GuildError)) throw error
      }
    }),
    { numRuns: 2_000 },
  )
})

const csv = sharedText('vectors/multiformats/multiaddr-protocols.csv')
t.test('multiaddr: codes and sizes agree with the public table', csv === undefined ? absent : {}, async t => {
  for (const line of csv!.trim().split('\n').slice(1)) {
    const [code, size, name] = line.split(',').map(cell => cell.trim()) as [string, string, string]
    const protocol = protocolOfName(name)
    t.equal(protocol?.code, Number(code), name)
    t.equal(protocolOfCode(Number(code))?.name, name === 'ipfs' ? 'p2p' : name)
    if (name !== 'memory') t.equal(String(protocol?.size), size, name)
  }
})

t.test('multiaddr: what decodes has a text that parses, and what parses has bytes that decode', async t => {
  const garlic = (length: number): Uint8Array =>
    Uint8Array.of(0xbf, 3, 0x80 | (length & 0x7f), length >> 7, ...new Uint8Array(length))
  t.strictSame(parseMultiaddr(formatMultiaddr(decodeMultiaddr(garlic(250)))), decodeMultiaddr(garlic(250)))
  t.throws(
    () => decodeMultiaddr(garlic(251)),
    { code: 'GH_WIRE_VALUE' },
    'its text would be above 400 characters',
  )
  const path = decodeMultiaddr(encodeMultiaddr(parseMultiaddr(`/http-path/${'%C3%BC'.repeat(1_000)}`)))
  t.strictSame(parseMultiaddr(formatMultiaddr(path)), path, 'a path is three times as long in text')
  t.throws(() => parseMultiaddr(`/http-path/${'ü'.repeat(1_100)}`), {
    code: 'GH_ADDRESS_INVALID',
    message: /2048 bytes/,
  })
})

t.test('multiaddr: limits, at the most and one above', async t => {
  const path = (length: number): Uint8Array => {
    const value = utf8(`/${'a'.repeat(length - 1)}`)
    return new Uint8Array([0x90, 0x03, (length & 0x7f) | 0x80, length >> 7, ...value])
  }
  t.equal(decodeMultiaddr(path(MULTIADDR_MAX - 4)).length, 1)
  t.throws(() => decodeMultiaddr(path(MULTIADDR_MAX - 3)), { code: 'GH_WIRE_LENGTH' })
  t.equal(parseMultiaddr('/tls'.repeat(32)).length, 32)
  t.throws(() => parseMultiaddr('/tls'.repeat(33)), { code: 'GH_ADDRESS_INVALID' })
  t.equal(decodeMultiaddr(new Uint8Array(64).map((_, i) => [0xc0, 0x03][i % 2]!)).length, 32)
  t.throws(() => decodeMultiaddr(new Uint8Array(66).map((_, i) => [0xc0, 0x03][i % 2]!)), {
    code: 'GH_WIRE_LENGTH',
  })
  t.throws(() => component('tcp', '65536'), { code: 'GH_ADDRESS_INVALID' })
  t.throws(() => component('nonesuch', '1'), { code: 'GH_ADDRESS_INVALID' })
})

t.test('ADDR-1 address: what people type', async t => {
  const cases: [string, Partial<Address>, string][] = [
    ['127.0.0.1:8000', { host: '127.0.0.1', port: 8000 }, '/ip4/127.0.0.1/tcp/8000'],
    [' localhost:1 ', { host: 'localhost', port: 1 }, '/dns/localhost/tcp/1'],
    ['Node-2.Example.:65535', { host: 'node-2.example', port: 65535 }, '/dns/node-2.example/tcp/65535'],
    ['[2001:DB8:0:0::7]:8000', { host: '2001:db8::7', port: 8000 }, '/ip6/2001:db8::7/tcp/8000'],
    ['[::ffff:1.2.3.4]:80', { host: '1.2.3.4' }, '/ip4/1.2.3.4/tcp/80'],
    ['[fe80::1%eth0]:80', { host: 'fe80::1%eth0' }, '/ip6zone/eth0/ip6/fe80::1/tcp/80'],
    ['/ip4/1.2.3.4/udp/9', { transport: 'udp', host: '1.2.3.4', port: 9 }, '/ip4/1.2.3.4/udp/9'],
    ['/ip6/::1/tcp/9/', { host: '::1' }, '/ip6/::1/tcp/9'],
    ['/dns/a.example/tcp/9', { host: 'a.example' }, '/dns/a.example/tcp/9'],
    ['/dns4/a.example/tcp/9', { host: 'a.example', family: 4 }, '/dns4/a.example/tcp/9'],
    ['/dns6/a.example/udp/9', { host: 'a.example', family: 6 }, '/dns6/a.example/udp/9'],
    [`/ip4/1.2.3.4/tcp/9/p2p/${id}`, { peerId: id }, `/ip4/1.2.3.4/tcp/9/p2p/${id}`],
    [
      '/ip4/1.2.3.4/tcp/9/ipfs/k51qzi5uqu5dgy8qsq67hbz73jqkw87l3fgf4a91qb0d9b5173tir7n4vxk1oe',
      { peerId: id },
      `/ip4/1.2.3.4/tcp/9/p2p/${id}`,
    ],
    ['/ip6zone/en0/ip6/fe80::1/tcp/9', { host: 'fe80::1%en0' }, '/ip6zone/en0/ip6/fe80::1/tcp/9'],
  ]
  for (const [text, wanted, formatted] of cases) {
    const address = parseAddress(text)
    t.match(address, wanted, text)
    t.equal(formatAddress(address), formatted)
    t.strictSame(parseAddress(formatted), address, 'its formatted text parses to the same')
  }
  t.strictSame(parseAddress('a:1'), { transport: 'tcp', host: 'a', port: 1 }, 'nothing else in it')
})

t.test('ADDR-4 address: a bad text is refused with the way out', async t => {
  const cases: [string, RegExp][] = [
    ['', /empty/],
    ['localhost', /port is missing; write localhost:8000/],
    ['localhost:', /write localhost:8000/],
    ['8000', /host is missing; write 127.0.0.1:8000/],
    ['::1:8000', /write|brackets: \[::1\]:8000/],
    ['[::1]', /port is missing/],
    ['[1.2.3.4]:80', /only an IPv6/],
    ['[::1]x:80', /brackets|neither/],
    ['a:0', /port 0/],
    ['a:65536', /1 to 65535/],
    ['a:080', /1 to 65535/],
    ['http://a:80', /URL/],
    ['a b:80', /neither/],
    ['bücher.example:80', /neither/],
    ['256.1.1.1:80', /neither/],
    ['127.1:80', /neither/],
    ['0177.0.0.1:80', /neither/],
    ['0x7f000001:80', /neither/],
    ['2130706433:80', /neither/],
    ['[::1%eth0]:80', /zone/],
    ['/ip4/1.2.3.4', /missing/],
    ['/tcp/80', /missing/],
    ['/ip4/1.2.3.4/tcp', /needs a value/],
    ['/ip4/1.2.3.4/udp/9/quic-v1', /quic-v1 is not spoken/],
    ['/ip4/1.2.3.4/tcp/9/ws', /ws is not spoken/],
    ['/dnsaddr/a.example', /dnsaddr/],
    [`/ip4/1.2.3.4/tcp/9/p2p/${id}/p2p-circuit/p2p/${id}`, /relay/],
    ['/ip4/1.2.3.4/tcp/9/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N', /Ed25519/],
    ['/ip4/1.2.3.4/tcp/9/p2p/nobody', /begins with none/],
    ['/dns4/127.1/tcp/9', /could dial/],
    ['/ip6zone/x/ip6/2001:db8::1/tcp/9', /could dial/],
    ['/memory/4', /memory|missing/],
    [`a${'.a'.repeat(300)}:80`, /at most 512/],
  ]
  for (const [text, why] of cases)
    t.throws(
      () => parseAddress(text),
      { code: 'GH_ADDRESS_INVALID', message: why },
      JSON.stringify(text).slice(0, 60),
    )
  t.equal(parseAddress('127.0.0.1:0', { for: 'listen' }).port, 0)
  t.throws(
    () => parseAddress('evil\u001b[2J:x'),
    { message: /\\x1b/ },
    'escape sequences are shown, not sent',
  )
})

t.test('address: a list tolerates spaces and empty items', async t => {
  t.strictSame(parseAddressList(' a:1,, [::1]:2 ,/ip4/1.2.3.4/udp/3,').map(hostPort), [
    'a:1',
    '[::1]:2',
    '1.2.3.4:3',
  ])
  t.strictSame(parseAddressList(''), [])
  t.throws(() => parseAddressList('a:1,b'), { code: 'GH_ADDRESS_INVALID', message: /"b"/ })
  t.throws(() => parseAddressList('a:1,'.repeat(1025)), { code: 'GH_ADDRESS_INVALID', message: /1025/ })
})

t.test('ADDR-2 address: bytes as PEERS carries them', async t => {
  const cases: [string, string][] = [
    ['/ip4/127.0.0.1/tcp/8000', '047f000001061f40'],
    ['/ip4/127.0.0.1/udp/8000', '047f00000191021f40'],
    ['/dns/ab/tcp/8000', '35026162061f40'],
    ['/dns4/ab/tcp/8000', '36026162061f40'],
    ['/ip6/::1/tcp/8000', '2900000000000000000000000000000001061f40'],
  ]
  for (const [text, hex] of cases) {
    t.equal(toHex(encodeAddress(parseAddress(text))), hex)
    t.strictSame(decodeAddress(fromHex(hex)!), parseAddress(text))
  }
  t.equal(toHex(encodeAddress(parseAddress(`/ip4/127.0.0.1/tcp/8000/p2p/${id}`))), cases[0]![1], 'no /p2p')
  t.strictSame(decodeAddress(encodeAddress(parseAddress('[fe80::1%eth0]:1'))).host, 'fe80::1', 'no zone')
  const mapped = `29${'00'.repeat(10)}ffff7f000001061f40`
  t.equal(decodeAddress(fromHex(mapped)!).host, '127.0.0.1', 'IPv4 inside IPv6 does not hide')
  const refused = [
    '',
    '04',
    '047f000001',
    '047f00000106',
    '047f000001060000',
    '047f000001061f40dd03',
    '047f000001061f4000',
    '35033132370600ff',
    '3801610600ff',
    '2a0178290000000000000000000000000000000106ffff',
    toHex(encodeMultiaddr(parseMultiaddr(`/ip4/1.2.3.4/tcp/1/p2p/${id}`))),
  ]
  for (const hex of refused) t.throws(() => decodeAddress(fromHex(hex)!), WireError, hex.slice(0, 40))
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), bytes => {
      try {
        decodeAddress(bytes)
      } catch (error) {
        if (!(error instanceof WireError)) throw error
      }
    }),
    { numRuns: 1_000 },
  )
})

t.test('ADDR-1 PT-03 equal addresses have equal keys', async t => {
  const same = (a: Address, b: Address): boolean => t.equal(addressKey(a), addressKey(b), addressKey(a))
  const at = (host: string): Address => ({ transport: 'tcp', host, port: 1 })
  same(at('::FFFF:1.2.3.4'), at('1.2.3.4'))
  same(at('2001:DB8:0:0:0:0:0:1'), at('2001:db8::1'))
  same(at('LocalHost'), at('localhost'))
  same({ ...at('a'), peerId: id }, at('a'))
  t.not(addressKey(at('a')), addressKey({ ...at('a'), transport: 'udp' }))
  t.not(addressKey(at('a')), addressKey({ ...at('a'), port: 2 }))
  t.not(addressKey(at('fe80::1%a')), addressKey(at('fe80::1%b')))
  const bytes = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    // Mostly zeros: where "::" has several places to go.
    fc.array(fc.constantFrom(0, 0, 0, 1, 255), { minLength: 16, maxLength: 16 }).map(a => Uint8Array.from(a)),
  )
  fc.assert(
    fc.property(bytes, ip => equal(parseIp(formatIp(ip))!, ip)),
    { numRuns: 1_000 },
  )
})

t.test('PT-02 what a host leads to', async t => {
  const kinds: Record<string, string[]> = {
    loopback: ['127.0.0.1', '127.255.0.1', '::1', '::ffff:127.0.0.1', '64:ff9b::7f00:1', '2002:7f00:1::'],
    unspecified: ['0.0.0.0', '0.1.2.3', '::', '::ffff:0.0.0.0'],
    linkLocal: ['169.254.1.1', 'fe80::1', 'febf::1', 'fe80::1%eth0'],
    private: [
      '10.0.0.1',
      '172.16.0.1',
      '172.31.255.255',
      '192.168.1.1',
      '100.64.0.1',
      '198.19.0.1',
      'fd00::1',
      'fc00::1',
      'fec0::1',
      '::ffff:10.0.0.1',
      '::10.0.0.1',
    ],
    multicast: ['224.0.0.1', '239.255.255.255', '255.255.255.255', '240.0.0.1', 'ff02::1'],
    public: [
      '1.1.1.1',
      '172.32.0.1',
      '172.15.0.1',
      '100.128.0.1',
      '198.20.0.1',
      '2001:db8::1',
      '64:ff9b::101:101',
      '192.169.0.1',
    ],
    name: [
      'localhost',
      'a.example',
      '127.1',
      '',
      '1.2.3.4.5',
      '::g',
      ':::',
      '1:2:3:4:5:6:7:8:9',
      '1::2::3',
      '12345::',
    ],
  }
  for (const [kind, hosts] of Object.entries(kinds))
    for (const host of hosts) t.equal(hostKind(host), kind, host)
})

function roundTrips(bytes: Uint8Array): boolean {
  try {
    const decoded = decodeMultiaddr(bytes)
    const again = encodeMultiaddr(parseMultiaddr(formatMultiaddr(decoded)))
    if (!equal(again, encodeMultiaddr(decoded)) || !equal(again, bytes))
      throw new Error(`two forms: ${toHex(bytes)}`)
    return true
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    return false
  }
}

function survives(t: { doesNotThrow: typeof import('tap').t.doesNotThrow }, bytes: Uint8Array): void {
  t.doesNotThrow(() => roundTrips(bytes), toHex(bytes).slice(0, 60))
}

t.test('private key: the published one, and the older form', peerIds === undefined ? absent : {}, async t => {
  for (const { name, hex } of peerIds.protobuf_keys) {
    const bytes = fromHex(hex)!
    if (name === 'ED25519 private key') {
      const decoded = decodePrivateKey(bytes)
      t.strictSame(decoded.publicKey, key)
      t.strictSame(encodePrivateKey(decoded), bytes)
      const old = concat(fromHex('08011260')!, decoded.seed, key, key)
      t.strictSame(decodePrivateKey(old), decoded, 'the 96-byte form')
      old[99]! ^= 1
      t.throws(() => decodePrivateKey(old), { code: 'GH_KEY_INVALID', message: /two copies/ })
      for (const length of [0, 4, 36, 67])
        t.throws(() => decodePrivateKey(bytes.subarray(0, length)), { code: 'GH_KEY_INVALID' })
      t.throws(() => decodePrivateKey(concat(bytes, Uint8Array.of(0))), {
        code: 'GH_KEY_INVALID',
        message: /69 bytes/,
      })
    } else {
      const why =
        name.includes('public') && name.startsWith('ED') ? /public key/ : /of type (ECDSA|secp256k1)/
      t.throws(() => decodePrivateKey(bytes), { code: 'GH_KEY_INVALID', message: why }, name)
    }
  }
  t.throws(() => decodePrivateKey(utf8('-----BEGIN PRIVATE KEY-----')), { message: /PEM/ })
  t.throws(() => decodePrivateKey(utf8('CAESQK…')), { message: /base64/ })
  t.throws(() => encodePrivateKey({ seed: key, publicKey: key.subarray(1) }), { code: 'GH_KEY_INVALID' })
})

const pnet = sharedJson('vectors/pnet/swarm-key.json')
t.test('SWARM-1 HS-22 swarm key: each published file', pnet === undefined ? absent : {}, async t => {
  for (const { text, hex, psk } of pnet.valid) {
    const decoded = decodeSwarmKey(hex === undefined ? utf8(text) : fromHex(hex)!)
    t.equal(toHex(decoded), psk)
    t.strictSame(decodeSwarmKey(utf8(encodeSwarmKey(decoded))), decoded)
  }
  for (const { text, why } of [...pnet.invalid, ...pnet.invalid_stricter_than_go])
    t.throws(() => decodeSwarmKey(utf8(text)), { code: 'GH_KEY_INVALID' }, why)
})

t.test('SWARM-1 SWARM-2 HS-22 swarm key: only 32 random bytes in the file format', async t => {
  const file = encodeSwarmKey(key)
  t.equal(file.length, 96)
  const withCrLf = file.replaceAll('\n', '\r\n')
  for (const good of [file, file.trimEnd(), withCrLf, withCrLf.trimEnd()])
    t.strictSame(decodeSwarmKey(utf8(good)), key)
  const utf16 = (bom: string): Uint8Array =>
    new Uint8Array([...`${bom}${file}`].flatMap(c => [c.charCodeAt(0) & 255, c.charCodeAt(0) >> 8]))
  const cases: [string, Uint8Array, RegExp][] = [
    ['UTF-16 with a mark', utf16('\ufeff'), /UTF-16/],
    ['UTF-16 without', utf16(''), /UTF-16/],
    ['UTF-16, big end first', new Uint8Array([...utf16('\ufeff')].map((_, i, all) => all[i ^ 1]!)), /UTF-16/],
    ['UTF-8 with a mark', utf8(`\ufeff${file}`), /byte order mark/],
    ['a passphrase', utf8('correct horse battery staple'), /never a passphrase/],
    ['a passphrase of 32 bytes', utf8('correct horse battery staple! 32'), /never a passphrase/],
    [
      'a passphrase in the format',
      utf8('/key/swarm/psk/1.0.0/\n/bin/\ncorrect horse battery staple! 32'),
      /passphrase/,
    ],
    ['a short one in the format', utf8('/key/swarm/psk/1.0.0/\n/bin/\nsecret'), /6 bytes of key/],
    ['two final newlines', utf8(`${file}\n`), /not whole hex/],
    ['a second key behind it', utf8(`${file}${'00'.repeat(32)}`), /not whole hex/],
    ['a space in the hex', utf8(file.replace(/..\n$/, ' 0\n')), /not whole hex/],
    ['a broken base64', utf8('/key/swarm/psk/1.0.0/\n/base64/\nAAE*'), /not base64/],
    ['base64 of 33 bytes', utf8(`/key/swarm/psk/1.0.0/\n/base64/\n${'A'.repeat(44)}`), /33 bytes/],
    ['a large file', utf8(`${file}${' '.repeat(300)}`), /at most 256/],
  ]
  for (const [name, bytes, why] of cases) {
    t.throws(() => decodeSwarmKey(bytes), { code: 'GH_KEY_INVALID', message: why }, name)
    t.notMatch(
      attemptMessage(() => decodeSwarmKey(bytes)),
      /1ed1e8|horse|secret/,
      'the key is not in the error',
    )
  }
  t.throws(() => encodeSwarmKey(new Uint8Array(16)), { code: 'GH_KEY_INVALID' })
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), bytes => {
      try {
        decodeSwarmKey(concat(utf8('/key/swarm/psk/1.0.0/\n'), bytes))
      } catch (error) {
        if (!(error instanceof GuildError)) throw error
      }
    }),
  )
})

function attemptMessage(work: () => unknown): string {
  try {
    work()
    return ''
  } catch (error) {
    return String(error)
  }
}
