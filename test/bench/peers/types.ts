/**
 * The words of this folder. Types only: nothing here runs.
 *
 *   run.mjs ── Pair ──▶ two processes (side.mjs) ──▶ a Way in each: Far there, Near here
 */

/** What the far side does with a connection or stream that is opened to it. */
export type Task = 'bulk' | 'messages' | 'echo' | 'greet'

/** One open connection or stream, as the near side uses it. */
export interface Pipe {
  /** Bytes without borders. False: wait for `drained` before more. */
  write(bytes: Uint8Array): boolean
  /** One message that arrives as one. */
  send(message: Uint8Array): boolean
  drained(): Promise<unknown>
  /** Bytes that wait in this process. */
  queued(): number
  close(): void
}

/** A connection of a way that has nothing but connections; both sides have one. */
export interface Wire extends Pipe {
  onBytes(take: (bytes: Uint8Array) => void): void
  onMessage(take: (message: Uint8Array) => void): void
}

export interface Connections {
  /** On 127.0.0.1, at a port the system picks. */
  listen(accept: (wire: Wire) => void): Promise<{ port: number; close: () => void }>
  /** Resolves when the wire can be written. */
  connect(port: number): Promise<Wire>
}

/** What the far side tells of each piece that came: a chunk in bulk, a message otherwise. */
export type Take = (bytes: number) => void

export interface Far {
  /** For the near side; survives JSON. */
  readonly address: unknown
}

export interface Shaker {
  /** One full handshake and its end; lanes run at once. */
  shake(lane: number): Promise<void>
  close(): Promise<void>
}

export interface Near {
  dial(task: 'bulk' | 'messages' | 'echo', onMessage?: (message: Uint8Array) => void): Promise<Pipe>
  shaker(lanes: number): Promise<Shaker>
}

export interface Mesh {
  /** Until everyone has a link to everyone. */
  form(): Promise<void>
  close(): Promise<void>
}

/** One way to carry bytes between two processes. */
export interface Way {
  far(take: Take): Promise<Far>
  near(address: unknown): Promise<Near>
  /** All of them in this process. */
  mesh(count: number): Promise<Mesh>
}

/** The side that fetches, linked to the one that holds. Nothing of what is held is here yet. */
export interface Getter<Got> {
  get(): Promise<Got>
  close(): Promise<void>
}

/** The side that holds, and answers. */
export interface Holder {
  /** For the other side; survives JSON. */
  readonly told: unknown
  close(): Promise<void>
}

/** One way to bring a file from one process to another, each with a store of its own in a folder. */
export interface FileWay {
  /** Takes the file into the store. */
  hold(file: string, folder: string): Promise<Holder>
  /** Its `get` resolves when `out` is whole; whether it is on disk is no matter of the way. */
  getter(told: unknown, folder: string, out: string): Promise<Getter<void>>
}

/** One way to bring blocks from one process to another, in memory. */
export interface BlockWay {
  hold(blocks: readonly Uint8Array[]): Promise<Holder>
  /** Its `get` resolves with all of them, hashed, in their order. */
  getter(told: unknown): Promise<Getter<readonly Uint8Array[]>>
}

/** One figure of one way. */
export interface Figure {
  readonly measure: string
  readonly way: string
  readonly value: number
  /** To node:net in the same run; null where node:net has none. */
  readonly ratio: number | null
}

export interface Figures {
  readonly cores: number
  /** Major version of Node. */
  readonly node: number
  readonly rounds: number
  readonly figures: readonly Figure[]
}
