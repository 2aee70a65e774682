/** The registry's entries for what crosses a wire as bytes: `src/wire`, and the messages above streams. */
import { createRequire } from 'node:module'
import { concat, equal, fromHex, toHex } from '../../src/base/bytes.ts'
import { ByteReader } from '../../src/base/reader.ts'
import { leb128Length, readLeb128, readVarint, varintWidth, writeLeb128 } from '../../src/base/varint.ts'
import { ByteWriter } from '../../src/base/writer.ts'
import {
  type DnsMessage,
  isKnownTo,
  legacy,
  recordsOf,
  SERVICE,
  sealedIn,
  wantedBy,
} from '../../src/discovery/dns-sd.ts'
import { decodeDirect, encodeDirect } from '../../src/protocols/message/message.ts'
import { checkDnsMessage, DNS_MESSAGE_MAX } from '../../src/wire/dns-message.ts'
import * as wire from '../../src/wire/index.ts'
import { codecs, type Json } from '../support/codecs.ts'
import { readVectors } from '../support/vectors.ts'
import { must, mustEqual } from './common.ts'
import { addressTexts, foreignMultiaddrs, messages, multiaddrTexts } from './corpus.ts'
import type { Decoder, Value } from './fuzz.ts'

/** A message of `codecs.ts`: its decoder, and its encoder behind it. */
function codec(name: string, covers: readonly string[], more: Partial<Decoder> = {}): Decoder {
  const { decode, encode } = codecs[name]!
  return { name, covers, corpus: () => messages(name), decode, encode, owns: true, ...more }
}

const frameFunctions = [
  'readFrame',
  'decodeStream',
  'decodePeers',
  'decodeChat',
  'decodeNonce',
  'decodeAccepted',
  'decodeRefused',
  'decodeClose',
  'decodeDatagram',
]
const packetFunctions = [
  'readPacketFrame',
  'decodeAck',
  'decodeControl',
  'decodePathData',
  'decodeNewConnectionId',
]
/** By where they stand; each is good on the carriers the registry says. */
const framesOf = (carrier: 'record' | 'packet' | 'control'): string[] =>
  Object.entries(wire.frameTypes)
    .filter(([name, frame]) => {
      const spoken = 'inControl' in frame
      if (carrier === 'control') return spoken
      if (carrier === 'packet') return frame.carrier !== 'record' && !spoken
      return frame.carrier !== 'packet' && name !== 'ACK' // on resumable links only
    })
    .map(([name]) => name)

const dnsName = 'abcdefghijklmnopqrstuvwxyz234567'
const dns: { encode(message: object): Uint8Array; decode(bytes: Buffer): DnsMessage } = createRequire(
  createRequire(import.meta.url).resolve('multicast-dns'),
)('dns-packet')

export const wireDecoders: readonly Decoder[] = [
  codec('frames', frameFunctions, {
    most: 8_192,
    kindsOf: (frames: Json[]) => frames.map(({ frame }) => frame),
    kinds: [...framesOf('record'), 'ignored'],
  }),
  codec('packet-frames', packetFunctions, {
    most: 4_096,
    kindsOf: (frames: Json[]) => frames.map(({ frame }) => frame),
    kinds: [...framesOf('packet'), 'ignored'],
  }),
  codec('control-frame', ['readControlFrame'], {
    kindsOf: ({ frame }: Json) => [frame],
    kinds: [...framesOf('control'), 'ignored'],
  }),
  codec('packet-head', ['decodePacketHead']),
  {
    name: 'packet-mask',
    covers: [],
    corpus: () =>
      messages('packet-head').map(head => concat(fromHex('aefefe7d03')!, head, new Uint8Array(36).fill(7))),
    decode(input) {
      const [mask, packet] = [input.subarray(0, wire.MASK_LENGTH), input.subarray(wire.MASK_LENGTH)]
      if (!wire.isPacket(packet)) return undefined
      const { bytes, ...head } = wire.unmaskHead(packet, mask)
      const again = concat(bytes, packet.subarray(bytes.length))
      wire.maskHead(again, mask)
      must(equal(again, packet), 'masked again it is what came')
      must(equal(wire.destinationOf(packet), head.destination), 'the id is not masked')
      return { ...head, destination: toHex(head.destination) }
    },
  },
  codec('handshake-datagram', ['decodeHandshakeDatagram'], {
    most: 1_300,
    decode(input) {
      const value = codecs['handshake-datagram']!.decode(input)
      must(wire.isHandshakeDatagram(input), 'what decodes looks like one at first sight')
      must(wire.macCovers(input).length === input.length - 16, 'the MAC is over all but itself')
      return value
    },
  }),
  codec('hello', ['decodeHello']),
  codec('message-1', ['decodeMessage1']),
  codec('version-refusal', ['decodeVersions']),
  codec('stream-header', ['decodeStreamHeader'], {
    decode(input) {
      const protocol = codecs['stream-header']!.decode(input)
      must(wire.streamHeaderLength(input) === input.length, 'the length told beforehand is the length')
      return protocol
    },
  }),
  codec('line', ['decodeLine'], {
    text: true,
    most: 20_000,
    words: lineWords(),
    // What needs no space in front comes back without it.
    form: input => (input[0] === 0x20 ? 'mean' : 'same'),
    decode(input) {
      const message = wire.decodeLine(input)
      // A reader of lines has taken a CR away; the encoder writes one of a text as an escape.
      return input.at(-2) === 0x0d ? undefined : message
    },
  }),
  codec('line-hello', ['decodeFirstLine'], { text: true, words: lineWords() }),
  codec('numbers', ['readVarint'], {
    decode(input) {
      const value = codecs.numbers!.decode(input)
      must(readVarint(input, 0, 'number', false) === value, 'strict and lenient reading agree')
      must(varintWidth(input[0]!) === input.length, 'the first byte says the width')
      return value
    },
  }),
  codec('bitswap', ['decodeBitswapHead'], { most: 8_192 }),
  codec('mdns', ['decodeAnnouncement']),
  codec('mdns-sealed', ['openAnnouncement'], { sealed: true, share: 4 }),
  {
    name: 'parameters',
    covers: ['decodeParameters'],
    corpus: () =>
      readVectors('hello')
        .vectors.filter(({ result }) => result === 'valid')
        .map(({ value }) => encodedParameters(new Map(value.parameters)))
        .concat([encodedParameters(new Map([1, 2, 64, 16_384, 2 ** 40].map(id => [id, 3 * id])))]),
    decode(input) {
      const r = new ByteReader(input)
      const parameters = wire.decodeParameters(r)
      r.end('parameters')
      return parameters
    },
    encode: encodedParameters,
    owns: true,
  },
  {
    name: 'leb128',
    covers: ['readLeb128'],
    corpus: () => [0, 1, 127, 128, 300, 2 ** 32, 2 ** 53 - 1].map(leb128),
    decode(input) {
      const { value, length } = readLeb128(input, 0, 'number')
      must(length === leb128Length(value), 'the shortest form')
      return [value, toHex(input.subarray(length))]
    },
    encode: ([value, rest]) => Uint8Array.of(...leb128(value), ...fromHex(rest)!),
    owns: true,
  },
  {
    name: 'address-bytes',
    covers: ['decodeAddress'],
    corpus: () => [...binaryAddresses(), ...binaryMultiaddrs()],
    decode(input) {
      const address = wire.decodeAddress(input)
      return { address, key: wire.addressKey(address), kind: wire.hostKind(address.host) }
    },
    encode: ({ address }) => wire.encodeAddress(address),
    form: 'mean',
    owns: true,
  },
  {
    name: 'multiaddr-bytes',
    covers: ['decodeMultiaddr'],
    corpus: () => [...binaryMultiaddrs(), ...foreignMultiaddrs()],
    decode(input) {
      const components = wire.decodeMultiaddr(input)
      mustEqual(
        () => wire.parseMultiaddr(wire.formatMultiaddr(components)),
        components,
        'its text parses to the same',
      )
      return components
    },
    encode: wire.encodeMultiaddr,
    owns: true,
  },
  {
    name: 'explain',
    covers: [],
    corpus: () =>
      ['frames', 'packet-frames', 'packet-head', 'handshake-datagram']
        .concat(['hello', 'message-1', 'mdns', 'line', 'line-hello', 'bitswap'])
        .flatMap(messages),
    words: lineWords(),
    text: true,
    most: 2_048,
    share: 2,
    decode(input) {
      const all = [
        wire.explainFrames,
        wire.explainPacketFrames,
        wire.explainPacket,
        wire.explainControl,
        wire.explainHandshakeDatagram,
        wire.explainHello,
        wire.explainMessage1,
        wire.explainAnnouncement,
        wire.explainBitswap,
        wire.explainLine,
        wire.explainFirstLine,
      ].map(explain => {
        const notes = explain(input)
        let at = 0
        for (const { offset, bytes } of notes) {
          must(
            offset === at && equal(bytes, input.subarray(at, at + bytes.length)),
            'notes follow each other',
          )
          at += bytes.length
        }
        must(at === input.length, 'every byte is in a note')
        return wire.formatNotes(notes)
      })
      must(!/[\p{Cc}\p{Cf}]/u.test(all.join('').replaceAll('\n', '')), 'a dump is safe to show')
      return all
    },
  },
  {
    name: 'txt-strings',
    covers: ['decodeTxt'],
    corpus: () => [txtData(wire.encodeTxt(new Uint8Array(224).fill(7)))],
    decode(input) {
      const r = new ByteReader(input)
      const strings: Uint8Array[] = []
      while (r.remaining > 0) strings.push(r.take(r.u8('length'), 'string'))
      const sealed = wire.decodeTxt(strings)
      if (sealed !== undefined)
        must(sealed.length === wire.SEALED_ANNOUNCEMENT_LENGTH, 'sealed bytes have one length')
      return undefined
    },
  },
  {
    name: 'dns-message',
    covers: [],
    corpus: dnsMessages,
    words: ['_guild-home', '_tcp', 'local', '_services', '_dns-sd', dnsName],
    most: DNS_MESSAGE_MAX + 100,
    decode(input) {
      checkDnsMessage(input)
      // What passed is decoded by the package, and looked through by us.
      const message = dns.decode(Buffer.from(input))
      const wanted = wantedBy(message.questions ?? [], dnsName)
      const found = sealedIn(message)
      for (const { sealed } of found)
        must(sealed.length === wire.SEALED_ANNOUNCEMENT_LENGTH, 'sealed bytes have one length')
      return [wanted, isKnownTo(message, dnsName), found, legacy(message, []).questions]
    },
  },
  {
    name: 'direct-message',
    covers: ['decodeDirect'],
    corpus: () =>
      ['x', 'Guten Tag', '🌍'.repeat(40)].map(text => encodeDirect(new Uint8Array(16), 1e12, text)),
    text: true,
    most: 20_000,
    decode: decodeDirect,
    encode: ({ id, timestamp, text }) => encodeDirect(fromHex(id)!, timestamp, text),
    owns: true,
  },
]

function lineWords(): string[] {
  return [
    'PING',
    'PONG',
    'HELP',
    'PEERS:',
    'REQUEST_PEERS',
    'DUPLICATE',
    'MAX_PEERS',
    '127.0.0.1:80',
    '[::1]:8',
    '\n',
  ]
}

function encodedParameters(parameters: Value): Uint8Array {
  const w = new ByteWriter()
  wire.encodeParameters(w, parameters)
  return w.view()
}

function leb128(value: number): Uint8Array {
  const out = new Uint8Array(leb128Length(value))
  writeLeb128(out, 0, value)
  return out
}

function binaryAddresses(): Uint8Array[] {
  return addressTexts.flatMap(text => attempt(() => wire.encodeAddress(wire.parseAddress(text))))
}

function binaryMultiaddrs(): Uint8Array[] {
  return multiaddrTexts().flatMap(text => attempt(() => wire.encodeMultiaddr(wire.parseMultiaddr(text))))
}

function txtData(strings: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(strings.flatMap(string => [string.length, ...string]))
}

/** What our records look like on the wire, asked for and told, and what others say there. */
export function dnsMessages(): Uint8Array[] {
  const self = {
    instance: dnsName,
    port: 8_000,
    hosts: ['192.0.2.7', 'fe80::1'],
    sealed: new Uint8Array(224).fill(9),
  }
  const records = recordsOf(self)
  const name = `${dnsName}.${SERVICE}`
  return [
    { type: 'query', questions: [{ name: SERVICE, type: 'PTR' }], answers: records.slice(0, 1) },
    { type: 'query', id: 7, questions: [{ name, type: 'ANY' }] },
    { type: 'response', answers: records },
    { type: 'response', answers: recordsOf(self, true) },
    {
      type: 'response',
      answers: [{ name, type: 'CNAME', ttl: 1, data: 'y.local' }],
      additionals: [
        ...records,
        { name, type: 'NSEC', ttl: 1, data: { nextDomain: name, rrtypes: ['A', 'AAAA', 'SRV'] } },
        { name: '.', type: 'OPT', udpPayloadSize: 4_096, options: [{ code: 4, data: Buffer.from('owner') }] },
      ],
    },
  ]
    .map((message): Uint8Array => new Uint8Array(dns.encode(message)))
    .concat(compressed())
}

function attempt(make: () => Uint8Array): Uint8Array[] {
  try {
    return [make()]
  } catch {
    return [] // an example that is refused has no bytes
  }
}

/** As most others write it, with names that point back; the package's own encoder never does. */
function compressed(): Uint8Array[] {
  const label = (text: string): Uint8Array => Uint8Array.of(text.length, ...new TextEncoder().encode(text))
  const head = (questions: number, answers: number): Uint8Array =>
    Uint8Array.of(0, 0, 0x84, 0, 0, questions, 0, answers, 0, 0, 0, 0)
  const service = [label('_guild-home'), label('_tcp'), label('local'), Uint8Array.of(0)]
  const toService = Uint8Array.of(0xc0, 12)
  const question = concat(...service, Uint8Array.of(0, 12, 0, 1))
  const instance = concat(label(dnsName), toService)
  const pointer = concat(
    toService,
    Uint8Array.of(0, 12, 0, 1, 0, 0, 0x11, 0x94, 0, instance.length),
    instance,
  )
  // The instance's name begins behind the question and the head of the first record.
  const at = 12 + question.length + 12
  const data = txtData(wire.encodeTxt(new Uint8Array(224).fill(5)))
  const txt = concat(
    Uint8Array.of(0xc0, at, 0, 16, 0x80, 1, 0, 0, 0x11, 0x94, data.length >> 8, data.length & 0xff),
    data,
  )
  return [
    concat(head(1, 0), question),
    concat(head(1, 1), question, pointer),
    concat(head(1, 2), question, pointer, txt),
  ]
}
