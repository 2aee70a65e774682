/** Somebody at a line port: a socket that types and reads lines. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { until } from './nodes.ts'

interface Ends {
  teardown(work: () => Promise<unknown> | unknown): void
}

export class Typist {
  readonly socket: Socket
  /** Everything read so far, byte for byte. */
  text = ''
  /** The other side ended, or the connection is gone. */
  ended = false
  #read = 0

  constructor(t: Ends, where: string) {
    const colon = where.lastIndexOf(':')
    this.socket = connect({
      host: where.slice(0, colon),
      port: Number(where.slice(colon + 1)),
      noDelay: true,
    })
    this.socket
      .setEncoding('utf8')
      .on('data', text => {
        this.text += text
      })
      .on('end', () => {
        this.ended = true
      })
      .on('error', () => {})
      .on('close', () => {
        this.ended = true
      })
    t.teardown(() => this.socket.destroy())
  }

  /** Connected, introduced and answered. */
  static async join(t: Ends, where: string | undefined, hello: string): Promise<Typist> {
    const typist = new Typist(t, where!)
    typist.types(hello)
    await typist.reads(1)
    return typist
  }

  types(...lines: readonly string[]): void {
    this.socket.write(lines.map(line => `${line}\n`).join(''))
  }

  /** Each byte in a packet of its own, as far as the system lets it. */
  async typesBytewise(bytes: Uint8Array): Promise<void> {
    for (const byte of bytes) {
      this.socket.write(Uint8Array.of(byte))
      await new Promise(resolve => setImmediate(resolve))
    }
  }

  /** The next so many lines. */
  async reads(count: number): Promise<string[]> {
    await until(() => this.#lines().length >= this.#read + count || this.ended, `${count} lines`)
    const lines = this.#lines().slice(this.#read, this.#read + count)
    if (lines.length < count) throw new Error(`ended after ${JSON.stringify(this.text)}`)
    this.#read += count
    return lines
  }

  async untilEnded(): Promise<string> {
    await until(() => this.ended, 'the end')
    return this.text
  }

  async leaves(): Promise<void> {
    this.socket.end()
    if (!this.socket.closed) await once(this.socket, 'close')
  }

  #lines(): string[] {
    return this.text.split('\n').slice(0, -1)
  }
}
