/**
 * Both ends of the loss machines over a path that loses and shuffles: real ACK frames, virtual time.
 *
 *   sender: Recovery, a window of fixed size ──▶ loss, lateness ──▶ receiver: Received
 *          ◀────────────── ACK frames, which are lost as well ◀──────
 */
import t from 'tap'
import { ByteReader } from '../../src/base/reader.ts'
import { ByteWriter } from '../../src/base/writer.ts'
import { Received } from '../../src/packets/received.ts'
import { type Acknowledged, Recovery, type TimerResult } from '../../src/packets/recovery.ts'
import { Rtt } from '../../src/packets/rtt.ts'
import { decodeAck } from '../../src/wire/frames/ack.ts'
import type { InFlight } from '../../src/wire/frames/index.ts'
import { sentPacket } from '../support/acks.ts'
import { Seeded } from '../support/seeded.ts'

interface Path {
  readonly seed: number
  /** One way, in milliseconds. */
  readonly delay: number
  /** Packets a millisecond. */
  readonly rate: number
  /** Both ways. */
  readonly loss: number
  /** Share of packets that are late, and by up to how many others. */
  readonly late: number
  readonly depth: number
  /** Pieces to deliver, a packet each. */
  readonly pieces: number
  /** Nothing passes in these 2 of every 7 seconds. */
  readonly blackhole?: boolean
}

interface Outcome {
  readonly time: number
  readonly sent: number
  readonly dropped: number
  readonly lost: number
  readonly spurious: number
  readonly persistent: number
  readonly acks: number
  readonly packets: number
  /** Of each piece, how often its packet was told acked or lost. */
  readonly toldTwice: number
  readonly maxPto: number
}

interface Event {
  readonly at: number
  readonly order: number
  readonly act: () => void
}

function run(path: Path): Outcome {
  const random = new Seeded(path.seed)
  const rtt = new Rtt()
  const peerRtt = new Rtt()
  peerRtt.sample(2 * path.delay, 0)
  const recovery = new Recovery(rtt, { maxAckDelay: 25 })
  const received = new Received(peerRtt)
  const window = 1.5 * path.rate * (2 * path.delay + 25) * 1200
  const missing = Array.from({ length: path.pieces }, (_, i) => i)
  const has = new Set<number>()
  const told = new Map<number, number>()
  const out = { sent: 0, dropped: 0, lost: 0, spurious: 0, persistent: 0, acks: 0, toldTwice: 0, maxPto: 0 }
  const queue: Event[] = []
  let order = 0
  let now = 0
  let nextSend = 0
  let probes = 0

  const at = (time: number, act: () => void): void => {
    queue.push({ at: time, order: order++, act })
  }
  const dropped = (): boolean =>
    random.fraction() < path.loss || (path.blackhole === true && now % 7000 >= 5000)
  const lateness = (): number =>
    random.fraction() < path.late ? (1 + random.below(path.depth)) / path.rate : 0

  const sendAck = (): void => {
    const w = new ByteWriter()
    const frames: InFlight[] = []
    if (!received.writeAck(w, now, { add: frame => frames.push(frame) })) return
    out.acks++
    if (dropped()) return
    at(now + path.delay + lateness(), () => {
      const r = new ByteReader(w.view())
      r.varint('frame type')
      const result = recovery.onAck(decodeAck(r), now)
      settle(result)
      out.spurious += result.spurious.length
      // Its packet is acknowledged by what we send next.
      at(now + path.delay, () => frames[0]!.acked())
    })
  }
  const settle = (result: TimerResult | Acknowledged): void => {
    out.lost += result.lost.length
    if (result.persistent) out.persistent++
    for (const packet of result.lost) for (const frame of packet.frames) frame.lost()
    if ('acked' in result) for (const packet of result.acked) for (const frame of packet.frames) frame.acked()
    if ('probes' in result) probes += result.probes
  }
  const send = (): void => {
    const piece = missing.shift()
    const number = recovery.next
    const count = (again: boolean): void => {
      told.set(number, (told.get(number) ?? 0) + 1)
      if (again && piece !== undefined) missing.unshift(piece)
    }
    const frames = [{ acked: () => count(false), lost: () => count(true) }]
    recovery.onSent(sentPacket(number, now, { frames }))
    out.sent++
    if (dropped()) {
      out.dropped++
      return
    }
    at(now + path.delay + lateness(), () => {
      if (!received.note(number, true, now, piece === undefined)) return
      if (piece !== undefined) has.add(piece)
    })
  }

  while (has.size < path.pieces && now < 600_000) {
    if (probes > 0) {
      probes--
      send()
    } else if (missing.length > 0 && nextSend <= now && recovery.bytesInFlight + 1200 <= window) {
      send()
      nextSend = Math.max(nextSend + 1 / path.rate, now)
    }
    if (received.ackDue(now)) sendAck()
    queue.sort((a, b) => b.at - a.at || b.order - a.order)
    const wakes = [queue.at(-1)?.at, recovery.deadline(), received.ackDeadline].filter(x => x !== undefined)
    const canSend = missing.length > 0 && recovery.bytesInFlight + 1200 <= window
    if (canSend || probes > 0) wakes.push(probes > 0 ? now : nextSend)
    now = Math.max(now, Math.min(...wakes))
    while (queue.length > 0 && queue.at(-1)!.at <= now) queue.pop()!.act()
    const deadline = recovery.deadline()
    if (deadline !== undefined && deadline <= now) settle(recovery.onTimer(now))
    out.maxPto = Math.max(out.maxPto, recovery.ptoCount)
  }
  for (const times of told.values()) if (times > 1) out.toldTwice++
  return { ...out, time: now, packets: recovery.reordering.packets }
}

const plain = { delay: 20, rate: 10, loss: 0, late: 0, depth: 0, pieces: 6000 }

t.test('a clean path loses nothing and asks for nothing', async t => {
  const got = run({ ...plain, seed: 1 })
  t.match(got, { lost: 0, spurious: 0, persistent: 0, sent: 6000, toldTwice: 0, maxPto: 0 })
  t.ok(got.acks < 6000 / 20, `${got.acks} acknowledgements`)
})

t.test(
  'UQ-04 LOSS-7 a quarter comes late by up to 100 packets: few false alarms, and true losses are seen',
  async t => {
    const shuffled = run({ ...plain, seed: 2, late: 0.25, depth: 100 })
    t.comment(JSON.stringify(shuffled))
    t.ok(shuffled.spurious < 0.01 * shuffled.sent, `${shuffled.spurious} false alarms`)
    t.equal(shuffled.persistent, 0)
    t.ok(shuffled.packets > 60 && shuffled.packets < 300, `patience ${shuffled.packets}`)
    t.ok(shuffled.time < 1.2 * run({ ...plain, seed: 2 }).time)
    const lossy = run({ ...plain, seed: 3, late: 0.25, depth: 100, loss: 0.02 })
    t.comment(JSON.stringify(lossy))
    t.ok(lossy.lost >= 0.9 * lossy.dropped && lossy.spurious < 0.02 * lossy.sent)
    t.equal(lossy.persistent, 0)
  },
)

t.test('LOSS-6 LOSS-8 every piece comes, at up to 30 % loss both ways and shuffled', async t => {
  for (const [i, loss] of [0.01, 0.1, 0.3].entries())
    for (const late of [0, 0.25]) {
      const got = run({ ...plain, seed: 10 + i, loss, late, depth: 30, pieces: 2000 })
      t.ok(got.time < 20_000, `${loss} lost, ${late} late: ${JSON.stringify(got)}`)
      t.equal(got.toldTwice, 0)
      t.ok(got.lost >= got.dropped - 400)
    }
})

t.test(
  'UQ-19 LOSS-9 a path that is dark 2 s of every 7: it goes on, and says when it was broken',
  async t => {
    const got = run({ ...plain, seed: 20, rate: 0.5, pieces: 8000, blackhole: true })
    t.comment(JSON.stringify(got))
    t.ok(got.time < 30_000)
    t.ok(got.persistent >= 1, 'each dark time is longer than three probe timeouts')
    t.ok(got.maxPto >= 2 && got.maxPto < 10)
  },
)
