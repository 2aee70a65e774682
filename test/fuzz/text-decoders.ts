/** The registry's entries for text: what people type, what lies in files, what the control socket says. */
import { utf8 } from '../../src/base/bytes.ts'
import { loadToml, parseConfig } from '../../src/cli/config-file.ts'
import { checkEntry, sortEntries } from '../../src/cli/config-values.ts'
import { type FlagKey, flagKeys, keyName, row } from '../../src/cli/flags.ts'
import { readInvocation } from '../../src/cli/settings.ts'
import { UsageError } from '../../src/cli/usage.ts'
import { Misfit } from '../../src/cli/values.ts'
import { decodeKeptRow, encodeKeptRow } from '../../src/http/tracker/kept.ts'
import { decodeReply, decodeRequest, encodeControl } from '../../src/protocols/control/requests.ts'
import { decodeHolder } from '../../src/store/lock.ts'
import { decodePeerbook, encodePeerbook } from '../../src/store/peerbook.ts'
import { formatDnsaddr, isDnsaddr, parseBootstrap, readRecord } from '../../src/wire/dnsaddr.ts'
import * as wire from '../../src/wire/index.ts'
import { formatIp, parseIp, parseIp4, parseIp6 } from '../../src/wire/ip.ts'
import type { Json } from '../support/codecs.ts'
import { sharedJson } from '../support/shared.ts'
import { asText, given, must, mustEqual, Refused, refused } from './common.ts'
import { addressTexts, multiaddrTexts, peerIds, texts } from './corpus.ts'
import { codesOf, type Decoder, type Value } from './fuzz.ts'

const toml = await loadToml()
const badAddress = codesOf('GH_ADDRESS_INVALID')
const badPeerId = codesOf('GH_PEER_ID_INVALID')
const badKey = codesOf('GH_KEY_INVALID')
const misuse = (error: unknown): boolean => error instanceof UsageError
const misfit = (error: unknown): boolean => error instanceof Misfit

const addressWords = [
  '/ip4/',
  '/ip6/',
  '/ip6zone/',
  '/dns4/',
  '/dnsaddr/',
  '/tcp/',
  '/udp/',
  '/p2p/',
  '::',
  '0x',
  peerIds[0]!,
]
const protocolWords =
  'tls ws quic-v1 http-path unix onion3 garlic32 memory certhash sni p2p-circuit ipcidr ipfs'
    .split(' ')
    .map(name => `/${name}/`)

const trackerWords = [
  '"peer_id":',
  '"addrs":[',
  '"meta":{',
  '"user_id":',
  '"last_seen":',
  '"peers":[',
  '"ok":true',
  '"ttl_sec":',
  'null',
  '[[[[',
  '1e999',
  '\\ud800',
]

function listOf(addrs: readonly string[], meta: wire.PeerMeta): Uint8Array {
  const row = { peerId: peerIds[0]!, addrs, meta, lastSeen: 1_790_000_000 }
  return wire.encodePeerList([wire.encodeListedPeer(row), wire.encodeListedPeer({ ...row, lastSeen: 0 })])
}

export const textDecoders: readonly Decoder[] = [
  {
    name: 'address',
    covers: ['parseAddress'],
    corpus: () => texts(...addressTexts, ...multiaddrTexts()),
    words: addressWords,
    text: true,
    decode(input) {
      const text = asText(input)
      const address = wire.parseAddress(text, { for: 'listen' })
      if (address.port !== 0) mustEqual(() => wire.parseAddress(text), address, 'it can be dialled, too')
      return { address, key: wire.addressKey(address), shown: wire.hostPort(address) }
    },
    encode: ({ address }) => utf8(wire.formatAddress(address)),
    form: 'mean',
    refuses: badAddress,
  },
  {
    name: 'address-list',
    covers: ['parseAddressList'],
    corpus: () => texts(addressTexts.slice(0, 9).join(', '), ',,127.0.0.1:1,', addressTexts[0]!),
    words: addressWords,
    text: true,
    most: 8_192,
    decode: input => wire.parseAddressList(asText(input)),
    encode: (list: wire.Address[]) => utf8(list.map(wire.formatAddress).join(',')),
    form: 'mean',
    refuses: badAddress,
  },
  {
    name: 'multiaddr-text',
    covers: ['parseMultiaddr'],
    corpus: () => texts(...multiaddrTexts()),
    words: [...addressWords, ...protocolWords],
    text: true,
    most: 6_000,
    decode(input) {
      const components = wire.parseMultiaddr(asText(input))
      const bytes = wire.encodeMultiaddr(components)
      if (bytes.length <= wire.MULTIADDR_MAX)
        mustEqual(() => wire.decodeMultiaddr(bytes), components, 'its bytes decode to the same')
      return components
    },
    encode: components => utf8(wire.formatMultiaddr(components)),
    form: 'mean',
    refuses: codesOf('GH_ADDRESS_INVALID', 'GH_PEER_ID_INVALID'),
  },
  {
    name: 'peer-id',
    covers: ['keyFromPeerId'],
    corpus: () => texts(...peerIds),
    words: peerIds,
    text: true,
    decode(input) {
      const text = asText(input)
      const is = wire.isPeerId(text)
      const key = wire.keyFromPeerId(text)
      must(is, 'isPeerId says the same')
      return key
    },
    encode: key => utf8(wire.peerIdFromKey(key)),
    form: 'mean',
    refuses: badPeerId,
  },
  {
    name: 'multihash',
    covers: [],
    corpus: () => texts(...peerIds),
    words: peerIds,
    text: true,
    decode: input => new Uint8Array(wire.multihashFromPeerId(asText(input))),
    encode: multihash => utf8(wire.peerIdFromMultihash(multihash)),
    form: 'mean',
    refuses: badPeerId,
  },
  {
    name: 'ip',
    covers: ['parseIp', 'parseIp4', 'parseIp6'],
    corpus: () =>
      texts('192.0.2.7', '::', '::1', '2001:db8::7', '::ffff:10.0.0.1', 'fe80::1', '64:ff9b::10.0.0.1'),
    text: true,
    decode(input) {
      const text = asText(input)
      const kind = wire.hostKind(text)
      const ip = given(parseIp(text))
      must(kind !== 'name', 'an IP address is no name')
      mustEqual(() => (ip.length === 4 ? parseIp4 : parseIp6)(text), ip, 'one family reads it')
      return ip
    },
    encode: ip => utf8(formatIp(ip)),
    form: 'mean',
    refuses: refused,
  },
  {
    name: 'bootstrap',
    covers: ['parseBootstrap'],
    corpus: () => texts(...addressTexts, '/dnsaddr/mesh.example', `/dnsaddr/Mesh.example./p2p/${peerIds[0]}`),
    words: addressWords,
    text: true,
    decode: input => parseBootstrap(asText(input)),
    encode: bootstrapText,
    form: 'mean',
    refuses: badAddress,
  },
  {
    name: 'dnsaddr-record',
    covers: ['readRecord'],
    corpus: () =>
      texts(...addressTexts, ...multiaddrTexts(), '/dnsaddr/eu.mesh.example').map(text =>
        utf8(`dnsaddr=${asText(text)}`),
      ),
    words: ['dnsaddr=', ...addressWords],
    text: true,
    decode: input => given(readRecord(asText(input))),
    encode: one => utf8(`dnsaddr=${asText(bootstrapText(one))}`),
    form: 'mean',
    refuses: refused,
  },
  {
    name: 'swarm-key',
    covers: ['decodeSwarmKey'],
    corpus: swarmKeys,
    words: ['/key/swarm/psk/1.0.0/', '/base16/', '/base64/', '/bin/', '\r\n', '='],
    text: true,
    decode: wire.decodeSwarmKey,
    encode: psk => utf8(wire.encodeSwarmKey(psk)),
    form: 'mean',
    owns: true,
    refuses: badKey,
  },
  {
    name: 'private-key',
    covers: ['decodePrivateKey'],
    corpus: privateKeys,
    decode: wire.decodePrivateKey,
    encode: wire.encodePrivateKey,
    // The older form, with the public key twice, is read and written in the newer one.
    form: input => (input[3] === 0x40 ? 'same' : 'mean'),
    owns: true,
    refuses: badKey,
  },
  {
    name: 'peerbook',
    covers: ['decodePeerbook'],
    corpus: () => [encodePeerbook(bookPeers()), encodePeerbook([])],
    words: [
      '"reached":',
      '"met":',
      '"address":',
      '"version": 1',
      'null',
      '{}',
      '[]',
      '1e999',
      addressTexts[8]!,
    ],
    text: true,
    most: 16_384,
    decode(input) {
      const read = decodePeerbook(input)
      if (typeof read === 'string') throw new Refused()
      must(
        read.peers.every(({ met }) => Number.isSafeInteger(met)),
        'times are whole',
      )
      // Nothing before 1970 is ever written.
      return read.peers.filter(({ met, reached = 0 }) => met >= 0 && reached >= 0)
    },
    encode: encodePeerbook,
    form: 'mean',
    refuses: refused,
  },
  {
    name: 'tracker-registration',
    covers: ['decodeRegistration'],
    corpus: () => [
      wire.encodeRegistration({
        peerId: peerIds[0]!,
        addrs: multiaddrTexts().slice(0, 12),
        meta: { user_id: 'ann', device_id: 'd', hostname: 'h', version: '1' },
      }),
      wire.encodeRegistration({ peerId: peerIds[0]!, addrs: ['/ip4/192.0.2.7/tcp/8000'], meta: {} }),
    ],
    words: [...trackerWords, ...addressWords],
    text: true,
    most: 8_192,
    decode: wire.decodeRegistration,
    encode: wire.encodeRegistration,
    form: 'mean',
  },
  {
    name: 'tracker-list',
    covers: ['decodePeerList'],
    corpus: () => [
      listOf(['/ip4/192.0.2.7/tcp/8000'], { user_id: 'ann' }),
      listOf(multiaddrTexts().slice(0, 9), {}),
      wire.encodePeerList([]),
    ],
    words: [...trackerWords, ...addressWords],
    text: true,
    most: 8_192,
    decode: input => wire.decodePeerList(input).peers,
    encode: (peers: wire.ListedPeer[]) => wire.encodePeerList(peers.map(wire.encodeListedPeer)),
    form: 'mean',
  },
  {
    name: 'tracker-registered',
    covers: ['decodeRegistered'],
    corpus: () => [wire.encodeRegistered(60), wire.encodeRegistered(86_400)],
    words: trackerWords,
    text: true,
    decode: wire.decodeRegistered,
    encode: wire.encodeRegistered,
    form: 'mean',
  },
  {
    name: 'tracker-fault',
    covers: ['decodeTrackerFault'],
    corpus: () => [wire.encodeTrackerFault({ code: 'token', error: 'the token is missing or wrong' })],
    words: trackerWords,
    text: true,
    decode: input => given(wire.decodeTrackerFault(input)),
    encode: wire.encodeTrackerFault,
    form: 'mean',
    refuses: refused,
  },
  {
    name: 'tracker-proof',
    covers: ['decodeProof'],
    corpus: () =>
      texts(
        wire.encodeProof({ time: 1_790_000_000_000, signature: new Uint8Array(64).fill(7) }),
        wire.encodeProof({ time: 1, signature: new Uint8Array(64).fill(255) }),
      ),
    words: ['t=', ', ', 'ed25519=', '=='],
    text: true,
    decode: input => wire.decodeProof(asText(input)),
    encode: proof => utf8(wire.encodeProof(proof)),
    form: 'mean',
    owns: true,
  },
  {
    name: 'tracker-url',
    covers: ['parseTrackerUrl'],
    corpus: () =>
      texts('http://192.0.2.1:8850', 'https://tracker.example.org/below/', 'http://[::1]:8850', 'HTTP://A.B'),
    words: ['http://', 'https://', '@', '?', '#', '..', '%2e', ':8850'],
    text: true,
    decode: input => wire.parseTrackerUrl(asText(input)),
    encode: url => utf8(url),
    form: 'mean',
    refuses: codesOf('GH_OPTION_INVALID'),
  },
  {
    name: 'tracker-kept-row',
    covers: ['decodeKeptRow'],
    corpus: () =>
      texts(
        encodeKeptRow({
          peerId: peerIds[0]!,
          addrs: ['/ip4/192.0.2.7/tcp/8000'],
          meta: { user_id: 'ann' },
          place: '192.0.2.7',
          seen: 1_790_000_000_000,
          signedAt: 1_790_000_000_001,
        }),
      ),
    words: [...trackerWords, '"place":', '"seen":', '"signed_at":'],
    text: true,
    decode: input => given(decodeKeptRow(asText(input))),
    encode: row => utf8(encodeKeptRow(row)),
    form: 'mean',
    refuses: refused,
  },
  {
    name: 'lock-file',
    covers: ['decodeHolder'],
    corpus: () => texts(...lockFiles),
    words: ['"pid":', '"role":', '"run"', '"one-shot"', '-1', '1e9', 'null'],
    text: true,
    decode: input => plain(given(decodeHolder(input))),
    encode: holder => utf8(JSON.stringify(holder)),
    form: 'mean',
    refuses: refused,
  },
  {
    name: 'control-request',
    covers: ['decodeRequest', 'decodeLogRequest'],
    corpus: () =>
      (
        [
          { do: 'status' },
          { do: 'events' },
          { do: 'connect', address: 'a:1' },
          { do: 'send', text: 'ü\n', to: 'bob' },
        ] as const
      ).map(encodeControl),
    words: ['"do":', '"status"', '"send"', '"text":', '"to":null', '\\ud800', '\\u001b'],
    text: true,
    decode: decodeRequest,
    encode: encodeControl,
    form: 'mean',
    refuses: codesOf('GH_CONTROL_REQUEST'),
  },
  {
    name: 'control-reply',
    covers: ['decodeReply'],
    corpus: () =>
      [
        { ok: { name: 'alice', peers: [{ peerId: peerIds[0], rttMs: 0.3 }], mesh: null } },
        { event: { kind: 'chat', text: '\u001b[2J' } },
        { dropped: 3 },
        { error: { code: 'GH_PEER_UNKNOWN', detail: 'bob' } } as const,
      ].map(encodeControl),
    words: ['"ok":', '"event":', '"dropped":', '"error":', '"code":', '"detail":', '"GH_INTERNAL"'],
    text: true,
    decode: input => {
      const reply = decodeReply(input)
      // JSON cannot say some numbers that it can be read into: only our own members come back.
      return 'ok' in reply || 'event' in reply ? undefined : plain(reply)
    },
    encode: encodeControl,
    form: 'mean',
    refuses: codesOf('GH_CONTROL_REQUEST'),
  },
  {
    name: 'config',
    covers: ['parseConfig'],
    corpus: () =>
      texts(configText, 'port = 8000\n', '[table]\nport = 1\n', '"port" = 1\nbootstrap = ["a:1",\n "b:2"]\n'),
    words: [
      ...flagKeys.map(keyName),
      ' = ',
      '[[',
      ']]',
      '"""',
      "'''",
      'true',
      'inf',
      '1979-05-27T07:32:00Z',
      '{ a = 1 }',
    ],
    text: true,
    most: 16_384,
    decode(input) {
      const entries = parseConfig(asText(input), 'config.toml', toml)
      const lines = 1 + asText(input).split('\n').length
      must(
        entries.every(({ line }) => line >= 1 && line <= lines),
        'a line of the file',
      )
      const { given: known, warnings } = sortEntries({ path: 'config.toml', entries })
      return [entries.length, warnings, [...known].map(([key, one]) => checkEntry(key, one))]
    },
    refuses: misuse,
  },
  {
    name: 'flag-values',
    covers: [],
    corpus: () => texts(...flagKeys.flatMap(key => valuesOf(key).map(value => `${key}\n${value}`))),
    words: [...addressTexts, ...peerIds, '500ms', '2m', '1h', '1.5k', 'true', '~/', ','],
    text: true,
    decode(input) {
      const [key, ...rest] = asText(input).split('\n')
      if (!flagKeys.includes(key as FlagKey)) throw new Misfit('no such flag')
      return row(key as FlagKey).parse(rest.join('\n'))
    },
    refuses: misfit,
  },
  {
    name: 'arguments',
    covers: ['readInvocation', 'readArguments'],
    corpus: () =>
      texts(
        'run\n--port\n8000\n--name\nalice\n--bootstrap\nlocalhost:8001',
        '8001\nlocalhost:8000',
        'connect\n127.0.0.1:1\n--json',
        'send\n--to\nbob\nhello',
        'swarm-key\nnew\n--swarm-key=/tmp/x',
        'help\nrun',
        '-p\n8000\n--no-mdns\n--debug',
      ),
    words: [...flagKeys.map(key => `--${keyName(key).replaceAll('_', '-')}`), '--', '-', '=', '\n', '--no-'],
    text: true,
    // Node's parseArgs takes a group of short flags apart in the square of its length.
    most: 1_024,
    share: 4,
    decode: input => Object.keys(readInvocation(asText(input).split('\n'), {})),
    refuses: misuse,
  },
]

/** As JSON has it: without a minus before zero. */
function plain(value: object): Value {
  return JSON.parse(JSON.stringify(value))
}

function bootstrapText(one: Value): Uint8Array {
  return utf8(isDnsaddr(one) ? formatDnsaddr(one) : wire.formatAddress(one))
}

function swarmKeys(): Uint8Array[] {
  const psk = Uint8Array.from({ length: 32 }, (_, i) => 7 * i + 128)
  const base16 = wire.encodeSwarmKey(psk)
  const head = '/key/swarm/psk/1.0.0/\n'
  const foreign: Json = sharedJson('vectors/pnet/swarm-key.json')
  return [
    utf8(base16),
    utf8(base16.replaceAll('\n', '\r\n')),
    utf8(`${head}/base64/\n${Buffer.from(psk).toString('base64')}\n`),
    Uint8Array.of(...utf8(`${head}/bin/\n`), ...psk),
    ...stringsIn(foreign)
      .filter(text => text.includes('/key/swarm/'))
      .map(text => utf8(text)),
  ]
}

function privateKeys(): Uint8Array[] {
  const seed = Uint8Array.from({ length: 32 }, (_, i) => i)
  const publicKey = Uint8Array.from({ length: 32 }, (_, i) => 255 - i)
  const key = wire.encodePrivateKey({ seed, publicKey })
  const older = Uint8Array.of(0x08, 0x01, 0x12, 0x60, ...seed, ...publicKey, ...publicKey)
  const foreign: Json = sharedJson('vectors/multiformats/libp2p-peer-id-keys.json')
  const hex: string[] = (foreign?.protobuf_keys ?? []).map((one: Json) => one.hex)
  return [
    key,
    older,
    utf8('-----BEGIN KEY-----\n'),
    ...hex.map(text => new Uint8Array(Buffer.from(text, 'hex'))),
  ]
}

function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null) return []
  return Object.values(value).flatMap(stringsIn)
}

function bookPeers(): Value {
  return addressTexts
    .slice(7, 10)
    .flatMap(text => [wire.parseAddress(text)])
    .map((address, i) => ({
      address: { ...address, peerId: peerIds[0]! },
      met: 1_769_871_872_000 + i,
      ...(i === 0 ? {} : { reached: 1_769_871_000_000 }),
    }))
}

const lockFiles = [
  '{"id":"01234567-89ab-cdef-0123-456789abcdef","pid":4242,"startTime":99,"boot":"b","role":"run","since":"2026-01-31T15:04:32.000Z"}\n',
  '{"pid":1,"role":"one-shot","since":""}',
]

const configText = `# a node
port = 8000
name = "alice" # to others
bootstrap = ["127.0.0.1:8001", 'node-2:8000']
interval = "500ms"
mdns = false
"max_peers" = 20
unknown = { a = 1, "b c" = [1, 2] }
text = """
port = 3
"""
[later]
port = 1
`

/** Something of each kind that a flag might take. */
function valuesOf(key: FlagKey): string[] {
  const { fallback, fallbackText, choices = [] } = row(key)
  return [
    String(fallback),
    fallbackText,
    ...choices,
    '5',
    '500ms',
    '127.0.0.1:8000',
    peerIds[0]!,
    '/tmp/x',
    'true',
  ]
}
