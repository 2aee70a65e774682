/**
 * One round of `bench idle`. Started by `idle.ts`, never by hand, with `--expose-gc`
 * and `--compact-on-every-full-gc`.
 *
 * Twice as many links are made before those that are measured, and stay: by then code is compiled, and
 * the collector's space for young objects has grown as far as it goes, about 20 MB whatever is done. What
 * grows after that is what links cost. Before each look V8 packs its pages: else the holes in them, which hang on how the links
 * before were made, count or do not count by luck (59 to 75 KB for the same link).
 * It ends with the channel to its parent.
 *
 * Floor: cli.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { createNode, type GuildNode } from '../../index.ts'
import type { IdleAnswer, IdleQuestion } from './idle.ts'

const WARM = 2

process.once('disconnect', () => process.exit(0))
process.once('message', async ({ way, links, seconds }: IdleQuestion) => {
  process.send?.(await (way === 'raw' ? raw(links) : guild(links, seconds)))
})

async function guild(links: number, seconds: number): Promise<IdleAnswer> {
  for (let i = 0; i < WARM; i++) await join(await star(links))
  const all = await star(links)
  const alone = await idleFor(seconds, all.hub)
  const before = await memory()
  await join(all)
  await settle()
  const linked = await memory()
  const together = await idleFor(seconds, all.hub)
  return {
    resident: linked.resident - before.resident,
    kept: linked.kept - before.kept,
    cpu: Math.max(0, together.cpu - alone.cpu),
    sent: together.bytes,
  }
}

interface Star {
  readonly hub: GuildNode
  readonly others: readonly GuildNode[]
}

async function star(links: number): Promise<Star> {
  const swarmKey = new Uint8Array(randomBytes(32))
  const hub = await createNode({ host: '127.0.0.1', mdns: false, swarmKey, maxPeers: links })
  await hub.start()
  const others = await Promise.all(
    Array.from({ length: links }, async () => {
      const node = await createNode({ host: false, mdns: false, swarmKey, maxPeers: 1 })
      await node.start()
      return node
    }),
  )
  return { hub, others }
}

async function join({ hub, others }: Star): Promise<void> {
  const [address] = hub.addresses
  await Promise.all(others.map(node => node.connect(address!)))
  while (hub.peers.length < others.length) await settle()
}

async function raw(links: number): Promise<IdleAnswer> {
  const held: Socket[] = []
  const server = createServer(socket => {
    held.push(socket)
    socket.write('!')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const dial = (count: number): Promise<unknown> =>
    Promise.all(
      Array.from({ length: count }, async () => {
        const socket = connect(port, '127.0.0.1')
        held.push(socket)
        await once(socket, 'data')
      }),
    )
  for (let i = 0; i < WARM; i++) await dial(links)
  await settle()
  const before = await memory()
  await dial(links)
  await settle()
  const after = await memory()
  return {
    resident: after.resident - before.resident,
    kept: after.kept - before.kept,
    cpu: 0,
    sent: 0,
  }
}

/** CPU seconds of all, and bytes in and out at the hub. */
async function idleFor(seconds: number, hub: GuildNode): Promise<{ cpu: number; bytes: number }> {
  const bytes = (): number => hub.stats().bytes_in + hub.stats().bytes_out
  const [begun, from] = [process.cpuUsage(), bytes()]
  await new Promise(resolve => setTimeout(resolve, seconds * 1000))
  const { user, system } = process.cpuUsage(begun)
  return { cpu: (user + system) / 1e6, bytes: bytes() - from }
}

async function memory(): Promise<{ resident: number; kept: number }> {
  const collect = (globalThis as { gc?: () => void }).gc
  for (let i = 0; i < 3; i++) {
    collect?.()
    await settle()
  }
  const { heapUsed, external, rss } = process.memoryUsage()
  return { resident: rss, kept: heapUsed + external }
}

/** Goodbyes, first heartbeats and introductions are over. */
function settle(): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, 100))
}
