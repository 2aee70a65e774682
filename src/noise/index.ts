/**
 * The Noise Protocol Framework, revision 34, by the names of its paper.
 *
 * Published as `guild-home/noise`: patterns are data and the primitives are a port,
 * so any Noise protocol over Curve25519 can be spoken with it.
 *
 * Floor: noise. Page: protocol/handshake.md.
 */
export { CipherState, MAX_NONCE, type SealedParts } from './cipher-state.ts'
export {
  type HandshakeKeys,
  type HandshakeOptions,
  HandshakeState,
  type Payload,
  type ReadMessage,
  type ResumedOptions,
} from './handshake-state.ts'
export { hkdf } from './hkdf.ts'
export { type HandshakePattern, protocolName, pskCount, type Token, XXpsk0 } from './patterns.ts'
export { ReplayWindow } from './replay-window.ts'
export { precompute, Snapshot } from './snapshot.ts'
export { SymmetricState } from './symmetric-state.ts'
