/**
 * Sinks that hear every frame and do nothing: for who reads frames to look at them, not to obey.
 *
 * Floor: wire.
 */
import type { FrameSink, PacketSink } from './sinks.ts'

const nothing = (): void => {}

/** Of a record, or of CONTROL. */
export const deaf: FrameSink = {
  link: {
    padding: nothing,
    ping: nothing,
    pong: nothing,
    accepted: nothing,
    refused: nothing,
    drain: nothing,
    close: nothing,
    rekey: nothing,
    datagram: nothing,
    ignored: nothing,
  },
  streams: {
    stream: nothing,
    resetStream: nothing,
    stopSending: nothing,
    maxData: nothing,
    maxStreamData: nothing,
    maxStreams: nothing,
  },
  mesh: { requestPeers: nothing, peers: nothing, chat: nothing, mesh: nothing },
}

export const deafToPackets: PacketSink = {
  link: deaf.link,
  streams: deaf.streams,
  packets: {
    ack: nothing,
    probe: nothing,
    control: nothing,
    pathChallenge: nothing,
    pathResponse: nothing,
    newConnectionId: nothing,
    retireConnectionId: nothing,
    datagram: nothing,
  },
}
