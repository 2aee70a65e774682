/**
 * What is remembered of a packet between its leaving and its ACK.
 *
 * One flat object a packet: numbers, and what each frame in it wants to hear. The delivery-rate fields are
 * stamped by `congestion/delivery-rate.ts` when it leaves.
 *
 * Floor: packets.
 */
import type { Millis } from '../base/machine.ts'
import type { InFlight } from '../wire/frames/index.ts'

export interface SentPacket {
  readonly number: number
  readonly time: Millis
  /** Bytes of the whole datagram. */
  readonly size: number
  readonly eliciting: boolean
  /** A path-MTU probe: its loss is no congestion. */
  readonly mtuProbe: boolean
  /** Which path it left on: a number that grows with each migration. */
  readonly path: number
  readonly frames: readonly InFlight[]
  delivered: number
  deliveredTime: Millis
  firstSentTime: Millis
  appLimited: boolean
  txInFlight: number
  lostBefore: number
}
