/** Blocks of a running node through its control socket: both ways, called off, and plagued. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { type Blockstore, ControlClient, cidOf, openControl } from '../../src/index.ts'
import { GuildStream } from '../../src/node/guild-stream.ts'
import { PlainConnection } from '../../src/node/plain-connection.ts'
import {
  CONTROL_BLOCKS_PROTOCOL,
  encodeBlock,
  encodeJson,
  encodeWant,
} from '../../src/protocols/control/blocks.ts'
import { defaults } from '../../src/protocols/control/session.ts'
import { Drive } from '../../src/runtime/drive.ts'
import { systemClock, systemScheduler } from '../../src/runtime/system.ts'
import { dialLocal } from '../../src/transport/local.ts'
import { failure, Nodes, until } from '../support/nodes.ts'

const windows = process.platform === 'win32' ? { skip: 'there is no control socket on Windows' } : {}

interface Ends {
  teardown(work: () => unknown): void
}

function folder(t: Ends): string {
  const path = mkdtempSync(join(tmpdir(), 'guild-blocks-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

async function scene(t: Ends) {
  const nodes = new Nodes(t)
  const dataDir = folder(t)
  const node = await nodes.start({ name: 'a', dataDir })
  const control = await openControl({ dataDir })
  t.teardown(() => control.close())
  return { nodes, dataDir, node, control, blocks: control.blocks }
}

/** A client that says what it likes. */
async function raw(t: Ends, dataDir: string): Promise<() => GuildStream> {
  const drive = new Drive(systemClock, systemScheduler(true))
  const pipe = await dialLocal(join(dataDir, 'control.sock'), AbortSignal.timeout(5_000))
  const connection = new PlainConnection({
    pipe,
    drive,
    client: true,
    onStream: stream => stream.abort(),
    onEnded: () => {},
  })
  t.teardown(() => {
    pipe.destroy()
    drive.stop()
  })
  return () => new GuildStream(connection.streams.open(CONTROL_BLOCKS_PROTOCOL), CONTROL_BLOCKS_PROTOCOL, '')
}

t.test(
  'a block: put, found, read and removed by another process; the shape of a blockstore',
  windows,
  async t => {
    const { node, control } = await scene(t)
    const store: Blockstore = control.blocks // any code that wants one
    const own: Blockstore = node.blocks
    const bytes = randomBytes(100_000)
    const cid = await cidOf(bytes)
    t.equal(await store.has(cid), false)
    t.ok((await store.put(cid, [bytes.subarray(0, 5), bytes.subarray(5)])).equals(cid), 'in chunks')
    t.equal(await own.has(cid), true)
    for await (const chunk of store.get(cid)) t.strictSame(Buffer.from(chunk), bytes)
    t.equal(await control.blocks.size(cid), 100_000)
    t.match(await control.blocks.stat(), { blocks: 1, bytes: 100_000 })
    for await (const pair of store.getMany([cid, cid])) t.ok(pair.cid.equals(cid))
    await store.delete(cid)
    t.equal(await own.has(cid), false)
    const missing = failure(control.blocks.get(cid, { offline: true }).next())
    t.equal((await missing).code, 'GH_BLOCK_MISSING')
    t.equal((await failure(control.blocks.get(cid).next())).code, 'GH_BLOCK_NO_PEERS')
  },
)

t.test('CONTROL-8 a deposit: durable and pinned at its end; given up, nothing holds it', windows, async t => {
  const { node, blocks } = await scene(t)
  const some = await Promise.all(
    Array.from({ length: 40 }, async () => {
      const bytes = randomBytes(50_000)
      return { bytes, cid: await cidOf(bytes) }
    }),
  )
  const deposit = await blocks.deposit()
  for (const { cid, bytes } of some) await deposit.put(cid, bytes)
  deposit.pin(some[0]!.cid)
  t.match(await deposit.end(), { blocks: 40, bytes: 2_000_000 })
  const pins = []
  for await (const pin of blocks.pins.ls()) pins.push(pin)
  t.match(pins, [{ recursive: true }])
  t.ok(pins[0]!.cid.equals(some[0]!.cid))
  t.match(await blocks.gc(), { removed: 39, bytes: 39 * 50_000 })
  await blocks.pins.rm(some[0]!.cid)
  t.equal((await failure(blocks.pins.rm(some[0]!.cid))).code, 'GH_PIN_MISSING')
  t.match(await blocks.gc(), { removed: 1 })

  const undone = await blocks.deposit({ undo: true })
  await undone.put(some[1]!.cid, some[1]!.bytes)
  await until(() => true)
  await undone.abort()
  for (let tries = 0; tries < 500 && (await node.blocks.has(some[1]!.cid)); tries++)
    await new Promise(resolve => setTimeout(resolve, 2))
  t.equal(await node.blocks.has(some[1]!.cid), false, 'taken back')
})

t.test('a block that is not what its CID says is told so, and nothing of it is kept', windows, async t => {
  const { node, blocks } = await scene(t)
  const cid = await cidOf(randomBytes(100))
  t.equal((await failure(blocks.put(cid, randomBytes(100)))).code, 'GH_BLOCK_MISMATCH')
  t.equal(await node.blocks.has(cid), false)
  const deposit = await blocks.deposit()
  await deposit.put(cid, randomBytes(100))
  t.equal((await failure(deposit.end())).code, 'GH_BLOCK_MISMATCH')
  t.equal((await blocks.stat()).blocks, 0, 'and the socket lives on')
})

t.test('CONTROL-8 a client that goes ends what was done for it', windows, async t => {
  const { nodes, node, blocks } = await scene(t)
  const silent = await nodes.server(() => {})
  t.ok(silent)
  const other = await nodes.start({ name: 'b' })
  await node.connect(`127.0.0.1:${other.port}`)
  const nowhere = await cidOf(randomBytes(10))
  const session = blocks.session()
  const waiting = failure(session.get(nowhere))
  await until(() => node.stats().want_list_size === 1 || other.peers.length === 1)
  await session.close()
  t.match((await waiting).code, /GH_(ABORTED|LINK_CLOSED|STREAM_RESET|BLOCK_NOT_FOUND)/)
  await until(() => node.stats().want_list_size === 0)
  const abort = new AbortController()
  const verifying = failure(blocks.verify({ signal: abort.signal }))
  abort.abort()
  t.equal((await verifying).code, 'GH_ABORTED')
})

t.test(
  'CONTROL-8 a client that does not read is not read: what the node holds is bounded',
  windows,
  async t => {
    const { dataDir, node } = await scene(t)
    const bytes = randomBytes(1024 * 1024)
    const cid = await cidOf(bytes)
    await node.blocks.put(cid, bytes)
    const open = await raw(t, dataDir)
    const stream = open()
    stream.send(encodeJson({ do: 'get' }))
    let reads = 0
    const { blocks } = node
    const session = blocks.session.bind(blocks)
    // What is asked of the store while nobody takes the answers.
    blocks.session = options => {
      const real = session(options)
      return {
        get: (one, wait) => {
          reads++
          return real.get(one, wait)
        },
        close: () => real.close(),
      }
    }
    t.teardown(() => {
      blocks.session = session
    })
    const greedy = open()
    greedy.send(encodeJson({ do: 'get' }))
    for (let i = 0; i < 2_000; i++) greedy.send(encodeWant(cid))
    await until(() => reads > 0)
    let before = -1
    while (before !== reads) {
      before = reads
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    t.ok(reads <= 64, `${reads} of 2,000 were looked up`)
    greedy.destroy()
    stream.destroy()
  },
)

t.test(
  'CONTROL-7 CONTROL-8 what is no request is answered, and too many streams are refused',
  windows,
  async t => {
    const { dataDir, node, control } = await scene(t)
    const open = await raw(t, dataDir)
    const answer = async (...messages: Uint8Array[]): Promise<string> => {
      const stream = open()
      for (const message of messages) stream.send(message)
      stream.end()
      const replies: string[] = []
      await stream.receive(message => void replies.push(Buffer.from(message).toString()))
      return replies.join(' ')
    }
    const cid = await cidOf(randomBytes(10))
    t.match(await answer(Buffer.from('nonsense')), /GH_CONTROL_REQUEST/)
    t.match(await answer(), /GH_CONTROL_REQUEST.*too early/)
    t.match(await answer(encodeJson({ do: 'get' }), encodeBlock(cid, randomBytes(3))), /GH_CONTROL_REQUEST/)
    t.match(await answer(encodeJson({ do: 'rm', cid: 'nonsense' })), /GH_CID_INVALID/)
    t.match(await answer(encodeJson({ do: 'stat' })), /"done":\{"blocks":0/)
    const held = Array.from({ length: defaults.engaged }, () => {
      const stream = open()
      stream.send(encodeJson({ do: 'get' }))
      return stream
    })
    t.equal((await failure(answer(encodeJson({ do: 'stat' })))).code, 'GH_STREAM_LIMIT')
    for (const stream of held) stream.destroy()
    // Some come and go before anybody looked at them.
    for (let i = 0; i < defaults.engaged; i++) {
      const stream = open()
      stream.send(encodeJson({ do: 'get' }))
      stream.destroy()
    }
    const again = async (tries: number): Promise<string> => {
      try {
        return await answer(encodeJson({ do: 'stat' }))
      } catch (error) {
        if (tries === 0 || (error as { code?: string }).code !== 'GH_STREAM_LIMIT') throw error
        await new Promise(resolve => setTimeout(resolve, 20))
        return again(tries - 1)
      }
    }
    t.match(await again(250), /"done"/, 'and there is room again')
    t.ok(control instanceof ControlClient && node.peerId === (await control.status()).peerId)
  },
)
