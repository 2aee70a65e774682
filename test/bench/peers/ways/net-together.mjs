/**
 * node:net with 64 messages gathered by hand into each write: as fast as small messages can go on
 * a socket. Measured for messages alone, whose sender looks up after as many.
 */
import { overConnections } from './connections.mjs'
import { framed } from './framed.mjs'
import { connections } from './net.mjs'

const TOGETHER = 64

export const way = overConnections({
  listen: connections.listen,
  async connect(port) {
    const wire = await connections.connect(port)
    /** @type {Uint8Array[]} */
    let waiting = []
    return {
      ...wire,
      send(message) {
        waiting.push(framed(message))
        if (waiting.length < TOGETHER) return true
        const together = Buffer.concat(waiting)
        waiting = []
        return wire.write(together)
      },
    }
  },
})
