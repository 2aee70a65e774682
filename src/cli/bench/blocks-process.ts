/**
 * The other process of `bench blocks`: the same blocks on ten nodes and on a plain TCP port.
 *
 *   raw   | size, 4 bytes | number, 4 bytes | …  asked        the bytes of each block  answered
 *
 * Started by `blocks.ts`, never by hand. It ends with the channel to its parent.
 *
 * Floor: cli.
 */
import { randomBytes } from 'node:crypto'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { createNode, tuneCollector } from '../../index.ts'
import { blockOf, cidOf, countOf, Pile } from './block-pile.ts'
import type { BlocksAnswer, BlocksQuestion } from './blocks.ts'

const ASKED = 8

tuneCollector()
process.once('disconnect', () => process.exit(0))
process.on('message', (question: BlocksQuestion) => {
  if (question.kind === 'start') void start(question)
  else {
    const { user, system } = process.cpuUsage()
    answer({ kind: 'cpu', seconds: (user + system) / 1e6, resident: process.memoryUsage().rss })
  }
})

async function start({ swarmKey, sizes, nodes }: Extract<BlocksQuestion, { kind: 'start' }>): Promise<void> {
  const pile = new Pile()
  const bySize = new Map<number, Uint8Array[]>()
  for (const size of sizes) {
    const blocks = Array.from({ length: countOf(size) }, (_, i) => blockOf(size, i))
    bySize.set(size, blocks)
    for (const block of blocks) pile.put(cidOf(block), block)
  }
  const addresses: string[] = []
  for (let i = 0; i < nodes; i++) {
    const node = await createNode({
      host: '127.0.0.1',
      transport: ['tcp'],
      swarmKey,
      identityKey: new Uint8Array(randomBytes(32)),
      mdns: false,
      discoveryInterval: 3_600,
    })
    await node.start()
    await node.exchange(pile)
    addresses.push(node.addresses[0]!)
  }
  const server = createServer({ noDelay: true }, socket => serve(socket, bySize))
  server.listen({ host: '127.0.0.1', port: 0 }, () =>
    answer({ kind: 'ready', addresses, port: (server.address() as AddressInfo).port }),
  )
}

function serve(socket: Socket, bySize: ReadonlyMap<number, readonly Uint8Array[]>): void {
  let rest: Buffer = Buffer.alloc(0)
  const asked: Uint8Array[] = []
  let sending = false
  const send = (): void => {
    sending = true
    for (let block = asked.shift(); block !== undefined; block = asked.shift())
      if (!socket.write(block)) {
        socket.once('drain', send)
        return
      }
    sending = false
  }
  socket.on('error', () => socket.destroy())
  socket.on('data', (bytes: Buffer) => {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes])
    let at = 0
    for (; at + ASKED <= rest.length; at += ASKED) {
      const block = bySize.get(rest.readUInt32BE(at))?.[rest.readUInt32BE(at + 4)]
      if (block !== undefined) asked.push(block)
    }
    rest = rest.subarray(at)
    if (!sending) send()
  })
}

function answer(what: BlocksAnswer): void {
  process.send?.(what)
}
