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
