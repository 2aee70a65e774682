/**
 * Waiting for a stream that is full: many may, and one listener does.
 *
 * Floor: node.
 */
import type { GuildStream } from '../guild-stream.ts'

export class Room {
  readonly #stream: GuildStream
  #waiting: Promise<void> | undefined

  constructor(stream: GuildStream) {
    this.#stream = stream
  }

  /** As `drained` of the stream. */
  opened(): Promise<void> {
    this.#waiting ??= this.#stream.drained().finally(() => {
      this.#waiting = undefined
    })
    return this.#waiting
  }
}
