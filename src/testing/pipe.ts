/**
 * A simulated TCP connection: two of these, one at each end.
 *
 *   write ─▶ buffered ─▶ [ window: sent and not yet read over there ] ─▶ path ─▶ inbox ─▶ data
 *                ▲ drain when empty         ▲────────── credit ─────────────────────┘
 *
 * Ordered bytes are never missing, doubled or swapped. What the weather does to a segment
 * becomes time: a lost one (or one whose acknowledgement a partition eats) is sent again after
 * 200 ms, then twice that, and so on; one held back makes those behind it wait; a double
 * only costs rate. After fifteen losses in a row the connection breaks. Lost
 * acknowledgements are not played: the next one would make up for them.
 *
 * Writes of one moment flow together and are cut anew at random, so no reader may count on
 * the pieces. Bytes are overwritten once `data` returns, since they are valid during the
 * call only.
 *
 * Floor: testing.
 */
import { empty } from '../base/bytes.ts'
import { GuildError } from '../base/errors.ts'
import type { Millis } from '../base/machine.ts'
import type { Endpoint, Pipe, PipeEvents } from '../base/ports.ts'
import type { Path } from './link.ts'
import type { Process, Resource } from './process.ts'
import { Written } from './written.ts'

/** What one end sends that the other has not read yet, at most. */
const WINDOW = 256 * 1024
/** So much is read before the other side is told: what is left of the window takes a piece and more. */
const CREDIT = WINDOW / 4
/** `write` says false from here on. */
const HIGH_WATER_MARK = 256 * 1024
const FIRST_RETRY: Millis = 200
const LAST_RETRY: Millis = 120_000
const RETRIES = 15
const POISON = 0xdb

type Item =
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  | { readonly kind: 'end' }
  | { readonly kind: 'drain' }
  | { readonly kind: 'close'; readonly error: Error | undefined }

interface Segment {
  readonly kind: 'open' | 'data' | 'end'
  readonly index: number
  readonly bytes: Uint8Array
  attempts: number
}

export interface PipeOptions {
  readonly process: Process
  readonly transport: string
  readonly local: Endpoint
  readonly remote: Endpoint
  /** To the other side. */
  readonly path: Path
  /** When the other side's first segment comes: hands the pipe over; false refuses it. */
  readonly onOpen?: (pipe: SimulatedPipe) => boolean
}

export class SimulatedPipe implements Pipe, Resource {
  readonly transport: string
  readonly local: Endpoint
  readonly remote: Endpoint
  readonly #process: Process
  readonly #path: Path
  readonly #onOpen: ((pipe: SimulatedPipe) => boolean) | undefined
  #peer!: SimulatedPipe
  #events: PipeEvents | undefined
  /** The program was told, or will be: nothing else comes after. */
  #closed = false
  /** The system has forgotten the connection: what still arrives is answered with a reset. */
  #gone = false

  // Sending.
  readonly #written = new Written()
  #pumping = false
  #wantsDrain = false
  #ending = false
  #endSent = false
  #inFlight = 0
  #piece: number | undefined
  #sent = 0
  #unacknowledged = 0
  #lastArrival: Millis = 0

  // Receiving.
  #received = 0
  readonly #early = new Map<number, Segment>()
  readonly #inbox: Item[] = []
  #flushing = false
  #paused = false
  #endRead = false
  /** Read, and the other side was not told yet. */
  #owed = 0

  constructor(options: PipeOptions) {
    this.transport = options.transport
    this.local = options.local
    this.remote = options.remote
    this.#process = options.process
    this.#path = options.path
    this.#onOpen = options.onOpen
    this.#process.resources.add(this)
  }

  /** Makes the two ends one connection; the first announces it to the second. */
  static join(client: SimulatedPipe, server: SimulatedPipe): void {
    client.#peer = server
    server.#peer = client
    client.#send('open', empty)
  }

  get buffered(): number {
    return this.#written.length
  }

  attach(events: PipeEvents): void {
    if (this.#events !== undefined) throw new GuildError('GH_INTERNAL', 'a pipe was attached twice')
    this.#events = events
    this.#soon(() => this.#flush())
  }

  write(chunks: readonly Uint8Array[]): boolean {
    if (this.#closed || this.#ending) return false
    for (const chunk of chunks) if (chunk.length > 0) this.#written.push(chunk)
    const more = this.#written.length < HIGH_WATER_MARK
    if (!more) this.#wantsDrain = true
    this.#pumpSoon()
    return more
  }

  end(): void {
    if (this.#closed || this.#ending) return
    this.#ending = true
    this.#pumpSoon()
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#soon(() => this.#flush())
  }

  destroy(): void {
    if (this.#closed) return
    this.#inbox.length = 0
    this.#close(undefined)
    this.release()
    this.#soon(() => this.#flush())
  }

  vanish(): void {
    this.#gone = true
    this.#drop()
    this.#process.resources.delete(this)
  }

  /** Forgets the connection and sends a reset behind what is under way; a reset may be lost. */
  release(): void {
    if (this.#gone) return
    this.vanish()
    const { world } = this.#process
    if (this.#path.lost()) return
    world.at(Math.max(world.now + this.#path.flight(), this.#lastArrival), () => {
      if (!this.#path.passes) return
      this.#record('reset', empty)
      this.#peer.#break('ECONNRESET')
    })
  }

  // Sending.

  #pumpSoon(): void {
    if (this.#pumping) return
    this.#pumping = true
    this.#soon(this.#pumpNow)
  }

  readonly #pumpNow = (): void => {
    this.#pumping = false
    this.#pump()
  }

  #pump(): void {
    if (this.#gone) return
    while (this.#written.length > 0) {
      this.#piece ??= this.#path.piece()
      const length = Math.min(this.#written.length, this.#piece)
      // Waits for room for the whole piece: crumbs of credit would make crumbs of data.
      if (this.#inFlight + length > WINDOW) break
      this.#piece = undefined
      const bytes = this.#written.take(length)
      const passed = this.#path.tamper?.(bytes) ?? bytes
      this.#inFlight += passed.length
      if (passed.length > 0) this.#send('data', passed)
    }
    if (this.#written.length > 0) return
    if (this.#ending && !this.#endSent) {
      this.#endSent = true
      this.#send('end', empty)
      if (this.#endRead) this.#close(undefined)
    }
    if (this.#wantsDrain && !this.#closed) this.#inbox.push({ kind: 'drain' })
    this.#wantsDrain = false
    this.#flush()
  }

  #send(kind: Segment['kind'], bytes: Uint8Array): void {
    this.#unacknowledged++
    this.#attempt({ kind, bytes, index: this.#sent++, attempts: 0 })
  }

  #attempt(segment: Segment): void {
    if (this.#gone) return
    const { world } = this.#process
    const path = this.#path
    let left = path.depart(world.now, segment.bytes.length)
    if (path.duplicated()) left = path.depart(world.now, segment.bytes.length)
    const arrival = left + path.flight()
    const damaged = path.corrupted(1) !== undefined
    if (path.lost() || damaged) return this.#retry(segment, left)
    this.#lastArrival = Math.max(this.#lastArrival, arrival)
    world.at(arrival, () => {
      if (!path.passes) return this.#retry(segment, world.now)
      if (!this.#peer.#receive(segment)) return this.#peer.#refuse(this, segment)
      if (!this.#peer.#path.passes) return this.#retry(segment, world.now) // nobody tells us it came
      this.#unacknowledged--
      this.#forget()
    })
  }

  #retry(segment: Segment, from: Millis): void {
    if (this.#gone) return
    if (segment.attempts++ >= RETRIES) return this.#break('ETIMEDOUT')
    this.#process.world.at(from + retryAfter(segment.attempts), () => this.#attempt(segment))
  }

  /** The other side read so much: more may be sent. A lost update is probed for, as TCP does. */
  #credit(length: number, attempts = 0): void {
    const { world } = this.#process
    const back = this.#peer.#path
    world.after(back.flight(), () => {
      if (this.#gone || this.#peer.#gone) return
      if (back.passes) {
        this.#inFlight -= length
        if (this.#written.length > 0) this.#pump()
      } else if (attempts < RETRIES)
        world.after(retryAfter(attempts + 1), () => this.#credit(length, attempts + 1))
      else this.#break('ETIMEDOUT')
    })
  }

  // Receiving.

  /** False when the connection is not known here. */
  #receive(segment: Segment): boolean {
    if (this.#gone) return false
    if (segment.index === this.#received) {
      this.#received++
      if (!this.#accept(segment)) return false
    } else if (segment.index > this.#received) this.#early.set(segment.index, segment)
    while (this.#early.size > 0) {
      const next = this.#early.get(this.#received)
      if (next === undefined) break
      this.#early.delete(this.#received++)
      if (!this.#accept(next)) return false
    }
    this.#flush()
    return true
  }

  #accept(segment: Segment): boolean {
    this.#peer.#record(segment.kind, segment.bytes)
    if (segment.kind === 'data') this.#inbox.push({ kind: 'data', bytes: segment.bytes })
    else if (segment.kind === 'end') this.#inbox.push({ kind: 'end' })
    else if (!this.#onOpen!(this)) {
      this.vanish()
      return false
    }
    return true
  }

  /** Answers a segment of a connection unknown here with a reset, and the sender hears of it. */
  #refuse(sender: SimulatedPipe, segment: Segment): void {
    const { world } = this.#process
    const back = this.#path
    if (back.lost()) return sender.#retry(segment, world.now)
    world.after(back.flight(), () => {
      if (!back.passes) return sender.#retry(segment, world.now)
      this.#record('reset', empty)
      sender.#break('ECONNRESET')
    })
  }

  #break(code: string): void {
    if (this.#gone) return
    this.vanish()
    this.#close(Object.assign(new Error(`the connection broke: ${code}`), { code }))
    this.#flush()
  }

  #close(error: Error | undefined): void {
    if (this.#closed) return
    this.#closed = true
    this.#drop()
    this.#inbox.push({ kind: 'close', error })
    this.#forget()
  }

  /** Only from the world's events, never from inside a call of the program. */
  #flush(): void {
    if (this.#flushing || this.#events === undefined || this.#inbox.length === 0) return
    this.#flushing = true
    this.#process.enter(this.#deliverAll)
  }

  readonly #deliverAll = (): void => {
    this.#flushing = false
    for (let item = this.#next(); item !== undefined; item = this.#next()) this.#deliver(item)
  }

  /** While paused, data and the end stay where they are. */
  #next(): Item | undefined {
    if (!this.#paused) return this.#inbox.shift()
    const at = this.#inbox.findIndex(({ kind }) => kind === 'drain' || kind === 'close')
    return at < 0 ? undefined : this.#inbox.splice(at, 1)[0]
  }

  #deliver(item: Item): void {
    const events = this.#events!
    if (item.kind === 'data') {
      const { length } = item.bytes
      events.data(item.bytes)
      poison(item.bytes)
      this.#owed += length
      if (this.#owed < CREDIT) return
      this.#peer.#credit(this.#owed)
      this.#owed = 0
    } else if (item.kind === 'end') {
      this.#endRead = true
      events.end()
      if (this.#endSent) this.#close(undefined)
    } else if (item.kind === 'drain') events.drain()
    else {
      this.#inbox.length = 0 // what a paused reader had not read is gone
      events.close(item.error)
    }
  }

  #drop(): void {
    this.#written.clear()
    this.#early.clear()
  }

  /** A closed connection whose last bytes have arrived is the system's no more. */
  #forget(): void {
    if (this.#closed && this.#unacknowledged === 0) this.#process.resources.delete(this)
  }

  #soon(work: () => void): void {
    this.#process.world.after(0, work)
  }

  #record(kind: string, bytes: Uint8Array): void {
    const { transcript, world } = this.#process
    const { from, to } = this.#path
    transcript.record(world.now, kind, from.name, to.name, bytes)
  }
}

/** Most are a frame or two, for which a call of `fill` costs more than a loop. */
function poison(bytes: Uint8Array): void {
  if (bytes.length > 128) bytes.fill(POISON)
  else for (let i = 0; i < bytes.length; i++) bytes[i] = POISON
}

function retryAfter(attempts: number): Millis {
  return Math.min(FIRST_RETRY * 2 ** (attempts - 1), LAST_RETRY)
}
