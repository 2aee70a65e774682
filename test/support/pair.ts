/**
 * Two `Streams` joined by records in memory: what one fills, `readFrame` hands to the other.
 *
 * No cipher and no carrier, so that a test sees frames and time as it wishes. `pump` moves
 * records until both sides have nothing to send. With `GUILD_CARRIER=packets` they are packets
 * that all arrive: acknowledged once they have, in memory that is used again.
 */
import { asGuildError, type GuildError } from '../../src/base/errors.ts'
import { ByteReader } from '../../src/base/reader.ts'
import { ByteWriter } from '../../src/base/writer.ts'
import type { Grants } from '../../src/streams/grants.ts'
import type { Stream, StreamHandler } from '../../src/streams/stream.ts'
import { Streams, type StreamsOptions } from '../../src/streams/streams.ts'
import {
  type FrameSink,
  type InFlight,
  type Manifest,
  readFrame,
  type StreamFrames,
} from '../../src/wire/frames/index.ts'

/** What every pair is joined by, unless it says otherwise. */
const packets = process.env.GUILD_CARRIER === 'packets'

/** What one packet carries. */
export class Carried implements Manifest {
  readonly #frames: InFlight[] = []
  add(frame: InFlight): void {
    this.#frames.push(frame)
  }
  get count(): number {
    return this.#frames.length
  }
  acked(): void {
    for (const frame of this.#frames.splice(0)) frame.acked()
  }
  lost(): void {
    for (const frame of this.#frames.splice(0)) frame.lost()
  }
}

const misplaced = (): never => {
  throw new Error('not a stream frame')
}
const nothing = new Proxy({}, { get: () => misplaced })

export function sinkFor(streams: StreamFrames): FrameSink {
  return { streams, link: nothing, mesh: nothing } as unknown as FrameSink
}

/** Hands every frame of a record on; the first error ends it, as a link would. */
export function deliver(record: Uint8Array, streams: StreamFrames): void {
  const r = new ByteReader(record)
  const sink = sinkFor(streams)
  while (r.remaining > 0) readFrame(r, sink)
}

/** One record's worth of frames, in memory of its own; undefined when nothing waits. */
export function record(streams: Streams, size = 65_519): Uint8Array | undefined {
  const w = new ByteWriter(new Uint8Array(size))
  const carried = packets ? new Carried() : undefined
  streams.fill(w, carried)
  carried?.acked()
  return w.length === 0 ? undefined : new Uint8Array(w.view())
}

/** What a handler was told, in order; reads all there is when `greedy`. */
export class Listener implements StreamHandler {
  readonly told: string[] = []
  readonly parts: Uint8Array[] = []
  bytes = 0
  readonly #stream: Stream
  greedy: boolean
  constructor(stream: Stream, greedy = true) {
    this.#stream = stream
    this.greedy = greedy
    stream.handler = this
  }
  readable(): void {
    this.told.push('readable')
    if (this.greedy) this.readAll()
  }
  readAll(): void {
    for (let piece = this.#stream.read(); piece !== undefined; piece = this.#stream.read()) {
      this.parts.push(piece)
      this.bytes += piece.length
    }
  }
  writable(): void {
    this.told.push('writable')
  }
  ended(): void {
    this.told.push('ended')
  }
  reset(code: number): void {
    this.told.push(`reset ${code}`)
  }
  stopped(code: number): void {
    this.told.push(`stopped ${code}`)
  }
  closed(error: GuildError): void {
    this.told.push(`closed ${error.code}`)
  }
  /** Notices without the many `readable`. */
  get ends(): string[] {
    return this.told.filter(notice => notice !== 'readable')
  }
  get content(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.parts))
  }
}

export interface Side {
  readonly streams: Streams
  /** Streams the other side opened, as they were announced. */
  readonly incoming: Stream[]
  readonly faults: GuildError[]
  wakes: number
  /** It asked to be flushed, and has not said yet that nothing is left. */
  awake: boolean
  /** What the packet carries that was flushed last. */
  carried: Carried | undefined
}

export interface PairOptions {
  readonly grants?: Partial<Grants>
  readonly rtt?: number
  readonly highMark?: number
  readonly packets?: boolean
  /** Called for each incoming stream on either side, before anything is read. */
  readonly onStream?: (stream: Stream, side: 'a' | 'b') => void
}

export class Pair {
  now = 0
  readonly a: Side
  readonly b: Side
  readonly #packets: boolean

  constructor(options: PairOptions = {}) {
    this.#packets = options.packets ?? packets
    this.a = this.#side(true, options)
    this.b = this.#side(false, options)
  }

  #side(lower: boolean, options: PairOptions): Side {
    const settings: StreamsOptions = {
      lower,
      local: options.grants ?? {},
      remote: options.grants ?? {},
      packets: this.#packets,
      ...(options.highMark === undefined ? {} : { highMark: options.highMark }),
      now: () => this.now,
      rtt: () => options.rtt,
      wake: () => {
        side.wakes++
        side.awake = true
      },
      onStream: stream => {
        side.incoming.push(stream)
        options.onStream?.(stream, lower ? 'a' : 'b')
      },
      onFault: error => side.faults.push(error),
    }
    const side: Side = {
      streams: new Streams(settings),
      incoming: [],
      faults: [],
      wakes: 0,
      awake: false,
      carried: undefined,
    }
    return side
  }

  /** As a link does it: asks only a side that woke it, until that answers false. */
  flush(side: Side, size = 65_519): Uint8Array | undefined {
    while (side.awake) {
      const w = new ByteWriter(new Uint8Array(size))
      side.carried = this.#packets ? new Carried() : undefined
      side.awake = side.streams.fill(w, side.carried)
      if (w.length > 0) return new Uint8Array(w.view())
      if (side.awake) throw new Error('more is said to wait, but an empty record takes none of it')
    }
    return undefined
  }

  /** Records both ways until nothing is left; how many. */
  pump(size = 65_519): number {
    for (let count = 0; ; ) {
      const ab = this.flush(this.a, size)
      if (ab !== undefined) this.#arrive(ab, this.a, this.b)
      const ba = this.flush(this.b, size)
      if (ba !== undefined) this.#arrive(ba, this.b, this.a)
      if (ab === undefined && ba === undefined) return count
      count += (ab === undefined ? 0 : 1) + (ba === undefined ? 0 : 1)
    }
  }

  #arrive(bytes: Uint8Array, from: Side, to: Side): void {
    const carried = from.carried
    deliver(bytes, to.streams)
    carried?.acked()
  }
}

/** The code of what `act` throws. */
export function codeOf(act: () => unknown): string | undefined {
  try {
    act()
    return undefined
  } catch (error) {
    return asGuildError(error).code
  }
}

/** Bytes that differ by place, so that a wrong order shows. */
export function pattern(length: number, seed = 0): Uint8Array {
  const out = new Uint8Array(length)
  for (let i = 0; i < length; i++) out[i] = (i * 31 + (i >>> 8) * 7 + seed) & 0xff
  return out
}
