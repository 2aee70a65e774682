/**
 * What goes into a link and what comes out of it: the vocabulary of `link.ts`.
 *
 * Floor: link.
 */
import type { GuildError } from '../base/errors.ts'
import type { Millis, Tick } from '../base/machine.ts'
import type { Endpoint } from '../base/ports.ts'
import type { ByteWriter } from '../base/writer.ts'
import type { FrameSource, MeshFrames, StreamFrames } from '../wire/frames/index.ts'
import type { PeerEntry } from '../wire/frames/peers.ts'
import type { CloseCode, Refusal } from '../wire/registry.ts'
import type { ResponderUnit } from './datagram-initiator.ts'
import type { Proved } from './handshake.ts'
import type { InitiatorOptions } from './initiator.ts'
import type { LinkEnd } from './link-end.ts'
import type { Self } from './self.ts'

export const defaults = {
  /** A listener waits this long for message 1 (spec: HAND-13, HS-03, HS-04). */
  message1Timeout: 5_000,
  /** From the first byte to ACCEPTED, both sides. */
  handshakeTimeout: 10_000,
  /** A link that has ended may take this long to deliver what was sealed and to close; as long as a drain. */
  closeLinger: 10_000,
  /** Sealed and not yet taken by the system (architecture: "seal late"). */
  unsent: 512 * 1024,
  /** Where a rate is set, at least so much of a stream leaves at once: less is not worth a record. */
  leastShaped: 1_024,
  /** Cheap frames a second: far above what an honest peer needs, far below what hurts. */
  cheapPerSecond: 10_000,
  cheapBurst: 20_000,
  /** Held before the peer is proved, two messages: of strangers there may be a thousand. With more it is read on, and fails. */
  heldUnproved: 2_404,
  /** Read between two looks at the time: tiny ones cost less than the look. */
  framesAtOnce: 32,
  /** Control frames waiting; more means that the peer has stopped reading. */
  controlFrames: 4_096,
  /** Above this share of them chat is dropped for this peer, and counted (spec: CHAT-6). */
  droppableFrames: 1_024,
} as const

/** The layers above a link; made when it opens. */
export interface Carried {
  readonly streams: StreamFrames & FrameSource
  readonly mesh: MeshFrames
  /** Who hears DATAGRAM; without anyone it is dropped, as a datagram may be. Bytes valid during the call. */
  readonly datagram?: (bytes: Uint8Array) => void
}

export type LinkInput =
  | Tick
  /** Bytes from the carrier, valid during the call. */
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  /** One datagram, valid during the call: a packet for this link. */
  | { readonly kind: 'datagram'; readonly bytes: Uint8Array; readonly from: Endpoint }
  /** An answer to our dial; `size` is that of its datagram. */
  | { readonly kind: 'unit'; readonly unit: ResponderUnit; readonly size: number }
  /** A stateless reset: the peer has forgotten this link. */
  | { readonly kind: 'reset' }
  /** Nobody listens where the peer was, says its system. */
  | { readonly kind: 'refused' }
  /** Goes on with what was `held`. */
  | { readonly kind: 'more' }
  /** Once a turn when `wantsFlush`, and when the carrier has drained. */
  | {
      readonly kind: 'flush'
      readonly buffered: number
      /** Bytes of streams that may leave now, where a rate is set. Control frames never wait for it. */
      readonly allowance?: number | undefined
    }
  /** The carrier ended: by the peer's half-close (no error, and never while bytes are held) or by a failure. */
  | { readonly kind: 'carrier-closed'; readonly error: Error | undefined }
  /** The verdict on a proved peer. `carry` makes the layers above. */
  | { readonly kind: 'admit'; readonly observed: Uint8Array }
  | {
      readonly kind: 'refuse'
      readonly reason: Refusal
      readonly detail: string
      readonly entries: readonly PeerEntry[]
    }
  /** This link lost the tie-break. */
  | { readonly kind: 'drain' }
  | { readonly kind: 'close'; readonly code: CloseCode; readonly error: GuildError }

export type LinkOutput =
  | { readonly kind: 'write'; readonly chunks: readonly Uint8Array[] }
  /** Half-close once everything is written, or drop at once. */
  | { readonly kind: 'end-carrier'; readonly abruptly: boolean }
  /** Responder: message 3 was good. Answer with `admit` or `refuse`. */
  | { readonly kind: 'proved'; readonly proved: Proved }
  /** Initiator: REFUSED came; `entries` are peers to try instead. */
  | {
      readonly kind: 'refused'
      readonly peerId: string
      readonly reason: Refusal
      readonly entries: readonly PeerEntry[]
    }
  | { readonly kind: 'pong'; readonly nonce: Uint8Array }
  | { readonly kind: 'drain' }
  /** The last output. `stranger`: nothing was ever proved. */
  | { readonly kind: 'ended'; readonly end: LinkEnd; readonly stranger: boolean }

export interface LinkOptions {
  readonly self: Self
  /**
   * Makes the layers above once the peer is proved and let in. On the dialling side ACCEPTED
   * came, with our address as the peer sees it: everybody who must know the link is told in
   * this call, for the frames behind it are read right after.
   */
  readonly carry: (proved: Proved, observed: Uint8Array | undefined) => Carried
  /** Present on the dialling side. */
  readonly dial?: Omit<InitiatorOptions, 'self'> & { readonly timeout?: Millis }
  /** Asked between two units, and now and then within a record: no more for now. The rest is held until `more`. */
  readonly enough?: () => boolean
  /** A record's plaintext, shared by all links of a node: sealing is never interrupted. */
  readonly plaintext?: ByteWriter
}
