/** A bare TCP server for control runs: what comes is thrown away, and the connection with it. */
import { createServer } from 'node:net'
import { answer } from './child.ts'
import { Gauge, type Usage } from './gauge.ts'

const gauge = new Gauge()
let accepted = 0

export interface SinkCommands {
  start(_: object): Promise<{ port: number }>
  begin(_: object): void
  figures(_: object): Usage & { accepted: number }
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
      server.listen(0, '127.0.0.1', () => resolve({ port: (server.address() as { port: number }).port }))
    }),
  begin: () => gauge.begin(),
  figures: () => ({ ...gauge.read(), accepted }),
} satisfies SinkCommands)
