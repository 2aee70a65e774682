/**
 * One bottleneck and the flows that share it, in virtual time.
 *
 *   flow ─ pacer, window ─▶ ┌ loss ┐─▶ queue, bytes ─▶ rate ─▶ delay ─▶ receiver
 *     ▲                                                                    │ every nth packet,
 *     └──────────────────────────── delay ◀──────────────────────────── ACK or after a while
 *
 * Small on purpose: no wire format, no retransmission (every packet carries new bytes, so what is
 * acknowledged is goodput), and a loss detection that is plainly right: three later packets have arrived, or
 * nothing has for long. What is under test are the controllers and the pacer, the real ones. The same seed gives the same run.
 */
import { type Timed, TimeHeap } from '../../src/base/heap.ts'
import type { Millis } from '../../src/base/machine.ts'
import type { Congestion } from '../../src/packets/congestion/controller.ts'
import { type CongestionName, createCongestion } from '../../src/packets/congestion/index.ts'
import { Pacer, paceOf } from '../../src/packets/pacer.ts'
import type { SentPacket } from '../../src/packets/sent.ts'
import { Seeded } from '../support/seeded.ts'

export interface Path {
  /** Bytes per second. */
  rate: number
  /** Milliseconds there and back, the queue empty. */
  rtt: Millis
  /** Bytes that may wait. */
  queue: number
  /** Part of the packets lost at random. */
  loss?: number
  /** Losses come in bursts of this many packets on average. */
  burst?: number
  seed?: number
}

export interface FlowOptions {
  readonly congestion: CongestionName
  readonly mss?: number
  readonly start?: Millis
  /** Bytes there are to send at a time; unlimited if not given, then `write` adds. */
  readonly data?: number
  /** The receiver acknowledges every so many packets. */
  readonly ackEvery?: number
  /** …or so long after the first that waits. */
  readonly ackDelay?: Millis
  /** Timers of both ends fire at multiples of this. */
  readonly timer?: Millis
}

const REORDER = 3

/** Least, latest and smoothed round trip, as RFC 9002 section 5 has them. */
class RoundTrip {
  latest = 0
  smoothed = 0
  least = Number.POSITIVE_INFINITY
  sampled = false

  sample(rtt: Millis): void {
    this.latest = rtt
    this.least = Math.min(this.least, rtt)
    this.smoothed = this.sampled ? (7 * this.smoothed + rtt) / 8 : rtt
    this.sampled = true
  }
}

interface Event extends Timed {
  readonly run: () => void
}

export class Bottleneck {
  now: Millis = 0
  readonly path: Path
  readonly flows: Flow[] = []
  readonly random: Seeded
  /** Sum and number of the queueing delays met, for averages. */
  waited = { sum: 0, count: 0, most: 0 }
  dropped = 0
  readonly #events = new TimeHeap<Event>()
  #order = 0
  #bursting = false
  #lastOut: Millis = 0
  /** Departure times and sizes of what waits. */
  readonly #waiting: { out: Millis; size: number }[] = []
  #head = 0
  #backlog = 0

  constructor(path: Path) {
    this.path = path
    this.random = new Seeded(path.seed ?? 1)
  }

  at(when: Millis, run: () => void): void {
    this.#events.push({ at: Math.max(when, this.now), order: this.#order++, run })
  }

  flow(options: FlowOptions): Flow {
    const flow = new Flow(this, options)
    this.flows.push(flow)
    return flow
  }

  /** Runs until `end`; what flows have delivered then is in `delivered`. */
  run(end: Millis): void {
    for (;;) {
      const first = this.#events.first
      if (first === undefined || first.at > end) break
      this.#events.pop()
      this.now = first.at
      first.run()
    }
    this.now = end
  }

  /** Bytes per second that each flow delivers between now and `end`. */
  measure(end: Millis): number[] {
    const from = this.now
    const before = this.flows.map(flow => flow.delivered)
    this.waited = { sum: 0, count: 0, most: 0 }
    this.run(end)
    return this.flows.map((flow, i) => ((flow.delivered - before[i]!) * 1000) / (end - from))
  }

  /** A packet meets the queue: when it is through at the other end, or undefined. */
  carry(size: number): Millis | undefined {
    while (this.#head < this.#waiting.length && this.#waiting[this.#head]!.out <= this.now)
      this.#backlog -= this.#waiting[this.#head++]!.size
    if (this.#head > 4096) {
      this.#waiting.splice(0, this.#head)
      this.#head = 0
    }
    if (this.#isLost() || this.#backlog + size > this.path.queue) {
      this.dropped++
      return undefined
    }
    const begin = Math.max(this.now, this.#lastOut)
    const wait = begin - this.now
    this.waited.sum += wait
    this.waited.count++
    this.waited.most = Math.max(this.waited.most, wait)
    this.#lastOut = begin + (size * 1000) / this.path.rate
    this.#backlog += size
    this.#waiting.push({ out: this.#lastOut, size })
    return this.#lastOut + this.path.rtt / 2
  }

  #isLost(): boolean {
    const { loss = 0, burst = 1 } = this.path
    if (loss === 0) return false
    // Two states: in a burst everything is lost; it ends with 1/burst a packet.
    if (this.#bursting) this.#bursting = burst > 1 && this.random.fraction() >= 1 / burst
    else this.#bursting = this.random.fraction() < (burst > 1 ? loss / burst / (1 - loss) : loss)
    return this.#bursting
  }
}

interface InFlightPacket extends SentPacket {
  state: 'out' | 'acked' | 'lost'
}

export class Flow {
  readonly congestion: Congestion
  readonly rtt = new RoundTrip()
  /** Bytes acknowledged. */
  delivered = 0
  lost = 0
  inFlight = 0
  readonly #link: Bottleneck
  readonly #options: FlowOptions
  readonly #mss: number
  readonly #pacer: Pacer
  #data: number
  #next = 0
  #largestAcked = -1
  #lastHeard: Millis
  #wake: Millis | undefined
  /** Sent, not yet judged, in order. */
  #out: InFlightPacket[] = []
  /** Arrived, not yet acknowledged. */
  #arrived: InFlightPacket[] = []
  #expected = 0
  #ackTimer = false

  constructor(link: Bottleneck, options: FlowOptions) {
    this.#link = link
    this.#options = options
    this.#mss = options.mss ?? 1200
    this.#data = options.data ?? Number.POSITIVE_INFINITY
    const now = options.start ?? 0
    const random = (): number => link.random.fraction()
    this.congestion = createCongestion(options.congestion, { mss: this.#mss, now, random })
    this.#pacer = new Pacer(this.#mss, now)
    this.#lastHeard = now
    link.at(now, () => this.#send())
    link.at(now + 100, () => this.#watch())
  }

  write(bytes: number): void {
    this.#data += bytes
    this.#send()
  }

  #send(): void {
    const { now } = this.#link
    if (this.inFlight === 0) this.#lastHeard = now
    this.#pacer.setRate(paceOf(this.congestion, this.rtt))
    while (this.inFlight + this.#mss <= this.congestion.window) {
      if (this.#data < this.#mss) return this.congestion.appLimited(this.inFlight)
      const wait = this.#pacer.next(now)
      if (wait !== undefined) return this.#sleep(wait)
      this.#emit(now)
    }
  }

  #emit(now: Millis): void {
    const packet: InFlightPacket = {
      number: this.#next++,
      time: now,
      size: this.#mss,
      eliciting: true,
      mtuProbe: false,
      path: 0,
      frames: [],
      delivered: 0,
      deliveredTime: 0,
      firstSentTime: 0,
      appLimited: false,
      txInFlight: 0,
      lostBefore: 0,
      state: 'out',
    }
    this.#data -= this.#mss
    this.inFlight += packet.size
    this.#out.push(packet)
    this.#pacer.spend(packet.size, now)
    this.congestion.onSent(packet, this.inFlight, now)
    const through = this.#link.carry(packet.size)
    if (through !== undefined) this.#link.at(through, () => this.#arrive(packet))
  }

  #sleep(until: Millis): void {
    const { timer = 0 } = this.#options
    const at = timer > 0 ? Math.ceil(until / timer) * timer : until
    if (this.#wake !== undefined && this.#wake <= at) return
    this.#wake = at
    this.#link.at(at, () => {
      if (this.#wake !== at) return
      this.#wake = undefined
      this.#send()
    })
  }

  // Receiver

  #arrive(packet: InFlightPacket): void {
    const { ackEvery = 2, ackDelay = 25, timer = 0 } = this.#options
    this.#arrived.push(packet)
    const gap = packet.number !== this.#expected
    this.#expected = Math.max(this.#expected, packet.number + 1)
    if (gap || this.#arrived.length >= ackEvery) return this.#acknowledge()
    if (this.#ackTimer) return
    this.#ackTimer = true
    const due = this.#link.now + ackDelay
    this.#link.at(timer > 0 ? Math.ceil(due / timer) * timer : due, () => {
      this.#ackTimer = false
      this.#acknowledge()
    })
  }

  #acknowledge(): void {
    if (this.#arrived.length === 0) return
    const packets = this.#arrived
    this.#arrived = []
    this.#link.at(this.#link.now + this.#link.path.rtt / 2, () => this.#onAck(packets))
  }

  // Sender again

  #onAck(packets: InFlightPacket[]): void {
    const { now } = this.#link
    const priorInFlight = this.inFlight
    const acked = packets.filter(packet => packet.state === 'out')
    for (const packet of packets) if (packet.state === 'lost') this.congestion.onSpurious(packet, now)
    if (acked.length === 0) return
    for (const packet of acked) {
      packet.state = 'acked'
      this.inFlight -= packet.size
      this.delivered += packet.size
    }
    const newest = acked.reduce((a, b) => (b.number > a.number ? b : a))
    this.#lastHeard = now
    this.#largestAcked = Math.max(this.#largestAcked, newest.number)
    if (newest.number === this.#largestAcked) this.rtt.sample(now - newest.time)
    const lost = this.#judge(packet => packet.number + REORDER <= this.#largestAcked)
    this.congestion.onAck({ now, acked, newest, inFlight: this.inFlight, priorInFlight, rtt: this.rtt, lost })
    this.#send()
  }

  #judge(isLost: (packet: InFlightPacket) => boolean): InFlightPacket[] {
    let judged = 0
    const lost: InFlightPacket[] = []
    for (const packet of this.#out) {
      if (packet.state === 'out') {
        if (!isLost(packet)) break
        packet.state = 'lost'
        this.inFlight -= packet.size
        this.lost += packet.size
        lost.push(packet)
      }
      judged++
    }
    if (judged > 0) this.#out.splice(0, judged)
    if (lost.length > 0)
      this.congestion.onLost({
        now: this.#link.now,
        lost,
        inFlight: this.inFlight,
        largestSent: this.#next - 1,
      })
    return lost
  }

  /** Everything in flight was lost: no ACK will come to say so. */
  #watch(): void {
    const { now } = this.#link
    if (this.inFlight > 0 && now - this.#lastHeard > 3 * (this.rtt.sampled ? this.rtt.smoothed : 333) + 100) {
      this.#judge(() => true)
      this.#lastHeard = now
      this.#send()
    }
    this.#link.at(now + 50, () => this.#watch())
  }
}

/** Jain's index: 1 when all get the same, 1/n when one gets all. */
export function jain(rates: readonly number[]): number {
  const sum = rates.reduce((a, b) => a + b, 0)
  return sum ** 2 / (rates.length * rates.reduce((a, b) => a + b * b, 0))
}

/** Bytes per second. */
export const mbit = (n: number): number => (n * 1e6) / 8
