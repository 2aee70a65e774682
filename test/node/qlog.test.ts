/** qlog: what the files say is what happened, in qlog's words, within their bounds. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { fromHex } from '../../src/base/bytes.ts'
import { createNode, type PeerInfo } from '../../src/index.ts'
import { Qlog } from '../../src/node/qlog.ts'
import { QlogEvents } from '../../src/node/qlog-events.ts'
import type { TraceEvent, TraceLink } from '../../src/node/trace.ts'
import { notesOf } from '../../src/packets/frame-notes.ts'
import { frameTypes } from '../../src/wire/index.ts'
import { dataOf, faultsOfEvents, faultsOfLog, type LoggedEvent, readLog } from '../support/qlog.ts'
import { readVectors } from '../support/vectors.ts'
import { poured, watchedPair } from '../support/watched-pair.ts'

function directory(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'guild-qlog-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

const weather = { delay: 20, loss: 0.02, duplicate: 0.01, corrupt: 0.005 }
const BYTES = 512 * 1024

const sizes = (data: readonly LoggedEvent['data'][]): number =>
  data.reduce((sum, { raw }) => sum + raw!.length, 0)

t.test('OBS-3 qlog: each event has its shape, and the figures are those of the link', async t => {
  const qlog = join(directory(t), 'made', 'here')
  let [seenByBob, seenByAlice]: (PeerInfo | undefined)[] = []
  await watchedPair({ conditions: weather, options: { qlog } }, async ({ pour, rebind, sim, alice, bob }) => {
    await pour(BYTES)
    rebind()
    await pour(BYTES)
    sim.weather({ ...weather, loss: 0, corrupt: 0 }) // so that the last word is heard
    await sim.pass(2_000) // everything is acknowledged
    seenByBob = bob.peers[0]
    seenByAlice = alice.peers[0]
  })
  const files = readdirSync(qlog).sort()
  t.equal(files.length, 2, 'one a link and node')
  for (const [i, role] of ['initiator', 'responder'].entries()) {
    t.match(files[i], new RegExp(`^20260101T\\d{6}\\.\\d{3}Z-${role}-12D3KooW\\w{44}\\.sqlog$`))
    t.equal(statSync(join(qlog, files[i]!)).mode & 0o777, 0o600)
  }
  const [bob, alice] = files.map(file => readLog(join(qlog, file)))
  t.strictSame(faultsOfLog(bob!), [])
  t.strictSame(faultsOfLog(alice!), [])

  const sent = dataOf(bob!, 'transport:packet_sent')
  const received = dataOf(alice!, 'transport:packet_received')
  const { packets, bytesIn } = seenByBob!
  const closing = 1 // CLOSE, after we looked
  t.equal(sent.length, packets!.packetsSent + closing)
  t.equal(dataOf(alice!, 'transport:packet_sent').length, seenByAlice!.packets!.packetsSent + closing)
  const numbers = sent.map(one => one.header!.packet_number)
  t.strictSame(
    numbers,
    [...new Set(numbers)].sort((a, b) => a - b),
    'each number once, in order; some are left out',
  )
  t.equal(
    dataOf(bob!, 'recovery:packet_lost').filter(one => one.is_mtu_probe_packet === undefined).length,
    packets!.packetsLost,
  )
  t.ok(packets!.packetsLost > 0)
  const inBytes = dataOf(bob!, 'transport:packet_received').concat(dataOf(bob!, 'transport:packet_dropped'))
  t.ok(sizes(inBytes) >= bytesIn && sizes(inBytes) <= bytesIn + 3_000, 'every datagram, and CLOSE')

  // What came was sent, with the same frames.
  const frames = new Map(sent.map(one => [one.header!.packet_number, JSON.stringify(one.frames)]))
  const strange = received.filter(one => JSON.stringify(one.frames) !== frames.get(one.header!.packet_number))
  t.strictSame(strange, [])
  t.ok(received.length < sent.length)

  // The pieces of the streams that came cover them, and the acknowledged packets are those that came.
  const ends = new Map<unknown, number>()
  for (const { frames } of received)
    for (const { frame_type, stream_id, offset, length } of frames!)
      if (frame_type === 'stream')
        ends.set(stream_id, Math.max(ends.get(stream_id) ?? 0, Number(offset) + Number(length)))
  const header = '/sink/1'.length + 1
  t.strictSame([...ends.values()], [BYTES + header, BYTES + header])
  const came = new Set(received.map(one => one.header!.packet_number))
  for (const { frames } of dataOf(alice!, 'transport:packet_sent'))
    for (const frame of frames!)
      for (const [first, last = first] of (frame.acked_ranges ?? []) as [number, number?][])
        for (let n = first; n <= last; n++) if (!came.has(n)) t.fail(`${n} is acknowledged and did not come`)

  const drops = [...dataOf(alice!, 'transport:packet_dropped'), ...dataOf(bob!, 'transport:packet_dropped')]
  const triggers = new Set(drops.map(one => one.trigger))
  t.ok(triggers.has('duplicate') && triggers.has('payload_decrypt_error'), [...triggers].join())
  t.match(dataOf(alice!, 'connectivity:path_updated'), [{ dst_ip: '203.0.113.1', old_dst_ip: '203.0.113.1' }])
  const last = Object.assign({}, ...dataOf(bob!, 'recovery:metrics_updated'))
  t.equal(last.min_rtt, Math.round(packets!.leastRttMs! * 1000) / 1000)
  t.match(dataOf(bob!, 'connectivity:connection_closed'), [{ owner: 'local', trigger: 'clean' }])
  t.match(dataOf(alice!, 'connectivity:connection_closed'), [{ owner: 'remote', trigger: 'clean' }])
})

t.test('OBS-1 OBS-2 qlog: nothing secret is in it, and nobody is disturbed by it', async t => {
  const qlog = directory(t)
  const story = async ({ pour, alice, bob, sim }: Parameters<Parameters<typeof watchedPair>[1]>[0]) => {
    await pour(64 * 1024)
    bob.broadcast('between us')
    await sim.settle(bob.send(alice.peerId, 'to you alone'))
  }
  const hashes = [
    await watchedPair({ conditions: weather, options: { qlog } }, story),
    await watchedPair({ conditions: weather }, story),
  ]
  t.equal(hashes[0], hashes[1], 'the same bytes at the same moments, logged or not')
  for (const file of readdirSync(qlog)) {
    const text = readFileSync(join(qlog, file), 'utf8')
    for (const word of [poured.slice(0, 12), 'between us', 'alone', '03030303', 'token', 'secret"'])
      t.notOk(text.includes(word), word)
  }
})

const clock = { now: () => 0, wall: () => Date.UTC(2026, 0, 1) }
const remote = { host: '192.0.2.1', port: 8000 }
const link: TraceLink = { node: 'us', peer: 'them', direction: 'out', local: undefined, remote }

const begun: TraceEvent = { link, time: 10, kind: 'handshake', step: 'begun' }
const proved: TraceEvent = { link, time: 20, kind: 'handshake', step: 'proved' }
const drop = (time: number): TraceEvent => ({
  ...{ link, time },
  kind: 'packet-dropped',
  size: 1200,
  reason: 'invalid',
})

t.test('OBS-5 qlog: a file that is full says so and stops; so do all of them together', async t => {
  const path = directory(t)
  const qlog = new Qlog({ directory: path, clock, fileMost: 100_000, totalMost: 150_000 })
  const fill = (): void => {
    const sink = qlog.sink()!
    for (const event of [begun, proved]) sink.take(event)
    for (let i = 0; i < 3_000; i++) sink.take(drop(30 + i))
    t.equal(sink.wants('packet-dropped'), false, 'it asks for no more')
    sink.close(9_999)
  }
  fill()
  fill()
  t.equal(qlog.sink(), undefined, 'no third file')
  const files = readdirSync(path).sort()
  t.strictSame(files, [
    '20251231T235959.990Z-initiator-them-2.sqlog',
    '20251231T235959.990Z-initiator-them.sqlog',
  ])
  const sizes = files.map(file => statSync(join(path, file)).size)
  t.ok(Math.max(...sizes) <= 100_500 && Math.max(...sizes) > 99_000, sizes.join())
  t.ok(sizes[0]! + sizes[1]! <= 151_000, sizes.join())
  for (const file of files) {
    const log = readLog(join(path, file))
    t.strictSame(faultsOfLog(log), [])
    t.match(log.events.at(-1), { name: 'loglevel:warning', data: { message: /the log ends here/ } })
  }
})

t.test('OBS-5 qlog: a dial that nobody answered leaves no file', async t => {
  const path = directory(t)
  const sink = new Qlog({ directory: path, clock }).sink()!
  sink.take(begun)
  for (let i = 0; i < 1_000; i++)
    sink.take({ link, time: i + 10, kind: 'handshake', step: 'sent', size: 1200 })
  sink.close(2_000)
  t.strictSame(readdirSync(path), [])
})

t.test('OBS-6 qlog: a disk that fails is told once, and the node goes on', async t => {
  const path = directory(t)
  const qlog = new Qlog({ directory: path, clock })
  const errors: string[] = []
  qlog.onError = error => errors.push(error.code)
  const sinks = [qlog.sink()!, qlog.sink()!]
  rmSync(path, { recursive: true })
  for (const sink of sinks) for (const event of [begun, proved, drop(30)]) sink.take(event)
  t.strictSame(errors, ['GH_STORE_FAILED'])
  t.equal(qlog.sink(), undefined)
  await t.rejects(createNode({ qlog: '/dev/null/x', swarmKey: new Uint8Array(32) }), {
    code: 'GH_STORE_FAILED',
  })
})

t.test('OBS-6 qlog: what was logged a second ago is in the file once more is logged', async t => {
  const path = directory(t)
  const sink = new Qlog({ directory: path, clock }).sink()!
  for (const event of [begun, proved]) sink.take(event)
  const file = join(path, readdirSync(path)[0]!)
  t.strictSame(
    readLog(file).events.map(one => one.time),
    [0],
    'how it began is there at once',
  )
  sink.take(drop(30))
  t.equal(readLog(file).events.length, 1, 'in the buffer')
  sink.take(drop(1_100))
  t.strictSame(
    readLog(file).events.map(one => one.time),
    [0, 10, 20, 1_090],
  )
  sink.close(1_200)
})

t.test('OBS-3 qlog: a change of keys is told on both sides, by the same packet', async t => {
  const qlog = directory(t)
  await watchedPair({ conditions: { delay: 20 }, options: { qlog } }, async ({ pour, sim }) => {
    await sim.pass(125_000) // keys change after 120 s
    await pour(32 * 1024)
    await sim.pass(500)
  })
  const [bob, alice] = readdirSync(qlog)
    .sort()
    .map(file => readLog(join(qlog, file)))
  for (const [log, other, key_type] of [
    [bob!, alice!, 'client_1rtt_secret'],
    [alice!, bob!, 'server_1rtt_secret'],
  ] as const) {
    const told = ({ events }: typeof log, trigger: string) => {
      const at = events.findIndex(one => one.name === 'security:key_updated' && one.data.trigger === trigger)
      return { data: events[at]?.data, by: events[at + 1]?.data.header?.packet_number }
    }
    const local = told(log, 'local_update')
    t.strictSame(local.data, { key_type, generation: 1, trigger: 'local_update' })
    t.equal(told(other, 'remote_update').by, local.by)
    t.type(local.by, 'number')
  }
})

t.test('OBS-3 qlog: every frame of packets has its shape', async t => {
  const frames = readVectors('packet-frames').vectors.filter(one => one.result === 'valid')
  const many = new Uint8Array(1_000).fill(frameTypes.PROBE.type)
  const seen = new Set<unknown>()
  for (const bytes of [...frames.map(one => fromHex(one.bytes)!), many]) {
    const packet = { kind: 'packet-received', number: 1, size: 99, keyPhase: 0, from: remote } as const
    const [event] = new QlogEvents(0).of({ link, time: 0, ...packet, frames: notesOf(bytes) })
    const logged = JSON.parse(JSON.stringify(event)) as LoggedEvent
    const { frames: list } = logged.data
    t.strictSame(faultsOfEvents([logged]), [])
    for (const one of list!) seen.add(one.frame_type)
  }
  t.ok(seen.has('unknown') && seen.has('more') && seen.has('control') && seen.size >= 18, [...seen].join())
})

t.test('OBS-3 qlog: key changes are told by the newest packet, figures by their change', async t => {
  const events = new QlogEvents(0)
  const packet = (kind: 'packet-sent' | 'packet-received', number: number, keyPhase: 0 | 1): TraceEvent =>
    kind === 'packet-sent'
      ? {
          link,
          time: 0,
          kind,
          number,
          size: 99,
          keyPhase,
          eliciting: true,
          mtuProbe: false,
          to: remote,
          frames: [],
        }
      : { link, time: 0, kind, number, size: 99, keyPhase, from: remote, frames: [] }
  const keys = (event: TraceEvent) =>
    events
      .of(event)
      .filter(one => one.name === 'security:key_updated')
      .map(one => one.data)
  t.strictSame(keys(packet('packet-sent', 0, 0)), [])
  t.strictSame(keys(packet('packet-sent', 1, 1)), [
    { key_type: 'client_1rtt_secret', generation: 1, trigger: 'local_update' },
  ])
  t.strictSame(keys(packet('packet-received', 5, 1)), [
    { key_type: 'server_1rtt_secret', generation: 1, trigger: 'remote_update' },
  ])
  t.strictSame(keys(packet('packet-received', 3, 0)), [], 'late, under the key before')
  t.strictSame(keys(packet('packet-received', 6, 1)), [])
  t.match(keys(packet('packet-received', 7, 0)), [{ generation: 2 }])
  const figures = {
    ...{ rttMs: 40, leastRttMs: 39, latestRttMs: 41, rttVarianceMs: 1, ptoCount: 0, congestion: 'bbr' },
    ...{ phase: 'startup', window: 14_720, inFlight: 0, pacingRate: 1_000, slowStartThreshold: undefined },
    ...{ mtu: 1200, packetsSent: 1, packetsReceived: 1, packetsLost: 0 },
  }
  const names = (more: object) =>
    events.of({ link, time: 0, kind: 'metrics', figures: { ...figures, ...more } })
  t.match(names({}), [
    { name: 'recovery:metrics_updated', data: { smoothed_rtt: 40, pacing_rate: 8_000, ssthresh: undefined } },
    { name: 'recovery:congestion_state_updated', data: { new: 'startup', old: undefined } },
    { name: 'recovery:mtu_updated', data: { new: 1200 } },
  ])
  t.strictSame(names({}), [], 'nothing changed')
  t.strictSame(names({ mtu: 1452, window: 9 }), [
    { time: 0, name: 'recovery:metrics_updated', data: { congestion_window: 9 } },
    { time: 0, name: 'recovery:mtu_updated', data: { old: 1200, new: 1452, mtu: 1452 } },
  ])
})
