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
import { GuildError } from '../../base/errors.ts'
import {
  BLOCK_MESSAGE_MAX,
  type BlocksReply,
  type BlocksRequest,
  decodeBlocksOutput,
  encodeJson,
  errorOf,
} from '../../protocols/control/blocks.ts'
import { formatCid, parseCid } from '../../wire/cid.ts'
import type { GuildStream } from '../guild-stream.ts'
import { together } from './chunks.ts'
import { leaveOn } from './leave-on.ts'
import { RemoteDeposit } from './remote-deposit.ts'
import { RemoteSession } from './remote-session.ts'
import { getEach, getOne } from './through-session.ts'
import type {
  Blocks,
  Deposit,
  DepositOptions,
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
    return new RemoteDeposit(this.#open(), options)
  }

  async *get(cid: CID, options: FetchOptions = {}): AsyncGenerator<Uint8Array> {
    yield* getOne(this.session(options), cid)
  }

  async *getMany(
    source: Iterable<CID> | AsyncIterable<CID>,
    options: FetchOptions = {},
  ): AsyncGenerator<Pair> {
    yield* getEach(this.session(options), source)
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
