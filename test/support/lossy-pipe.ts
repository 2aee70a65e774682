/**
 * Two `Streams` joined by packets that get lost, overtake each other, come twice, and are thought lost too early.
 *
 *   fill ─▶ on its way: arrives after 1 to `reorder` turns ─▶ frames, and its acknowledgement as long after
 *                  └▶ is lost: its sender learns that later
 *
 * Virtual turns and a seed: the same again for the same numbers.
 */
import { ByteWriter } from '../../src/base/writer.ts'
import { Carried, deliver, Pair, type PairOptions, type Side } from './pair.ts'
import { Seeded } from './seeded.ts'

export interface Trouble {
  readonly seed: number
  /** Of 100 packets. */
  readonly lost: number
  readonly doubled: number
  /** Thought lost although they arrive. */
  readonly spurious: number
  /** A packet may come so many turns late. */
  readonly reorder: number
}

interface Flying {
  readonly at: number
  readonly act: () => void
}

const PACKET = 1_160
const ATONCE = 256

export class LossyPipe {
  readonly pair: Pair
  readonly random: Seeded
  readonly #trouble: Trouble
  #turn = 0
  #flying: Flying[] = []
  #unknown = [0, 0]
  readonly counts = { packets: 0, lost: 0, doubled: 0, spurious: 0 }

  constructor(trouble: Trouble, options: PairOptions = {}) {
    this.pair = new Pair({ ...options, packets: true })
    this.random = new Seeded(trouble.seed)
    this.#trouble = trouble
  }

  /** One turn: both sides send up to four packets, and what is due happens. False when nothing is on its way. */
  turn(): boolean {
    this.#turn++
    this.pair.now += 1
    this.#send(this.pair.a, this.pair.b, 0)
    this.#send(this.pair.b, this.pair.a, 1)
    const due = this.#flying.filter(one => one.at <= this.#turn)
    this.#flying = this.#flying.filter(one => one.at > this.#turn)
    for (const { act } of due) act()
    return this.#flying.length > 0 || this.pair.a.awake || this.pair.b.awake
  }

  #send(from: Side, to: Side, side: number): void {
    for (let i = 0; i < 4 && from.awake && this.#unknown[side]! < ATONCE; i++) {
      const w = new ByteWriter(new Uint8Array(PACKET))
      const carried = new Carried()
      from.awake = from.streams.fill(w, carried)
      if (w.length === 0) return
      this.#fly(new Uint8Array(w.view()), carried, to, side)
    }
  }

  #fly(bytes: Uint8Array, carried: Carried, to: Side, side: number): void {
    const { lost, doubled, spurious, reorder } = this.#trouble
    this.counts.packets++
    this.#unknown[side]!++
    const later = (turns: number, act: () => void): void =>
      void this.#flying.push({ at: this.#turn + turns, act })
    const arrive = (): void => deliver(new Uint8Array(bytes), to.streams)
    const known = (fate: 'acked' | 'lost'): void => {
      this.#unknown[side]!--
      carried[fate]()
    }
    const chance = this.random.below(100)
    if (chance < lost) {
      this.counts.lost++
      return later(2 * reorder, () => known('lost'))
    }
    const delay = 1 + this.random.below(reorder)
    later(delay, arrive)
    if (this.random.below(100) < doubled) {
      this.counts.doubled++
      later(delay + 1 + this.random.below(3 * reorder), arrive)
    }
    if (chance < lost + spurious) {
      this.counts.spurious++
      later(1 + this.random.below(2 * reorder), () => known('lost'))
    } else later(delay + 1 + this.random.below(reorder), () => known('acked'))
  }
}
