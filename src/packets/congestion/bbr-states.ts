/**
 * BBR's states, and how fast and how full each of them runs.
 *
 *   startup ──filled──▶ drain ──drained──▶ down ──cruise──▶ cruise ──refill──▶ refill ──accelerate──▶ up
 *                                           ▲                                                         │
 *                                           └───────────────────────decelerate────────────────────────┘
 *
 * Startup doubles until the pipe is full, drain empties the queue that this made. Then a cycle of some
 * seconds: a little slower (down), as fast as things arrive (cruise), fill up (refill), a quarter
 * faster (up) to see whether there is more. From anywhere, when the round trip has
 * not been at its least for 5 s: half the flight for 200 ms, to see the path without its queue.
 *
 * Source: draft-ietf-ccwg-bbr sections 5.1.1 and 5.6.1. Page: protocol/congestion.md · Floor: packets.
 */
import type { StateOf, StateTable } from '../../base/states.ts'

export const bbrStates = {
  filled: { startup: 'drain' },
  drained: { drain: 'down' },
  cruise: { down: 'cruise' },
  refill: { down: 'refill', cruise: 'refill' },
  accelerate: { refill: 'up' },
  decelerate: { up: 'down' },
  measure: {
    startup: 'probe-rtt',
    drain: 'probe-rtt',
    down: 'probe-rtt',
    cruise: 'probe-rtt',
    refill: 'probe-rtt',
    up: 'probe-rtt',
  },
  measured: { 'probe-rtt': 'down' },
  restart: {
    'probe-rtt': 'startup',
    drain: 'startup',
    down: 'startup',
    cruise: 'startup',
    refill: 'startup',
    up: 'startup',
  },
} as const satisfies StateTable

export type BbrState = StateOf<typeof bbrStates>

export interface Gain {
  /** Times the bandwidth: how fast packets leave. */
  readonly pacing: number
  /** Times the bandwidth-delay product: how much may be in flight. */
  readonly window: number
}

export const gains: Readonly<Record<BbrState, Gain>> = {
  startup: { pacing: 2.77, window: 2 },
  drain: { pacing: 0.5, window: 2 },
  down: { pacing: 0.9, window: 2 },
  cruise: { pacing: 1, window: 2 },
  refill: { pacing: 1, window: 2 },
  up: { pacing: 1.25, window: 2.25 },
  'probe-rtt': { pacing: 1, window: 0.5 },
}

/** Is it one of the cycle? */
export function cycles(state: BbrState): boolean {
  return state === 'down' || state === 'cruise' || state === 'refill' || state === 'up'
}

/** Sending more than the model says, to find out: a loss then is an answer and not a sign of trouble. */
export function probes(state: BbrState): boolean {
  return state === 'startup' || state === 'refill' || state === 'up'
}
