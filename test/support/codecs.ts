/**
 * Every wire message as a pair of plain functions: bytes to JSON and back.
 *
 * What the vectors, the properties and the generated pages share. Bytes stand as hex
 * in JSON, frames as `{ frame, … }`, parameters as pairs. Only functions of `src/wire`
 * decode and encode here, and for what is sealed the one that seals it.
 */
import { toHex } from '../../src/base/bytes.ts'
import { RangeSet } from '../../src/base/ranges.ts'
import { ByteReader } from '../../src/base/reader.ts'
import { ByteWriter } from '../../src/base/writer.ts'
import { nobleSuite } from '../../src/crypto/index.ts'
import { openAnnouncement, sealAnnouncement } from '../../src/link/announcement.ts'
import * as wire from '../../src/wire/index.ts'
import { syncCodecs } from './sync-codecs.ts'

// biome-ignore lint/suspicious/noExplicitAny: JSON of many shapes, checked by comparison
export type Json = any

export interface Codec {
  decode(bytes: Uint8Array): Json
  encode(value: Json): Uint8Array
}

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'))

type FrameEncoder = (w: ByteWriter, f: Json) => void

const frameEncoders: Record<wire.FrameName, FrameEncoder> = {
  PADDING: w => w.varint(wire.frameTypes.PADDING.type),
  PING: (w, f) => wire.encodePing(w, hex(f.nonce)),
  PONG: (w, f) => wire.encodePong(w, hex(f.nonce)),
  RESET_STREAM: (w, f) => wire.encodeResetStream(w, f.id, f.code, f.finalSize),
  STOP_SENDING: (w, f) => wire.encodeStopSending(w, f.id, f.code),
  STREAM: (w, f) => encodeStream(w, f, false),
  STREAM_FIN: (w, f) => encodeStream(w, f, true),
  MAX_DATA: (w, f) => wire.encodeMaxData(w, f.maximum),
  MAX_STREAM_DATA: (w, f) => wire.encodeMaxStreamData(w, f.id, f.maximum),
  MAX_STREAMS: (w, f) => wire.encodeMaxStreams(w, f.count),
  REQUEST_PEERS: w => wire.encodeRequestPeers(w),
  PEERS: (w, f) =>
    wire.encodePeers(
      w,
      f.entries.map((entry: Json) => ({
        ...entry,
        identityKey: hex(entry.identityKey),
        addresses: entry.addresses.map(hex),
      })),
    ),
  CHAT: (w, f) => wire.encodeChat(w, { ...f, from: hex(f.from), signature: hex(f.signature) }),
  MESH: (w, f) => wire.encodeMesh(w, f.linked, f.known),
  ACCEPTED: (w, f) => wire.encodeAccepted(w, hex(f.observed)),
  REFUSED: (w, f) => wire.encodeRefused(w, f.reason, f.detail),
  DRAIN: w => wire.encodeDrain(w),
  CLOSE: (w, f) => wire.encodeClose(w, f.code, f.detail),
  REKEY: w => wire.encodeRekey(w),
  ACK: (w, f) => encodeAck(w, f),
  PROBE: w => wire.encodeProbe(w),
  CONTROL: (w, f) => encodeControl(w, f),
  PATH_CHALLENGE: (w, f) => wire.encodePathChallenge(w, hex(f.data)),
  PATH_RESPONSE: (w, f) => wire.encodePathResponse(w, hex(f.data)),
  NEW_CONNECTION_ID: (w, f) =>
    wire.encodeNewConnectionId(w, f.sequence, f.retirePriorTo, hex(f.id), hex(f.resetToken)),
  RETIRE_CONNECTION_ID: (w, f) => wire.encodeRetireConnectionId(w, f.sequence),
  DATAGRAM: (w, f) => wire.encodeDatagram(w, hex(f.data)),
}

/** Beyond 64 ranges, which is all the encoder writes, by hand: a decoder takes 256. */
function encodeAck(w: ByteWriter, f: Json): void {
  if (f.ranges.length <= wire.limits.ackRangesWritten) {
    const set = new RangeSet()
    for (const [first, last] of f.ranges.toReversed()) set.add(first, last + 1)
    if (wire.encodeAck(w, set, f.delay / 125, Number.POSITIVE_INFINITY) !== f.ranges.length)
      throw new Error('not every range was written')
    return
  }
  w.varint(wire.frameTypes.ACK.type).varint(f.ranges[0][1]).varint(f.delay)
  w.varint(f.ranges.length - 1)
  let above = Number.NaN
  for (const [first, last] of f.ranges) {
    if (!Number.isNaN(above)) w.varint(above - last - 2)
    w.varint(last - first)
    above = first
  }
}

function encodeControl(w: ByteWriter, f: Json): void {
  const data = hex(f.data)
  const head = w.length
  wire.encodeControlHead(w, f.offset, data.length)
  if (w.length - head !== wire.controlOverhead(f.offset, data.length))
    throw new Error('controlOverhead is wrong')
  w.raw(data)
}

function encodeStream(w: ByteWriter, f: Json, fin: boolean): void {
  const data = hex(f.data)
  const head = w.length
  wire.encodeStreamHead(w, f.id, f.offset, data.length, fin)
  if (w.length - head !== wire.streamOverhead(f.id, f.offset, data.length))
    throw new Error('streamOverhead is wrong')
  w.raw(data)
}

/** A sink that writes down every frame it hears. */
export function recorder(into: Json[], r?: ByteReader): wire.FrameSink {
  const note = (frame: wire.FrameName, fields: Json = {}): void => {
    into.push({ frame, ...fields })
  }
  return {
    link: {
      padding: () => note('PADDING'),
      ping: nonce => note('PING', { nonce: toHex(nonce) }),
      pong: nonce => note('PONG', { nonce: toHex(nonce) }),
      accepted: observed => note('ACCEPTED', { observed: toHex(observed) }),
      refused: (reason, detail) => note('REFUSED', { reason, detail }),
      drain: () => note('DRAIN'),
      close: (code, detail) => note('CLOSE', { code, detail }),
      rekey: () => note('REKEY'),
      datagram: data => note('DATAGRAM', { data: toHex(data) }),
      ignored: (type, length) => {
        const body = r === undefined ? '' : toHex(r.bytes.subarray(r.offset - length, r.offset))
        into.push({ frame: 'ignored', type, body })
      },
    },
    streams: {
      stream: (id, offset, data, fin) =>
        note(fin ? 'STREAM_FIN' : 'STREAM', { id, offset, data: toHex(data) }),
      resetStream: (id, code, finalSize) => note('RESET_STREAM', { id, code, finalSize }),
      stopSending: (id, code) => note('STOP_SENDING', { id, code }),
      maxData: maximum => note('MAX_DATA', { maximum }),
      maxStreamData: (id, maximum) => note('MAX_STREAM_DATA', { id, maximum }),
      maxStreams: count => note('MAX_STREAMS', { count }),
    },
    mesh: {
      requestPeers: () => note('REQUEST_PEERS'),
      peers: entries =>
        note('PEERS', {
          entries: entries.map(entry => ({
            identityKey: toHex(entry.identityKey),
            name: entry.name,
            age: entry.age,
            addresses: entry.addresses.map(toHex),
          })),
        }),
      chat: chat => note('CHAT', { ...chat, from: toHex(chat.from), signature: toHex(chat.signature) }),
      mesh: (linked, known) => note('MESH', { linked, known }),
    },
  }
}

/** The same for packets. The delay of an ACK is in units of 8 µs. */
export function packetRecorder(into: Json[], r?: ByteReader): wire.PacketSink {
  const note = (frame: wire.FrameName, fields: Json = {}): void => {
    into.push({ frame, ...fields })
  }
  return {
    ...recorder(into, r),
    packets: {
      ack: ({ largest, delay, count, ranges }) => {
        const pairs = Array.from({ length: count }, (_, i) => [ranges[2 * i], ranges[2 * i + 1]])
        if (pairs[0]![1] !== largest) throw new Error('the largest is the end of the first range')
        note('ACK', { delay: Math.round(delay * 125), ranges: pairs })
      },
      probe: () => note('PROBE'),
      control: (offset, data) => note('CONTROL', { offset, data: toHex(data) }),
      pathChallenge: data => note('PATH_CHALLENGE', { data: toHex(data) }),
      pathResponse: data => note('PATH_RESPONSE', { data: toHex(data) }),
      newConnectionId: (sequence, retirePriorTo, id, resetToken) =>
        note('NEW_CONNECTION_ID', {
          sequence,
          retirePriorTo,
          id: toHex(id),
          resetToken: toHex(resetToken),
        }),
      retireConnectionId: sequence => note('RETIRE_CONNECTION_ID', { sequence }),
      datagram: data => note('DATAGRAM', { data: toHex(data) }),
    },
  }
}

function encodeFrames(frames: Json[]): Uint8Array {
  const w = new ByteWriter()
  for (const frame of frames) {
    if (frame.frame === 'ignored') w.varint(frame.type).prefixed(hex(frame.body))
    else frameEncoders[frame.frame as wire.FrameName](w, frame)
  }
  return w.view()
}

/** What the sealed vectors are sealed under. */
const under = {
  suite: nobleSuite,
  psk: Uint8Array.from({ length: 32 }, (_, i) => i),
  instance: 'abcdefghijklmnopqrstuvwxyz234567',
}

const announcement = (value: wire.Announcement): Json => ({
  ...value,
  identityKey: toHex(value.identityKey),
})

const pairs = (map: wire.Parameters): [number, number][] => [...map]

export const codecs: Readonly<Record<string, Codec>> = {
  ...syncCodecs,
  /** The frames of one record, in order. */
  frames: {
    decode(bytes) {
      const r = new ByteReader(bytes)
      const frames: Json[] = []
      const sink = recorder(frames, r)
      while (r.remaining > 0) wire.readFrame(r, sink)
      return frames
    },
    encode: encodeFrames,
  },
  /** The frames of one packet, in order. */
  'packet-frames': {
    decode(bytes) {
      const r = new ByteReader(bytes)
      const frames: Json[] = []
      const sink = packetRecorder(frames, r)
      while (r.remaining > 0) wire.readPacketFrame(r, sink)
      return frames
    },
    encode: encodeFrames,
  },
  /** One frame inside CONTROL. */
  'control-frame': {
    decode(bytes) {
      const r = new ByteReader(bytes)
      const frames: Json[] = []
      wire.readControlFrame(r, recorder(frames, r))
      return frames[0]
    },
    encode: frame => encodeFrames([frame]),
  },
  'packet-head': {
    decode(bytes) {
      const r = new ByteReader(bytes)
      const head = wire.decodePacketHead(r)
      wire.checkReserved(head)
      r.end('packet head')
      const { phase, destination, numberLength, truncated } = head
      return { phase, destination: toHex(destination), numberLength, number: truncated }
    },
    encode({ phase, destination, numberLength, number }) {
      const w = new ByteWriter()
      wire.encodePacketHead(w, hex(destination), number, numberLength, phase)
      return w.view()
    },
  },
  'handshake-datagram': {
    decode(bytes) {
      const { kind, initiatorId, body, ...more } = wire.decodeHandshakeDatagram(bytes)
      const mac = toHex(wire.macOfDatagram(bytes))
      const base = { kind, mac, initiatorId: toHex(initiatorId), body: toHex(body) }
      return 'responderId' in more ? { ...base, responderId: toHex(more.responderId) } : base
    },
    encode({ kind, mac, initiatorId, responderId, body }) {
      const ids = { initiatorId: hex(initiatorId), responderId: hex(responderId ?? '') }
      return wire.encodeHandshakeDatagram({ kind, ...ids, body: hex(body) }, () => hex(mac))
    },
  },
  hello: {
    decode(bytes) {
      const hello = wire.decodeHello(bytes)
      return {
        ...hello,
        identityKey: toHex(hello.identityKey),
        signature: toHex(hello.signature),
        parameters: pairs(hello.parameters),
        linkId: toHex(hello.linkId),
      }
    },
    encode: value =>
      wire.encodeHello({
        ...value,
        identityKey: hex(value.identityKey),
        signature: hex(value.signature),
        parameters: new Map(value.parameters),
        linkId: hex(value.linkId),
      }),
  },
  'message-1': {
    decode(bytes) {
      const message = wire.decodeMessage1(bytes)
      return { ...message, parameters: pairs(message.parameters), cookie: toHex(message.cookie) }
    },
    encode: value =>
      wire.encodeMessage1({ ...value, parameters: new Map(value.parameters), cookie: hex(value.cookie) }),
  },
  'version-refusal': {
    decode(bytes) {
      const r = new ByteReader(bytes)
      const versions = wire.decodeVersions(r)
      r.end('version refusal')
      return versions
    },
    encode(versions: number[]) {
      const w = new ByteWriter().varint(versions.length)
      for (const version of versions) w.varint(version)
      return w.view()
    },
  },
  'stream-header': {
    decode(bytes) {
      const r = new ByteReader(bytes)
      const protocol = wire.decodeStreamHeader(r)
      r.end('stream header')
      return protocol
    },
    encode: (protocol: string) => wire.encodeStreamHeader(protocol),
  },
  line: { decode: bytes => wire.decodeLine(bytes), encode: wire.encodeLine },
  'line-hello': { decode: bytes => wire.decodeFirstLine(bytes), encode: wire.encodeLine },
  cid: {
    decode(bytes) {
      const { version, code, multihash } = wire.decodeCid(bytes)
      return { version, codec: code, hash: multihash.code, digest: toHex(multihash.digest) }
    },
    encode: ({ version, codec, hash, digest }) => {
      const w = new ByteWriter()
      wire.encodeCid(w, wire.makeCid(codec, hash, hex(digest), version))
      return w.view()
    },
  },
  numbers: {
    decode(bytes) {
      const r = new ByteReader(bytes)
      const value = r.varint('number')
      r.end('number')
      return value
    },
    encode: (value: number) => new ByteWriter().varint(value).view(),
  },
  mdns: {
    decode: bytes => announcement(wire.decodeAnnouncement(bytes)),
    encode: value => wire.encodeAnnouncement({ ...value, identityKey: hex(value.identityKey) }),
  },
  bitswap: {
    decode: bytes => {
      const { wants, presences, blocks, ...head } = wire.decodeBitswapHead(bytes)
      const withHex = <T extends { cid: wire.CID }>(one: T): Json => ({ ...one, cid: toHex(one.cid.bytes) })
      return {
        ...head,
        wants: wants.map(withHex),
        presences: presences.map(withHex),
        blocks: blocks.map(withHex),
      }
    },
    encode: value => {
      const withCid = (one: Json): Json => ({ ...one, cid: wire.decodeCid(hex(one.cid)) })
      const w = new ByteWriter()
      wire.encodeBitswapHead(w, {
        ...value,
        wants: value.wants.map(withCid),
        presences: value.presences.map(withCid),
        blocks: value.blocks.map(withCid),
      })
      return w.view()
    },
  },
  'mdns-sealed': {
    decode: bytes => ({
      ...announcement(openAnnouncement(under, bytes)),
      salt: toHex(bytes.subarray(0, wire.ANNOUNCEMENT_SALT_LENGTH)),
    }),
    encode: ({ salt, ...value }) =>
      sealAnnouncement(under, hex(salt), { ...value, identityKey: hex(value.identityKey) }),
  },
}
