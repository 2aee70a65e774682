/**
 * A peer that was sending much, and is suddenly silent.
 *
 *   heard, heard, heard … (16 or more) ── a probe timeout of silence ──▶ ask, once
 *   we asked something ourselves since the last of them ─────────────▶ that is question enough
 *
 * Mostly it has nothing more to say. But where our address changed without our knowing, as a NAT box changes it,
 * the peer goes on sending to the old one, and does not learn of the new one before we say something: whoever
 * only reads has nothing to say. So it says PROBE. Where the peer is done, this costs a packet each way for
 * each burst of 16.
 *
 * QUIC has no such rule; there a reader waits for the sender to give up (P12 asks for three PTO).
 * Page: protocol/paths.md (spec: PATH-16) · Faults: UQ-09, UQ-10, P12 · Floor: packets.
 */
import type { Millis } from '../base/machine.ts'

/** Fewer packets than this are no burst: an answer, an acknowledgement, chat. */
const BURST = 16

export class Lull {
  readonly #pto: () => Millis
  #heard = 0
  #since: Millis = 0
  /** We have said nothing since that asks for an answer. */
  #unasked = false

  constructor(pto: () => Millis) {
    this.#pto = pto
  }

  /** A packet that asks for an acknowledgement came. */
  heard(now: Millis): void {
    this.#heard++
    this.#since = now
    this.#unasked = true
  }

  /** We said something that asks for an answer: loss detection repeats it until one comes. The burst goes on. */
  asked(): void {
    this.#unasked = false
  }

  deadline(): Millis | undefined {
    return this.#unasked && this.#heard >= BURST ? this.#since + this.#pto() : undefined
  }

  /** Is it time to ask? Once for each burst: if the question is lost, loss detection repeats it. */
  due(now: Millis): boolean {
    const due = this.deadline()
    if (due === undefined || now < due) return false
    this.#heard = 0
    return true
  }
}
