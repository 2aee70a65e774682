/**
 * The MAC of a handshake datagram: the first thing that is looked at, and for a stranger the last.
 *
 *   MAC = first 16 bytes of HMAC-SHA256(HKDF(psk, "mac"), type ‖ everything behind the MAC)
 *
 * Whoever does not hold the swarm key costs one hash a swarm (two swarms while the key is rotated),
 * no Noise state, no memory and no answer. It proves nothing about who or when: a recorded datagram
 * has a good MAC.
 *
 * Page: protocol/handshake.md (spec: HAND-19) · Faults: HS-02, P1, P2 · Floor: link.
 */
import { equalConstantTime } from '../base/bytes.ts'
import type { NoiseSuite } from '../base/ports.ts'
import {
  DATAGRAM_MAC_LENGTH,
  encodeHandshakeDatagram,
  type HandshakeDatagram,
  macOfDatagram,
} from '../wire/handshake-datagram.ts'
import type { Swarm } from './swarm.ts'

/** The datagram, with its MAC. */
export function sealedDatagram(suite: NoiseSuite, swarm: Swarm, datagram: HandshakeDatagram): Uint8Array {
  return encodeHandshakeDatagram(datagram, covered =>
    suite.hmac(swarm.macKey, covered).subarray(0, DATAGRAM_MAC_LENGTH),
  )
}

/** The swarm under whose key the MAC is good; undefined for a stranger. Ask `isHandshakeDatagram` first. */
export function swarmOf(
  suite: NoiseSuite,
  swarms: readonly Swarm[],
  datagram: Uint8Array,
): Swarm | undefined {
  const mac = macOfDatagram(datagram)
  const type = datagram.subarray(0, 1)
  const rest = datagram.subarray(1 + DATAGRAM_MAC_LENGTH)
  for (const swarm of swarms) {
    const expected = suite.hmac(swarm.macKey, type, rest).subarray(0, DATAGRAM_MAC_LENGTH)
    if (equalConstantTime(expected, mac)) return swarm
  }
  return undefined
}
