/**
 * Handshake patterns as token tables, and the one that we speak.
 *
 *   XXpsk0:
 *     -> psk, e                 sealed by the swarm key: a stranger is silent from byte one
 *     <- e, ee, s, es           the responder proves its static key
 *     -> s, se                  the initiator proves its own
 *
 * A pattern is data: two lists of keys known beforehand, then one list of tokens a
 * message, the initiator's first and in turn after that. The other patterns of the
 * paper live with the tests, which hand them in.
 *
 * Page: protocol/handshake.md (Noise revision 34, sections 7 and 9).
 * Vectors: cacophony, snow, flynn, noise-c. Floor: noise.
 */
import type { NoiseSuite } from '../base/ports.ts'

export type Token = 'e' | 's' | 'ee' | 'es' | 'se' | 'ss' | 'psk'

export interface HandshakePattern {
  /** With its modifiers: `XXpsk0`. */
  readonly name: string
  /** Public keys both sides hold before the first message. */
  readonly preMessages: {
    readonly initiator: readonly ('e' | 's')[]
    readonly responder: readonly ('e' | 's')[]
  }
  readonly messages: readonly (readonly Token[])[]
}

export const XXpsk0: HandshakePattern = {
  name: 'XXpsk0',
  preMessages: { initiator: [], responder: [] },
  messages: [
    ['psk', 'e'],
    ['e', 'ee', 's', 'es'],
    ['s', 'se'],
  ],
}

/** `Noise_XXpsk0_25519_ChaChaPoly_SHA256`: both sides hash it first of all. */
export function protocolName(pattern: HandshakePattern, suite: NoiseSuite): string {
  return `Noise_${pattern.name}_${suite.name}`
}

/** How many psks a pattern takes. In a psk handshake every `e` is mixed into the key as well. */
export function pskCount(pattern: HandshakePattern): number {
  return pattern.messages.flat().filter(token => token === 'psk').length
}
