/**
 * What frames mean before a link is open: only ACCEPTED or REFUSED may come, and PEERS behind
 * REFUSED. Anything else ends the link.
 *
 * Page: protocol/handshake.md · Floor: link.
 */
import { GuildError } from '../base/errors.ts'
import type { FrameSink, LinkFrames } from '../wire/frames/index.ts'
import type { PeerEntry } from '../wire/frames/peers.ts'

export function beforeOpen(link: LinkFrames, peers: (entries: readonly PeerEntry[]) => void): FrameSink {
  return {
    link,
    streams: {
      stream: early,
      resetStream: early,
      stopSending: early,
      maxData: early,
      maxStreamData: early,
      maxStreams: early,
    },
    mesh: { requestPeers: early, peers, chat: early, mesh: early },
  }
}

function early(): never {
  throw new GuildError('GH_LINK_PROTOCOL', 'a frame came before ACCEPTED')
}
