/**
 * A pipe within this machine with its plain link and streams: either end of the control socket.
 *
 * Composition only, as `connection.ts` is for peers.
 * Floor: node.
 */
import type { GuildError } from '../base/errors.ts'
import type { Pipe } from '../base/ports.ts'
import { defaults as linkDefaults } from '../link/link-io.ts'
import { type PlainInput, PlainLink, type PlainOutput } from '../link/plain-link.ts'
import type { Drive, Driven } from '../runtime/drive.ts'
import type { Stream } from '../streams/stream.ts'
import { Streams } from '../streams/streams.ts'

export interface PlainConnectionOptions {
  readonly pipe: Pipe
  readonly drive: Drive
  /** The side that dialled: it opens even ids (spec: CONTROL-3). */
  readonly client: boolean
  readonly onStream: (stream: Stream) => void
  /** The link is over; streams have been told. Told once. */
  readonly onEnded: (error: GuildError) => void
  /** The pipe is closed: the last call. */
  readonly onGone?: () => void
}

export class PlainConnection {
  readonly pipe: Pipe
  readonly streams: Streams
  readonly #options: PlainConnectionOptions
  readonly #link: PlainLink
  readonly #driven: Driven<PlainInput>
  readonly #flush = (): void => this.#driven.feed({ kind: 'flush', buffered: this.pipe.buffered })
  #blocked = false
  #linger: (() => void) | undefined

  constructor(options: PlainConnectionOptions) {
    const { pipe, drive, client, onStream } = options
    this.#options = options
    this.pipe = pipe
    this.streams = new Streams({
      lower: client,
      now: () => drive.now(),
      onStream,
      wake: () => {
        this.#link.streamsWaiting()
        this.#flushSoon()
      },
    })
    this.#link = new PlainLink({ streams: this.streams }, drive.now())
    this.#driven = drive.run(this.#link, output => this.#output(output))
    pipe.attach({
      data: bytes => this.feed({ kind: 'bytes', bytes }),
      drain: () => {
        this.#blocked = false
        this.#flushSoon()
      },
      end: () => this.feed({ kind: 'carrier-closed', error: undefined }),
      close: error => {
        this.feed({ kind: 'carrier-closed', error })
        this.#linger?.()
        this.#driven.stop()
        options.onGone?.()
      },
    })
  }

  feed(input: PlainInput): void {
    this.#driven.feed(input)
    this.#flushSoon()
  }

  #flushSoon(): void {
    if (!this.#blocked && this.#link.wantsFlush) this.#options.drive.defer(this.#flush)
  }

  #output(output: PlainOutput): void {
    switch (output.kind) {
      case 'write':
        if (!this.pipe.write(output.chunks)) this.#blocked = true
        return
      case 'end-carrier':
        if (output.abruptly) return this.pipe.destroy()
        this.pipe.end()
        this.#linger ??= this.#options.drive.after(linkDefaults.closeLinger, () => this.pipe.destroy())
        return
      case 'ended':
        this.streams.close(output.error)
        return this.#options.onEnded(output.error)
    }
  }
}
