/**
 * Feed, drain, wait: the shape of every protocol core.
 *
 * A machine is told what happened and when (`handle`), queues what should
 * happen next (`poll`, drained to undefined after every `handle`) and says when
 * it wants to be woken (`deadline`). It never asks the time, rolls a die, opens a
 * socket or sets a timer, so a test can run it through a year in a millisecond and
 * a seed replays it byte for byte. One driver, `runtime/drive.ts`, runs them all.
 *
 * Stream data is the one thing that does not go through the queue: it is handed on
 * by a direct call, so that no object is made per frame.
 *
 * Floor: base.
 */

/** Milliseconds on the monotonic clock; may have a fraction. */
export type Millis = number

/** Milliseconds since 1970 on the wall clock, as a whole number. */
export type WallMillis = number

export interface Machine<Input, Output> {
  /** Takes one thing that happened. `now` never goes backwards between calls. */
  handle(input: Input, now: Millis): void
  /** Takes the next queued output. Drain to `undefined` after every `handle`. */
  poll(): Output | undefined
  /** When the machine next wants `{ kind: 'tick' }`, if ever. */
  deadline(): Millis | undefined
}

export interface Tick {
  readonly kind: 'tick'
}

export const tick: Tick = { kind: 'tick' }

/** The earlier of two deadlines, either of which may be absent. */
export function earlier(a: Millis | undefined, b: Millis | undefined): Millis | undefined {
  if (a === undefined) return b
  if (b === undefined) return a
  return Math.min(a, b)
}
