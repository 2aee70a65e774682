/**
 * A write into another process's node: blocks there, and one word back when all of it is durable.
 *
 * Page: protocol/control.md · Floor: node.
 */
import type { CID } from 'multiformats/cid'
import { GuildError } from '../../base/errors.ts'
import {
  BLOCK_MESSAGE_MAX,
  decodeBlocksOutput,
  encodeBlock,
  encodeJson,
  errorOf,
} from '../../protocols/control/blocks.ts'
import { formatCid } from '../../wire/cid.ts'
import type { GuildStream } from '../guild-stream.ts'
import { leaveOn } from './leave-on.ts'
import { Room } from './room.ts'
import type { Deposit, DepositOptions } from './types.ts'

export class RemoteDeposit implements Deposit {
  readonly #stream: GuildStream
  readonly #room: Room
  readonly #done: Promise<{ blocks: number; bytes: number }>
  readonly #release: () => void

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
