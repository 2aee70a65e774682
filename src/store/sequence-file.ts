/**
 * A log file of JSON texts, one behind the other, that cannot outgrow its bound.
 *
 *   1e {"qlog_version":…} 0a   1e {"time":…} 0a   …          (RFC 7464)
 *   ── record separator         ── line feed
 *
 * Texts wait in a buffer of 64 KiB, or for a second. They are written with the call that fills it and not
 * behind its back: then nothing waits in line that a slow disk could make grow, and what was logged
 * before a crash is there. Into the page cache that takes some 30 µs.
 *
 * Refuses: a file that exists; a text that would pass the bound, and everything after it.
 * Floor: store. Page: protocol/observability.md (spec: OBS-3, OBS-6).
 */
import { closeSync, openSync, writeSync } from 'node:fs'
import type { Millis } from '../base/machine.ts'
import { diskError, errorCode } from './disk-error.ts'

const BUFFER = 64 * 1024
/** What was logged longer ago is in the file once more is logged. */
const LONGEST_WAIT: Millis = 1_000
/** Two of the same name in one millisecond happen; a hundred do not. */
const NAMES = 100
const RECORD_SEPARATOR = '\u001e'

export class SequenceFile {
  readonly path: string
  /** Bytes, those in the buffer included. */
  size = 0
  readonly #most: number
  readonly #buffer = Buffer.allocUnsafe(BUFFER)
  #file: number | undefined
  #used = 0
  #since: Millis = 0

  /** `path` without its ending. Made readable by its owner alone; a second one of that name gets `-2`. GH_STORE_FAILED. */
  constructor(path: string, ending: string, most: number) {
    this.#most = most
    let name = `${path}${ending}`
    for (let n = 2; this.#file === undefined; n++)
      try {
        this.#file = openSync(name, 'wx', 0o600)
      } catch (error) {
        if (errorCode(error) !== 'EEXIST' || n > NAMES) throw diskError(error, name)
        name = `${path}-${n}${ending}`
      }
    this.path = name
  }

  /**
   * False, and nothing written, when it would pass the bound; `last` words may. Throws GH_STORE_FAILED;
   * the file is closed then.
   */
  write(value: object, now: Millis, last = false): boolean {
    const text = `${RECORD_SEPARATOR}${JSON.stringify(value)}\n`
    const length = Buffer.byteLength(text)
    if (this.#file === undefined || (this.size + length > this.#most && !last)) return false
    if (this.#used + length > BUFFER) this.flush()
    this.size += length
    if (length > BUFFER) this.#out(Buffer.from(text))
    else {
      if (this.#used === 0) this.#since = now
      this.#used += this.#buffer.write(text, this.#used)
      if (now - this.#since >= LONGEST_WAIT) this.flush()
    }
    return true
  }

  /** Throws GH_STORE_FAILED when the last of it could not be written; closed it is in any case. */
  close(): void {
    if (this.#file === undefined) return
    this.flush()
    closeSync(this.#file)
    this.#file = undefined
  }

  /** What waits is written. Throws GH_STORE_FAILED. */
  flush(): void {
    if (this.#used > 0) this.#out(this.#buffer.subarray(0, this.#used))
    this.#used = 0
  }

  #out(bytes: Uint8Array): void {
    const file = this.#file!
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at)
    } catch (error) {
      this.#file = undefined
      closeSync(file)
      throw diskError(error, this.path)
    }
  }
}
