/**
 * ws: WebSocket without TLS, so without encryption or identity; no compression.
 *
 * @import { Wire } from '../types.ts'
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { WebSocket, WebSocketServer } from 'ws'
import { listening, overConnections } from './connections.mjs'

/** Bytes that may wait in the socket before the writer is asked to. */
const AHEAD = 256 * 1024

export const way = overConnections({
  async listen(accept) {
    const server = createServer()
    server.on('connection', socket => socket.setNoDelay(true))
    new WebSocketServer({ server, perMessageDeflate: false }).on('connection', socket =>
      accept(wireOf(socket)),
    )
    return listening(server)
  },
  async connect(port) {
    const socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false })
    // A message may come in the turn of 'open': whoever waits for that must find it afterwards.
    const wire = wireOf(socket)
    await once(socket, 'open')
    return wire
  },
})

/**
 * @param {WebSocket} socket
 * @returns {Wire}
 */
function wireOf(socket) {
  socket.on('error', () => socket.terminate())
  /** @type {((message: Uint8Array) => void) | undefined} */
  let taker
  /** @type {Uint8Array[]} */
  const early = []
  socket.on('message', message => {
    if (taker === undefined) early.push(message)
    else taker(message)
  })
  /** @type {(() => void) | undefined} */
  let onDrain
  const sent = () => onDrain?.()
  /** @param {Uint8Array} bytes */
  const send = bytes => {
    // A callback for each message would be paid for by each: only the one that is waited for has it.
    const more = socket.bufferedAmount + bytes.length < AHEAD
    if (more) socket.send(bytes)
    else socket.send(bytes, sent)
    return more
  }
  /** @param {(message: Uint8Array) => void} take */
  const onMessage = take => {
    taker = take
    for (const message of early.splice(0)) take(message)
  }
  return {
    write: send,
    send,
    drained: () =>
      new Promise(resolve => {
        onDrain = () => resolve(undefined)
      }),
    queued: () => socket.bufferedAmount,
    close: () => socket.terminate(),
    onBytes: onMessage,
    onMessage,
  }
}
