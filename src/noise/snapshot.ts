/**
 * The state behind the first psk token, made once a swarm.
 *
 *   h      protocol name, prologue and psk, hashed in turn
 *   ck, k  from the protocol name and the psk
 *
 * A responder goes on from a copy, so a stranger's message 1 costs one hash, one HKDF
 * and one open that fails: no Diffie-Hellman, no key pair. During a rotation of the
 * swarm key two snapshots stand ready.
 *
 * Refuses: patterns that do not begin with `psk` or know keys beforehand.
 * Page: protocol/handshake.md. Faults: HS-01. Floor: noise.
 */
import { GuildError } from '../base/errors.ts'
import type { NoiseSuite } from '../base/ports.ts'
import { type HandshakePattern, protocolName, pskCount } from './patterns.ts'
import { SymmetricState } from './symmetric-state.ts'

export class Snapshot {
  readonly suite: NoiseSuite
  readonly pattern: HandshakePattern
  /** The messages, without the token that is done. */
  readonly messages: HandshakePattern['messages']
  /** psks of the whole pattern. */
  readonly psks: number
  readonly #symmetric: SymmetricState

  constructor(suite: NoiseSuite, pattern: HandshakePattern, symmetric: SymmetricState) {
    this.suite = suite
    this.pattern = pattern
    this.messages = [pattern.messages[0]!.slice(1), ...pattern.messages.slice(1)]
    this.psks = pskCount(pattern)
    this.#symmetric = symmetric
  }

  /** A copy to go on from. */
  symmetric(): SymmetricState {
    return this.#symmetric.clone()
  }

  /** Zeroes it, when a swarm key is given up. Handshakes under way go on. */
  wipe(): void {
    this.#symmetric.wipe()
  }
}

export function precompute(
  suite: NoiseSuite,
  pattern: HandshakePattern,
  prologue: Uint8Array,
  psk: Uint8Array,
): Snapshot {
  const { initiator, responder } = pattern.preMessages
  if (pattern.messages[0]?.[0] !== 'psk' || initiator.length + responder.length > 0)
    throw new GuildError('GH_OPTION_INVALID', `${pattern.name} does not begin with psk`)
  if (psk.length !== 32) throw new GuildError('GH_NOISE_KEY', `psk of ${psk.length} bytes, not 32`)
  const symmetric = new SymmetricState(suite, protocolName(pattern, suite))
  symmetric.mixHash(prologue)
  symmetric.mixKeyAndHash(psk)
  return new Snapshot(suite, pattern, symmetric)
}
