/**
 * `bench mesh`: how long 50 nodes take to be linked to each other, knowing one address.
 *
 * All of them live in this process, so it is the work of 2,450 ends of links that is timed.
 * Beside it: as many raw connections, each of which has carried a byte.
 *
 * Floor: cli.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { createNode, type GuildNode } from '../../index.ts'
import { alternate } from './measure.ts'
import { type Row, rowOf } from './rows.ts'

const NODES = 50
const ROUNDS = 2

export async function mesh(signal: AbortSignal, nodes = NODES, rounds = ROUNDS): Promise<Row[]> {
  const links = (nodes * (nodes - 1)) / 2
  const passes = await alternate(
    rounds,
    () => rawMesh(nodes, signal),
    () => guildMesh(nodes, signal),
  )
  return [
    rowOf(
      {
        name: 'mesh',
        unit: 'ms',
        about: `until ${nodes} nodes have ${links} links, from one bootstrap address`,
      },
      passes.guild.map(({ milliseconds }) => milliseconds),
      passes.raw.map(({ milliseconds }) => milliseconds),
    ),
    rowOf(
      { name: 'mesh-link-memory', unit: 'KB', about: 'resident memory a link, both its ends' },
      passes.guild.map(({ bytes }) => bytes / links / 1000),
      passes.raw.map(({ bytes }) => bytes / links / 1000),
    ),
  ]
}

interface Formed {
  readonly milliseconds: number
  /** Growth of the resident set. */
  readonly bytes: number
}

async function guildMesh(count: number, signal: AbortSignal): Promise<Formed> {
  const swarmKey = new Uint8Array(randomBytes(32))
  const nodes: GuildNode[] = []
  try {
    const make = async (bootstrap: readonly string[]): Promise<GuildNode> => {
      const node = await createNode({ host: '127.0.0.1', swarmKey, bootstrap, maxPeers: count })
      nodes.push(node)
      return node
    }
    const first = await make([])
    await first.start({ signal })
    const later = await Promise.all(Array.from({ length: count - 1 }, () => make([first.addresses[0]!])))
    return await formed(signal, async () => {
      let missing = count
      const whole = new Promise<void>(resolve => {
        for (const node of nodes)
          node.on('peer-connected', ({ peers }) => {
            if (peers === count - 1 && --missing === 0) resolve()
          })
      })
      await Promise.all(later.map(node => node.start({ signal })))
      await whole
    })
  } finally {
    await Promise.all(nodes.map(node => node.stop()))
  }
}

async function rawMesh(count: number, signal: AbortSignal): Promise<Formed> {
  const sockets: Socket[] = []
  const servers: Server[] = []
  try {
    return await formed(signal, async () => {
      for (let i = 0; i < count; i++) {
        const server = createServer(socket => {
          sockets.push(socket)
          socket.on('error', () => {})
          socket.write('!')
        })
        servers.push(server)
        server.listen({ host: '127.0.0.1', port: 0 })
        await once(server, 'listening')
      }
      const greeted: Promise<unknown>[] = []
      for (let from = 1; from < count; from++)
        for (let to = 0; to < from; to++) {
          const { port } = servers[to]!.address() as { port: number }
          const socket = connect({ host: '127.0.0.1', port })
          sockets.push(socket)
          greeted.push(once(socket, 'data'))
        }
      await Promise.all(greeted)
    })
  } finally {
    for (const socket of sockets) socket.destroy()
    for (const server of servers) server.close()
  }
}

async function formed(signal: AbortSignal, form: () => Promise<void>): Promise<Formed> {
  const before = process.memoryUsage.rss()
  const begun = performance.now()
  await Promise.race([form(), aborted(signal)])
  return { milliseconds: performance.now() - begun, bytes: Math.max(0, process.memoryUsage.rss() - before) }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
