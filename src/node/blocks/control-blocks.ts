/**
 * The node's end of a blocks stream on its control socket.
 *
 *   request ─▶ get ─ wants ─▶ session ─ blocks ─▶ client      at most 32 under way
 *           ├▶ put ─ blocks ─▶ deposit ─ end ─▶ done          the store's own speed holds the client back
 *           └▶ stat, size, rm, pin, unpin, pins, gc, verify   one question, progress on the way
 *
 * Back-pressure goes through: a client that does not read its blocks is not read either, and a
 * store that is slow holds back the client that puts. A client that goes, or resets its stream,
 * ends the work at once: a deposit that was not ended is given up (spec: CONTROL-8).
 *
 * Page: protocol/control.md · Floor: node.
 */
import { setMaxListeners } from 'node:events'
import { asGuildError, GuildError } from '../../base/errors.ts'
import {
  BLOCK_MESSAGE_MAX,
  type BlocksInput,
  type BlocksRequest,
  decodeBlocksInput,
  decodeBlocksRequest,
  encodeBlock,
  encodeJson,
} from '../../protocols/control/blocks.ts'
import { formatCid, parseCid } from '../../wire/cid.ts'
import type { GuildStream } from '../guild-stream.ts'
import { Lanes } from './lanes.ts'
import { Room } from './room.ts'
import type { Blocks, FetchSession, ProgressOptions } from './types.ts'

/** Blocks of one stream that are looked for, written or stored at a time: 32 of 2 MiB are what it may hold. */
const UNDER_WAY = 32

/** Serves one stream to its end; rejects never. `late` tells when a request did not come in time. */
export async function serveBlocks(stream: GuildStream, blocks: Blocks, late: AbortSignal): Promise<void> {
  const gone = new AbortController()
  stream.once('close', () => gone.abort())
  const tooLate = (): void => void stream.destroy(new GuildError('GH_LINK_SILENT', 'no request came'))
  late.addEventListener('abort', tooLate, { once: true })
  const serving = new Serving(stream, blocks, gone.signal)
  try {
    const begun = (): void => late.removeEventListener('abort', tooLate)
    await stream.receive(message => serving.take(message, begun), { maxBytes: BLOCK_MESSAGE_MAX })
    await serving.finish()
  } catch {
    serving.close() // the client left, or sent what is no message
  } finally {
    late.removeEventListener('abort', tooLate)
    gone.abort()
  }
}

/** What one kind of request does with what comes behind it. */
interface Work {
  take?(input: BlocksInput): Promise<void> | undefined
  /** The client has said everything. What it returns is told as `done`. */
  finish(): Promise<unknown>
  /** It ends here, whole or not. May be called after `finish`. */
  close(): void
}

class Serving {
  readonly #stream: GuildStream
  readonly #blocks: Blocks
  readonly #signal: AbortSignal
  readonly #room: Room
  #request: BlocksRequest | undefined
  #work: Work | undefined
  /** It was told: what still comes is thrown away until the client has read that. */
  #failed = false

  constructor(stream: GuildStream, blocks: Blocks, signal: AbortSignal) {
    this.#stream = stream
    this.#room = new Room(stream)
    setMaxListeners(0, signal)
    this.#blocks = blocks
    this.#signal = signal
  }

  take(message: Uint8Array, begun: () => void): Promise<void> | undefined {
    if (this.#failed) return undefined
    try {
      if (this.#request === undefined) {
        this.#request = decodeBlocksRequest(message)
        begun()
        return this.#begin(this.#request).catch(error => this.#fail(error))
      }
      // The message is only lent, and a store may keep what it is given for a while.
      const input = decodeBlocksInput(this.#request.do, message.slice())
      return this.#work!.take?.(input)?.catch(error => this.#fail(error))
    } catch (error) {
      return this.#fail(error)
    }
  }

  async finish(): Promise<void> {
    if (this.#failed) return
    try {
      if (this.#work === undefined) throw new GuildError('GH_CONTROL_REQUEST', 'it ended too early')
      const done = await this.#work.finish()
      this.close()
      await this.#say(encodeJson({ done }))
      this.#stream.end()
    } catch (error) {
      await this.#fail(error)
    }
  }

  close(): void {
    this.#work?.close()
  }

  /** Tells it, where there is still somebody to tell. */
  async #fail(error: unknown): Promise<void> {
    if (this.#failed) return
    this.#failed = true
    this.close()
    if (this.#stream.destroyed || this.#signal.aborted) return
    const { code, detail } = asGuildError(error)
    try {
      await this.#say(encodeJson({ error: { code, detail } }))
      this.#stream.end()
    } catch {
      this.#stream.destroy()
    }
  }

  async #begin(request: BlocksRequest): Promise<void> {
    this.#work = await this.#workOf(request)
    await this.#say(encodeJson({ ok: {} }))
  }

  async #workOf(request: BlocksRequest): Promise<Work> {
    const signal = this.#signal
    switch (request.do) {
      case 'get':
        return this.#getting(this.#blocks.session({ offline: request.offline, signal }))
      case 'put':
        return await this.#putting(request)
      default:
        return { finish: () => this.#answer(request), close() {} }
    }
  }

  #getting(session: FetchSession): Work {
    const lanes = new Lanes(UNDER_WAY)
    return {
      take: input => {
        if (input.kind !== 'want') return undefined
        const { cid } = input
        return lanes.run(async () => {
          let answer: Uint8Array
          try {
            answer = encodeBlock(cid, await session.get(cid, { signal: this.#signal }))
          } catch (error) {
            const { code, detail } = asGuildError(error)
            answer = encodeJson({ missing: formatCid(cid), error: { code, detail } })
          }
          await this.#say(answer)
        })
      },
      finish: async () => {
        await lanes.idle()
        return await session.close()
      },
      close: () => void session.close().catch(() => {}),
    }
  }

  async #putting({ announce, undo }: BlocksRequest): Promise<Work> {
    const deposit = await this.#blocks.deposit({ announce, undo, signal: this.#signal })
    const lanes = new Lanes(UNDER_WAY)
    return {
      take: input => {
        if (input.kind === 'block') return lanes.run(() => deposit.put(input.cid, input.bytes))
        if (input.kind === 'pin') deposit.pin(parseCid(input.cid))
        return undefined
      },
      finish: async () => {
        await lanes.idle()
        return await deposit.end()
      },
      close: () => void deposit.abort().catch(() => {}),
    }
  }

  async #answer(request: BlocksRequest): Promise<unknown> {
    const blocks = this.#blocks
    const signal = this.#signal
    const options: ProgressOptions = { signal, onProgress: progress => this.#tell(progress) }
    const cid = request.cid === undefined ? undefined : parseCid(request.cid)
    switch (request.do) {
      case 'stat':
        return await blocks.stat({ signal })
      case 'size':
        return { size: (await blocks.size(cid!, { signal })) ?? null }
      case 'rm':
        await blocks.delete(cid!, { signal })
        return {}
      case 'pin':
        await blocks.pins.add(cid!, { ...options, recursive: request.direct !== true })
        return {}
      case 'unpin':
        await blocks.pins.rm(cid!, { signal })
        return {}
      case 'pins':
        for await (const pin of blocks.pins.ls({ signal }))
          await this.#say(encodeJson({ pin: { cid: formatCid(pin.cid), recursive: pin.recursive } }))
        return {}
      case 'gc':
        return await blocks.gc(options)
      case 'verify': {
        const { checked, damaged } = await blocks.verify(options)
        return { checked, damaged: damaged.map(formatCid) }
      }
    }
    throw new GuildError('GH_INTERNAL', request.do)
  }

  /** Left out where the client does not read: the next one says the same and more. */
  #tell(progress: unknown): void {
    if (!this.#stream.destroyed && !this.#stream.writableNeedDrain)
      this.#stream.send(encodeJson({ progress }))
  }

  async #say(message: Uint8Array): Promise<void> {
    if (this.#signal.aborted) throw new GuildError('GH_ABORTED', 'the client left')
    if (!this.#stream.send(message)) await this.#room.opened()
  }
}
