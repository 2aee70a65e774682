/** Whole nodes on real sockets of this machine, all of one swarm, stopped with the test. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import {
  createNode,
  type EventName,
  type EventOf,
  type GuildNode,
  type NodeOptions,
  test as preset,
} from '../../src/index.ts'

interface Ends {
  teardown(work: () => Promise<unknown> | unknown): void
}

/** No outcome after this long is a failure; what is promised is far less. */
const tooLong = 20_000

export class Nodes {
  readonly swarmKey: Uint8Array = randomBytes(32)
  readonly #t: Ends

  constructor(t: Ends) {
    this.#t = t
  }

  /** A node that runs. */
  async start(options: NodeOptions = {}): Promise<GuildNode> {
    const node = await createNode({ ...preset, swarmKey: this.swarmKey, ...options })
    this.#t.teardown(() => node.stop())
    await node.start()
    return node
  }

  /** Two that are linked: the first dialled. */
  async pair(one: NodeOptions = {}, other: NodeOptions = {}): Promise<[GuildNode, GuildNode]> {
    const a = await this.start({ name: 'a', ...one })
    const b = await this.start({ name: 'b', ...other })
    await a.connect(at(b))
    await until(() => b.peers.length === 1)
    return [a, b]
  }

  /** A server that is no node. */
  async server(serve: (socket: Socket) => void): Promise<string> {
    const held = new Set<Socket>()
    const server: Server = createServer({ allowHalfOpen: true }, socket => {
      held.add(socket)
      socket.on('error', () => {}).on('close', () => held.delete(socket))
      serve(socket)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    this.#t.teardown(() => {
      for (const socket of held) socket.destroy()
      server.close()
    })
    return `127.0.0.1:${(server.address() as { port: number }).port}`
  }
}

/** Where a node can be dialled. */
export function at(node: GuildNode): string {
  return `127.0.0.1:${node.port}`
}

/** Resolves once `holds` does. */
export async function until(holds: () => boolean, what = String(holds)): Promise<void> {
  const end = performance.now() + tooLong
  while (!holds()) {
    if (performance.now() > end) throw new Error(`never came true: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 2))
  }
}

/** The next event of this name. */
export function next<Name extends EventName>(node: GuildNode, name: Name): Promise<EventOf<Name>> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${name}`)), tooLong)
    node.once(name, event => {
      clearTimeout(timer)
      resolve(event)
    })
  })
}

/** The error a promise rejects with. */
export async function failure(work: Promise<unknown>): Promise<Error & { code?: string }> {
  try {
    await work
  } catch (error) {
    return error as Error
  }
  throw new Error('it did not fail')
}
