/**
 * @hyperswarm/secret-stream over node:net: Noise XX, then libsodium's secretstream. Each side
 * has a key pair that lives as long as its process. Every write is a message.
 *
 * @import { Wire } from '../types.ts'
 */
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import SecretStream from '@hyperswarm/secret-stream'
import { listening, overConnections } from './connections.mjs'

const keyPair = SecretStream.keyPair()

export const way = overConnections({
  listen: accept =>
    listening(
      createServer({ noDelay: true }, socket => accept(wireOf(new SecretStream(false, socket, { keyPair })))),
    ),
  async connect(port) {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true })
    const stream = new SecretStream(true, socket, { keyPair })
    const wire = wireOf(stream)
    if (!(await stream.opened)) throw new Error('the secret stream did not open')
    return wire
  },
})

/**
 * @param {import('node:stream').Duplex & { rawStream: import('node:net').Socket }} stream
 * @returns {Wire}
 */
function wireOf(stream) {
  stream.on('error', () => stream.destroy())
  /** @param {Uint8Array} bytes */
  const send = bytes => stream.write(bytes)
  /** @param {(message: Uint8Array) => void} take */
  const onMessage = take => void stream.on('data', take)
  return {
    write: send,
    send,
    drained: () => once(stream, 'drain'),
    queued: () => stream.rawStream.writableLength,
    close: () => void stream.destroy(),
    onBytes: onMessage,
    onMessage,
  }
}
