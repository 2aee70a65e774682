/** The log of nodes on real sockets: live, aborted, lazy. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { nativeSuite } from '../../src/crypto/native.ts'
import { createNode, type GuildNode, test as preset } from '../../src/index.ts'
import { systemRandom } from '../../src/runtime/system.ts'
import { MemoryLog } from '../../src/store/log/memory.ts'
import { Author } from '../../src/testing/index.ts'
import { limits } from '../../src/wire/limits.ts'
import { root } from '../support/root.ts'

const swarmKey = new Uint8Array(32).fill(3)
async function nodeOf(
  t: { teardown(end: () => unknown): unknown },
  options: object = {},
): Promise<GuildNode> {
  const node = await createNode({ ...preset, swarmKey, logStore: new MemoryLog(systemRandom), ...options })
  t.teardown(() => node.stop())
  await node.start()
  return node
}

t.test('live: what one says is in the log of the other at once, and tails follow', async t => {
  const [a, b] = [await nodeOf(t), await nodeOf(t)]
  await b.connect(a.addresses[0]!)
  const heard: unknown[] = []
  const following = (async () => {
    for await (const { data, author, deviceId } of b.log.tail({ after: 0 })) {
      heard.push(data)
      t.equal(author, a.peerId)
      t.equal(deviceId, a.peerId)
      if (heard.length === 3) return
    }
  })()
  for (const data of ['one', { two: [2] }, null]) await a.log.append(data)
  await following
  t.strictSame(heard, ['one', { two: [2] }, null])
  t.equal(await b.log.head(), 3)
})

t.test('a signal ends a tail, a listing and a sync; a stopped node says so', async t => {
  const [a, b] = [await nodeOf(t), await nodeOf(t, { liveLog: false })]
  const abort = new AbortController()
  const tail = a.log.tail({ signal: abort.signal })
  const next = tail.next()
  setImmediate(() => abort.abort())
  await t.rejects(next, { code: 'GH_ABORTED' })
  await t.rejects(a.log.entries({ signal: abort.signal }).next(), { code: 'GH_ABORTED' })
  await t.rejects(b.log.sync({ peers: [a.addresses[0]!], signal: abort.signal }), { code: 'GH_ABORTED' })
  await t.rejects(b.log.sync({ peers: [a.addresses[0]!], limit: 0 }), { code: 'GH_OPTION_INVALID' })
  t.match(await b.log.sync({ peers: [a.addresses[0]!] }), [{ peerId: a.peerId, pulled: 0, via: 'tcp' }])
  await a.stop()
  await t.rejects(a.log.append(1), { code: 'GH_NODE_STATE' })
})

t.test('one whose log is not live answers nobody, and the other leaves it alone', async t => {
  const [a, b] = [await nodeOf(t), await nodeOf(t, { liveLog: false })]
  const errors: string[] = []
  a.on('error', ({ code }) => errors.push(code))
  await b.connect(a.addresses[0]!)
  await a.log.append('x')
  await t.rejects(a.log.sync({ peers: [b.peerId] }), { code: 'GH_STREAM_PROTOCOL_UNKNOWN' })
  t.strictSame(errors, [])
})

t.test(
  'an author says one thing in one turn and another in the next: groups of one signature each',
  async t => {
    const log = new MemoryLog(systemRandom)
    const a = await nodeOf(t, { logStore: log })
    const many = await Promise.all(Array.from({ length: 2_000 }, (_, i) => a.log.append(i)))
    t.strictSame(
      many.map(({ seq }) => seq),
      Array.from({ length: 2_000 }, (_, i) => i + 1),
    )
    t.equal(new Set(many.map(({ id }) => id)).size, 2_000)
    const signed = log
      .read(0, 2_000)
      .filter(({ bytes }) => bytes.length > many.length / 10 && hasSignature(bytes))
    t.equal(signed.length, Math.ceil(2_000 / limits.logGroup))
    await t.rejects(a.log.append(undefined), { code: 'GH_CBOR_VALUE' })
    await t.rejects(a.log.append('x'.repeat(limits.logPayload)), { code: 'GH_LOG_TOO_LARGE' })
    t.equal((await a.log.append('goes on')).seq, 2_001)
  },
)

t.test('P15 chat is heard while a log of many authors is read', async t => {
  const full = new MemoryLog(systemRandom)
  for (let i = 0; i < 400; i++) full.insert([new Author(nativeSuite, i % 250).at(undefined).say(i % 250)])
  const [a, b] = [await nodeOf(t, { logStore: full }), await nodeOf(t)]
  const order: string[] = []
  b.on('chat-message', () => order.push('chat'))
  b.on('log-entries', () => order.push('log'))
  await b.connect(a.addresses[0]!)
  a.broadcast('while you read')
  while ((await b.log.head()) < full.head || !order.includes('chat'))
    await new Promise(resolve => setTimeout(resolve, 5))
  t.ok(order.includes('chat'))
  t.equal(await b.log.head(), 250)
})

t.test('a plain node loads no database, and makes none', async t => {
  const folder = t.testdir()
  const program = `
    import { createRequire } from 'node:module'
    const { createNode } = await import(${JSON.stringify(pathToFileURL(join(root, 'dist/src/index.js')).href)})
    const native = () => Object.keys(createRequire(import.meta.url).cache).some(path => path.includes('better-sqlite3')) ||
      process.report.getReport().sharedObjects.some(path => path.includes('better_sqlite3'))
    const node = await createNode({ dataDir: ${JSON.stringify(join(folder, 'data'))}, swarmKey: new Uint8Array(32), host: '127.0.0.1', mdns: false })
    await node.start()
    console.log(native())
    await node.log.append('now')
    console.log(native())
    await node.stop()
  `
  const before = existsSync(join(folder, 'data/guild.db'))
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
  })
  t.strictSame([before, stdout.trim().split('\n')], [false, ['false', 'true']], stderr)
  t.ok(existsSync(join(folder, 'data/guild.db')))
})

/** An entry with 64 bytes behind the key `signature`. */
function hasSignature(bytes: Uint8Array): boolean {
  return Buffer.from(bytes).toString('latin1').includes('signatureX@')
}
