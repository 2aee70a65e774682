/**
 * Who hears frames, and who has some to send.
 *
 *   record    FrameSink  =  link · streams · mesh
 *   packet    PacketSink =  link · streams · packets      CONTROL's bytes: again link · mesh
 *
 * Each frame is one direct call, without an object. Byte views are valid during the call.
 *
 * Floor: wire.
 */
import type { ByteWriter } from '../../base/writer.ts'
import type { Refusal } from '../registry.ts'
import type { AckSink } from './ack.ts'
import type { ChatFrame } from './chat.ts'
import type { ConnectionIdSink } from './connection-id.ts'
import type { ControlSink } from './control.ts'
import type { DatagramSink } from './datagram.ts'
import type { PathSink } from './path.ts'
import type { PeerEntry } from './peers.ts'
import type { StreamSink } from './stream.ts'

/** Frames the stream layer answers. */
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
export interface LinkFrames extends DatagramSink {
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

/** Frames that packets alone have, and DATAGRAM. */
export interface PacketFrames extends AckSink, ControlSink, PathSink, ConnectionIdSink, DatagramSink {}

export interface FrameSink {
  readonly link: LinkFrames
  readonly streams: StreamFrames
  readonly mesh: MeshFrames
}

/** Of `link`, only `padding`, `close` and `ignored` are called by a packet itself. */
export interface PacketSink {
  readonly link: LinkFrames
  readonly streams: StreamFrames
  readonly packets: PacketFrames
}

/**
 * What must be done when the packet that carried a frame is acknowledged, or is lost. Exactly
 * one of the two is called, once, or neither when the link ends.
 */
export interface InFlight {
  acked(): void
  lost(): void
}

/** What one packet carries. Records have none: what is in a record is delivered, or the link is over. */
export interface Manifest {
  add(frame: InFlight): void
}

/** What has frames to send: control first, then streams in turn. */
export interface FrameSource {
  /**
   * Writes whole frames while they fit, and notes in the manifest, if there is one, what must
   * be heard of again. True when more is waiting than fitted.
   */
  fill(w: ByteWriter, manifest?: Manifest): boolean
}
