/** Streams between two nodes on real sockets, used as programs use Node's streams. */
import { createHash, randomBytes } from 'node:crypto'
import {
  createReadStream,
  createWriteStream,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Transform, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import type { ErrorCode, GuildNode, GuildStream } from '../../src/index.ts'
import { failure, Nodes, next, until } from '../support/nodes.ts'

const echo = async (stream: GuildStream): Promise<void> => {
  for await (const chunk of stream) if (!stream.write(chunk)) await stream.drained()
  stream.end()
}

function faults(node: GuildNode): { code: ErrorCode; message: string }[] {
  const all: { code: ErrorCode; message: string }[] = []
  node.on('error', error => all.push(error))
  return all
}

t.test('request: one message, one answer; limits, unknown protocols and peers', async t => {
  const [a, b] = await new Nodes(t).pair()
  b.handle('/echo/1', echo)
  for (const size of [0, 1, 65_536, 700_000]) {
    const message = randomBytes(size)
    t.ok(message.equals(await a.request(b.peerId, '/echo/1', message)), `${size} bytes`)
  }
  const large = failure(a.request(b.peerId, '/echo/1', randomBytes(2000), { maxBytes: 1999 }))
  t.equal((await large).code, 'GH_STREAM_TOO_LARGE')
  t.equal(
    (await failure(a.request(b.peerId, '/nope/1', new Uint8Array(1)))).code,
    'GH_STREAM_PROTOCOL_UNKNOWN',
  )
  const stranger = '12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq'
  t.equal((await failure(a.request(stranger, '/echo/1', new Uint8Array(1)))).code, 'GH_PEER_UNKNOWN')
  t.equal((await failure(a.open(b.peerId, 'echo'))).code, 'GH_OPTION_INVALID')
  b.unhandle('/echo/1')
  t.equal(
    (await failure(a.request(b.peerId, '/echo/1', new Uint8Array(1)))).code,
    'GH_STREAM_PROTOCOL_UNKNOWN',
  )
})

t.test(
  'maxStreams: so many of a peer at once, the next waits for its turn; other links are not asked',
  async t => {
    const [a, b] = await new Nodes(t).pair({}, { maxStreams: 2 })
    const held: GuildStream[] = []
    for (const node of [a, b])
      node.handle('/hold/1', stream => {
        held.push(stream)
        stream.resume()
      })
    const streams = await Promise.all([1, 2, 3].map(() => a.open(b.peerId, '/hold/1')))
    for (const stream of streams) stream.write('here')
    await until(() => held.length === 2)
    // What came back the same way shows that the third had its chance to come.
    await Promise.all([1, 2, 3].map(async () => (await b.open(a.peerId, '/hold/1')).write('there')))
    await until(() => held.length === 5)
    t.equal(held.filter(({ peerId }) => peerId === a.peerId).length, 2)
    held[0]!.end()
    streams[0]!.end()
    await until(() => held.filter(({ peerId }) => peerId === a.peerId).length === 3)
  },
)

t.test('maxStreams: thousands on one link, all given up at once, do not end it', async t => {
  const [a, b] = await new Nodes(t).pair({}, { maxStreams: 6_000 })
  let open = 0
  let closed = 0
  b.handle('/hold/1', stream => {
    open++
    stream.on('close', () => closed++).resume()
  })
  const streams = await Promise.all(Array.from({ length: 6_000 }, () => a.open(b.peerId, '/hold/1')))
  for (const stream of streams) stream.write('here')
  await until(() => open === 6_000)
  for (const stream of streams) stream.destroy()
  await until(() => closed === 6_000)
  b.handle('/echo/1', echo)
  t.equal((await a.request(b.peerId, '/echo/1', randomBytes(10))).length, 10)
  t.equal(b.peers.length, 1)
})

t.test('open needs no round trip, and both sides may open at once', async t => {
  const [a, b] = await new Nodes(t).pair()
  for (const node of [a, b]) node.handle('/echo/1', echo)
  const all = Array.from({ length: 40 }, async (_, i) => {
    const [from, to] = i % 2 === 0 ? [a, b] : [b, a]
    const message = randomBytes(1000 + i)
    return message.equals(await from.request(to.peerId, '/echo/1', message))
  })
  t.ok((await Promise.all(all)).every(Boolean))
  const stream = await a.open(b.peerId, '/echo/1')
  t.match(stream, { protocol: '/echo/1', peerId: b.peerId })
  stream.end('hello')
  t.equal((await stream.toArray()).join(''), 'hello')
})

t.test('stream.pipeline both ways at once: files arrive byte for byte', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'guild-home-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const path = (name: string) => join(folder, name)
  const size = 20_000_000
  for (const name of ['up', 'down']) writeFileSync(path(name), randomBytes(size))
  const [a, b] = await new Nodes(t).pair()
  const served = new Promise<void>((resolve, reject) => {
    b.handle('/swap/1', stream =>
      Promise.all([
        pipeline(stream, createWriteStream(path('up-there'))),
        pipeline(createReadStream(path('down')), stream),
      ]).then(() => resolve(), reject),
    )
  })
  const begun = performance.now()
  const stream = await a.open(b.peerId, '/swap/1')
  await Promise.all([
    pipeline(createReadStream(path('up')), stream),
    pipeline(stream, createWriteStream(path('down-here'))),
    served,
  ])
  const seconds = (performance.now() - begun) / 1000
  t.comment(`2 x ${size / 1e6} MB in ${seconds.toFixed(2)} s`)
  t.equal(hash(path('up-there')), hash(path('up')))
  t.equal(hash(path('down-here')), hash(path('down')))
})

t.test('stream.pipeline through a transform of the handler', async t => {
  const [a, b] = await new Nodes(t).pair()
  const invert = () =>
    new Transform({
      transform: (chunk: Buffer, _, done) =>
        done(
          null,
          chunk.map(byte => byte ^ 0xff),
        ),
    })
  b.handle('/invert/1', stream => pipeline(stream, invert(), stream))
  const sent = randomBytes(3_000_000)
  const got: Buffer[] = []
  const collect = new Writable({
    write: (chunk: Buffer, _, done) => {
      got.push(chunk)
      done()
    },
  })
  await pipeline(Readable.from(pieces(sent, 10_000)), await a.open(b.peerId, '/invert/1'), collect)
  t.ok(Buffer.concat(got).equals(sent.map(byte => byte ^ 0xff)))
})

t.test('FR-15 half-close from each side leaves the other way open', async t => {
  const [a, b] = await new Nodes(t).pair()
  const order: string[] = []
  b.handle('/after/1', async stream => {
    for await (const _ of stream) order.push('data')
    order.push('peer ended')
    stream.write('answer after the end')
    stream.end()
  })
  const first = await a.open(b.peerId, '/after/1')
  first.end('x')
  t.equal((await first.toArray()).join(''), 'answer after the end')
  t.strictSame(order, ['data', 'peer ended'])
  b.handle('/greeting/1', async stream => {
    stream.end('welcome')
    for await (const chunk of stream) order.push(String(chunk))
    order.push('both ended')
  })
  const second = await a.open(b.peerId, '/greeting/1')
  second.write('one') // a stream begins with its first bytes
  const heard: string[] = []
  for await (const chunk of second) heard.push(String(chunk))
  t.strictSame(heard, ['welcome'])
  second.end(' two')
  await until(() => order.at(-1) === 'both ended')
  t.equal(order.slice(2, -1).join(''), 'one two')
})

t.test('FR-15 a reset races with an end: both sides finish, nothing is left', async t => {
  const [a, b] = await new Nodes(t).pair()
  let served = 0
  b.handle('/race/1', async stream => {
    try {
      stream.end('bye')
      for await (const _ of stream);
    } finally {
      served++
    }
  })
  for (let round = 0; round < 50; round++) {
    const stream = await a.open(b.peerId, '/race/1')
    stream.end('bye')
    if (round % 2 === 0) await new Promise(setImmediate)
    stream.destroy()
  }
  await until(() => served === 50)
  b.handle('/echo/1', echo)
  t.equal(await lives(a, b), 'alive')
})

t.test(
  'FR-14 a handler that throws or rejects loses its stream; one error event, the node lives',
  async t => {
    const [a, b] = await new Nodes(t).pair()
    const reported = faults(b)
    b.handle('/echo/1', echo)
    b.handle('/throws/1', () => {
      throw new Error('broken at once')
    })
    b.handle('/rejects/1', async stream => {
      for await (const _ of stream) throw new Error('broken later')
    })
    for (const [protocol, why] of [
      ['/throws/1', 'broken at once'],
      ['/rejects/1', 'broken later'],
    ] as const) {
      const error = await failure(a.request(b.peerId, protocol, Buffer.from('x')))
      t.match(error.code, /^GH_STREAM_(RESET|STOPPED)$/, protocol)
      t.notMatch(error.message, why, 'the peer is not told what broke')
      await until(() => reported.length > 0)
      t.match(reported.splice(0), [{ code: 'GH_INTERNAL', message: why }], 'reported once')
      t.equal(await lives(a, b), 'alive')
    }
    b.handle('/waits/1', async stream => {
      for await (const _ of stream);
    })
    const given = await a.open(b.peerId, '/waits/1')
    given.write('x')
    given.destroy()
    t.equal(await lives(a, b), 'alive')
    t.strictSame(reported, [], 'a peer that gives up is no fault of the handler')
  },
)

t.test('a write of 64 KiB is not told to wait while the stream has room for more', async t => {
  const [a, b] = await new Nodes(t).pair()
  b.handle('/room/1', stream => void stream.resume())
  const stream = await a.open(b.peerId, '/room/1')
  for (let i = 0; i < 7; i++) t.equal(stream.write(new Uint8Array(64 * 1024)), true)
  stream.destroy()
})

t.test('FR-16 back-pressure from end to end: write is told false, memory stays bounded', async t => {
  const [a, b] = await new Nodes(t).pair()
  let reader: GuildStream | undefined
  b.handle('/slow/1', stream => {
    reader = stream
  })
  b.handle('/echo/1', echo)
  const stream = await a.open(b.peerId, '/slow/1')
  const chunk = randomBytes(64 * 1024)
  const total = 64 * 1024 * 1024
  const before = process.memoryUsage().rss
  let written = 0
  let blocked = 0
  const writing = (async () => {
    while (written < total) {
      written += chunk.length
      if (stream.write(chunk)) continue
      blocked++
      await stream.drained()
    }
    stream.end()
  })()
  await until(() => blocked > 0 && reader !== undefined && stream.writableNeedDrain)
  t.equal(await lives(a, b), 'alive', 'FR-12 others move')
  const stuck = written
  t.comment(`${stuck} bytes taken before write was held (a window, two lines of 512 KiB and less)`)
  t.ok(stuck < 4 * 1024 * 1024, 'far less than the whole')
  for (let i = 0; i < 20; i++) await new Promise(setImmediate)
  t.equal(written, stuck, 'nobody reads, nothing moves')
  let read = 0
  let highest = 0
  for await (const part of reader!) {
    read += part.length
    highest = Math.max(highest, process.memoryUsage().rss - before)
  }
  reader!.end()
  await writing
  t.equal(read, total)
  t.comment(
    `resident set grew by at most ${(highest / 2 ** 20).toFixed(0)} MiB for 64 MiB; held ${blocked} times`,
  )
  t.ok(highest < 250 * 2 ** 20)
})

t.test('AbortSignals end an open stream and a request, and tell the other side', async t => {
  const [a, b] = await new Nodes(t).pair()
  const seen: (string | undefined)[] = []
  let arrived = 0
  b.handle('/hang/1', stream => {
    arrived++
    stream.resume()
    stream.on('close', () => seen.push((stream.errored as { code?: string } | null)?.code))
  })
  t.equal((await failure(a.open(b.peerId, '/hang/1', { signal: AbortSignal.abort() }))).code, 'GH_ABORTED')
  const stop = new AbortController()
  const stream = await a.open(b.peerId, '/hang/1', { signal: stop.signal })
  stream.write('x')
  await until(() => arrived === 1)
  const ended = failure(stream.toArray())
  stop.abort()
  t.equal((await ended).name, 'AbortError')
  await until(() => seen.length === 1)
  const late = failure(a.request(b.peerId, '/hang/1', Buffer.from('x'), { signal: AbortSignal.timeout(50) }))
  t.equal((await late).code, 'GH_ABORTED')
  await until(() => seen.length === 2)
  t.strictSame(seen, ['GH_STREAM_RESET', 'GH_STREAM_STOPPED'], 'the second had ended its side before')
})

t.test('a link that ends fails its streams, each with the reason', async t => {
  const [a, b] = await new Nodes(t).pair()
  const ends: (string | undefined)[] = []
  b.handle('/hang/1', stream => {
    stream.on('close', () => ends.push((stream.errored as { code?: string } | null)?.code)).resume()
  })
  const open = await a.open(b.peerId, '/hang/1')
  open.write('x')
  const reading = failure(open.toArray())
  const asking = failure(a.request(b.peerId, '/hang/1', Buffer.from('x')))
  const gone = next(a, 'peer-disconnected')
  await b.stop()
  t.equal((await reading).code, 'GH_LINK_CLOSED')
  t.equal((await asking).code, 'GH_LINK_CLOSED')
  t.match(await gone, { peerId: b.peerId, peers: 0 })
  t.equal((await failure(a.open(b.peerId, '/hang/1'))).code, 'GH_PEER_UNKNOWN')
})

async function lives(a: GuildNode, b: GuildNode): Promise<string> {
  return Buffer.from(await a.request(b.peerId, '/echo/1', Buffer.from('alive'))).toString()
}

function hash(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}

function* pieces(bytes: Buffer, size: number): Iterable<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}
