/**
 * A fetch from another process's node: wants there, blocks back, in whatever order they come.
 *
 * Page: protocol/control.md · Floor: node.
 */
import type { CID } from 'multiformats/cid'
import { asGuildError, GuildError } from '../../base/errors.ts'
import {
  BLOCK_MESSAGE_MAX,
  decodeBlocksOutput,
  encodeJson,
  encodeWant,
  errorOf,
} from '../../protocols/control/blocks.ts'
import { blockKey, parseCid } from '../../wire/cid.ts'
import type { GuildStream } from '../guild-stream.ts'
import { leaveOn } from './leave-on.ts'
import type { FetchFigures, FetchOptions, FetchSession, Wait } from './types.ts'

interface Waiting {
  readonly resolve: (bytes: Uint8Array) => void
  readonly reject: (error: GuildError) => void
}

export class RemoteSession implements FetchSession {
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
