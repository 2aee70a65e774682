/**
 * What the checks of a transport contract work with: ends that remember what they heard, and
 * a bench that closes what was opened on it.
 *
 * Floor: testing.
 */
import { concat } from '../base/bytes.ts'
import type { Endpoint, Listener, Pipe, Transport } from '../base/ports.ts'

/** Two sides of one kind of transport, and their time. */
export interface TransportPair {
  readonly server: Transport
  readonly client: Transport
  /** Where the server binds, and where the client finds it. */
  readonly host: string
  /** Lets time pass until the promise settles. Real time does so by itself. */
  settle<T>(promise: Promise<T>): Promise<T>
  /** A wait of about this many milliseconds, inside `settle`. */
  sleep(milliseconds: number): Promise<void>
}

/** One end of a pipe and what was heard on it. */
export class End {
  readonly pipe: Pipe
  ended = false
  closed: { readonly error: Error | undefined } | undefined
  drains = 0
  length = 0
  afterClose = 0
  readonly #received: Uint8Array[] = []
  #waiting: (() => void)[] = []

  constructor(pipe: Pipe) {
    this.pipe = pipe
  }

  attach(): void {
    const heard = (what: () => void): void => {
      if (this.closed !== undefined) this.afterClose++
      what()
      const waiting = this.#waiting
      this.#waiting = []
      for (const resolve of waiting) resolve()
    }
    this.pipe.attach({
      data: bytes =>
        heard(() => {
          this.#received.push(bytes.slice())
          this.length += bytes.length
        }),
      drain: () => heard(() => this.drains++),
      end: () =>
        heard(() => {
          this.ended = true
        }),
      close: error =>
        heard(() => {
          this.closed = { error }
        }),
    })
  }

  bytes(): Uint8Array {
    return concat(...this.#received)
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>(resolve => this.#waiting.push(resolve))
  }
}

/** What a check works with; everything it opened is closed after. */
export class Bench {
  readonly server: Transport
  readonly client: Transport
  readonly host: string
  readonly sleep: (milliseconds: number) => Promise<void>
  readonly listeners: Listener[] = []
  readonly #pipes: Pipe[] = []

  constructor(pair: TransportPair) {
    this.server = pair.server
    this.client = pair.client
    this.host = pair.host
    this.sleep = milliseconds => pair.sleep(milliseconds)
  }

  async listen(port: number, onPipe: (pipe: Pipe) => void = pipe => pipe.destroy()): Promise<Listener> {
    const listener = await this.server.listen({ hosts: [this.host], port, onPipe, onError: fail })
    this.listeners.push(listener)
    return listener
  }

  async dial({ port }: Endpoint, signal: AbortSignal = new AbortController().signal): Promise<Pipe> {
    const pipe = await this.client.dial({ host: this.host, port, signal })
    this.#pipes.push(pipe)
    return pipe
  }

  /** A dialled pipe and its accepted counterpart. */
  async connect(
    signal?: AbortSignal,
    { attachFar = true } = {},
  ): Promise<{ near: End; far: End; listener: Listener }> {
    let accepted: (end: End) => void
    const arrival = new Promise<End>(resolve => {
      accepted = resolve
    })
    const listener = await this.listen(0, pipe => {
      this.#pipes.push(pipe)
      const end = new End(pipe)
      if (attachFar) end.attach()
      accepted(end)
    })
    const near = new End(await this.dial(listener.endpoints[0]!, signal))
    near.attach()
    return { near, far: await arrival, listener }
  }

  async close(): Promise<void> {
    for (const pipe of this.#pipes) pipe.destroy()
    for (const listener of this.listeners) await listener.close()
  }
}

/** A listener's error fails the check. */
export function fail(error: Error): never {
  throw error
}
