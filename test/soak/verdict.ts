/**
 * Did anything grow? What the samples of the steady processes say.
 *
 * Memory grows in steps and falls again; a line through the second half of the run tells which
 * of it stays (P28: at most 1 MiB in ten minutes). Descriptors and handles may be as many more than
 * at the start as there are peers more.
 */
import { type Point, secondHalf, slope, span } from './slope.ts'

export interface Look {
  /** Seconds since the start. */
  readonly at: number
  readonly kept: number
  readonly resident: number
  readonly handles: number
  readonly peers: number
  readonly descriptors: number | undefined
}

export interface Track {
  readonly name: string
  readonly samples: Look[]
}

/** What is shown of one process. Sizes in MiB; growth in MiB a ten minutes. */
export interface Line {
  readonly name: string
  readonly samples: number
  readonly kept: number
  readonly keptGrowth: number
  readonly resident: number
  readonly residentGrowth: number
  readonly peers: number
  /** Beyond one a peer, at the first sample and at the last. */
  readonly handles: readonly [number, number]
  readonly descriptors: readonly [number, number] | undefined
}

export interface Judged {
  readonly lines: readonly Line[]
  readonly faults: readonly string[]
  /** The run was long enough to judge growth by. */
  readonly growthJudged: boolean
}

const MiB = 2 ** 20
/** P28, a ten minutes. */
const GROWTH_MAX = 1
/** Seconds of a second half below which the noise of one collection outweighs any leak. */
const SPAN_LEAST = 290
/** A timer, a dial under way, a control client that leaves. */
const SLACK = 3

export function judge(tracks: readonly Track[]): Judged {
  const lines = tracks.map(lineOf)
  const growthJudged =
    tracks.length > 0 &&
    tracks.every(({ samples }) => span(secondHalf(points(samples, 'kept'))) >= SPAN_LEAST)
  const faults: string[] = []
  for (const { name, keptGrowth, handles, descriptors } of lines) {
    if (growthJudged && keptGrowth > GROWTH_MAX)
      faults.push(`${name} keeps ${keptGrowth.toFixed(2)} MiB more every ten minutes`)
    for (const [what, pair] of [
      ['handles', handles],
      ['descriptors', descriptors],
    ] as const)
      if (pair !== undefined && pair[1] > pair[0] + SLACK)
        faults.push(`${name} began with ${pair[0]} ${what} beside those of its peers, and has ${pair[1]}`)
  }
  return { lines, faults, growthJudged }
}

function lineOf({ name, samples }: Track): Line {
  const [first, last] = [samples[0]!, samples.at(-1)!]
  const growth = (what: 'kept' | 'resident'): number => (slope(secondHalf(points(samples, what))) * 600) / MiB
  return {
    name,
    samples: samples.length,
    kept: last.kept / MiB,
    keptGrowth: growth('kept'),
    resident: last.resident / MiB,
    residentGrowth: growth('resident'),
    peers: last.peers,
    handles: [first.handles - first.peers, last.handles - last.peers],
    descriptors:
      first.descriptors === undefined || last.descriptors === undefined
        ? undefined
        : [first.descriptors - first.peers, last.descriptors - last.peers],
  }
}

function points(samples: readonly Look[], what: 'kept' | 'resident'): Point[] {
  return samples.map(sample => ({ at: sample.at, value: sample[what] }))
}
