/**
 * Any frame, any HELLO, any message 1, as fast-check draws them: within every limit.
 */
import fc from 'fast-check'
import {
  HANDSHAKE_ROOM,
  idFault,
  limits,
  lineNameFault,
  MESSAGE_1_ROOM,
  refusals,
} from '../../src/wire/index.ts'
import { formatIp } from '../../src/wire/ip.ts'
import type { Json } from './codecs.ts'
import { syncValues } from './sync-arbitraries.ts'

const number = fc.oneof(
  fc.nat(63),
  fc.nat(16_383),
  fc.nat(2 ** 30 - 1),
  fc.maxSafeNat(),
  fc.constantFrom(0, 63, 64, 16_383, 16_384, 2 ** 30 - 1, 2 ** 30, 2 ** 53 - 1),
)

const bytes = (min: number, max: number): fc.Arbitrary<string> =>
  fc
    .uint8Array({ minLength: min, maxLength: max, size: 'max' })
    .map(drawn => Array.from(drawn, byte => byte.toString(16).padStart(2, '0')).join(''))

const exactly = (length: number): fc.Arbitrary<string> => bytes(length, length)

/** Text of at most `max` bytes of UTF-8, in any script, and now and then all of them. */
const text = (max: number): fc.Arbitrary<string> =>
  fc
    .oneof(
      { weight: 3, arbitrary: fc.string({ unit: 'grapheme', maxLength: max }) },
      { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: max, size: 'max' }) },
    )
    .map(value => fitting(value, max))

function fitting(value: string, max: number): string {
  let [out, left] = ['', max]
  for (const character of value) {
    left -= new TextEncoder().encode(character).length
    if (left < 0) break
    out += character
  }
  return out
}

/** Objects as JSON.parse makes them, so that they compare. */
function record(fields: Record<string, fc.Arbitrary<Json>>): fc.Arbitrary<Json> {
  return fc.record(fields, { noNullPrototype: true })
}

const parameterPairs = fc
  .uniqueArray(fc.tuple(number, number), {
    selector: ([id]) => id,
    maxLength: limits.parameters,
    size: 'max',
  })
  .map(pairs => pairs.sort((a, b) => a[0] - b[0]))

const peer = record({
  identityKey: exactly(32),
  name: text(limits.name),
  age: number,
  addresses: fc.array(bytes(0, limits.address), { maxLength: limits.addressesPerPeer }),
})

const streamData = record({ id: number, offset: fc.nat(2 ** 53 - 301), data: bytes(0, 300) })

const frame = (name: string, fields: Record<string, fc.Arbitrary<Json>> = {}): fc.Arbitrary<Json> =>
  record({ frame: fc.constant(name), ...fields })

/** Of streams and of none: on every carrier. */
const everywhere: readonly fc.Arbitrary<Json>[] = [
  frame('PADDING'),
  frame('RESET_STREAM', { id: number, code: number, finalSize: number }),
  frame('STOP_SENDING', { id: number, code: number }),
  streamData.map(fields => ({ frame: 'STREAM', ...fields })),
  streamData.map(fields => ({ frame: 'STREAM_FIN', ...fields })),
  frame('MAX_DATA', { maximum: number }),
  frame('MAX_STREAM_DATA', { id: number, maximum: number }),
  frame('MAX_STREAMS', { count: number }),
  frame('DATAGRAM', { data: bytes(0, limits.datagramFrame) }),
  frame('CLOSE', { code: number, detail: text(limits.detail) }),
  frame('ignored', { type: number.map(type => Math.max(type, 0x40)), body: bytes(0, 100) }),
]

/** In records, and inside CONTROL. */
const spoken: readonly fc.Arbitrary<Json>[] = [
  frame('PING', { nonce: exactly(8) }),
  frame('PONG', { nonce: exactly(8) }),
  frame('REQUEST_PEERS'),
  frame('PEERS', { entries: fc.array(peer, { maxLength: 5 }) }),
  frame('CHAT', {
    from: exactly(32),
    timestamp: number,
    line: text(limits.lineId),
    name: text(limits.name),
    text: text(2000),
    signature: exactly(64),
  }),
  frame('MESH', { linked: number, known: number }),
  frame('ACCEPTED', { observed: bytes(0, limits.address) }),
  frame('REFUSED', { reason: fc.constantFrom(...Object.keys(refusals)), detail: text(limits.detail) }),
  frame('DRAIN'),
]

/** Pairs of first and last, the highest first, as an ACK has them: never touching. */
const ackRanges = fc
  .tuple(
    fc.oneof(fc.nat(5), number),
    fc.array(fc.tuple(fc.nat(200), fc.nat(70)), { maxLength: limits.ackRanges, size: 'max' }),
  )
  .map(([first, steps]) => {
    const pairs: [number, number][] = [[first, first]]
    let from = first
    for (const [length, gap] of steps) {
      pairs.push([from + gap + 2, from + gap + 2 + length])
      from += gap + 2 + length
    }
    const fit = pairs.filter(([, last]) => last <= Number.MAX_SAFE_INTEGER).slice(-limits.ackRanges)
    return fit.reverse()
  })

const inPackets: readonly fc.Arbitrary<Json>[] = [
  frame('ACK', { delay: fc.nat(2 ** 32 - 1), ranges: ackRanges }),
  frame('PROBE'),
  streamData.map(({ offset, data }) => ({ frame: 'CONTROL', offset, data })),
  frame('PATH_CHALLENGE', { data: exactly(8) }),
  frame('PATH_RESPONSE', { data: exactly(8) }),
  fc
    .tuple(number, number, exactly(limits.connectionId), exactly(limits.resetToken))
    .map(([a, b, id, resetToken]) => ({
      frame: 'NEW_CONNECTION_ID',
      sequence: Math.max(a, b),
      retirePriorTo: Math.min(a, b),
      id,
      resetToken,
    })),
  frame('RETIRE_CONNECTION_ID', { sequence: number }),
]

/** One frame of a record. */
export const anyFrame: fc.Arbitrary<Json> = fc.oneof(...everywhere, ...spoken, frame('REKEY'))
/** One frame of a packet. */
export const anyPacketFrame: fc.Arbitrary<Json> = fc.oneof(...everywhere, ...inPackets)
const ignorable = everywhere.at(-1)!

const datagramIds = { mac: exactly(16), initiatorId: exactly(12) }

const port = fc.nat(65_535)

const host = fc
  .oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    fc
      .uint8Array({ minLength: 4, maxLength: 4 })
      .map(ip => Uint8Array.of(...new Uint8Array(10), 255, 255, ...ip)),
  )
  .map(formatIp)

const announcement = {
  identityKey: exactly(32),
  name: text(limits.name),
  tcpPort: port,
  udpPort: port,
  hosts: fc.array(host, { maxLength: limits.announcedHosts }),
}
/** Text without line ends. */
const lineText = (max: number): fc.Arbitrary<string> => text(max).map(value => value.replace(/[\r\n]/g, '.'))
const word = (...names: string[]): fc.Arbitrary<Json> =>
  fc.constantFrom(...names).map(message => ({ message }))
const refusal = record({ message: fc.constant('REFUSED'), reason: fc.constantFrom('DUPLICATE', 'MAX_PEERS') })
const lineId = fc.stringMatching(/^[\p{L}\p{N}._-]{1,12}$/u).filter(id => idFault(id) === undefined)
const lineName = text(limits.name).filter(name => lineNameFault(name) === undefined)
const hostPort = fc.oneof(
  fc.tuple(fc.ipV4(), fc.integer({ min: 1, max: 65_535 })).map(([host, at]) => `${host}:${at}`),
  fc.tuple(fc.ipV6(), fc.integer({ min: 1, max: 65_535 })).map(([host, at]) => `[${host}]:${at}`),
  fc.constantFrom('localhost:8001', 'node-2:7000'),
)
const chatLike = fc.constantFrom('PING', ' PING', 'PEERS:', 'PEERS:x', '  ', 'MAX_PEERS', 'HELP', 'ping', '')

/** Of one byte each in LEB128, and of three; hashes with digests of 20 to 64 bytes. */
const blockCid = fc.oneof(
  fc
    .tuple(fc.constantFrom('55', '70', '71', 'b5a005'), bytes(32, 32))
    .map(([codec, d]) => `01${codec}1220${d}`),
  bytes(20, 20).map(digest => `01551e14${digest}`),
  bytes(64, 64).map(digest => `01711340${digest}`),
  bytes(32, 32).map(digest => `1220${digest}`),
)
const want = fc.oneof(
  record({
    cid: blockCid,
    cancel: fc.constant(false),
    priority: fc.nat(limits.bitswapPriority),
    have: fc.boolean(),
    sendDontHave: fc.boolean(),
  }),
  record({
    cid: blockCid,
    cancel: fc.constant(true),
    priority: fc.constant(0),
    have: fc.constant(false),
    sendDontHave: fc.constant(false),
  }),
)

/** A full list of a thousand now and then: each costs as much as a hundred short ones. */
const wants = fc.oneof(
  { weight: 19, arbitrary: fc.array(want, { maxLength: 40 }) },
  { weight: 1, arbitrary: fc.array(want, { maxLength: limits.bitswapEntries, size: 'max' }) },
)

/** A value each codec of `codecs.ts` encodes. */
export const anyValue: Readonly<Record<string, fc.Arbitrary<Json>>> = {
  ...syncValues,
  frames: fc.array(anyFrame, { maxLength: 8 }),
  'packet-frames': fc.array(anyPacketFrame, { maxLength: 8 }),
  'control-frame': fc.oneof(...spoken, ignorable),
  'packet-head': fc.nat(3).chain(width =>
    record({
      phase: fc.nat(1),
      destination: exactly(limits.connectionId),
      numberLength: fc.constant(width + 1),
      number: fc.nat(2 ** (8 * width + 8) - 1),
    }),
  ),
  'handshake-datagram': fc.oneof(
    record({ kind: fc.constant('MESSAGE_1'), ...datagramIds, body: bytes(0, MESSAGE_1_ROOM) }),
    record({
      kind: fc.constantFrom('RESPONDER_UNIT', 'MESSAGE_3'),
      ...datagramIds,
      responderId: exactly(12),
      body: bytes(1, HANDSHAKE_ROOM),
    }),
  ),
  hello: record({
    identityKey: exactly(32),
    signature: exactly(64),
    name: text(limits.name),
    tcpPort: port,
    udpPort: port,
    linePort: port,
    parameters: parameterPairs,
    linkCount: number,
    linkId: exactly(8),
    resumable: fc.boolean(),
  }),
  'message-1': record({
    versions: fc.array(number, { minLength: 1, maxLength: 16, size: 'max' }),
    time: number,
    parameters: parameterPairs,
    cookie: bytes(0, limits.cookie),
  }),
  'version-refusal': fc.array(number, { minLength: 1, maxLength: 16, size: 'max' }),
  'stream-header': fc.stringMatching(/^\/[!-~]{1,127}$/, { size: 'max' }),
  line: fc.oneof(
    word('PING', 'PONG', 'REQUEST_PEERS', 'HELP'),
    refusal,
    record({
      message: fc.constant('PEERS'),
      addresses: fc.array(hostPort, { maxLength: limits.peersPerFrame }),
    }),
    record({ message: fc.constant('CHAT'), text: fc.oneof(chatLike, lineText(2000)) }),
  ),
  'line-hello': fc.oneof(
    word('HELP'),
    refusal,
    record({ message: fc.constant('HELLO'), id: lineId, name: lineName }),
    record({ message: fc.constant('HELLO'), id: lineId }),
  ),
  cid: fc.oneof(
    record({
      version: fc.constant(1),
      codec: fc.oneof(fc.constantFrom(0x55, 0x70, 0x71, 0x72), number),
      hash: fc.constantFrom(0x12, 0x13, 0x1e),
      digest: bytes(20, 32),
    }),
    record({
      version: fc.constant(1),
      codec: number,
      hash: fc.constantFrom(0x13, 0x1e),
      digest: bytes(33, 64),
    }),
    record({ version: fc.constant(1), codec: number, hash: fc.constant(0), digest: bytes(0, 128) }),
    record({
      version: fc.constant(0),
      codec: fc.constant(0x70),
      hash: fc.constant(0x12),
      digest: bytes(32, 32),
    }),
  ),
  numbers: number,
  bitswap: record({
    full: fc.boolean(),
    pendingBytes: number,
    wants,
    presences: fc.array(record({ cid: blockCid, have: fc.boolean() }), { maxLength: 40 }),
    // 40 blocks of 96 kB at most: within 4 MiB with the head.
    blocks: fc.array(record({ cid: blockCid, length: fc.nat(96_000) }), { maxLength: 40 }),
  }),
  mdns: record(announcement),
  'mdns-sealed': record({ ...announcement, salt: exactly(16) }),
}

/** What a fuzzer does to good bytes: flips, cuts, splices, edits of one byte. */
export const anyMutation: fc.Arbitrary<(bytes: Uint8Array) => Uint8Array> = fc
  .array(fc.tuple(fc.nat(4), fc.nat(0xffff), fc.nat(255)), { minLength: 1, maxLength: 4 })
  .map(edits => bytes => edits.reduce(edited, bytes))

function edited(bytes: Uint8Array, [kind, where, byte]: readonly [number, number, number]): Uint8Array {
  const at = where % (bytes.length + 1)
  switch (kind) {
    case 0:
      return Uint8Array.from(bytes, (old, i) => (i === at ? old ^ (1 << (byte & 7)) : old))
    case 1:
      return Uint8Array.from(bytes, (old, i) => (i === at ? byte : old))
    case 2:
      return bytes.slice(0, at)
    case 3:
      return Uint8Array.of(...bytes.slice(0, at), byte, ...bytes.slice(at))
    default:
      return Uint8Array.of(...bytes.slice(0, at), ...bytes.slice(Math.max(0, at - (byte & 31))))
  }
}
