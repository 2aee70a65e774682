/**
 * The other process of a measurement: started, asked, and gone with us whatever happens.
 *
 *   this process ── fork ──▶ worker.ts: sinks and echoes, on raw sockets and on a node
 *        │◀── ready, cpu ──── channel of node:child_process ────┘
 *
 * The worker ends when the channel closes, and the system closes that when this process
 * ends, by a crash too. All addresses are on 127.0.0.1 and all ports the system's choice; the
 * swarm key is random and lives for this run.
 *
 * Floor: cli.
 */
import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createNode, type GuildNode, type GuildStream, type NodeOptions } from '../../index.ts'
import { answerOf, endOf, startChild } from './child.ts'
import { type Answer, type Carried, type Question, type Task, tasks } from './tasks.ts'

export class FarSide {
  readonly node: GuildNode
  readonly swarmKey: Uint8Array
  /** Where the worker's node is dialled. */
  readonly address: string
  readonly carried: Carried
  readonly datagrams: Extract<Answer, { kind: 'ready' }>['datagrams']
  readonly #child: ChildProcess
  readonly #peerId: string
  readonly #ports: Readonly<Record<Task, number>>
  readonly #sockets = new Set<Socket>()
  #waiting: ((answer: Answer) => void) | undefined

  /** Starts the worker and a node here that is linked to it. */
  static async start(signal: AbortSignal, carried: Carried = { transport: 'tcp' }): Promise<FarSide> {
    const swarmKey = new Uint8Array(randomBytes(32))
    const child = startChild('./worker.js')
    let node: GuildNode | undefined
    try {
      const ready = await answerOf<Answer>(child, signal, {
        kind: 'start',
        swarmKey,
        carried,
      } satisfies Question)
      if (ready.kind !== 'ready') throw new Error('the worker did not start')
      node = await createNode({
        host: false,
        swarmKey,
        identityKey: new Uint8Array(randomBytes(32)),
        ...optionsOf(carried),
      })
      await node.start({ signal })
      await node.connect(ready.address, { signal })
      return new FarSide(child, node, swarmKey, carried, ready)
    } catch (error) {
      await node?.stop()
      await endOf(child)
      throw error
    }
  }

  private constructor(
    child: ChildProcess,
    node: GuildNode,
    swarmKey: Uint8Array,
    carried: Carried,
    ready: Extract<Answer, { kind: 'ready' }>,
  ) {
    this.#child = child
    this.node = node
    this.swarmKey = swarmKey
    this.carried = carried
    this.datagrams = ready.datagrams
    this.address = ready.address
    this.#peerId = ready.peerId
    this.#ports = ready.ports
    child.on('message', answer => this.#waiting?.(answer as Answer))
  }

  /** Rejects when the worker ends before it was told to, or the signal comes. */
  broken(signal: AbortSignal): Promise<never> {
    return new Promise((_, reject) => {
      if (signal.aborted) reject(signal.reason)
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
      this.#child.once('exit', code =>
        reject(new Error(`the other process of the measurement ended with ${code}`)),
      )
    })
  }

  /** A plain TCP connection to a task. */
  async raw(task: Task): Promise<Socket> {
    const socket = connect({ host: '127.0.0.1', port: this.#ports[task], noDelay: true, allowHalfOpen: true })
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return socket
  }

  /** A stream of guild-home to the same task. */
  stream(task: Task): Promise<GuildStream> {
    return this.node.open(this.#peerId, tasks[task])
  }

  /** The two ways to a task, the raw one first. */
  both(task: Task): readonly [() => Promise<Duplex>, () => Promise<Duplex>] {
    return [() => this.raw(task), () => this.stream(task)]
  }

  /** CPU seconds used so far by this process and by the worker. */
  async cpu(): Promise<{ here: number; there: number }> {
    const answer = await new Promise<Answer>(resolve => {
      this.#waiting = resolve
      this.#child.send({ kind: 'cpu' } satisfies Question)
    })
    const used = process.cpuUsage()
    return {
      here: (used.user + used.system) / 1e6,
      there: answer.kind === 'cpu' ? answer.seconds : Number.NaN,
    }
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await this.node.stop()
    await endOf(this.#child)
  }
}

/** What a node is told of its links. */
export function optionsOf({ transport, mtu }: Carried): Pick<NodeOptions, 'transport' | 'mtu'> {
  return { transport: [transport], ...(mtu !== undefined && { mtu }) }
}
