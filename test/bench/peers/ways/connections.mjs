/**
 * A way that has nothing but connections, made into all that is measured: a port for each
 * task, a connection for each pipe, and a mesh of them in which everyone knows every port.
 *
 * @import { Connections, Task, Way, Wire } from '../types.ts'
 */
import { once } from 'node:events'
import { cutter, framed } from './framed.mjs'

/** @type {readonly Task[]} */
const tasks = ['bulk', 'messages', 'echo', 'greet']
const greeting = Buffer.from('!')

/**
 * @param {Connections} connections
 * @returns {Way}
 */
export function overConnections({ listen, connect }) {
  /** @param {number} port */
  const greeted = async port => {
    const wire = await connect(port)
    await new Promise(resolve => wire.onMessage(resolve))
    return wire
  }
  return {
    async far(take) {
      /** @type {Partial<Record<Task, number>>} */
      const ports = {}
      for (const task of tasks) ports[task] = (await listen(wire => serve(task, wire, take))).port
      return { address: ports }
    },
    async near(address) {
      const ports = /** @type {Record<Task, number>} */ (address)
      return {
        async dial(task, onMessage) {
          const wire = await connect(ports[task])
          if (onMessage !== undefined) wire.onMessage(onMessage)
          return wire
        },
        async shaker() {
          return {
            shake: async () => (await greeted(ports.greet)).close(),
            close: async () => {},
          }
        },
      }
    },
    async mesh(count) {
      /** @type {{ port: number, close: () => void }[]} */
      const listeners = []
      /** @type {Wire[]} */
      const wires = []
      return {
        async form() {
          for (let i = 0; i < count; i++)
            listeners.push(
              await listen(wire => {
                wires.push(wire)
                wire.send(greeting)
              }),
            )
          const dialled = listeners.flatMap(({ port }, to) =>
            Array.from({ length: count - 1 - to }, () => greeted(port)),
          )
          wires.push(...(await Promise.all(dialled)))
        },
        async close() {
          for (const wire of wires) wire.close()
          for (const listener of listeners) listener.close()
        },
      }
    },
  }
}

/**
 * @param {Task} task
 * @param {Wire} wire
 * @param {(bytes: number) => void} take
 */
function serve(task, wire, take) {
  if (task === 'bulk') wire.onBytes(bytes => take(bytes.length))
  else if (task === 'messages') wire.onMessage(message => take(message.length))
  else if (task === 'echo') wire.onMessage(message => wire.send(message))
  else {
    wire.onMessage(() => {})
    wire.send(greeting)
  }
}

/**
 * A socket of node:net or node:tls: one write for each message, its length before it.
 *
 * @param {import('node:net').Socket} socket
 * @returns {Wire}
 */
export function wireOfSocket(socket) {
  socket.on('error', () => socket.destroy())
  return {
    write: bytes => socket.write(bytes),
    send: message => socket.write(framed(message)),
    drained: () => once(socket, 'drain'),
    queued: () => socket.writableLength,
    close: () => void socket.destroy(),
    onBytes: take => void socket.on('data', take),
    onMessage: take => void socket.on('data', cutter(take)),
  }
}

/**
 * Resolves with the port once the server listens on loopback.
 *
 * @param {import('node:net').Server} server
 */
export async function listening(server) {
  server.listen({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  return { port, close: () => void server.close() }
}
