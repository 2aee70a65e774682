/**
 * Which peer a person means: by PeerId, by the beginning of one, or by name.
 *
 * A name is what a peer calls itself. It serves when one peer has it and never when two do;
 * one that looks like a PeerId is no name, or a peer could call itself by another's id. Who
 * needs certainty gives the PeerId.
 *
 * Page: protocol/control.md · Floor: protocols.
 */
import { GuildError } from '../../base/errors.ts'
import { visible } from '../../base/text.ts'

export interface Named {
  readonly peerId: string
  readonly name: string
}

const idHead = '12D3KooW'
/** Behind the head that all ids share. */
const ID_LEAST = 6

/** spec: MESSAGE-3 */
export function recipientOf<Peer extends Named>(peers: readonly Peer[], to: string): Peer {
  const exact = peers.find(peer => peer.peerId === to)
  if (exact !== undefined) return exact
  const byId = to.startsWith(idHead)
  if (byId && to.length < idHead.length + ID_LEAST)
    throw new GuildError('GH_PEER_UNKNOWN', `${visible(to)}: give ${ID_LEAST} characters behind ${idHead}`)
  const found = peers.filter(peer => (byId ? peer.peerId.startsWith(to) : peer.name === to))
  if (found.length > 1)
    throw new GuildError(
      'GH_PEER_AMBIGUOUS',
      `${visible(to, 64)} is ${found.map(peer => visible(peer.peerId)).join(' or ')}`,
    )
  const [peer] = found
  if (peer === undefined) throw new GuildError('GH_PEER_UNKNOWN', visible(to, 64))
  return peer
}
