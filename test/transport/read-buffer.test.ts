/** Accepted sockets read into the shared buffer, and where Node has no handle to give they stay what they were. */
import { once } from 'node:events'
import { connect, createServer, Socket } from 'node:net'
import t from 'tap'
import type { Pipe } from '../../src/base/ports.ts'
import { type Reading, rehoused } from '../../src/transport/read-buffer.ts'
import { tcpTransport } from '../../src/transport/tcp.ts'

const signal = new AbortController().signal
const ignore = { data: () => {}, drain: () => {}, end: () => {}, close: () => {} }

t.test('dialled and accepted pipes hand on views of one buffer', async t => {
  const buffers = new Set<ArrayBufferLike>()
  let heard = 0
  let enough = (): void => {}
  const both = new Promise<void>(resolve => {
    enough = resolve
  })
  const events = {
    ...ignore,
    data: (bytes: Uint8Array) => {
      buffers.add(bytes.buffer)
      if (++heard === 2) enough()
    },
  }
  const pipes: Pipe[] = []
  const transport = tcpTransport()
  const listener = await transport.listen({
    hosts: ['127.0.0.1'],
    port: 0,
    onPipe: pipe => {
      pipes.push(pipe)
      pipe.attach(events)
      pipe.write([Uint8Array.of(1)])
    },
    onError: t.fail,
  })
  const { port } = listener.endpoints[0]!
  const pipe = await transport.dial({ host: '127.0.0.1', port, signal })
  pipe.attach(events)
  pipe.write([Uint8Array.of(2)])
  await both
  t.equal(buffers.size, 1)
  for (const one of [pipe, ...pipes]) one.destroy()
  await listener.close()
})

t.test('the server counts an accepted socket as gone when it has moved, and can close at once', async t => {
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const client = connect({ host: '127.0.0.1', port })
  const [accepted] = (await once(server, 'connection')) as [Socket]
  const reading: Reading = {}
  const socket = rehoused(accepted, reading, 1024)
  t.not(socket, accepted)
  t.equal(socket.remotePort, client.localPort)
  t.ok(socket.isPaused(), 'nothing is read before somebody asks')
  server.close()
  await once(server, 'close')
  const heard = new Promise<string>(resolve => {
    reading.take = bytes => resolve(Buffer.from(bytes).toString())
  })
  client.write('still here')
  socket.resume()
  t.equal(await heard, 'still here')
  client.end()
  await once(socket, 'end')
  t.equal(socket.writable, true, 'its half-close leaves our side open')
  socket.end('goodbye')
  const [last] = (await once(client, 'data')) as [Buffer]
  t.equal(last.toString(), 'goodbye')
  if (!socket.closed) await once(socket, 'close')
})

t.test('without a handle to take, the accepted socket is used as it is', async t => {
  const socket = new Socket()
  t.equal(rehoused(socket, {}, 1024), socket)
  t.equal(socket.destroyed, false)
  socket.destroy()
})
