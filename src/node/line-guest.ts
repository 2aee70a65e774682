/**
 * One guest: a pipe with its line link.
 *
 *   pipe ─ bytes ─▶ line link ─ chat, end ─▶ line port
 *   pipe ◀─ chunks ─ line link ◀─ tell ───── line port     once a turn
 *
 * Composition only: every rule is in the core.
 * Floor: node.
 */
import type { Pipe, Random } from '../base/ports.ts'
import { type LineInput, LineLink, type LineLinkOptions, type LineOutput } from '../link/line-link.ts'
import type { LineFacts } from '../link/line-words.ts'
import type { Drive, Driven } from '../runtime/drive.ts'
import { formatAddress } from '../wire/address.ts'
import type { PeerInfo } from './types.ts'

/** How long a guest that was told the end may take to read it. */
const LINGER = 1_000

export interface LineGuestOptions {
  readonly pipe: Pipe
  readonly drive: Drive
  readonly random: Random
  readonly interval: number
  readonly patience: number
  readonly teach: boolean
  readonly facts: () => LineFacts
  readonly admit: LineLinkOptions['admit']
  readonly peers: () => readonly string[]
  readonly heard: (output: Exclude<LineOutput, { kind: 'write' | 'end-carrier' }>) => void
  /** The pipe is closed: the last call. */
  readonly onGone: () => void
}

export class LineGuest {
  readonly pipe: Pipe
  readonly link: LineLink
  bytesIn = 0
  bytesOut = 0
  readonly #drive: Drive
  readonly #driven: Driven<LineInput>
  readonly #flush = (): void => this.#driven.feed({ kind: 'flush' })
  #linger: (() => void) | undefined
  #gone = false

  constructor(options: LineGuestOptions) {
    const { pipe, drive, heard, onGone } = options
    this.pipe = pipe
    this.#drive = drive
    this.link = new LineLink({ ...options, buffered: () => pipe.buffered }, drive.now())
    this.#driven = drive.run(this.link, (output: LineOutput) => {
      if (output.kind === 'write') this.#write(output.chunks)
      else if (output.kind === 'end-carrier') this.#end(output.abruptly)
      else heard(output)
    })
    pipe.attach({
      data: bytes => {
        this.bytesIn += bytes.length
        this.feed({ kind: 'bytes', bytes })
      },
      drain: () => this.flushSoon(),
      end: () => this.feed({ kind: 'carrier-closed', error: undefined }),
      close: error => {
        this.feed({ kind: 'carrier-closed', error })
        this.#gone = true
        this.#linger?.()
        this.#driven.stop()
        onGone()
      },
    })
    this.flushSoon()
  }

  feed(input: LineInput): void {
    this.#driven.feed(input)
    this.flushSoon()
  }

  /** Everything said in this turn leaves together at its end. */
  flushSoon(): void {
    if (!this.#gone && this.link.wantsFlush) this.#drive.defer(this.#flush)
  }

  info(peerId: string): PeerInfo {
    const { host, port } = this.pipe.remote
    return {
      peerId,
      name: this.link.name,
      address: formatAddress({ transport: 'tcp', host, port }),
      transport: 'line',
      direction: 'in',
      rttMs: this.link.rtt,
      bytesIn: this.bytesIn,
      bytesOut: this.bytesOut,
      carrier: 'lines',
      packets: undefined,
    }
  }

  #write(chunks: readonly Uint8Array[]): void {
    for (const { length } of chunks) this.bytesOut += length
    this.pipe.write(chunks)
  }

  #end(abruptly: boolean): void {
    if (abruptly) return this.pipe.destroy()
    this.pipe.end()
    this.#linger ??= this.#drive.after(LINGER, () => this.pipe.destroy())
  }
}
