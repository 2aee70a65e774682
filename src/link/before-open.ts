/**
 * What frames mean before a link is open: only ACCEPTED, REFUSED or CLOSE may come, and PEERS
 * behind REFUSED. Anything else that says something ends the link: nothing is answered to who
 * has not let us in.
 *
 * Page: protocol/handshake.md (spec: HAND-14) · Floor: link.
 */
import { GuildError } from '../base/errors.ts'
import type { FrameSink, LinkFrames } from '../wire/frames/index.ts'
import type { PeerEntry } from '../wire/frames/peers.ts'

export function beforeOpen(link: LinkFrames, peers: (entries: readonly PeerEntry[]) => void): FrameSink {
  return {
    link: {
      padding: () => link.padding(),
      ignored: (type, length) => link.ignored(type, length),
      accepted: observed => link.accepted(observed),
      refused: (reason, detail) => link.refused(reason, detail),
      close: (code, detail) => link.close(code, detail),
      ping: early,
      pong: early,
      drain: early,
      rekey: early,
      datagram: early,
    },
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
