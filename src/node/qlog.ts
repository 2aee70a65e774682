/**
 * qlog: a file of JSON texts for each link over packets, which qvis draws.
 *
 *   <dir>/20261121T154012.123Z-initiator-12D3KooW….sqlog
 *
 * A file begins with its link's proof, and has what came before it too: a dial that nobody answered leaves
 * none. It ends with the link, or says that it is full; all files of one run together are bounded as well. A disk that
 * fails is told once, and ends the logging; the node goes on.
 *
 * Floor: node. Page: protocol/observability.md (spec: OBS-5, OBS-6).
 */
import { join } from 'node:path'
import type { GuildError } from '../base/errors.ts'
import { asGuildError } from '../base/errors.ts'
import type { Millis } from '../base/machine.ts'
import type { Clock } from '../base/ports.ts'
import { makeDirectory } from '../store/make-directory.ts'
import { SequenceFile } from '../store/sequence-file.ts'
import { type QlogEvent, QlogEvents } from './qlog-events.ts'
import type { TraceEvent, TraceKind, TraceSink } from './trace.ts'

export interface QlogOptions {
  readonly directory: string
  readonly clock: Clock
  /** Bytes of one file. Default 256 MiB. */
  readonly fileMost?: number
  /** Bytes of all files of this node. Default 4 GiB. */
  readonly totalMost?: number
}

const MIB = 1024 * 1024
/** What a file may have before the peer is proved: a whole dial takes some forty. */
const EARLY = 128
/** No file is begun with less room. */
const LEAST_ROOM = 16 * 1024

export class Qlog {
  readonly fileMost: number
  readonly clock: Clock
  /** As the node calls itself. */
  name = ''
  onError: (error: GuildError) => void = () => {}
  readonly #directory: string
  #left: number
  #failed = false

  /** Makes the directory. Throws GH_STORE_FAILED. */
  constructor({ directory, clock, fileMost = 256 * MIB, totalMost = 4_096 * MIB }: QlogOptions) {
    makeDirectory(directory)
    this.#directory = directory
    this.clock = clock
    this.fileMost = fileMost
    this.#left = totalMost
  }

  /** Of a link that begins; undefined when the disk failed, or all room is used. */
  sink(): TraceSink | undefined {
    return this.#failed || this.#left < LEAST_ROOM ? undefined : new QlogSink(this)
  }

  open(name: string): SequenceFile {
    return new SequenceFile(join(this.#directory, name), '.sqlog', Math.min(this.fileMost, this.#left))
  }

  /** So much is in files now. */
  spend(bytes: number): void {
    this.#left -= bytes
  }

  get full(): boolean {
    return this.#left <= 0
  }

  failed(error: unknown): void {
    if (this.#failed) return
    this.#failed = true
    this.onError(asGuildError(error, 'GH_STORE_FAILED'))
  }
}

class QlogSink implements TraceSink {
  readonly #qlog: Qlog
  #events: QlogEvents | undefined
  #early: QlogEvent[] = []
  #file: SequenceFile | undefined
  #over = false

  constructor(qlog: Qlog) {
    this.#qlog = qlog
  }

  wants(_kind: TraceKind): boolean {
    return !this.#over
  }

  take(event: TraceEvent): void {
    if (this.#over) return
    this.#events ??= new QlogEvents(event.time)
    const events = this.#events.of(event)
    if (event.kind === 'handshake' && event.step === 'proved') this.#begin(event)
    for (const one of events) {
      if (this.#file !== undefined) this.#write(one, event.time)
      else if (this.#early.length < EARLY) this.#early.push(one)
    }
  }

  close(): void {
    this.#over = true
    this.#early = []
    this.#try(() => this.#file?.close())
    this.#file = undefined
  }

  #begin({ link, time }: TraceEvent): void {
    const qlog = this.#qlog
    const began = Math.round(qlog.clock.wall() - this.#events!.time(time))
    const role = link.direction === 'out' ? 'initiator' : 'responder'
    const stamp = new Date(began).toISOString().replaceAll(/[-:]/g, '')
    this.#try(() => {
      this.#file = qlog.open(`${stamp}-${role}-${link.peer}`)
    })
    const header = {
      qlog_version: '0.3',
      qlog_format: 'JSON-SEQ',
      title: `guild-home: ${role} to ${link.peer}`,
      trace: {
        vantage_point: { name: qlog.name, type: link.direction === 'out' ? 'client' : 'server' },
        common_fields: { time_format: 'relative', reference_time: began },
      },
    }
    this.#write(header, time)
    for (const one of this.#early) this.#write(one, time)
    this.#early = []
    this.#try(() => this.#file?.flush()) // so that it can be told from an empty one
  }

  #write(value: object, now: Millis): void {
    const file = this.#file
    if (file === undefined) return
    this.#try(() => {
      const before = file.size
      const written = !this.#qlog.full && file.write(value, now)
      this.#qlog.spend(file.size - before)
      if (!written) this.#stop(file, now)
    })
  }

  /** The bound is reached. */
  #stop(file: SequenceFile, now: Millis): void {
    const message = `the log ends here: ${file.size} bytes of at most ${this.#qlog.fileMost}`
    const last = { time: this.#events!.time(now), name: 'loglevel:warning', data: { message } }
    file.write(last, now, true)
    this.close()
  }

  #try(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#over = true
      this.#file = undefined
      this.#qlog.failed(error)
    }
  }
}
