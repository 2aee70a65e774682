/**
 * The blocks of another process's node, over its control socket.
 *
 *   blocks.session() ─▶ one stream: wants there, blocks back, in whatever order they come
 *   blocks.deposit() ─▶ one stream: blocks there, one `done` back when all of it is durable
 *   anything else    ─▶ one stream, one question
 *
 * Every block that comes back is what the node has verified; this end checks only that it
 * was asked for. Leaving a stream calls off what the node does for it.
 *
 * Page: protocol/control.md · Floor: node.
 */
import type { InputPair, Pair } from 'interface-blockstore'
import type { CID } from 'multiformats/cid'
import { asGuildError, GuildError } from '../../base/errors.ts'
import {
  BLOCK_MESSAGE_MAX,
  type BlocksReply,
  type BlocksRequest,
  decodeBlocksOutput,
  encodeBlock,
  encodeJson,
  encodeWant,
  errorOf,
} from '../../protocols/control/blocks.ts'
import { blockKey, formatCid, parseCid } from '../../wire/cid.ts'
import type { GuildStream } from '../guild-stream.ts'
import { oneChunk, together } from './chunks.ts'
import { Room } from './room.ts'
import type {
  Blocks,
  Deposit,
  DepositOptions,
  FetchFigures,
  FetchOptions,
  FetchSession,
  Pin,
  Pins,
  Progress,
  ProgressOptions,
  StoreFigures,
  Wait,
} from './types.ts'

export { CONTROL_BLOCKS_PROTOCOL } from '../../protocols/control/blocks.ts'

/** Opens a stream of `CONTROL_BLOCKS_PROTOCOL`. */
export type OpenStream = () => GuildStream

export class RemoteBlocks implements Blocks {
  readonly pins: Pins
  readonly #open: OpenStream

  constructor(open: OpenStream) {
    this.#open = open
    this.pins = {
      add: async (cid, { recursive = true, ...options } = {}) => {
        await this.#ask({ do: 'pin', cid: formatCid(cid), direct: !recursive }, options)
      },
      rm: async (cid, options) => {
        await this.#ask({ do: 'unpin', cid: formatCid(cid) }, options)
      },
      ls: options => this.#pins(options),
    }
  }

  session(options: FetchOptions = {}): FetchSession {
    return new RemoteSession(this.#open(), options)
  }

  async deposit(options: DepositOptions = {}): Promise<Deposit> {
    return await RemoteDeposit.begin(this.#open(), options)
  }

  async *get(cid: CID, options: FetchOptions = {}): AsyncGenerator<Uint8Array> {
    const session = this.session(options)
    try {
      yield await session.get(cid)
    } finally {
      await session.close()
    }
  }

  async *getMany(
    source: Iterable<CID> | AsyncIterable<CID>,
    options: FetchOptions = {},
  ): AsyncGenerator<Pair> {
    const session = this.session(options)
    try {
      for await (const cid of source) yield { cid, bytes: oneChunk(await session.get(cid)) }
    } finally {
      await session.close()
    }
  }

  async put(cid: CID, bytes: InputPair['bytes'], options: Wait = {}): Promise<CID> {
    for await (const _ of this.putMany([{ cid, bytes }], options)) return cid
    return cid
  }

  async *putMany(
    source: Iterable<InputPair> | AsyncIterable<InputPair>,
    options: Wait = {},
  ): AsyncGenerator<CID> {
    const deposit = await this.deposit({ ...options, announce: false })
    const put: CID[] = []
    try {
      for await (const { cid, bytes } of source) {
        await deposit.put(cid, await together(bytes))
        put.push(cid)
      }
      await deposit.end()
      yield* put
    } finally {
      await deposit.abort()
    }
  }

  async has(cid: CID, options: Wait = {}): Promise<boolean> {
    return (await this.size(cid, options)) !== undefined
  }

  async delete(cid: CID, options: Wait = {}): Promise<void> {
    await this.#ask({ do: 'rm', cid: formatCid(cid) }, options)
  }

  async *deleteMany(source: Iterable<CID> | AsyncIterable<CID>, options: Wait = {}): AsyncGenerator<CID> {
    for await (const cid of source) {
      await this.delete(cid, options)
      yield cid
    }
  }

  // biome-ignore lint/correctness/useYield: the shape of a store; nobody reads a whole one through a socket
  async *getAll(): AsyncGenerator<Pair> {
    throw new GuildError('GH_CONTROL_REQUEST', 'a control socket does not list all blocks; list the pins')
  }

  async size(cid: CID, options: Wait = {}): Promise<number | undefined> {
    const { size } = (await this.#ask({ do: 'size', cid: formatCid(cid) }, options)) as {
      size: number | null
    }
    return size ?? undefined
  }

  async stat(options: Wait = {}): Promise<StoreFigures> {
    return (await this.#ask({ do: 'stat' }, options)) as StoreFigures
  }

  async gc(options: ProgressOptions = {}): Promise<{ removed: number; bytes: number }> {
    return (await this.#ask({ do: 'gc' }, options)) as { removed: number; bytes: number }
  }

  async verify(options: ProgressOptions = {}): Promise<{ checked: number; damaged: CID[] }> {
    const { checked, damaged } = (await this.#ask({ do: 'verify' }, options)) as {
      checked: number
      damaged: string[]
    }
    return { checked, damaged: damaged.map(parseCid) }
  }

  async *#pins(options: Wait = {}): AsyncGenerator<Pin> {
    const waiting: Pin[] = []
    let wake = (): void => {}
    let over: { readonly error?: unknown } | undefined
    const asked = this.#ask({ do: 'pins' }, options, async reply => {
      if (!('pin' in reply)) return
      waiting.push({ cid: parseCid(reply.pin.cid), recursive: reply.pin.recursive })
      wake()
      // Who reads slowly is sent no more.
      while (waiting.length >= PINS_AHEAD && over === undefined)
        await new Promise<void>(resolve => (room = resolve))
    })
    let room = (): void => {}
    asked.then(
      () => finish({}),
      error => finish({ error }),
    )
    const finish = (how: { readonly error?: unknown }): void => {
      over = how
      wake()
    }
    try {
      for (;;) {
        const pin = waiting.shift()
        if (pin !== undefined) {
          room()
          yield pin
        } else if (over !== undefined) {
          if (over.error !== undefined) throw over.error
          return
        } else await new Promise<void>(resolve => (wake = resolve))
      }
    } finally {
      over ??= {}
      room()
    }
  }

  /** One question, and what its `done` holds. */
  async #ask(
    request: BlocksRequest,
    { signal, onProgress }: ProgressOptions = {},
    onReply?: (reply: BlocksReply) => unknown,
  ): Promise<unknown> {
    const stream = this.#open()
    const release = leaveOn(stream, signal, request.do)
    let done: { readonly value: unknown } | undefined
    try {
      stream.send(encodeJson(request))
      stream.end()
      await stream.receive(
        message => {
          const output = decodeBlocksOutput(message)
          if (output.kind !== 'json') throw new GuildError('GH_CONTROL_FAILED', 'a block nobody asked for')
          const reply = output.value
          if ('error' in reply && !('missing' in reply)) throw errorOf(reply.error)
          if ('done' in reply) done = { value: reply.done }
          else if ('progress' in reply) onProgress?.(reply.progress as Progress)
          else return onReply?.(reply)
        },
        { maxBytes: BLOCK_MESSAGE_MAX },
      )
      if (done === undefined) throw new GuildError('GH_CONTROL_FAILED', 'it answered with nothing')
      return done.value
    } finally {
      release()
      stream.destroy()
    }
  }
}

/** Pins read ahead of the loop that asks for them. */
const PINS_AHEAD = 256

interface Waiting {
  readonly resolve: (bytes: Uint8Array) => void
  readonly reject: (error: GuildError) => void
}

class RemoteSession implements FetchSession {
  readonly #stream: GuildStream
  /** By the multihash of what is wanted: the same block may be wanted twice. */
  readonly #wanted = new Map<string, Waiting[]>()
  readonly #release: () => void
  readonly #over: Promise<FetchFigures>
  #ended = false

  constructor(stream: GuildStream, { offline = false, signal }: FetchOptions) {
    this.#stream = stream
    this.#release = leaveOn(stream, signal, 'get')
    stream.send(encodeJson({ do: 'get', offline }))
    this.#over = this.#receive()
    this.#over.catch(() => {}) // told to whoever waits for a block, or closes
  }

  get(cid: CID, { signal }: Wait = {}): Promise<Uint8Array> {
    if (signal?.aborted) return Promise.reject(new GuildError('GH_ABORTED', 'get', { cause: signal.reason }))
    if (this.#ended || this.#stream.destroyed)
      return Promise.reject(asGuildError(this.#stream.errored ?? new GuildError('GH_LINK_CLOSED', 'get')))
    return new Promise((resolve, reject) => {
      const key = blockKey(cid)
      const others = this.#wanted.get(key)
      const forget = (): void => signal?.removeEventListener('abort', aborted)
      const waiting: Waiting = {
        resolve: bytes => {
          forget()
          resolve(bytes)
        },
        reject: error => {
          forget()
          reject(error)
        },
      }
      const aborted = (): void => reject(new GuildError('GH_ABORTED', 'get', { cause: signal?.reason }))
      signal?.addEventListener('abort', aborted, { once: true })
      if (others !== undefined) return void others.push(waiting)
      this.#wanted.set(key, [waiting])
      this.#stream.send(encodeWant(cid))
    })
  }

  async close(): Promise<FetchFigures> {
    if (!this.#ended) {
      this.#ended = true
      // With wants that nobody waits for any more there is nothing to be told.
      if (this.#wanted.size > 0) this.#stream.destroy()
      else this.#stream.end()
    }
    try {
      return await this.#over
    } catch {
      return { sources: [], duplicateBytes: 0 }
    } finally {
      this.#release()
    }
  }

  async #receive(): Promise<FetchFigures> {
    let figures: FetchFigures = { sources: [], duplicateBytes: 0 }
    try {
      await this.#stream.receive(
        message => {
          const output = decodeBlocksOutput(message)
          if (output.kind === 'block') {
            const bytes = output.bytes.slice()
            for (const { resolve } of this.#take(output.cid)) resolve(bytes)
            return
          }
          const reply = output.value
          if ('missing' in reply)
            for (const { reject } of this.#take(parseCid(reply.missing))) reject(errorOf(reply.error))
          else if ('error' in reply) throw errorOf(reply.error)
          else if ('done' in reply) figures = reply.done as FetchFigures
        },
        { maxBytes: BLOCK_MESSAGE_MAX },
      )
      this.#fail(new GuildError('GH_LINK_CLOSED', 'the node ended it'))
      return figures
    } catch (error) {
      this.#fail(asGuildError(error))
      throw error
    }
  }

  #take(cid: CID): readonly Waiting[] {
    const key = blockKey(cid)
    const waiting = this.#wanted.get(key)
    if (waiting === undefined) throw new GuildError('GH_CONTROL_FAILED', 'a block nobody asked for')
    this.#wanted.delete(key)
    return waiting
  }

  #fail(error: GuildError): void {
    for (const waiting of this.#wanted.values()) for (const { reject } of waiting) reject(error)
    this.#wanted.clear()
  }
}

class RemoteDeposit implements Deposit {
  readonly #stream: GuildStream
  readonly #room: Room
  readonly #done: Promise<{ blocks: number; bytes: number }>
  readonly #release: () => void

  static async begin(stream: GuildStream, options: DepositOptions): Promise<Deposit> {
    return new RemoteDeposit(stream, options)
  }

  constructor(stream: GuildStream, { announce = true, undo = false, signal }: DepositOptions) {
    this.#stream = stream
    this.#room = new Room(stream)
    this.#release = leaveOn(stream, signal, 'put')
    stream.send(encodeJson({ do: 'put', announce, undo }))
    this.#done = this.#receive()
    this.#done.catch(() => {})
  }

  async put(cid: CID, bytes: Uint8Array): Promise<void> {
    const room = this.#send(encodeBlock(cid, bytes))
    // What the node says of a full disk is worth more than that the stream is gone.
    if (!room) await Promise.race([this.#room.opened().catch(() => this.#done), this.#done])
  }

  pin(cid: CID): void {
    this.#send(encodeJson({ pin: formatCid(cid) }))
  }

  async end(): Promise<{ blocks: number; bytes: number }> {
    this.#stream.end()
    try {
      return await this.#done
    } finally {
      this.#release()
    }
  }

  async abort(): Promise<void> {
    this.#release()
    if (!this.#stream.writableEnded) this.#stream.destroy()
  }

  #send(message: Uint8Array): boolean {
    return this.#stream.destroyed ? false : this.#stream.send(message)
  }

  async #receive(): Promise<{ blocks: number; bytes: number }> {
    let done: { blocks: number; bytes: number } | undefined
    await this.#stream.receive(
      message => {
        const output = decodeBlocksOutput(message)
        if (output.kind !== 'json') throw new GuildError('GH_CONTROL_FAILED', 'a block nobody asked for')
        if ('error' in output.value) throw errorOf(output.value.error)
        if ('done' in output.value) done = output.value.done as { blocks: number; bytes: number }
      },
      { maxBytes: BLOCK_MESSAGE_MAX },
    )
    if (done === undefined) throw new GuildError('GH_CONTROL_FAILED', 'it answered with nothing')
    return done
  }
}

/** Ends the stream when its caller gives up; call what it returns when there is nothing left to end. */
function leaveOn(stream: GuildStream, signal: AbortSignal | undefined, what: string): () => void {
  const leave = (): void => void stream.destroy(new GuildError('GH_ABORTED', what, { cause: signal?.reason }))
  if (signal?.aborted) leave()
  else signal?.addEventListener('abort', leave, { once: true })
  return () => signal?.removeEventListener('abort', leave)
}
