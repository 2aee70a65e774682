/**
 * What both sides of a handshake share: its result, its failure, the check of a HELLO.
 *
 * Floor: link.
 */
import { utf8 } from '../base/bytes.ts'
import { GuildError } from '../base/errors.ts'
import type { Cipher } from '../base/ports.ts'
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
  /** Of a handshake in datagrams only. */
  readonly packetKeys?: PacketKeys
}

/** What packets are protected with. The ciphers are those of `send` and `receive`, which are not used then. */
export interface PacketKeys {
  readonly send: Cipher
  readonly receive: Cipher
  /** 16 bytes each, for header protection (RFC 9001, 5.4). */
  readonly sendMask: Uint8Array
  readonly receiveMask: Uint8Array
}

/** What the handshake leads to. */
export type Carrier = 'records' | 'packets'

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

const maskLabel = utf8('hp')
const MASK_KEY = 16

/** The keys of a link, of a handshake that is through; for packets those of the headers too (spec: HAND-20). */
export function linkKeys(
  state: HandshakeState,
  role: Role,
  carrier: Carrier,
): Pick<Proved, 'send' | 'receive' | 'packetKeys'> {
  if (carrier === 'records') return state.split()
  const masks = state.derive(maskLabel, 2 * MASK_KEY)
  const [first, second] = [masks.slice(0, MASK_KEY), masks.slice(MASK_KEY)]
  masks.fill(0)
  const [sendMask, receiveMask] = role === 'initiator' ? [first, second] : [second, first]
  const { send, receive } = state.split()
  return {
    send,
    receive,
    packetKeys: { send: send.cipher!, receive: receive.cipher!, sendMask, receiveMask },
  }
}

export function remoteStatic(state: HandshakeState): Uint8Array {
  if (state.rs === undefined) throw new GuildError('GH_INTERNAL', 'no remote static key')
  return state.rs
}
