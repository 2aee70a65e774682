/**
 * One process of the soak: a node that does as it is told. Started by `fleet.ts`, never by hand.
 *
 * SIGTERM stops it in order, and then nothing may hold the process: it ends by itself, and
 * says before what it still holds (P28). When its parent goes away without a word, it ends too.
 */
import { createHash } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import { createNode, type GuildNode, type NodeOptions } from '../../src/index.ts'
import { Seeded } from '../support/seeded.ts'
import { ECHO, type Order, type Sample, SINK, type Started, type Told } from './orders.ts'

/** For one stream there and back, its peer being stopped for a while perhaps. */
const ECHO_PATIENCE = 60_000
const collect = (globalThis as { gc?: () => void }).gc
/** Node makes some handles at first use, for standard output and the channel: only what is above counts. */
let before: string[] = []
let node: GuildNode | undefined
let ending = false

process.on('message', (order: Order & { id: number }) => {
  obey(order).then(
    ok => tell({ id: order.id, ok }),
    (error: Error & { code?: string }) =>
      tell({ id: order.id, error: `${error.code ?? error.name}: ${error.message}` }),
  )
})
process.once('disconnect', () => {
  if (!ending) process.exit(3)
})
process.once('SIGTERM', () => void end())

async function obey(order: Order): Promise<unknown> {
  if (order.do === 'start') return start(order.options)
  if (node === undefined) throw new Error('not started')
  switch (order.do) {
    case 'say': {
      const linked = node.peers.map(({ peerId }) => peerId)
      node.broadcast(order.text)
      // On its way before anybody hears that it was said: streams and chat leave at the end of a turn.
      await new Promise(setImmediate)
      await new Promise(setImmediate)
      return linked
    }
    case 'echo':
      return echo(node, order.to, order.bytes, order.seed)
    case 'busy':
      return busy(node, order.to, order.streams)
    case 'sample':
      return sample(node)
  }
}

async function start(options: NodeOptions): Promise<Started> {
  void process.stderr // a pipe is opened when it is first asked for, and stays
  before = process.getActiveResourcesInfo()
  node = await createNode(options)
  node.handle(ECHO, stream => pipeline(stream, stream).catch(() => {}))
  node.handle(SINK, stream => void stream.resume())
  node.on('chat-message', ({ message, to }) =>
    tell({ event: 'chat', text: message, direct: to !== undefined }),
  )
  node.on('peer-disconnected', ({ peerId, reason }) => tell({ event: 'lost', peerId, reason }))
  node.on('error', ({ code, message }) => tell({ event: 'error', message: `${code}: ${message}` }))
  await node.start()
  return { peerId: node.peerId, port: node.port }
}

async function echo(from: GuildNode, to: string, bytes: number, seed: number): Promise<number> {
  const stream = await from.open(to, ECHO, { signal: AbortSignal.timeout(ECHO_PATIENCE) })
  const block = Buffer.from(new Seeded(seed).bytes(4096))
  const [sent, got] = [createHash('sha256'), createHash('sha256')]
  async function* blocks(): AsyncGenerator<Buffer> {
    for (let left = bytes; left > 0; left -= block.length) {
      block.writeUInt32LE(left) // no two blocks are alike: one in the wrong place is noticed
      const piece = Buffer.from(block.subarray(0, left))
      sent.update(piece)
      yield piece
    }
  }
  const writing = pipeline(blocks(), stream, { end: true }).catch(() => {})
  let count = 0
  for await (const piece of stream as AsyncIterable<Uint8Array>) {
    got.update(piece)
    count += piece.length
  }
  await writing
  if (count !== bytes || !sent.digest().equals(got.digest()))
    throw new Error(`${count} of ${bytes} bytes came back, or others`)
  return count
}

async function busy(from: GuildNode, to: string, streams: number): Promise<number> {
  const block = new Uint8Array(16 * 1024)
  for (let i = 0; i < streams; i++) {
    const stream = await from.open(to, SINK)
    const pump = (): void => {
      while (!stream.destroyed && stream.write(block));
    }
    stream.on('drain', pump)
    await new Promise<void>(resolve => {
      stream.once('drain', resolve)
      pump()
    })
  }
  return streams
}

/** Twice: the first collection may free what the second finds to be free. */
function sample(of: GuildNode): Sample {
  collect?.()
  collect?.()
  const { heapUsed, external, rss } = process.memoryUsage()
  return {
    kept: heapUsed + external,
    resident: rss,
    handles: process.getActiveResourcesInfo().length,
    peers: of.peers.map(({ peerId }) => peerId),
  }
}

async function end(): Promise<void> {
  ending = true
  await node?.stop()
  // Sockets close at the end of a turn, and tell it in the next.
  for (let i = 0; i < 3; i++) await new Promise(setImmediate)
  const left = process.getActiveResourcesInfo()
  for (const one of before) {
    const at = left.indexOf(one)
    if (at >= 0) left.splice(at, 1)
  }
  tell({ event: 'stopped', left: left.filter(one => one !== 'Immediate') }, () => process.disconnect())
}

function tell(what: Told, then: () => void = () => {}): void {
  if (process.connected) process.send!(what, undefined, undefined, () => then())
}
