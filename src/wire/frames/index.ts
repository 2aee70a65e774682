/**
 * Reads one frame and hands it on by a direct call.
 *
 *   +---------------+----------------------------------+
 *   | type, varint  | fields, by type                  |
 *   +---------------+----------------------------------+
 *
 *                        record           packet              inside CONTROL
 *   streams              readFrame        readPacketFrame     -
 *   link and mesh        readFrame        -                   readControlFrame
 *   ACK, CONTROL, path   -                readPacketFrame     -
 *
 * The frame file of each type says its fields. Types from 0x40 on carry their length
 * and are skipped when unknown; an unknown one below closes the link, and so does one on
 * the wrong carrier (spec: TYPE-1, TYPE-2, TYPE-6, FR-03).
 *
 * Page: protocol/frames.md (spec: TYPE-3) · Floor: wire.
 */
import { WireError } from '../../base/errors.ts'
import type { ByteReader } from '../../base/reader.ts'
import { limits } from '../limits.ts'
import { FIRST_IGNORABLE_FRAME, frameTypes } from '../registry.ts'
import { decodeAck } from './ack.ts'
import { decodeAccepted, decodeClose, decodeRefused } from './admission.ts'
import { decodeChat } from './chat.ts'
import { decodeNewConnectionId } from './connection-id.ts'
import { decodeControl } from './control.ts'
import { decodeDatagram } from './datagram.ts'
import { decodePathData } from './path.ts'
import { decodePeers } from './peers.ts'
import { decodeNonce } from './ping.ts'
import type { FrameSink, LinkFrames, PacketSink, StreamFrames } from './sinks.ts'
import { decodeStream } from './stream.ts'

export type * from './sinks.ts'

/** One frame of a record. */
export function readFrame(r: ByteReader, sink: FrameSink): void {
  const at = r.offset
  const type = r.varint('frame type')
  if (readStreamFrame(type, r, sink.streams) || readSpoken(type, r, sink)) return
  switch (type) {
    case frameTypes.PADDING.type:
      return sink.link.padding()
    case frameTypes.DATAGRAM.type:
      return sink.link.datagram(decodeDatagram(r))
    case frameTypes.CLOSE.type:
      return readClose(r, sink.link)
    case frameTypes.REKEY.type:
      return sink.link.rekey()
    default:
      // A type of packets alone is unknown here, and so refused as well (spec: FRAME-9).
      return readIgnorable(type, at, r, sink.link)
  }
}

/** One frame of a packet. Returns its type, for `isEliciting` and `isProbing`. */
export function readPacketFrame(r: ByteReader, sink: PacketSink): number {
  const at = r.offset
  const type = r.varint('frame type')
  if (readStreamFrame(type, r, sink.streams)) return type
  const { packets } = sink
  switch (type) {
    case frameTypes.ACK.type:
      packets.ack(decodeAck(r))
      return type
    case frameTypes.PADDING.type:
      sink.link.padding()
      return type
    case frameTypes.CONTROL.type:
      decodeControl(r, packets)
      return type
    case frameTypes.DATAGRAM.type:
      packets.datagram(decodeDatagram(r))
      return type
    case frameTypes.PROBE.type:
      packets.probe()
      return type
    case frameTypes.PATH_CHALLENGE.type:
      packets.pathChallenge(decodePathData(r))
      return type
    case frameTypes.PATH_RESPONSE.type:
      packets.pathResponse(decodePathData(r))
      return type
    case frameTypes.NEW_CONNECTION_ID.type:
      decodeNewConnectionId(r, packets)
      return type
    case frameTypes.RETIRE_CONNECTION_ID.type:
      packets.retireConnectionId(r.varint('sequence'))
      return type
    case frameTypes.CLOSE.type:
      readClose(r, sink.link)
      return type
    default:
      readIgnorable(type, at, r, sink.link)
      return type
  }
}

/** One frame of those that stand inside CONTROL; `r` holds it and nothing else. */
export function readControlFrame(r: ByteReader, sink: Pick<FrameSink, 'link' | 'mesh'>): void {
  const at = r.offset
  const type = r.varint('frame type')
  if (!readSpoken(type, r, sink)) readIgnorable(type, at, r, sink.link)
  r.end('frame')
}

/** Must a packet with this frame be acknowledged? (RFC 9000 §13.2) */
export function isEliciting(type: number): boolean {
  return type !== frameTypes.ACK.type && type !== frameTypes.PADDING.type && type !== frameTypes.CLOSE.type
}

/** May this frame come over a path that is only tried? A packet of other frames moves the link there (RFC 9000 §9.1). */
export function isProbing(type: number): boolean {
  switch (type) {
    case frameTypes.PADDING.type:
    case frameTypes.PATH_CHALLENGE.type:
    case frameTypes.PATH_RESPONSE.type:
    case frameTypes.NEW_CONNECTION_ID.type:
      return true
    default:
      return false
  }
}

/** Frames of streams, on every carrier. False: it is none. */
function readStreamFrame(type: number, r: ByteReader, streams: StreamFrames): boolean {
  switch (type) {
    case frameTypes.STREAM.type:
      decodeStream(r, false, streams)
      return true
    case frameTypes.STREAM_FIN.type:
      decodeStream(r, true, streams)
      return true
    case frameTypes.RESET_STREAM.type:
      streams.resetStream(r.varint('stream id'), r.varint('code'), r.varint('final size'))
      return true
    case frameTypes.STOP_SENDING.type:
      streams.stopSending(r.varint('stream id'), r.varint('code'))
      return true
    case frameTypes.MAX_DATA.type:
      streams.maxData(r.varint('maximum'))
      return true
    case frameTypes.MAX_STREAM_DATA.type:
      streams.maxStreamData(r.varint('stream id'), r.varint('maximum'))
      return true
    case frameTypes.MAX_STREAMS.type:
      streams.maxStreams(r.varint('count'))
      return true
    default:
      return false
  }
}

/** Frames that come in the order they were said: in records, and inside CONTROL. False: it is none. */
function readSpoken(type: number, r: ByteReader, sink: Pick<FrameSink, 'link' | 'mesh'>): boolean {
  switch (type) {
    case frameTypes.PING.type:
      sink.link.ping(decodeNonce(r))
      return true
    case frameTypes.PONG.type:
      sink.link.pong(decodeNonce(r))
      return true
    case frameTypes.REQUEST_PEERS.type:
      sink.mesh.requestPeers()
      return true
    case frameTypes.PEERS.type:
      sink.mesh.peers(decodePeers(r))
      return true
    case frameTypes.CHAT.type:
      sink.mesh.chat(decodeChat(r))
      return true
    case frameTypes.MESH.type:
      sink.mesh.mesh(r.varint('linked'), r.varint('known'))
      return true
    case frameTypes.ACCEPTED.type:
      sink.link.accepted(decodeAccepted(r))
      return true
    case frameTypes.REFUSED.type: {
      const { reason, detail } = decodeRefused(r)
      sink.link.refused(reason, detail)
      return true
    }
    case frameTypes.DRAIN.type:
      sink.link.drain()
      return true
    default:
      return false
  }
}

function readClose(r: ByteReader, link: LinkFrames): void {
  const { code, detail } = decodeClose(r)
  link.close(code, detail)
}

function readIgnorable(type: number, at: number, r: ByteReader, link: LinkFrames): void {
  if (type < FIRST_IGNORABLE_FRAME)
    throw new WireError('GH_WIRE_FRAME', 'frame type', at, `0x${type.toString(16)}`)
  link.ignored(type, r.prefixed(limits.ignorableFrame, 'ignorable frame').length)
}
