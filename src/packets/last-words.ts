/**
 * Of a packet that comes after we said CLOSE, one thing is of interest: does the peer say it too?
 *
 * Then both know, and the connection is forgotten at once, not after three PTO (RFC 9000 section 10.2.2).
 *
 * Floor: packets.
 */
import { ByteReader } from '../base/reader.ts'
import { deafToPackets } from '../wire/frames/deaf.ts'
import { readPacketFrame } from '../wire/frames/index.ts'
import type { PacketSink } from '../wire/frames/sinks.ts'

/** Does a packet with these frames hold CLOSE? What cannot be read says nothing. */
export function saysClose(frames: Uint8Array): boolean {
  said = false
  const r = new ByteReader(frames)
  try {
    while (r.remaining > 0 && !said) readPacketFrame(r, listening)
  } catch {
    return false
  }
  return said
}

let said = false

const listening: PacketSink = {
  ...deafToPackets,
  link: {
    ...deafToPackets.link,
    close: () => {
      said = true
    },
  },
}
