/**
 * node:net: what the machine gives, without encryption or identity. The measure of the others.
 *
 * @import { Connections } from '../types.ts'
 */
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { listening, overConnections, wireOfSocket } from './connections.mjs'

/** @type {Connections} */
export const connections = {
  listen: accept => listening(createServer({ noDelay: true }, socket => accept(wireOfSocket(socket)))),
  async connect(port) {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true })
    await once(socket, 'connect')
    return wireOfSocket(socket)
  },
}

export const way = overConnections(connections)
