/**
 * A pipe as the carrier of a link: records in ordered bytes.
 *
 * Floor: node.
 */
import type { Pipe } from '../base/ports.ts'
import type { ByteWriter } from '../base/writer.ts'
import { Link } from '../link/link.ts'
import { defaults } from '../link/link-io.ts'
import type { Self } from '../link/self.ts'
import type { Drive } from '../runtime/drive.ts'
import type { AttemptDial } from './attempts.ts'
import type { Carrier, CarrierHost, MakeCarrier } from './carrier.ts'
import type { Turn } from './turn.ts'

export interface RecordCarrierOptions {
  readonly pipe: Pipe
  readonly self: Self
  readonly drive: Drive
  readonly plaintext: ByteWriter
  readonly turn: Turn
  /** On the dialling side. */
  readonly dial?: AttemptDial
}

export function recordCarrier(options: RecordCarrierOptions): MakeCarrier {
  return host => new RecordCarrier(options, host)
}

class RecordCarrier implements Carrier {
  readonly link: Link
  readonly #pipe: Pipe
  readonly #drive: Drive
  #blocked = false
  /** A peer that never ends its side does not keep ours. */
  #linger: (() => void) | undefined

  constructor({ pipe, self, drive, plaintext, turn, dial }: RecordCarrierOptions, host: CarrierHost) {
    this.#pipe = pipe
    this.#drive = drive
    const carry = host.carry
    const enough = (): boolean => turn.spent()
    this.link = new Link({ self, plaintext, enough, carry, ...(dial && { dial }) }, drive.now())
    pipe.attach({
      data: bytes => {
        turn.begin()
        try {
          host.read({ kind: 'bytes', bytes })
        } finally {
          turn.end()
        }
      },
      drain: () => {
        this.#blocked = false
        host.flushSoon()
      },
      end: () => host.feed({ kind: 'carrier-closed', error: undefined }),
      close: error => {
        host.feed({ kind: 'carrier-closed', error })
        this.#linger?.()
        host.gone()
      },
    })
  }

  get transport(): string {
    return this.#pipe.transport
  }

  get remote(): Pipe['remote'] {
    return this.#pipe.remote
  }

  get buffered(): number {
    return this.#pipe.buffered
  }

  get blocked(): boolean {
    return this.#blocked
  }

  output(output: Parameters<Carrier['output']>[0]): void {
    if (output.kind === 'write') {
      if (!this.#pipe.write(output.chunks)) this.#blocked = true
      return
    }
    if (output.abruptly) return this.#pipe.destroy()
    this.#pipe.end()
    this.#linger ??= this.#drive.after(defaults.closeLinger, () => this.#pipe.destroy())
  }

  hold(held: boolean): void {
    if (held) this.#pipe.pause()
    else this.#pipe.resume()
  }

  destroy(): void {
    this.#pipe.destroy()
  }
}
