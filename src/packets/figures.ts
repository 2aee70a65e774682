/**
 * A connection in figures, for people: what `status`, the channels and qlog show of it.
 *
 * Floor: packets. Page: protocol/observability.md.
 */
import type { Departures } from './departures.ts'

export interface Figures {
  /** Milliseconds, all four. Undefined before the first sample. */
  readonly rttMs: number | undefined
  readonly leastRttMs: number | undefined
  readonly latestRttMs: number | undefined
  readonly rttVarianceMs: number | undefined
  /** Probe timeouts since anything was acknowledged. */
  readonly ptoCount: number
  /** Name of the congestion controller, and what it is doing: `startup`, `cruise`, `avoidance`. */
  readonly congestion: string
  readonly phase: string
  /** Bytes that may be in flight, and that are. */
  readonly window: number
  readonly inFlight: number
  /** Bytes a second; undefined where it is derived from the window. */
  readonly pacingRate: number | undefined
  /** Bytes; of controllers that have one, once they have it. */
  readonly slowStartThreshold: number | undefined
  /** Largest datagram in use, bytes. */
  readonly mtu: number
  readonly packetsSent: number
  readonly packetsReceived: number
  /** Declared lost; what they carried and still mattered was sent again. */
  readonly packetsLost: number
}

/** `packetsReceived`: counted by whoever opens packets. */
export function figuresOf(departures: Departures, packetsReceived: number): Figures {
  const { rtt, congestion, recovery, mtu, packetsOut, packetsLost } = departures
  const { phase, ssthresh } = congestion.explain()
  const known = rtt.sampled
  const { pacingRate } = congestion
  return {
    rttMs: known ? rtt.smoothed : undefined,
    leastRttMs: known ? rtt.least : undefined,
    latestRttMs: known ? rtt.latest : undefined,
    rttVarianceMs: known ? rtt.variance : undefined,
    ptoCount: recovery.ptoCount,
    congestion: congestion.name,
    phase: String(phase),
    window: Math.floor(congestion.window),
    inFlight: recovery.bytesInFlight,
    pacingRate: pacingRate === undefined ? undefined : Math.floor(pacingRate),
    slowStartThreshold: typeof ssthresh === 'number' ? Math.floor(ssthresh) : undefined,
    mtu: mtu.size,
    packetsSent: packetsOut,
    packetsReceived,
    packetsLost,
  }
}
