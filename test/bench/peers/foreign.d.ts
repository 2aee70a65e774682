/**
 * The parts used here of packages that bring no types of their own.
 */
declare module '@hyperswarm/secret-stream' {
  import type { Socket } from 'node:net'
  import type { Duplex } from 'node:stream'

  interface KeyPair {
    publicKey: Uint8Array
    secretKey: Uint8Array
  }
  export default class SecretStream extends Duplex {
    constructor(isInitiator: boolean, socket: Socket, options?: { keyPair: KeyPair })
    readonly rawStream: Socket
    readonly opened: Promise<boolean>
    static keyPair(): KeyPair
  }
}

declare module 'hypercore' {
  import type { Duplex } from 'node:stream'

  export default class Hypercore {
    constructor(folder: string, key?: Uint8Array)
    readonly key: Uint8Array
    readonly length: number
    ready(): Promise<void>
    append(blocks: readonly Uint8Array[]): Promise<unknown>
    get(index: number): Promise<Uint8Array>
    update(options: { wait: boolean }): Promise<boolean>
    download(range: { start: number; end: number; linear: boolean }): { done(): Promise<unknown> }
    replicate(stream: Duplex): Duplex
    close(): Promise<void>
  }
}

declare module 'ws' {
  import type { EventEmitter } from 'node:events'
  import type { Server } from 'node:http'
  export class WebSocket extends EventEmitter {
    constructor(url: string, options?: { perMessageDeflate: boolean })
    readonly bufferedAmount: number
    send(bytes: Uint8Array, sent?: () => void): void
    terminate(): void
    on(event: 'message', take: (message: Buffer, isBinary: boolean) => void): this
    on(event: 'error', take: (error: Error) => void): this
  }
  export class WebSocketServer extends EventEmitter {
    constructor(options: { server: Server; perMessageDeflate: boolean })
    on(event: 'connection', take: (socket: WebSocket) => void): this
  }
}
