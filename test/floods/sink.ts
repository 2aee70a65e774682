/** Bare sockets for control runs, TCP and UDP at one number: what comes is thrown away, and the connection with it. */
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import { answer } from './child.ts'
import { Gauge, type Usage } from './gauge.ts'

const gauge = new Gauge()
let [accepted, datagrams] = [0, 0]

export interface SinkCommands {
  start(_: object): Promise<{ port: number }>
  begin(_: object): void
  figures(_: object): Usage & { accepted: number; datagrams: number }
}

answer({
  start: () =>
    new Promise(resolve => {
      const server = createServer({ noDelay: true, allowHalfOpen: true }, socket => {
        accepted++
        socket.on('error', () => {})
        socket.on('data', () => socket.resetAndDestroy())
        socket.on('end', () => socket.resetAndDestroy())
      })
      server.listen(0, '127.0.0.1', () => {
        const { port } = server.address() as { port: number }
        const socket = createSocket({ type: 'udp4', recvBufferSize: 4 * 2 ** 20 })
        socket.on('message', () => datagrams++)
        socket.bind(port, '127.0.0.1', () => resolve({ port }))
      })
    }),
  begin: () => gauge.begin(),
  figures: () => ({ ...gauge.read(), accepted, datagrams }),
} satisfies SinkCommands)
