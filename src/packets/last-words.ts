/**
 * Of a packet that comes after we said CLOSE, one thing is of interest: does the peer say it too?
 *
 * Then both know, and the connection is forgotten at once, not after three PTO (RFC 9000 section 10.2.2).
 *
 * Floor: packets.
 */
import { ByteReader } from '../base/reader.ts'
import { readPacketFrame } from '../wire/frames/index.ts'
import type { LinkFrames, PacketFrames, PacketSink, StreamFrames } from '../wire/frames/sinks.ts'

/** Does a packet with these frames hold CLOSE? What cannot be read says nothing. */
export function saysClose(frames: Uint8Array): boolean {
  said = false
  const r = new ByteReader(frames)
  try {
    while (r.remaining > 0 && !said) readPacketFrame(r, deaf)
  } catch {
    return false
  }
  return said
}

let said = false
const nothing = (): void => {}

const streams: StreamFrames = {
  stream: nothing,
  resetStream: nothing,
  stopSending: nothing,
  maxData: nothing,
  maxStreamData: nothing,
  maxStreams: nothing,
}

const packets: PacketFrames = {
  ack: nothing,
  probe: nothing,
  control: nothing,
  pathChallenge: nothing,
  pathResponse: nothing,
  newConnectionId: nothing,
  retireConnectionId: nothing,
  datagram: nothing,
}

const link: LinkFrames = {
  padding: nothing,
  ping: nothing,
  pong: nothing,
  accepted: nothing,
  refused: nothing,
  drain: nothing,
  rekey: nothing,
  ignored: nothing,
  datagram: nothing,
  close: () => {
    said = true
  },
}

const deaf: PacketSink = { link, streams, packets }
