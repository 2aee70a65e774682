/** TCP and UDP at one port number, in every family there is. */
import { createSocket, type Socket } from 'node:dgram'
import { networkInterfaces } from 'node:os'
import t from 'tap'
import type { DatagramSocket, Datagrams, Endpoint, Runtime, Transport } from '../../src/base/ports.ts'
import { nativeSuite } from '../../src/crypto/native.ts'
import { DatagramSockets } from '../../src/node/datagram-sockets.ts'
import { Listening } from '../../src/node/listening.ts'
import { systemRuntime } from '../../src/runtime/system.ts'
import { Simulation } from '../../src/testing/index.ts'
import { tcpTransport } from '../../src/transport/tcp.ts'
import { udpDatagrams } from '../../src/transport/udp.ts'

const hasV6 = Object.values(networkInterfaces()).some(list => list?.some(({ address }) => address === '::1'))
const runtime: Runtime = systemRuntime({
  suite: nativeSuite,
  transports: [tcpTransport()],
  datagrams: udpDatagrams(),
  keepAlive: false,
})
const onPipe = (): void => {}

type Tap = Pick<typeof t, 'teardown' | 'fail'>

interface Heard {
  readonly bytes: number[]
  readonly from: Endpoint
  readonly by: DatagramSocket
}

/** TCP that counts what is open, by number: whether one is free again is also other programs' business. */
function counted(): { readonly tcp: Transport; readonly open: Map<number, number> } {
  const tcp = tcpTransport()
  const open = new Map<number, number>()
  const listen: Transport['listen'] = async options => {
    const listener = await tcp.listen(options)
    const { port } = listener.endpoints[0]!
    open.set(port, 1)
    const close = async (): Promise<void> => {
      await listener.close()
      open.set(port, 0)
    }
    return { ...listener, close }
  }
  return { tcp: { ...tcp, listen }, open }
}

/** Listening for everything, with what it hears. */
async function listen(
  t: Tap,
  options: { datagrams?: Datagrams; hosts?: string[]; port?: number; runtime?: Runtime; tcp?: Transport },
) {
  const listening = new Listening()
  t.teardown(() => listening.close())
  const heard: Heard[] = []
  const own = options.runtime ?? runtime
  const starting = listening.start({
    runtime: own,
    transports: options.tcp === undefined ? own.network.transports : [options.tcp],
    hosts: options.hosts ?? [],
    port: options.port ?? 0,
    onPipe,
    onError: t.fail,
    udp: {
      datagrams: options.datagrams ?? own.network.datagrams!,
      onDatagram: (bytes, from, by) => heard.push({ bytes: [...bytes], from, by }),
    },
  })
  return { listening, starting, heard }
}

t.test(
  'port 0: one number for TCP and UDP in every family, and answers leave by the socket asked',
  async t => {
    const { listening, starting, heard } = await listen(t, {})
    await starting
    const hosts = hasV6 ? ['0.0.0.0', '::'] : ['0.0.0.0']
    t.same(
      listening.sockets!.all.map(({ local }) => local),
      hosts.map(host => ({ host, port: listening.port })),
    )
    const addresses = listening.addresses()
    for (const transport of ['tcp', 'udp'])
      for (const host of hasV6 ? ['127.0.0.1', '::1'] : ['127.0.0.1'])
        t.ok(
          addresses.some(
            one => one.transport === transport && one.host === host && one.port === listening.port,
          ),
          `${transport} at ${host}`,
        )
    for (const [i, host] of (hasV6 ? ['127.0.0.1', '::1'] : ['127.0.0.1']).entries()) {
      const answer = new Promise<{ bytes: Uint8Array; from: Endpoint }>(resolve =>
        udpDatagrams()
          .open({
            host,
            port: 0,
            onDatagram: (bytes, from) => resolve({ bytes: bytes.slice(), from }),
            onError: t.fail,
          })
          .then(socket => {
            t.teardown(() => socket.close())
            socket.send({ host, port: listening.port }, Uint8Array.of(i))
          }),
      )
      while (heard.length <= i) await new Promise(resolve => setTimeout(resolve, 1))
      const { from, by } = heard[i]!
      t.equal(by, listening.sockets!.for(host))
      by.send(from, Uint8Array.of(9))
      t.same((await answer).from, { host, port: listening.port })
    }
  },
)

t.test('port 0: a number that UDP cannot have is given back, and another is tried', async t => {
  const taken: Socket[] = []
  t.teardown(() => taken.forEach(socket => void socket.close()))
  const numbers: number[] = []
  const system = udpDatagrams()
  const unlucky: Datagrams = {
    resolve: system.resolve,
    open: async options => {
      numbers.push(options.port)
      // Somebody else was there first: really, so that the system says so.
      if (taken.length < 2) {
        const socket = createSocket('udp4')
        taken.push(socket)
        await new Promise<void>(resolve => socket.bind(options.port, resolve))
      }
      return system.open(options)
    },
  }
  const { tcp, open } = counted()
  const { listening, starting } = await listen(t, { datagrams: unlucky, tcp })
  await starting
  t.equal(new Set(numbers).size, 3, 'three numbers were tried')
  t.equal(listening.port, numbers.at(-1))
  t.equal(listening.sockets!.port, listening.port)
  t.same(
    numbers.slice(0, 3).map(number => open.get(number)),
    [0, 0, 1],
  )
})

t.test('a number asked for that UDP cannot have is GH_LISTEN_IN_USE, and TCP does not stay open', async t => {
  const taken = createSocket('udp4')
  await new Promise<void>(resolve => taken.bind(0, '127.0.0.1', resolve))
  t.teardown(() => void taken.close())
  const { port } = taken.address()
  const { tcp, open } = counted()
  const { listening, starting } = await listen(t, { hosts: ['127.0.0.1'], port, tcp })
  await t.rejects(starting, { code: 'GH_LISTEN_IN_USE', message: new RegExp(String(port)) })
  t.equal(listening.port, 0)
  t.same(listening.addresses(), [])
  t.not(open.get(port), 1)
})

t.test('one that never finds a common number gives up after sixteen', async t => {
  let tries = 0
  const never: Datagrams = {
    resolve: async host => [host],
    open: ({ host }) => {
      tries++
      const opening = udpDatagrams().open({ host, port: 0, onDatagram: () => {}, onError: t.fail })
      return opening.then(async socket => {
        const both = { host, port: socket.local.port, onDatagram: () => {}, onError: t.fail }
        return udpDatagrams()
          .open(both)
          .finally(() => socket.close())
      })
    },
  }
  const { starting } = await listen(t, { datagrams: never, hosts: ['127.0.0.1'] })
  await t.rejects(starting, { code: 'GH_LISTEN_IN_USE' })
  t.equal(tries, 16)
})

for (const [when, during] of [
  ['its first listener', 0],
  ['its UDP socket', 1],
] as const)
  t.test(`closed while it opens ${when}: nothing stays open`, async t => {
    let opened = 0
    let closed = 0
    let closing: Promise<void> | undefined
    const system = udpDatagrams()
    const watched: Datagrams = {
      resolve: system.resolve,
      open: async options => {
        closing = listening.close()
        const socket = await system.open(options)
        opened++
        const close = (): void => {
          closed++
          socket.close()
        }
        return { local: socket.local, send: (to, bytes) => socket.send(to, bytes), close }
      },
    }
    const { tcp, open } = counted()
    const { listening, starting } = await listen(t, { hosts: ['127.0.0.1'], datagrams: watched, tcp })
    if (during === 0) await listening.close()
    await starting
    await closing
    t.same([...open.values()], [0])
    t.equal(opened, during)
    t.equal(closed, during)
    t.equal(listening.sockets, undefined)
  })

t.test('simulated: a host of one family has one socket, a dialler of its own finds the same', async t => {
  const sim = new Simulation({ seed: 1, suite: nativeSuite })
  const four = sim.host('four')
  const both = sim.host('both', { addresses: ['10.1.0.1', '2001:db8::1'] })
  for (const [host, sockets] of [
    [four, ['0.0.0.0']],
    [both, ['0.0.0.0', '::']],
  ] as const) {
    const own = host.runtime()
    const { listening, starting } = await listen(t, {
      runtime: own,
      port: 4000,
    })
    await sim.settle(starting)
    t.same(
      listening.sockets!.all.map(({ local }) => local),
      sockets.map(host => ({ host, port: 4000 })),
    )
    t.ok(listening.addresses().some(({ transport, host: at }) => transport === 'udp' && at === host.address))
  }
})

t.test('by which socket a host is reached', async t => {
  const open = async (hosts: string[]): Promise<DatagramSockets> => {
    const sockets = await DatagramSockets.open({
      datagrams: udpDatagrams(),
      hosts,
      port: 0,
      onDatagram: () => {},
      onError: t.fail,
    })
    t.teardown(() => sockets.close())
    return sockets
  }
  const all = await open([])
  t.equal(all.for('192.0.2.1')!.local.host, '0.0.0.0')
  t.equal(all.for('2001:db8::7')?.local.host, hasV6 ? '::' : undefined)
  const near = await open(['127.0.0.1'])
  t.equal(near.for('127.0.0.1')!.local.host, '127.0.0.1')
  t.equal(near.for('192.0.2.1'), undefined, 'from a loopback address nothing leaves the machine')
  t.equal(near.for('::1'), undefined)
})
