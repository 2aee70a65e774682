/**
 * Reads one frame and hands it on by a direct call.
 *
 *   +---------------+----------------------------------+
 *   | type, varint  | fields, by type                  |
 *   +---------------+----------------------------------+
 *
 * The frame file of each type says its fields. Types from 0x40 on carry their length
 * and are skipped when unknown; an unknown one below closes the link (spec: TYPE-1, TYPE-2, FR-03).
 *
 * Page: protocol/frames.md (spec: TYPE-3) · Floor: wire.
 */
import { WireError } from '../../base/errors.ts'
import type { ByteReader } from '../../base/reader.ts'
import type { ByteWriter } from '../../base/writer.ts'
import { limits } from '../limits.ts'
import { FIRST_IGNORABLE_FRAME, frameTypes, type Refusal } from '../registry.ts'
import { decodeAccepted, decodeClose, decodeRefused } from './admission.ts'
import { type ChatFrame, decodeChat } from './chat.ts'
import { decodePeers, type PeerEntry } from './peers.ts'
import { decodeNonce } from './ping.ts'
import { decodeStream, type StreamSink } from './stream.ts'

/** Frames the stream layer answers. Byte views are valid during the call. */
export interface StreamFrames extends StreamSink {
  resetStream(id: number, code: number, finalSize: number): void
  stopSending(id: number, code: number): void
  maxData(maximum: number): void
  maxStreamData(id: number, maximum: number): void
  maxStreams(count: number): void
}

/** Frames the mesh answers. */
export interface MeshFrames {
  requestPeers(): void
  peers(entries: readonly PeerEntry[]): void
  chat(chat: ChatFrame): void
  mesh(linked: number, known: number): void
}

/** Frames the link itself answers. */
export interface LinkFrames {
  padding(): void
  ping(nonce: Uint8Array): void
  pong(nonce: Uint8Array): void
  accepted(observed: Uint8Array): void
  refused(reason: Refusal, detail: string): void
  drain(): void
  close(code: number, detail: string): void
  rekey(): void
  /** An ignorable frame nobody here knows. */
  ignored(type: number, length: number): void
}

export interface FrameSink {
  readonly link: LinkFrames
  readonly streams: StreamFrames
  readonly mesh: MeshFrames
}

/** What must be done when the packet that carried a frame is acknowledged, or is lost. Exactly one of the two is called, once, or neither when the link ends. */
export interface InFlight {
  acked(): void
  lost(): void
}

/** What one packet carries; records have none: what is in a record is delivered, or the link is over. */
export interface Manifest {
  add(frame: InFlight): void
}

/** What has frames to send: control first, then streams in turn. */
export interface FrameSource {
  /** Writes whole frames while they fit. True when more is waiting than fitted. */
  fill(w: ByteWriter, manifest?: Manifest): boolean
}

export function readFrame(r: ByteReader, sink: FrameSink): void {
  const at = r.offset
  const type = r.varint('frame type')
  switch (type) {
    case frameTypes.STREAM.type:
      return decodeStream(r, false, sink.streams)
    case frameTypes.STREAM_FIN.type:
      return decodeStream(r, true, sink.streams)
    case frameTypes.PADDING.type:
      return sink.link.padding()
    case frameTypes.PING.type:
      return sink.link.ping(decodeNonce(r))
    case frameTypes.PONG.type:
      return sink.link.pong(decodeNonce(r))
    case frameTypes.RESET_STREAM.type:
      return sink.streams.resetStream(r.varint('stream id'), r.varint('code'), r.varint('final size'))
    case frameTypes.STOP_SENDING.type:
      return sink.streams.stopSending(r.varint('stream id'), r.varint('code'))
    case frameTypes.MAX_DATA.type:
      return sink.streams.maxData(r.varint('maximum'))
    case frameTypes.MAX_STREAM_DATA.type:
      return sink.streams.maxStreamData(r.varint('stream id'), r.varint('maximum'))
    case frameTypes.MAX_STREAMS.type:
      return sink.streams.maxStreams(r.varint('count'))
    case frameTypes.REQUEST_PEERS.type:
      return sink.mesh.requestPeers()
    case frameTypes.PEERS.type:
      return sink.mesh.peers(decodePeers(r))
    case frameTypes.CHAT.type:
      return sink.mesh.chat(decodeChat(r))
    case frameTypes.MESH.type:
      return sink.mesh.mesh(r.varint('linked'), r.varint('known'))
    case frameTypes.ACCEPTED.type:
      return sink.link.accepted(decodeAccepted(r))
    case frameTypes.REFUSED.type: {
      const { reason, detail } = decodeRefused(r)
      return sink.link.refused(reason, detail)
    }
    case frameTypes.DRAIN.type:
      return sink.link.drain()
    case frameTypes.CLOSE.type: {
      const { code, detail } = decodeClose(r)
      return sink.link.close(code, detail)
    }
    case frameTypes.REKEY.type:
      return sink.link.rekey()
    default:
      // A type of packets alone is unknown here, and so refused as well (spec: FRAME-9).
      if (type < FIRST_IGNORABLE_FRAME)
        throw new WireError('GH_WIRE_FRAME', 'frame type', at, `0x${type.toString(16)}`)
      return sink.link.ignored(type, r.prefixed(limits.ignorableFrame, 'ignorable frame').length)
  }
}
