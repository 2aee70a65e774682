/**
 * What loss detection and acknowledging cost a packet: `node dist/test/bench/loss.js`.
 *
 * Both ends in one loop without a network: a packet is sent and noted, an ACK is written, read and taken
 * whenever one is due. 4,000 packets are on their way, as at 100,000 a second and 40 ms.
 */
import { ByteReader } from '../../src/base/reader.ts'
import { ByteWriter } from '../../src/base/writer.ts'
import { Received } from '../../src/packets/received.ts'
import { Recovery } from '../../src/packets/recovery.ts'
import { Rtt } from '../../src/packets/rtt.ts'
import { decodeAck } from '../../src/wire/frames/ack.ts'
import type { InFlight } from '../../src/wire/frames/index.ts'
import { sentPacket } from '../support/acks.ts'

const COUNT = 500_000
const ON_THEIR_WAY = 4000
const RATE = 100 // a millisecond
const ROUNDS = 5

/** Nanoseconds a packet. `lostEvery`: one in so many is lost; 0: none. `lateEvery`: the same, 60 packets late. */
function run(lostEvery: number, lateEvery: number): { sender: number; receiver: number; acks: number } {
  const rtt = new Rtt()
  const recovery = new Recovery(rtt, { maxAckDelay: 25 })
  const peer = new Rtt()
  peer.sample(40, 0)
  const received = new Received(peer)
  const w = new ByteWriter(new Uint8Array(1200))
  const frames: InFlight[] = []
  const manifest = { add: (frame: InFlight): void => void frames.push(frame) }
  const spent = { sender: 0n, receiver: 0n }
  let acks = 0
  let settled = 0
  const batch = 32
  const late: number[] = []
  for (let n = 0; n < COUNT; n += batch) {
    const now = n / RATE
    let begun = process.hrtime.bigint()
    for (let i = n; i < n + batch; i++) recovery.onSent(sentPacket(i, now))
    spent.sender += process.hrtime.bigint() - begun
    if (n < ON_THEIR_WAY) continue
    begun = process.hrtime.bigint()
    const from = n - ON_THEIR_WAY
    for (let i = from; i < from + batch; i++) {
      if (lostEvery > 0 && i % lostEvery === 1) continue
      if (lateEvery > 0 && i % lateEvery === 2) late.push(i)
      else received.note(i, true, now)
    }
    while (late.length > 0 && late[0]! + 60 < from) received.note(late.shift()!, true, now)
    const due = received.ackDue(now)
    if (due) received.writeAck(w.reset(), now, manifest)
    spent.receiver += process.hrtime.bigint() - begun
    if (!due) continue
    acks++
    begun = process.hrtime.bigint()
    const r = new ByteReader(w.view())
    r.varint('frame type')
    settled += recovery.onAck(decodeAck(r), now).acked.length
    spent.sender += process.hrtime.bigint() - begun
    while (frames.length > 100) frames.shift()!.acked()
  }
  if (settled < 0.6 * COUNT) throw new Error(`only ${settled} were acknowledged`)
  return { sender: Number(spent.sender) / COUNT, receiver: Number(spent.receiver) / COUNT, acks }
}

for (const [name, lost, late] of [
  ['nothing lost', 0, 0],
  ['1 % lost', 100, 0],
  ['10 % lost', 10, 0],
  ['25 % late by 60', 0, 4],
] as const) {
  const rounds = Array.from({ length: ROUNDS }, () => run(lost, late))
  const median = (of: (round: ReturnType<typeof run>) => number): string =>
    rounds
      .map(of)
      .sort((a, b) => a - b)
      [ROUNDS >>> 1]!.toFixed(0)
  console.log(
    `${name.padEnd(18)} sender ${median(r => r.sender)} ns, receiver ${median(r => r.receiver)} ns a packet, ` +
      `${(COUNT / rounds[0]!.acks).toFixed(1)} packets an ACK`,
  )
}
