/** The transport contract over the system's TCP, on both families, and what is TCP's own. */
import { createConnection, createServer, type Server } from 'node:net'
import { networkInterfaces } from 'node:os'
import t from 'tap'
import type { Pipe } from '../../src/base/ports.ts'
import { transportContract } from '../../src/testing/index.ts'
import { tcpTransport } from '../../src/transport/tcp.ts'

const real = {
  settle: <T>(promise: Promise<T>): Promise<T> => promise,
  sleep: (milliseconds: number): Promise<void> => new Promise(resolve => setTimeout(resolve, milliseconds)),
}
const signal = new AbortController().signal
const ignore = { data: () => {}, drain: () => {}, end: () => {}, close: () => {} }
const hasV6 = Object.values(networkInterfaces()).some(list => list?.some(({ address }) => address === '::1'))
const v6 = hasV6 ? {} : { skip: 'this machine has no ::1' }

for (const host of ['127.0.0.1', '::1'])
  for (const { title, run } of transportContract(`tcp on ${host}`, async () => ({
    server: tcpTransport(),
    client: tcpTransport(),
    host,
    ...real,
  })))
    t.test(title, host === '::1' ? v6 : {}, run)

t.test('a host name is resolved, and one that cannot be is GH_DIAL_NAME', async t => {
  const transport = tcpTransport()
  const listener = await transport.listen({
    hosts: ['127.0.0.1'],
    port: 0,
    onPipe: pipe => pipe.attach(ignore),
    onError: t.fail,
  })
  const { port } = listener.endpoints[0]!
  const pipe = await transport.dial({ host: 'localhost', port, signal })
  let heard = 0
  const closed = new Promise<void>(resolve =>
    pipe.attach({ ...ignore, data: bytes => (heard += bytes.length), close: () => resolve() }),
  )
  t.equal(pipe.remote.host, '127.0.0.1')
  pipe.destroy()
  await closed
  t.equal(heard, 0)
  await listener.close()
  await t.rejects(transport.dial({ host: 'no such name.invalid', port: 1, signal }), { code: 'GH_DIAL_NAME' })
})

t.test('every family gets the same port, and a taken one names the fix', v6, async t => {
  const transport = tcpTransport()
  const options = { onPipe: (pipe: Pipe) => pipe.attach(ignore), onError: t.fail }
  const listener = await transport.listen({ hosts: [], port: 0, ...options })
  t.same(
    listener.endpoints.map(({ host }) => host),
    ['0.0.0.0', '::'],
  )
  const { port } = listener.endpoints[0]!
  t.equal(listener.endpoints[1]!.port, port)
  for (const host of ['127.0.0.1', '::1']) {
    const pipe = await transport.dial({ host, port, signal })
    pipe.attach(ignore)
    t.equal(pipe.remote.host, host)
    pipe.destroy()
  }
  await t.rejects(transport.listen({ hosts: ['127.0.0.1'], port, ...options }), {
    code: 'GH_LISTEN_IN_USE',
    message: /--port/,
  })
  await listener.close()
  await t.rejects(transport.listen({ hosts: ['192.0.2.1'], port: 0, ...options }), {
    code: 'GH_LISTEN_FAILED',
  })
})

t.test('a half-taken port leaves nothing open behind', v6, async t => {
  const transport = tcpTransport()
  const taken: Server = createServer()
  await new Promise<void>(resolve => taken.listen({ host: '::1', port: 0, exclusive: true }, resolve))
  const { port } = taken.address() as { port: number }
  const options = { onPipe: (pipe: Pipe) => pipe.attach(ignore), onError: t.fail }
  await t.rejects(transport.listen({ hosts: ['127.0.0.1', '::1'], port, ...options }), {
    code: 'GH_LISTEN_IN_USE',
  })
  const listener = await transport.listen({ hosts: ['127.0.0.1'], port, ...options })
  await listener.close()
  taken.close()
})

t.test('the chunks of one write leave together', async t => {
  const sizes: number[] = []
  const server = createServer(socket =>
    socket.on('error', () => {}).on('data', bytes => sizes.push(bytes.length)),
  )
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const pipe = await tcpTransport().dial({ host: '127.0.0.1', port, signal })
  pipe.attach(ignore)
  pipe.write(Array.from({ length: 20 }, (_, i) => new Uint8Array(i + 1)))
  while (sizes.length === 0) await real.sleep(1)
  t.same(sizes, [210])
  pipe.destroy()
  server.close()
})

t.test('many connections share the read buffer without mixing', async t => {
  const transport = tcpTransport()
  const count = 20
  const length = 300_000
  const done: Promise<boolean>[] = []
  const listener = await transport.listen({
    hosts: ['127.0.0.1'],
    port: 0,
    onPipe: pipe =>
      pipe.attach({
        ...ignore,
        data: bytes => {
          pipe.write([new Uint8Array(length).fill(bytes[0]!)])
          pipe.end()
        },
      }),
    onError: t.fail,
  })
  for (let i = 1; i <= count; i++) {
    const pipe = await transport.dial({ host: '127.0.0.1', port: listener.endpoints[0]!.port, signal })
    let heard = 0
    let pure = true
    done.push(
      new Promise(resolve =>
        pipe.attach({
          ...ignore,
          data: bytes => {
            heard += bytes.length
            pure &&= bytes.every(byte => byte === i)
          },
          end: () => pipe.end(),
          close: () => resolve(pure && heard === length),
        }),
      ),
    )
    pipe.write([Uint8Array.of(i)])
  }
  t.same(await Promise.all(done), Array(count).fill(true))
  await listener.close()
})

t.test('a stranger that resets while it is being accepted does no harm', async t => {
  const transport = tcpTransport()
  let closed = 0
  const listener = await transport.listen({
    hosts: ['127.0.0.1'],
    port: 0,
    onPipe: pipe => pipe.attach({ ...ignore, close: () => closed++ }),
    onError: t.fail,
  })
  const { port } = listener.endpoints[0]!
  const strangers = Array.from({ length: 20 }, () => {
    const socket = createConnection({ host: '127.0.0.1', port })
    socket.on('error', () => {})
    return new Promise<void>(resolve => {
      socket.on('close', () => resolve())
      socket.on('connect', () => {
        socket.write('x')
        socket.resetAndDestroy()
      })
    })
  })
  await Promise.all(strangers)
  for (let i = 0; i < 10 && closed < 20; i++) await real.sleep(5)
  t.ok(closed <= 20)
  const pipe = await transport.dial({ host: '127.0.0.1', port, signal })
  pipe.attach(ignore)
  pipe.destroy()
  await listener.close()
})
