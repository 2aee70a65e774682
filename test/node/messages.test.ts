/** Messages on streams of two real nodes: `send` and `receive`. */
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { createNode, type GuildNode, type GuildStream, test as preset } from '../../src/index.ts'
import { encodeMessage } from '../../src/streams/messages.ts'
import { pattern } from '../support/pair.ts'

const nodes: GuildNode[] = []
t.teardown(() => Promise.all(nodes.map(node => node.stop())))

const swarmKey = new Uint8Array(randomBytes(32))
async function start(bootstrap: readonly string[] = []): Promise<GuildNode> {
  const node = await createNode({ ...preset, swarmKey, bootstrap })
  nodes.push(node)
  await node.start()
  return node
}
const server = await start()
const client = await start()
await client.connect(server.addresses[0]!)

let protocols = 0
/** A stream, and the other end of it. */
async function pair(): Promise<[GuildStream, GuildStream]> {
  const protocol = `/messages-${++protocols}/1`
  const other = new Promise<GuildStream>(resolve => server.handle(protocol, resolve))
  const stream = await client.open(server.peerId, protocol)
  stream.write(new Uint8Array(0))
  return [stream, await other]
}

t.test('messages come out whole and in order, whatever their size', async t => {
  const [out, into] = await pair()
  const sizes = [0, 1, 63, 64, 100, 4096, 65_536, 1_000_000, 5, 0, 300_000]
  const received: Uint8Array[] = []
  const done = into.receive(message => void received.push(message.slice()))
  const buffer = new Uint8Array(1_000_000)
  for (const [i, size] of sizes.entries()) {
    buffer.set(pattern(size, i))
    if (!out.send(buffer.subarray(0, size))) await out.drained()
  }
  out.end()
  await done
  t.strictSame(
    received.map(({ length }) => length),
    sizes,
  )
  t.ok(
    received.every((message, i) => Buffer.from(message).equals(pattern(sizes[i]!, i))),
    'and each is itself, although the sender used one buffer for all',
  )
})

t.test(
  'FR-16 send answers false when the other side does not read, and drained says when to go on',
  async t => {
    const [out, into] = await pair()
    const message = pattern(100)
    let sent = 0
    while (out.send(message)) sent++
    t.ok(sent > 1000 && sent < 100_000, `${sent} messages in line`)
    let received = 0
    const done = into.receive(() => received++)
    await out.drained()
    t.equal(out.send(message), true, 'there is room again')
    out.end()
    await done
    t.equal(received, sent + 2)
  },
)

t.test('a handler that returns a promise is waited for, the end included', async t => {
  const [out, into] = await pair()
  let atWork = 0
  let most = 0
  const order: number[] = []
  const done = into.receive(async ([number]) => {
    most = Math.max(most, ++atWork)
    await new Promise(resolve => setImmediate(resolve))
    order.push(number!)
    atWork--
  })
  for (let i = 0; i < 20; i++) out.send(Uint8Array.of(i))
  out.end()
  await done
  t.equal(most, 1)
  t.strictSame(
    order,
    Array.from({ length: 20 }, (_, i) => i),
  )
  into.end()
})

t.test('send keeps its place behind bytes that wait in Node’s own line', async t => {
  const [out, into] = await pair()
  const lengths: number[] = []
  const done = into.receive(message => void lengths.push(message.length))
  const large = encodeMessage(pattern(400_000))
  for (let i = 0; i < 3; i++) out.write(large)
  t.ok(out.writableLength > 0)
  out.send(pattern(7))
  out.end()
  await done
  t.strictSame(lengths, [400_000, 400_000, 400_000, 7])
})

t.test('answers travel on the same stream while messages come', async t => {
  const [out, into] = await pair()
  into.receive(message => into.send(message)).then(() => into.end())
  const answers: string[] = []
  const done = out.receive(message => void answers.push(Buffer.from(message).toString()))
  for (const word of ['one', 'two', 'three']) out.send(Buffer.from(word))
  out.end()
  await done
  t.strictSame(answers, ['one', 'two', 'three'])
})

t.test('a message above maxBytes resets the stream; both sides learn it', async t => {
  const [out, into] = await pair()
  const done = into.receive(() => t.fail('no message'), { maxBytes: 99 })
  out.send(new Uint8Array(100))
  await t.rejects(done, { code: 'GH_STREAM_TOO_LARGE' })
  out.resume()
  await new Promise(resolve => out.once('close', resolve))
  t.match(out.errored, { code: 'GH_STREAM_TOO_LARGE' })
})

t.test('an end inside a message, a handler that throws, a stream destroyed here: all reject', async t => {
  const [cut, cutInto] = await pair()
  const short = cutInto.receive(() => t.fail('no message'))
  cut.end(Uint8Array.of(5, 1, 2))
  await t.rejects(short, { code: 'GH_WIRE_SHORT' })

  const [thrown, thrownInto] = await pair()
  const failure = new Error('mine')
  const failed = thrownInto.receive(() => {
    throw failure
  })
  thrown.send(pattern(3))
  t.equal(await failed.catch(error => error), failure, 'the very error')
  t.ok(thrownInto.destroyed)

  const [rejected, rejectedInto] = await pair()
  const late = rejectedInto.receive(() => Promise.reject(failure))
  rejected.send(pattern(3))
  t.equal(await late.catch(error => error), failure)

  const [, given] = await pair()
  const left = given.receive(() => {})
  given.destroy()
  await t.rejects(left, { code: 'GH_STREAM_RESET' })
})

t.test('a stream that was over before anybody asked for its messages says so at once', async t => {
  const [out, into] = await pair()
  out.destroy()
  await new Promise(resolve => into.once('close', resolve))
  await t.rejects(
    into.receive(() => t.fail('no message')),
    { code: 'GH_STREAM_RESET' },
  )
  const [mine] = await pair()
  mine.destroy()
  await new Promise(resolve => mine.once('close', resolve))
  await t.rejects(
    mine.receive(() => t.fail('no message')),
    { code: 'GH_STREAM_RESET' },
  )
})

t.test('receive is refused where somebody reads already', async t => {
  const [, into] = await pair()
  into.resume()
  await new Promise(resolve => setImmediate(resolve))
  t.throws(() => into.receive(() => {}), { code: 'GH_STATE_EVENT' })
  const [, twice] = await pair()
  twice.receive(() => {})
  t.throws(() => twice.receive(() => {}), { code: 'GH_STATE_EVENT' })
})

t.test('a writer that waits for drained when write says false may use one buffer for all', async t => {
  const [out, into] = await pair()
  const buffer = Buffer.alloc(64 * 1024)
  const read = (async () => {
    const parts: Buffer[] = []
    for await (const part of into) parts.push(part)
    return Buffer.concat(parts)
  })()
  for (let i = 0; i < 50; i++) {
    buffer.fill(i)
    if (!out.write(buffer)) await out.drained()
  }
  buffer.fill(255)
  out.end()
  const all = await read
  t.equal(all.length, 50 * buffer.length)
  for (let i = 0; i < 50; i++)
    t.ok(all.subarray(i * buffer.length, (i + 1) * buffer.length).every(byte => byte === i))
})
