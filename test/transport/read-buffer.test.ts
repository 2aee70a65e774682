/** Accepted sockets read into the shared buffer, and where Node has no handle to give they stay what they were. */
import { once } from 'node:events'
import { connect, createServer, Socket } from 'node:net'
import t from 'tap'
import type { Pipe } from '../../src/base/ports.ts'
import { type Reading, shareBuffer } from '../../src/transport/read-buffer.ts'
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

t.test('an accepted socket that reads so waits until it is asked, and is otherwise as it was', async t => {
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const client = connect({ host: '127.0.0.1', port })
  const [socket] = (await once(server, 'connection')) as [Socket]
  const reading: Reading = {}
  t.equal(shareBuffer(socket, reading), true)
  socket.on('data', () => t.fail('it came by the queue of a Readable'))
  socket.pause()
  const heard: string[] = []
  let told = (): void => {}
  reading.take = bytes => {
    heard.push(Buffer.from(bytes).toString())
    told()
  }
  const next = (): Promise<void> =>
    new Promise(resolve => {
      told = resolve
    })
  client.write('not yet')
  await new Promise(resolve => setTimeout(resolve, 50))
  t.strictSame(heard, [])
  const first = next()
  socket.resume()
  await first
  socket.pause()
  client.write('later')
  await new Promise(resolve => setTimeout(resolve, 50))
  t.strictSame(heard, ['not yet'])
  const second = next()
  socket.resume()
  await second
  t.strictSame(heard, ['not yet', 'later'])
  client.end()
  await once(socket, 'end')
  t.equal(socket.writable, true, 'its half-close leaves our side open')
  socket.end('goodbye')
  const [last] = (await once(client, 'data')) as [Buffer]
  t.equal(last.toString(), 'goodbye')
  if (!socket.closed) await once(socket, 'close')
  server.close()
  await once(server, 'close')
})

t.test('where Node has no place for a buffer, a socket stays what it was', async t => {
  const socket = new Socket()
  t.equal(shareBuffer(socket, {}), false, 'it has no handle')
  t.equal(socket.destroyed, false)
  socket.destroy()
})
