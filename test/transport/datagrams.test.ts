/** The datagrams contract over the system's UDP, on both families, and what is UDP's own. */
import { createSocket, type Socket } from 'node:dgram'
import { networkInterfaces } from 'node:os'
import t from 'tap'
import type { Endpoint } from '../../src/base/ports.ts'
import { datagramsContract } from '../../src/testing/index.ts'
import { udpDatagrams } from '../../src/transport/udp.ts'

const sleep = (milliseconds: number): Promise<void> =>
  new Promise(resolve => setTimeout(resolve, milliseconds))
const hasV6 = Object.values(networkInterfaces()).some(list => list?.some(({ address }) => address === '::1'))
const v6 = hasV6 ? {} : { skip: 'this machine has no ::1' }

for (const host of ['127.0.0.1', '::1'])
  for (const { title, run } of datagramsContract(`udp on ${host}`, async () => ({
    server: udpDatagrams(),
    client: udpDatagrams(),
    host,
    clientHost: host,
    largest: 65_507,
    settle: promise => promise,
    sleep,
  })))
    t.test(title, host === '::1' ? v6 : {}, run)

/** A socket and what it heard, in text. */
async function open(host: string, datagrams = udpDatagrams(), port = 0) {
  const heard: string[] = []
  const froms: Endpoint[] = []
  const errors: Error[] = []
  const socket = await datagrams.open({
    host,
    port,
    onDatagram: (bytes, from) => {
      heard.push(Buffer.from(bytes).toString())
      froms.push(from)
    },
    onError: error => errors.push(error),
  })
  t.teardown(() => socket.close())
  const until = async (count: number): Promise<void> => {
    for (let tries = 0; heard.length < count && tries < 1000; tries++) await sleep(2)
  }
  return { socket, heard, froms, errors, until }
}

t.test('the buffers are asked for, and what the system granted is told', async t => {
  const { socket } = await open('127.0.0.1')
  const plain = createSocket('udp4')
  await new Promise<void>(resolve => plain.bind(0, '127.0.0.1', resolve))
  const usual = plain.getRecvBufferSize()
  plain.close()
  t.ok(socket.buffers!.receive >= usual, `${socket.buffers!.receive}, usually ${usual}`)
  t.ok(socket.buffers!.send > 0)
})

t.test('a system that refuses large buffers is asked for smaller ones', async t => {
  const asked: number[] = []
  const stingy = udpDatagrams(options => {
    const socket = createSocket(options)
    const set = socket.setRecvBufferSize.bind(socket)
    socket.setRecvBufferSize = size => {
      asked.push(size)
      if (size > 512 * 1024) throw Object.assign(new Error('ENOBUFS'), { code: 'ERR_SOCKET_BUFFER_SIZE' })
      set(size)
    }
    return socket
  })
  const { socket } = await open('127.0.0.1', stingy)
  t.same(asked, [4 << 20, 2 << 20, 1 << 20, 512 << 10])
  t.ok(socket.buffers!.receive > 0)
})

t.test('PATH-18 the system says where nobody listens; where somebody does, it says nothing', async t => {
  let made = 0
  const datagrams = udpDatagrams(options => {
    made++
    return createSocket(options)
  })
  const { socket, heard } = await open('127.0.0.1')
  t.equal(await datagrams.refuses!(socket.local), false)
  t.strictSame(heard, [''], 'who listens gets an empty datagram')
  const closed = socket.local
  socket.close()
  t.equal(await datagrams.refuses!(closed), true)
  t.equal(await datagrams.refuses!({ host: '127.0.0.1', port: 0 }), false, 'nobody can be at port 0')
  made = 0
  await Promise.all(Array.from({ length: 40 }, () => datagrams.refuses!(closed)))
  t.equal(made, 16, 'so many at a time')
  await datagrams.refuses!(closed)
  t.equal(made, 17, 'and more later')
})

t.test('`::` takes IPv6 only: both families have a socket at one port number', v6, async t => {
  const six = await open('::')
  const { port } = six.socket.local
  const four = await open('0.0.0.0', udpDatagrams(), port)
  const [from6, from4] = [await open('::1'), await open('127.0.0.1')]
  from4.socket.send({ host: '127.0.0.1', port }, Buffer.from('four'))
  from6.socket.send({ host: '::1', port }, Buffer.from('six'))
  await Promise.all([six.until(1), four.until(1)])
  t.same([six.heard, four.heard], [['six'], ['four']])
  t.same(four.froms, [from4.socket.local])
})

t.test('the datagrams of one peer come with one object, and those of two are told apart', async t => {
  const server = await open('0.0.0.0')
  const { port } = server.socket.local
  const near = await open('127.0.0.1')
  // The same port number at another address of this machine, where it has one.
  const other = await open('127.0.0.2', udpDatagrams(), near.socket.local.port).catch(() => undefined)
  for (let i = 0; i < 3; i++) {
    near.socket.send({ host: '127.0.0.1', port }, Buffer.from('a'))
    await server.until(server.heard.length + 1)
  }
  t.equal(server.froms[0], server.froms[1])
  if (other === undefined) return
  for (const one of [near, other, near]) {
    one.socket.send({ host: '127.0.0.1', port }, Buffer.from('b'))
    await server.until(server.heard.length + 1)
  }
  t.same(
    server.froms.slice(3).map(({ host }) => host),
    ['127.0.0.1', '127.0.0.2', '127.0.0.1'],
  )
})

/** The error numbers of Linux and macOS alike do not matter: what counts is that each is negative. */
const failures = { EAGAIN: -11, ENOBUFS: -105, EMSGSIZE: -90, ENETUNREACH: -101, ECONNREFUSED: -111 }

t.test('UQ-21 sends that fail in the system, one by one: a loss each, and the next one arrives', async t => {
  let fail: number | undefined
  let failed = 0
  const sockets: Socket[] = []
  const broken = udpDatagrams(options => {
    const socket = createSocket(options)
    sockets.push(socket)
    return socket
  })
  const { socket: sender, errors } = await open('127.0.0.1', broken)
  const server = await open('127.0.0.1')
  const handle = handleOf(sockets[0]!)
  const send = handle.send
  handle.send = function (this: unknown, ...args: unknown[]) {
    if (fail === undefined) return send.apply(this, args)
    failed++
    return fail
  }
  for (const [name, number] of Object.entries(failures)) {
    fail = number
    sender.send(server.socket.local, Buffer.from('lost'))
    fail = undefined
    sockets[0]!.emit('error', Object.assign(new Error(name), { code: name }))
    sender.send(server.socket.local, Buffer.from(name))
  }
  await server.until(5)
  t.same(server.heard, Object.keys(failures))
  t.equal(failed, 5)
  t.same(errors, [])
  sockets[0]!.emit('error', Object.assign(new Error('the card is gone'), { code: 'EIO' }))
  t.match(errors, [{ code: 'GH_LISTEN_FAILED' }], 'what is no loss is told')
})

t.test('UQ-21 what waits for room in the system is bounded', async t => {
  let waiting = 0
  const sent: number[] = []
  const full = udpDatagrams(options => {
    const socket = createSocket(options)
    socket.getSendQueueSize = () => waiting
    socket.send = ((bytes: Uint8Array) => {
      sent.push(bytes.length)
      waiting += bytes.length
    }) as Socket['send']
    return socket
  })
  const { socket } = await open('127.0.0.1', full)
  for (let i = 0; i < 10_000; i++) socket.send({ host: '127.0.0.1', port: 9 }, new Uint8Array(1200))
  t.ok(waiting <= 1024 * 1024 + 1200, `${waiting} bytes wait`)
  waiting = 10
  t.equal(socket.send({ host: '127.0.0.1', port: 9 }, new Uint8Array(7)), false, 'Node keeps the bytes')
  waiting = 0
  const before = sent.length
  socket.send({ host: '127.0.0.1', port: 9 }, new Uint8Array(7))
  t.equal(sent.length, before + 1, 'room again')
})

interface Handle {
  send: (...args: unknown[]) => number
}

/** What stands between node:dgram and the system. */
function handleOf(socket: Socket): Handle {
  const symbol = Object.getOwnPropertySymbols(socket).find(one => one.description === 'state symbol')!
  return (socket as unknown as Record<symbol, { handle: Handle }>)[symbol]!.handle
}
