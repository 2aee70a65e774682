/** Datagrams of strangers, and of a broken system, at the socket of a whole node: no answer, no harm. */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import t from 'tap'
import type { DatagramSocket, Runtime } from '../../src/base/ports.ts'
import { nativeSuite } from '../../src/crypto/native.ts'
import type { GuildNode } from '../../src/index.ts'
import { systemRuntime } from '../../src/runtime/system.ts'
import { tcpTransport } from '../../src/transport/tcp.ts'
import { udpDatagrams } from '../../src/transport/udp.ts'
import { kinds, maker } from '../floods/datagrams.ts'
import { makeSelf } from '../support/link-pair.ts'
import { at, Nodes } from '../support/nodes.ts'
import { Seeded } from '../support/seeded.ts'

const udp = { transport: ['udp'] }

/** A socket that is no node, and what came to it. */
class Stranger {
  readonly socket: Socket = createSocket('udp4')
  readonly heard: Uint8Array[] = []

  static async open(t: { teardown(work: () => void): void }): Promise<Stranger> {
    const stranger = new Stranger()
    stranger.socket.on('message', bytes => stranger.heard.push(bytes))
    stranger.socket.bind(0, '127.0.0.1')
    await once(stranger.socket, 'listening')
    t.teardown(() => stranger.socket.close())
    return stranger
  }

  get where(): string {
    return `/ip4/127.0.0.1/udp/${this.socket.address().port}`
  }

  /** Resolves once the system has taken them. */
  async send(node: GuildNode, datagrams: readonly Uint8Array[]): Promise<void> {
    for (const bytes of datagrams)
      await new Promise<void>(resolve => this.socket.send(bytes, node.port, '127.0.0.1', () => resolve()))
  }
}

async function echo(from: GuildNode, to: GuildNode, bytes: Uint8Array): Promise<Uint8Array> {
  return from.request(to.peerId, '/echo/1', bytes, { maxBytes: 1 << 22, signal: AbortSignal.timeout(20_000) })
}

const serve = (node: GuildNode): void =>
  node.handle('/echo/1', async stream => {
    for await (const bytes of stream) if (!stream.write(bytes)) await stream.drained()
    stream.end()
  })

t.test('P1 HS-02 a stranger gets no datagram back, and the link beside it feels nothing', async t => {
  const nodes = new Nodes(t)
  const [a, b] = await nodes.pair({ name: 'a', ...udp }, { name: 'b', ...udp })
  serve(b)
  const stranger = await Stranger.open(t)
  const dice = new Seeded(1)
  for (let length = 0; length <= 1_500; length += 3) await stranger.send(b, [dice.bytes(length)])
  const makers = kinds.map(kind => maker(kind, makeSelf({ seed: 2 }), dice))
  for (let round = 0; round < 300; round++)
    await stranger.send(
      b,
      makers.map(make => make()),
    )
  const said = new Uint8Array(100_000).fill(5)
  t.strictSame(await echo(a, b, said), said)
  t.strictSame(stranger.heard, [])
  t.strictSame([a.peers.length, b.peers.length], [1, 1])
})

t.test(
  'P1 P8 a message 1 that was overheard: cut short it is not answered, whole it is not made louder',
  async t => {
    const nodes = new Nodes(t)
    const b = await nodes.start({ name: 'b', ...udp })
    const caught = await Stranger.open(t)
    const dialler = await nodes.start({ name: 'dialler', ...udp, connectTimeout: 0.2 })
    await t.rejects(dialler.connect(caught.where), { code: 'GH_HANDSHAKE_TIMEOUT' })
    const message1 = caught.heard[0]!
    t.equal(message1.length, 1_200)
    const stranger = await Stranger.open(t)
    await stranger.send(
      b,
      Array.from({ length: 300 }, (_, i) => message1.subarray(0, 4 * i)),
    )
    const later = await nodes.start({ name: 'later', ...udp })
    await later.connect(at(b)) // so that all of it was read
    t.strictSame(stranger.heard, [])
    const times = 50
    for (let i = 0; i < times; i++) await stranger.send(b, [message1])
    serve(b)
    await echo(later, b, new Uint8Array(1_000))
    t.ok(stranger.heard.length <= times, `${stranger.heard.length} answers to ${times}`)
    t.ok(stranger.heard.every(({ length }) => length <= message1.length))
    t.strictSame(
      b.peers.map(({ name }) => name),
      ['later'],
      'nobody came of it',
    )
  },
)

t.test('UQ-22 datagrams of 0 and of 65,507 bytes, among honest ones: nothing happens', async t => {
  const nodes = new Nodes(t)
  const [a, b] = await nodes.pair(udp, udp)
  serve(b)
  const stranger = await Stranger.open(t)
  const largest = new Uint8Array(65_507)
  for (const first of [0, 1, 2, 3, 0x40, 0x7f, 0xff]) {
    largest[0] = first
    await stranger.send(b, [new Uint8Array(0), largest])
    t.strictSame(await echo(a, b, largest.subarray(0, 5_000)), largest.subarray(0, 5_000))
  }
  t.strictSame(stranger.heard, [])
})

t.test(
  'UQ-21 a node whose sends fail one in three, and at times all: losses, and the link stands',
  async t => {
    let sends = 0
    let mute = false
    const nodes = new Nodes(t)
    const failing = (): Runtime => {
      const runtime = systemRuntime({
        suite: nativeSuite,
        transports: [tcpTransport()],
        datagrams: udpDatagrams(),
      })
      const { datagrams, ...network } = runtime.network
      return {
        ...runtime,
        network: {
          ...network,
          datagrams: {
            resolve: (...name) => datagrams!.resolve(...name),
            async open(options): Promise<DatagramSocket> {
              const socket = await datagrams!.open(options)
              return {
                local: socket.local,
                close: () => socket.close(),
                send(to, bytes) {
                  if (mute || ++sends % 3 === 0) return true
                  return socket.send(to, bytes)
                },
              }
            },
          },
        },
      }
    }
    const b = await nodes.start({ name: 'b', ...udp })
    const a = await nodes.start({ name: 'a', ...udp, runtime: failing() })
    serve(b)
    await a.connect(at(b))
    const said = Uint8Array.from({ length: 300_000 }, (_, i) => i * i)
    t.strictSame(await echo(a, b, said), said)
    mute = true
    const waiting = echo(a, b, said)
    await new Promise(resolve => setTimeout(resolve, 300))
    mute = false
    t.strictSame(await waiting, said)
    t.strictSame([a.peers.length, b.peers.length], [1, 1])
  },
)
