/**
 * Two streams and one rule: answers and the running log on stdout, trouble on stderr.
 *
 * A reader that goes away (`guild-home run | head`) is no fault: `broken` is told
 * once and everything later is dropped. While a person types on a terminal, `around`
 * takes the half-typed line away before each line and puts it back behind it.
 *
 * Floor: cli. Faults: CL-05.
 */
import type { Writable } from 'node:stream'
import type { Level } from './text-lines.ts'
import { levels } from './text-lines.ts'

export class Output {
  /** Called around each write while a prompt stands on the screen. */
  around: ((write: () => void) => void) | undefined
  /** Told once when standard output breaks; quiet after a plain EPIPE. */
  broken: ((error: NodeJS.ErrnoException) => void) | undefined
  readonly #out: Writable
  readonly #err: Writable
  #level: Level = 'info'
  #gone: NodeJS.ErrnoException | undefined

  constructor(out: Writable, err: Writable) {
    this.#out = out
    this.#err = err
    out.on('error', error => {
      if (this.#gone !== undefined) return
      this.#gone = error
      this.broken?.(error)
    })
    // With nobody to read complaints there is nothing left to say.
    err.on('error', () => {})
  }

  /** Why standard output is gone, if it is. */
  get gone(): NodeJS.ErrnoException | undefined {
    return this.#gone
  }

  setLevel(level: Level): void {
    this.#level = level
  }

  /** Is a line of this level to be shown? */
  shows(level: Level): boolean {
    return levels.indexOf(level) <= levels.indexOf(this.#level)
  }

  /** One line, or several, on standard output. */
  line(text: string): void {
    if (this.#gone === undefined) this.#write(this.#out, text)
  }

  /** The same on standard error. */
  trouble(text: string): void {
    this.#write(this.#err, text)
  }

  /** A remark that is no answer: on standard error, unless `--log` wants less. */
  note(text: string): void {
    if (this.shows('info')) this.trouble(`guild-home: ${text}`)
  }

  /** Resolves when what was written has left this process, or never can. */
  async flush(): Promise<void> {
    for (const stream of [this.#out, this.#err])
      if (!stream.destroyed && stream.writable)
        await new Promise<void>(resolve => stream.write('', () => resolve()))
  }

  #write(stream: Writable, text: string): void {
    const write = () => void stream.write(`${text}\n`)
    if (this.around === undefined) write()
    else this.around(write)
  }
}
