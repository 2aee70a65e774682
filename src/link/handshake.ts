/**
 * What both sides of a handshake share: its result, its failure, the check of a HELLO.
 *
 * Floor: link.
 */
import { GuildError } from '../base/errors.ts'
import type { CipherState, HandshakeState } from '../noise/index.ts'
import { decodeHello, encodeHello, type Hello, helloSignedBytes, type Role } from '../wire/hello.ts'
import { peerIdFromKey } from '../wire/peer-id.ts'
import type { Self } from './self.ts'

/** A handshake that succeeded. */
export interface Proved {
  readonly role: Role
  readonly hello: Hello
  readonly peerId: string
  /** The peer's X25519 static key: the mark of its process. */
  readonly staticKey: Uint8Array
  readonly linkId: Uint8Array
  readonly send: CipherState
  readonly receive: CipherState
  /** The largest record the peer takes. */
  readonly maxRecord: number
}

/** How far a dial came, for the person who asks why it failed. */
export type Stage = 'connected' | 'message 1' | 'cookie' | 'message 2' | 'message 3' | 'open'

/** Seals our HELLO into a handshake payload, signed for this handshake and role. */
export function ownHello(self: Self, role: Role, linkId: Uint8Array): (hash: Uint8Array) => Uint8Array {
  return hash =>
    encodeHello({
      ...self.hello(),
      identityKey: self.identity.publicKey,
      signature: self.identity.sign(helloSignedBytes(role, hash)),
      parameters: self.parameters,
      linkId,
      resumable: false,
    })
}

/** Reads the peer's HELLO out of a payload and checks that its signature is of this handshake. */
export function provedHello(
  self: Self,
  role: Role,
  payload: Uint8Array,
  hash: Uint8Array,
): { hello: Hello; peerId: string } {
  const hello = decodeHello(payload)
  if (!self.suite.verify(hello.identityKey, helloSignedBytes(role, hash), hello.signature))
    throw new GuildError('GH_HANDSHAKE_IDENTITY', 'the signature of its identity key does not verify')
  return { hello, peerId: peerIdFromKey(hello.identityKey) }
}

export function remoteStatic(state: HandshakeState): Uint8Array {
  if (state.rs === undefined) throw new GuildError('GH_INTERNAL', 'no remote static key')
  return state.rs
}
