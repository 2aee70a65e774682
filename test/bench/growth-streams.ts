/**
 * One row of the table of growth: so many streams on one link, between two nodes in this process.
 * A process a row. Started by `growth.ts`.
 *
 * A node grants 256 streams where nobody says otherwise; here `maxStreams` raises it. The load is
 * the same in each row, spread over the streams: what grows is the cost of their number.
 */
import { randomBytes } from 'node:crypto'
import { median } from '../../src/cli/bench/rows.ts'
import { createNode, type GuildNode, type GuildStream } from '../../src/index.ts'
import { at } from '../support/nodes.ts'
import { each, settled } from './settled.ts'

export interface StreamsRow {
  readonly streams: number
  /** Until each has carried a message there and back. */
  readonly openMs: number
  /** Of one that is open and idle, both ends, in bytes that JavaScript can reach; and of the resident set. */
  readonly bytesPerStream: number | undefined
  readonly residentPerStream: number | undefined
  /** 10^6 bytes a second, all streams together. */
  readonly megabytesPerSecond: number
  readonly messagesPerSecond: number
  /** A stream opened, asked, answered and gone, as many at once. */
  readonly requestsPerSecond: number
}

const TOTAL = 64 * 1024 * 1024
const CHUNK = 64 * 1024
const MESSAGES = 200_000
const MESSAGE = Buffer.alloc(100, 7)
const REQUESTS = 10_000
/** The first warms up, the median of the others counts. */
const ROUNDS = 6
/** Fewer streams are lost in what else moves. */
const WEIGHED = 100

/** What the other side has got so far, over all streams. */
const got = { bytes: 0, messages: 0 }
let reached: (() => boolean) | undefined
let wake: () => void = () => {}
const look = (): void => {
  if (reached?.()) wake()
}

async function measure(count: number): Promise<StreamsRow> {
  const [a, b] = await pair(count)
  await open(a, b, Math.min(count, 100)).then(close)
  await requests(a, b, 1_000, Math.min(count, 100))
  const before = await settled()
  const begun = performance.now()
  const streams = await open(a, b, count)
  const openMs = performance.now() - begun
  const stream = each(before, await settled(), count)
  const messages: number[] = []
  for (let round = 0; round < ROUNDS; round++) messages.push(await sendMessages(streams))
  close(streams)
  const sinks = await Promise.all(streams.map(() => a.open(b.peerId, '/sink/1')))
  const bulk: number[] = []
  for (let round = 0; round < ROUNDS; round++) bulk.push(await sendBytes(sinks))
  close(sinks)
  const asked = Math.max(1, Math.min(REQUESTS, count * 2_000))
  const row = {
    streams: count,
    openMs,
    bytesPerStream: count < WEIGHED ? undefined : stream.kept,
    residentPerStream: stream.resident,
    megabytesPerSecond: median(bulk.slice(1)) / 1e6,
    messagesPerSecond: median(messages.slice(1)),
    requestsPerSecond: await requests(a, b, asked, count),
  }
  await Promise.all([a.stop(), b.stop()])
  return row
}

async function pair(count: number): Promise<[GuildNode, GuildNode]> {
  const swarmKey = new Uint8Array(randomBytes(32))
  const make = async (): Promise<GuildNode> => {
    const node = await createNode({
      host: '127.0.0.1',
      mdns: false,
      swarmKey,
      // Those of the row before them may be on their way out while the next come.
      maxStreams: Math.max(256, 2 * count),
    })
    await node.start()
    return node
  }
  const [a, b] = [await make(), await make()]
  b.handle('/messages/1', stream => {
    stream.send(MESSAGE) // it is there
    return stream.receive(() => {
      got.messages++
      look()
    })
  })
  b.handle('/sink/1', stream => {
    stream.on('data', (bytes: Uint8Array) => {
      got.bytes += bytes.length
      look()
    })
  })
  b.handle('/echo/1', stream => void stream.pipe(stream))
  await a.connect(at(b))
  return [a, b]
}

function open(a: GuildNode, b: GuildNode, count: number): Promise<GuildStream[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const stream = await a.open(b.peerId, '/messages/1')
      stream.send(MESSAGE)
      await new Promise<void>((resolve, reject) => {
        stream.receive(() => resolve()).catch(reject)
      })
      return stream
    }),
  )
}

function close(streams: readonly GuildStream[]): void {
  for (const stream of streams) stream.destroy()
}

async function sendBytes(streams: readonly GuildStream[]): Promise<number> {
  const share = Math.floor(TOTAL / streams.length)
  const chunk = Buffer.alloc(Math.min(CHUNK, share), 7)
  const total = streams.length * share
  return rate(total, 'bytes', () =>
    Promise.all(
      streams.map(async stream => {
        for (let left = share; left > 0; left -= chunk.length)
          if (!stream.write(left < chunk.length ? chunk.subarray(0, left) : chunk)) await stream.drained()
      }),
    ),
  )
}

async function sendMessages(streams: readonly GuildStream[]): Promise<number> {
  return rate(MESSAGES, 'messages', async () => {
    for (let i = 0; i < MESSAGES; i++) {
      const stream = streams[i % streams.length]!
      if (!stream.send(MESSAGE)) await stream.drained()
      if (i % 10_000 === 9_999) await new Promise(setImmediate)
    }
  })
}

/** What is done in a second, from the first write until all of it has come. */
async function rate(total: number, what: keyof typeof got, work: () => Promise<unknown>): Promise<number> {
  const from = got[what]
  const all = new Promise<void>(resolve => {
    wake = resolve
    reached = () => got[what] - from >= total
  })
  const begun = performance.now()
  await Promise.all([work(), all])
  reached = undefined
  return (total * 1000) / (performance.now() - begun)
}

async function requests(a: GuildNode, b: GuildNode, total: number, atOnce: number): Promise<number> {
  let asked = 0
  const begun = performance.now()
  await Promise.all(
    Array.from({ length: Math.min(atOnce, total) }, async () => {
      while (asked++ < total) await a.request(b.peerId, '/echo/1', MESSAGE)
    }),
  )
  return (total * 1000) / (performance.now() - begun)
}

process.once('disconnect', () => process.exit(3))
process.once('message', ({ count }: { count: number }) => {
  measure(count).then(
    row => process.send!({ row }, () => process.exit(0)),
    (error: Error) => process.send!({ error: error.stack }, () => process.exit(1)),
  )
})
