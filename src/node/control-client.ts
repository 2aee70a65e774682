/**
 * Another process's node, steered through its control socket.
 *
 *   await using control = await openControl({ dataDir: './data' })
 *   const { peers } = await control.status()
 *   await control.send('hello', { to: 'bob' })
 *   for await (const event of control.events()) console.log(event)
 *
 * Floor: node. Page: protocol/control.md, README.md.
 */
import { asGuildError, GuildError } from '../base/errors.ts'
import { BoundedQueue } from '../base/queue.ts'
import {
  ANSWER_MAX,
  CONTROL_PROTOCOL,
  type ControlReply,
  type ControlRequest,
  decodeReply,
  encodeControl,
} from '../protocols/control/requests.ts'
import { Drive } from '../runtime/drive.ts'
import { systemClock, systemScheduler } from '../runtime/system.ts'
import { findControlPath } from '../store/control-path.ts'
import { findDataDir } from '../store/data-dir.ts'
import { dialLocal } from '../transport/local.ts'
import { closeCodes } from '../wire/registry.ts'
import { LazyBlocks } from './blocks/lazy-blocks.ts'
import { LazyFiles } from './blocks/lazy-files.ts'
import type { Blocks, Files } from './blocks/types.ts'
import { GuildStream } from './guild-stream.ts'
import type { LogRow, PeerOutcome } from './log/control-log.ts'
import { PlainConnection } from './plain-connection.ts'
import type { NodeMessage, NodeStatus, PeerInfo } from './types.ts'

/** To reach the socket, in milliseconds: the other end is on this machine. */
const DIAL_PATIENCE = 5_000
/** A node answers what takes no network in a moment. */
const ANSWER_PATIENCE = 10_000
/** Events that wait for their reader; the oldest goes first. */
const EVENTS_KEPT = 1_024

export interface ControlOptions {
  /** The node that runs on this directory. Default: the one in `./data`, or the slot of `port`. */
  readonly dataDir?: string | undefined
  /** The node in `./data` that has this port. */
  readonly port?: number | undefined
  readonly signal?: AbortSignal | undefined
}

interface Wait {
  readonly signal?: AbortSignal | undefined
}

export interface LogQuery {
  readonly after?: number
  readonly limit?: number
  readonly wait?: boolean
}

export interface SyncRequest {
  readonly peers?: readonly string[]
  readonly limit?: number
  readonly push?: boolean
}

/** GH_CONTROL_ABSENT where no node runs, GH_CONTROL_FAILED where one does and cannot be reached. */
export async function openControl({ dataDir, port, signal }: ControlOptions = {}): Promise<ControlClient> {
  const { path, holder } = findDataDir({ path: dataDir, port })
  if (holder === undefined) throw new GuildError('GH_CONTROL_ABSENT', path)
  if (process.platform === 'win32')
    throw new GuildError('GH_CONTROL_FAILED', 'on Windows a node has none; use its console')
  const socket = findControlPath(path)
  if (socket === undefined)
    throw new GuildError('GH_CONTROL_FAILED', `${path}: the node (process ${holder.pid}) has none yet`)
  const late = AbortSignal.timeout(DIAL_PATIENCE)
  const pipe = await dialLocal(socket, signal === undefined ? late : AbortSignal.any([signal, late]))
  return new ControlClient(pipe)
}

export class ControlClient implements AsyncDisposable {
  readonly #drive = new Drive(systemClock, systemScheduler(true))
  readonly #connection: PlainConnection
  /** The blocks of that node: what it has, what its peers have, and what is put there stays there. */
  readonly blocks: Blocks = new LazyBlocks(async () => {
    const { RemoteBlocks, CONTROL_BLOCKS_PROTOCOL } = await import('./blocks/remote-blocks.ts')
    return new RemoteBlocks(() => this.#stream(CONTROL_BLOCKS_PROTOCOL))
  })
  /** Files over those blocks. */
  readonly files: Files = new LazyFiles(
    async () => new (await import('./blocks/node-files.ts')).NodeFiles(this.blocks),
  )
  #ended: GuildError | undefined

  /** Use `openControl`. */
  constructor(pipe: ConstructorParameters<typeof PlainConnection>[0]['pipe']) {
    this.#connection = new PlainConnection({
      pipe,
      drive: this.#drive,
      client: true,
      onStream: stream => stream.abort(), // a node asks nothing of its clients
      onEnded: error => {
        this.#ended = error
      },
    })
  }

  /** Who it is, who is linked, and its figures. */
  async status(options: Wait = {}): Promise<NodeStatus> {
    const status = (await this.#ask({ do: 'status' }, options, ANSWER_PATIENCE)) as NodeStatus
    return { ...status, peers: status.peers.map(peerOf) }
  }

  /** Dials an address; resolves with the peer once it is linked, and it stays linked. */
  async connect(address: string, options: Wait = {}): Promise<PeerInfo> {
    const peer = (await this.#ask({ do: 'connect', address }, options)) as PeerInfo
    return peerOf(peer)
  }

  /** Chat to all: resolves with how many peers were linked. */
  async broadcast(text: string, options: Wait = {}): Promise<number> {
    const answer = await this.#ask({ do: 'send', text }, options, ANSWER_PATIENCE)
    return (answer as { peers: number }).peers
  }

  /** To one peer, by PeerId, the beginning of one, or name: resolves once it was shown there. */
  async send(
    text: string,
    { to, ...options }: Wait & { readonly to: string },
  ): Promise<{ peerId: string; name: string }> {
    return (await this.#ask({ do: 'send', text, to }, options)) as { peerId: string; name: string }
  }

  /** Adds values to the node's log, each an entry: JSON, all of them together at most 96 KiB. */
  async logAppend(values: readonly unknown[], options: Wait = {}): Promise<readonly LogRow[]> {
    const answer = await this.#ask({ do: 'log-append', values }, options)
    return (answer as { entries: LogRow[] }).entries
  }

  /**
   * Entries of the node's log behind a place, 500 at most; below 0 it is so many before the end. With
   * `wait` it answers when there is one.
   */
  async logEntries({
    after = 0,
    limit = 500,
    wait = false,
    ...options
  }: Wait & LogQuery = {}): Promise<{ readonly entries: readonly LogRow[]; readonly head: number }> {
    const answer = await this.#ask({ do: 'log-entries', after, limit, wait }, options)
    return answer as { entries: LogRow[]; head: number }
  }

  /** The node reads the logs of these peers, or of all it is linked to, and with `push` brings them its own. */
  async sync({
    peers,
    limit,
    push = false,
    ...options
  }: Wait & SyncRequest = {}): Promise<readonly PeerOutcome[]> {
    const answer = await this.#ask({ do: 'sync', peers, limit, push }, options)
    return (answer as { results: PeerOutcome[] }).results
  }

  /**
   * What happens on the node from now on. The connection to its end is the caller's: leaving
   * the loop unsubscribes, and the end of the node ends the loop with its error. Events that
   * were not read in time are told as `{ dropped }`.
   */
  async *events({ signal }: Wait = {}): AsyncGenerator<NodeMessage | { readonly dropped: number }, void> {
    const waiting = new BoundedQueue<NodeMessage | { dropped: number }>(EVENTS_KEPT)
    let lost = 0
    let wake: (() => void) | undefined
    let over: { readonly error: unknown } | undefined
    const stream = this.#open({ do: 'events' })
    const aborted = (): void =>
      void stream.destroy(new GuildError('GH_ABORTED', 'events', { cause: signal?.reason }))
    signal?.addEventListener('abort', aborted, { once: true })
    const done = stream.receive(
      bytes => {
        const reply = decodeReply(bytes)
        if ('error' in reply) throw new GuildError(reply.error.code, reply.error.detail)
        if ('event' in reply) waiting.push(reply.event as NodeMessage)
        else if ('dropped' in reply) waiting.push(reply)
        wake?.()
      },
      { maxBytes: ANSWER_MAX },
    )
    done.then(
      () => finish(new GuildError('GH_LINK_CLOSED', 'the node ended it')),
      error => finish(error),
    )
    const finish = (error: unknown): void => {
      over = { error }
      wake?.()
    }
    try {
      for (;;) {
        if (waiting.dropped > lost) {
          yield { dropped: waiting.dropped - lost }
          lost = waiting.dropped
        }
        const event = waiting.shift()
        if (event !== undefined) yield event
        else if (over !== undefined) throw asGuildError(over.error)
        else await new Promise<void>(resolve => (wake = resolve))
      }
    } finally {
      signal?.removeEventListener('abort', aborted)
      stream.destroy()
    }
  }

  /** Leaves; the node goes on. */
  async close(): Promise<void> {
    if (this.#ended === undefined)
      this.#connection.feed({
        kind: 'close',
        code: closeCodes.GOODBYE,
        error: new GuildError('GH_LINK_CLOSED', 'closed here'),
      })
    // The words are with the system already, which delivers them without us.
    await new Promise(resolve => setImmediate(resolve))
    this.#connection.pipe.destroy()
    this.#drive.stop()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #stream(protocol: string): GuildStream {
    if (this.#ended !== undefined) throw this.#ended
    return new GuildStream(this.#connection.streams.open(protocol), protocol, '')
  }

  #open(request: ControlRequest): GuildStream {
    const stream = this.#stream(CONTROL_PROTOCOL)
    stream.send(encodeControl(request))
    stream.end()
    return stream
  }

  async #ask(request: ControlRequest, { signal }: Wait, patience?: number): Promise<unknown> {
    if (signal?.aborted) throw new GuildError('GH_ABORTED', request.do, { cause: signal.reason })
    const stream = this.#open(request)
    const give = (error: GuildError) => (): void => void stream.destroy(error)
    const aborted = give(new GuildError('GH_ABORTED', request.do))
    signal?.addEventListener('abort', aborted, { once: true })
    const late = give(new GuildError('GH_LINK_SILENT', 'the node does not answer on its control socket'))
    const cancel = patience === undefined ? () => {} : this.#drive.after(patience, late)
    try {
      let reply: ControlReply | undefined
      const take = (bytes: Uint8Array): void => {
        reply = decodeReply(bytes)
      }
      await stream.receive(take, { maxBytes: ANSWER_MAX })
      if (reply !== undefined && 'ok' in reply) return reply.ok
      if (reply !== undefined && 'error' in reply) throw new GuildError(reply.error.code, reply.error.detail)
      throw new GuildError('GH_CONTROL_FAILED', 'it answered with nothing')
    } finally {
      cancel()
      signal?.removeEventListener('abort', aborted)
    }
  }
}

/** JSON says null where a figure is absent. */
function peerOf(peer: PeerInfo): PeerInfo {
  const { rttMs, packets } = peer
  const figures = packets ? { ...packets, leastRttMs: packets.leastRttMs ?? undefined } : undefined
  return { ...peer, rttMs: rttMs ?? undefined, packets: figures }
}
