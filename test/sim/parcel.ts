/**
 * One stream from one node to another, whose every byte is known to the one who watches.
 *
 *   sender ── bytes of a keystream that the seed gives ──▶ receiver: the same byte in the same place? whole?
 *      ◀──────────────────────── length ───────────────────────┘
 *
 * How it came along is kept, a mark each time something arrives: how long it stood still, and how
 * much arrived in a span of time.
 */
import { createCipheriv, createHash } from 'node:crypto'
import type { Simulation } from '../../src/testing/index.ts'
import { claim, type Member } from './fleet.ts'

/** Whatever the path is like, something arrives within this (P10). */
const STANDSTILL = 60_000
const PIECE = 32 * 1024

export interface ParcelOptions {
  /** Bytes; fewer where `lasts` ends it before. */
  readonly length: number
  /** Virtual milliseconds for which it goes on. Default: until all is sent. */
  readonly lasts?: number
  /** Bytes of a write. Default 32 KiB. */
  readonly piece?: number
  /** Virtual milliseconds between two pieces. Default 0: as fast as the link takes it. */
  readonly every?: number
  /** Where the path is away on purpose. Default: nowhere. */
  readonly standstill?: number
}

interface Mark {
  readonly time: number
  /** Bytes that had arrived by then. */
  readonly bytes: number
}

export class Parcel {
  /** What it has, once all is sent. */
  length: number
  readonly marks: Mark[] = []
  began = 0
  whole = false
  /** Its sender has read that all came. */
  acknowledged = false
  readonly #sim: Simulation
  readonly #from: Member
  readonly #to: Member
  readonly #protocol: string
  readonly #key: Uint8Array
  readonly #options: ParcelOptions

  /** `name` tells the parcels of one receiver apart. */
  constructor(sim: Simulation, name: string, from: Member, to: Member, options: ParcelOptions) {
    this.#sim = sim
    this.#from = from
    this.#to = to
    this.#options = options
    this.length = options.length
    this.#protocol = `/parcel-${name}/1`
    this.#key = sim.random.split(`parcel ${name}`).bytes(16)
    to.node.handle(this.#protocol, stream => this.#read(stream as AsyncIterable<Uint8Array> & Ends))
  }

  get read(): number {
    return this.marks.at(-1)?.bytes ?? 0
  }

  /** Virtual milliseconds from the first write to the last byte read. */
  get took(): number {
    return this.marks.at(-1)!.time - this.began
  }

  /** Sends it; resolves once its sender has read that all came. */
  async send(): Promise<void> {
    const { every = 0, piece: most = PIECE, lasts = Number.POSITIVE_INFINITY } = this.#options
    const stream = await this.#from.node.open(this.#to.node.peerId, this.#protocol)
    this.began = this.#sim.now
    const source = new Keystream(this.#key)
    let at = 0
    while (at < this.length && this.#sim.now < this.began + lasts) {
      const piece = source.next(Math.min(most, this.length - at))
      at += piece.length
      if (!stream.write(piece)) await stream.drained()
      if (every > 0) await this.#sim.world.sleep(every)
    }
    this.length = at
    stream.end()
    let answer = ''
    for await (const chunk of stream as AsyncIterable<Uint8Array>) answer += Buffer.from(chunk).toString()
    claim(answer === String(this.length), `${this.length} bytes were answered with "${answer}"`)
    claim(this.whole, 'acknowledged and not whole')
    this.acknowledged = true
  }

  /** Sends it, lets time pass until all came and is acknowledged, and looks how it came. */
  async deliver(limit = 7_200_000): Promise<void> {
    const sent = this.send()
    this.watch()
    await this.#sim.settle(sent, { limit, events: 50_000_000 })
    this.check()
  }

  /** Fails the run as soon as it stands still for too long. */
  watch(): void {
    const { standstill = STANDSTILL } = this.#options
    const look = (before: number): void => {
      if (this.whole) return
      if (this.read === before)
        this.#sim.world.fail(new Error(`nothing arrived for ${standstill / 1000} s after ${before} bytes`))
      const bytes = this.read
      this.#sim.world.after(standstill, () => look(bytes))
    }
    this.#sim.world.after(standstill, () => look(0))
  }

  check(): void {
    claim(this.acknowledged && this.read === this.length, `${this.read} of ${this.length} bytes arrived`)
  }

  /** The longest time without a byte, of those that overlap with this span. */
  stall(from = this.began, to = Number.POSITIVE_INFINITY): number {
    let longest = 0
    let before = this.began
    for (const { time } of this.marks) {
      if (time > from && before < to) longest = Math.max(longest, time - before)
      before = time
    }
    return longest
  }

  /** Bytes that arrived in this span. */
  arrived(from: number, to: number): number {
    return this.#at(to) - this.#at(from)
  }

  #at(time: number): number {
    return this.marks.findLast(mark => mark.time <= time)?.bytes ?? 0
  }

  async #read(stream: AsyncIterable<Uint8Array> & Ends): Promise<void> {
    const expected = new Keystream(this.#key)
    const [came, drawn] = [createHash('sha256'), createHash('sha256')]
    const must = (condition: boolean, what: string): void => {
      if (!condition) this.#sim.world.fail(new Error(`${this.#protocol} ${what}`))
    }
    must(this.marks.length === 0, 'came twice')
    for await (const chunk of stream) {
      const at = this.read
      const same = Buffer.compare(chunk, expected.next(chunk.length)) === 0
      must(same, `has wrong bytes at ${at}`)
      came.update(chunk)
      this.marks.push({ time: this.#sim.now, bytes: at + chunk.length })
    }
    const again = new Keystream(this.#key)
    for (let at = 0; at < this.length; at += PIECE)
      drawn.update(again.next(Math.min(PIECE, this.length - at)))
    must(this.read === this.length, `ended after ${this.read} of ${this.length} bytes`)
    must(came.digest('hex') === drawn.digest('hex'), 'has another SHA-256')
    this.whole = true
    stream.end(String(this.read))
  }
}

interface Ends {
  end(last: string): void
}

/** As many bytes as are wanted, the same for the same key. */
class Keystream {
  readonly #cipher: ReturnType<typeof createCipheriv>

  constructor(key: Uint8Array) {
    this.#cipher = createCipheriv('aes-128-ctr', key, new Uint8Array(16))
  }

  next(length: number): Buffer {
    return this.#cipher.update(new Uint8Array(length))
  }
}
