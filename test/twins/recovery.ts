/**
 * The obvious loss detection: one list of everything ever sent, gone through from end to end at
 * each question. Twin of `src/packets/recovery.ts`.
 */
import { Rtt } from '../../src/packets/rtt.ts'
import type { SentPacket } from '../../src/packets/sent.ts'
import type { AckFrame } from '../../src/wire/frames/ack.ts'

interface Entry {
  readonly packet: SentPacket
  fate: 'out' | 'lost' | 'acked'
  forgotten: boolean
  /** Lost in a way that counts towards persistent congestion. */
  counts: boolean
}

export interface Told {
  acked: number[]
  lost: number[]
  ackedAside: number[]
  lostAside: number[]
  spurious: number[]
  newest: number | undefined
  sample: number | undefined
  persistent: boolean
  probes: number
}

function nothing(): Told {
  return {
    acked: [],
    lost: [],
    ackedAside: [],
    lostAside: [],
    spurious: [],
    newest: undefined,
    sample: undefined,
    persistent: false,
    probes: 0,
  }
}

export class NaiveRecovery {
  readonly rtt = new Rtt()
  largestAcked = -1
  ptoCount = 0
  packets = 3
  factor = 9 / 8
  readonly #maxAckDelay: number
  readonly #entries: Entry[] = []
  #calm = 0
  #since = 0
  #left = -1
  #firstSample = Number.POSITIVE_INFINITY
  /** A run of losses begins at this number or above. */
  #runFrom = 0
  #lastLost = -1
  #decided = 0
  #trouble = -1

  constructor(maxAckDelay: number) {
    this.#maxAckDelay = maxAckDelay
  }

  get bytesInFlight(): number {
    return this.#out()
      .filter(entry => entry.packet.path > this.#left)
      .reduce((sum, entry) => sum + entry.packet.size, 0)
  }

  onSent(packet: SentPacket): void {
    this.#forget(packet.time)
    this.#entries.push({ packet, fate: 'out', forgotten: false, counts: false })
    if (packet.eliciting) this.#since = packet.time
  }

  onAck(ack: AckFrame, now: number): Told {
    const told = nothing()
    this.largestAcked = Math.max(this.largestAcked, ack.largest)
    const largest = this.#entries.find(
      entry => entry.packet.number === ack.largest && entry.fate === 'out' && !entry.forgotten,
    )
    let elicited = false
    for (const entry of this.#entries) {
      const { packet } = entry
      if (entry.forgotten || entry.fate === 'acked' || !covered(ack, packet.number)) continue
      if (packet.number < this.#decided) this.#runFrom = this.#lastLost + 1
      if (entry.fate === 'lost') {
        told.spurious.push(packet.number)
        this.#spurious(packet, now)
      } else if (packet.eliciting && packet.path > this.#left) told.acked.push(packet.number)
      else told.ackedAside.push(packet.number)
      if (entry.fate === 'out' && packet.eliciting) elicited = true
      entry.fate = 'acked'
    }
    told.newest = told.acked.at(-1)
    if (elicited || told.spurious.length > 0) {
      this.ptoCount = 0
      this.#since = now
    }
    if (largest !== undefined && largest.packet.path > this.#left && elicited) {
      told.sample = now - largest.packet.time
      this.rtt.sample(told.sample, Math.min(ack.delay, this.#maxAckDelay))
      this.#firstSample = Math.min(this.#firstSample, now)
    }
    this.#detect(told, now)
    this.#forget(now)
    return told
  }

  deadline(): number | undefined {
    const waiting = this.#waiting()
    if (waiting.length > 0) return Math.min(...waiting.map(entry => entry.packet.time)) + this.#delay()
    return this.#out().length > 0 ? this.#since + this.#backoff() : undefined
  }

  onTimer(now: number): Told {
    const told = nothing()
    const deadline = this.deadline()
    if (this.#waiting().length > 0) {
      if (deadline! <= now) this.#detect(told, now)
    } else if (deadline !== undefined && deadline <= now) {
      this.#since = now
      told.probes = ++this.ptoCount > 1 ? 2 : 1
    }
    this.#forget(now)
    return told
  }

  discardPath(path: number): void {
    this.#left = Math.max(this.#left, path)
    this.ptoCount = 0
    this.#firstSample = Number.POSITIVE_INFINITY
    this.#runFrom = this.#lastLost + 1
    this.packets = 3
    this.factor = 9 / 8
    this.#calm = 0
  }

  #out(): Entry[] {
    return this.#entries.filter(entry => entry.fate === 'out' && entry.packet.eliciting)
  }

  /** Something sent later came, and they did not. */
  #waiting(): Entry[] {
    return this.#out().filter(entry => entry.packet.number < this.largestAcked)
  }

  #delay(): number {
    return Math.max(this.factor * Math.max(this.rtt.smoothed, this.rtt.latest), 1)
  }

  #backoff(): number {
    const once = this.rtt.pto + this.#maxAckDelay
    return Math.max(once, Math.min(once * 2 ** this.ptoCount, 4_000))
  }

  #spurious(packet: SentPacket, now: number): void {
    const rtt = Math.max(this.rtt.smoothed, this.rtt.latest)
    if (packet.path <= this.#left) return
    this.#calm = 0
    const waited = now - packet.time
    if (waited > 2 * rtt) return
    this.packets = Math.min(8192, Math.max(this.packets, this.largestAcked - packet.number + 1))
    this.factor = Math.max(this.factor, waited / rtt)
  }

  #detect(told: Told, now: number): void {
    const { packets } = this
    const delay = this.#delay()
    for (const entry of this.#waiting()) {
      const { packet } = entry
      if (this.largestAcked - packet.number < packets && now < packet.time + delay) continue
      entry.fate = 'lost'
      this.#lastLost = packet.number
      if (packet.path <= this.#left || packet.mtuProbe) {
        told.lostAside.push(packet.number)
        continue
      }
      told.lost.push(packet.number)
      if (packet.number > this.#trouble) {
        this.#trouble = this.#entries.at(-1)!.packet.number
        this.#trueLoss()
      }
      entry.counts = packet.time > this.#firstSample
      if (entry.counts && this.#broken(entry)) {
        told.persistent = true
        this.#runFrom = packet.number
      }
    }
    if (told.persistent) this.rtt.least = this.rtt.latest
    this.#decided = this.#waiting()[0]?.packet.number ?? this.largestAcked
  }

  /** Was one lost so long before this one, with nothing that came in between? */
  #broken(last: Entry): boolean {
    const to = this.#entries.indexOf(last)
    for (let i = to - 1; i >= 0; i--) {
      const { packet, fate, counts } = this.#entries[i]!
      if (fate === 'acked' || packet.number < this.#runFrom) return false
      const enough = 3 * (this.rtt.pto + this.#maxAckDelay)
      if (fate === 'lost' && counts && last.packet.time - packet.time > enough) return true
    }
    return false
  }

  #trueLoss(): void {
    if (++this.#calm < 16) return
    this.#calm = 0
    this.packets = 3 + Math.floor((this.packets - 3) / 2)
    const more = (this.factor - 9 / 8) / 2
    this.factor = more < 0.01 ? 9 / 8 : 9 / 8 + more
  }

  #forget(now: number): void {
    const oldest = now - 2 * (this.rtt.pto + this.#maxAckDelay)
    for (const entry of this.#entries) {
      const { packet, fate } = entry
      if (packet.eliciting && fate === 'out') return
      if (fate !== 'acked' && packet.time > oldest) return
      entry.forgotten = true
    }
  }
}

function covered(ack: AckFrame, number: number): boolean {
  for (let i = 0; i < ack.count; i++)
    if (ack.ranges[2 * i]! <= number && number <= ack.ranges[2 * i + 1]!) return true
  return false
}
