/**
 * A swarm, as the handshake sees it: what follows from the 32-byte swarm key alone.
 *
 *   network id = first 16 bytes of SHA-256("guild-home network v1" ‖ psk)
 *   prologue   = "guild-home/1" ‖ network id
 *   mac key    = 32 bytes of HKDF(psk, "mac"), for datagrams
 *
 * The Noise state after the `psk` token is the same for every handshake of a swarm:
 * it is computed once here, at the first of them, so that a stranger's message 1 costs
 * one hash and one AEAD call, and a node that starts does not wait for it. A public
 * network (`--open`) is a swarm whose key everybody can derive: no second code path
 * (decision 1).
 *
 * Page: protocol/handshake.md (spec: HAND-1, HAND-19) · Floor: link.
 */
import { concat, copy, empty, utf8 } from '../base/bytes.ts'
import type { NoiseSuite } from '../base/ports.ts'
import { hkdf, precompute, type Snapshot, XXpsk0 } from '../noise/index.ts'

export interface Swarm {
  readonly networkId: Uint8Array
  readonly prologue: Uint8Array
  readonly snapshot: Snapshot
  /** What a handshake datagram is authenticated with, before anything else of it is looked at. */
  readonly macKey: Uint8Array
}

const networkLabel = utf8('guild-home network v1')
const openLabel = utf8('guild-home open network v1')
const macLabel = utf8('mac')
const protocolLabel = utf8('guild-home/1')

export function createSwarm(suite: NoiseSuite, psk: Uint8Array): Swarm {
  const networkId = suite.hash(networkLabel, psk).slice(0, 16)
  const prologue = concat(protocolLabel, networkId)
  const macKey = hkdf(suite, psk, macLabel, empty, 32)
  const key = copy(psk)
  let snapshot: Snapshot | undefined
  return {
    networkId,
    prologue,
    get snapshot() {
      if (snapshot !== undefined) return snapshot
      snapshot = precompute(suite, XXpsk0, prologue, key)
      key.fill(0)
      return snapshot
    },
    macKey,
  }
}

/** The key of a public network: anyone who knows the name is a member. */
export function openNetworkKey(suite: NoiseSuite, name: string): Uint8Array {
  return suite.hash(openLabel, utf8(name))
}
