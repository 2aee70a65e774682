/**
 * What every source of datagram sockets must do, as checks that run over any of them.
 *
 *   for (const { title, run } of datagramsContract('udp', makePair)) t.test(title, run)
 *
 * As `transport-contract.ts`, by the port of `base/ports.ts` alone. The way between the two sides
 * must be a good one: what the network may lose, no check can ask for.
 *
 * Floor: testing.
 */
import { deepStrictEqual, equal, ok, rejects } from 'node:assert/strict'
import type { DatagramSocket, Datagrams, Endpoint } from '../base/ports.ts'
import { SeededRandom } from './random.ts'
import { fail } from './transport-bench.ts'
import type { TransportCheck } from './transport-contract.ts'

/** Two sides of one kind of datagrams, and their time. */
export interface DatagramsPair {
  readonly server: Datagrams
  readonly client: Datagrams
  /** Where the server binds, and where the client finds it. */
  readonly host: string
  /** Where the client binds. */
  readonly clientHost: string
  /** The largest datagram that passes between them; one more byte may or may not. */
  readonly largest: number
  /** Lets time pass until the promise settles. Real time does so by itself. */
  settle<T>(promise: Promise<T>): Promise<T>
  /** A wait of about this many milliseconds, inside `settle`. */
  sleep(milliseconds: number): Promise<void>
}

/** The checks, each over a pair of its own. `name` begins their titles. */
export function datagramsContract(name: string, makePair: () => Promise<DatagramsPair>): TransportCheck[] {
  return Object.entries(checks).map(([title, check]) => ({
    title: `${name}: ${title}`,
    run: async () => {
      const bench = new Bench(await makePair())
      try {
        await bench.pair.settle(check(bench))
      } finally {
        bench.close()
      }
    },
  }))
}

/** A socket and what it heard. */
class Ear {
  readonly heard: { readonly bytes: Uint8Array; readonly from: Endpoint }[] = []
  socket!: DatagramSocket
  readonly #sleep: (milliseconds: number) => Promise<void>

  constructor(sleep: (milliseconds: number) => Promise<void>) {
    this.#sleep = sleep
  }

  /** Waits, at most two seconds, until that many have come. */
  async until(count: number): Promise<void> {
    await this.#wait(() => this.heard.length >= count)
    equal(this.heard.length, count, 'datagrams heard')
  }

  /** Waits, at most two seconds, for one that begins so. */
  async hears(first: number): Promise<void> {
    const came = (): boolean => this.heard.some(({ bytes }) => bytes[0] === first)
    await this.#wait(came)
    ok(came(), `${first} is heard`)
  }

  async #wait(condition: () => boolean): Promise<void> {
    for (let tries = 0; !condition() && tries < 1000; tries++) await this.#sleep(2)
  }
}

class Bench {
  readonly pair: DatagramsPair
  readonly #open: DatagramSocket[] = []

  constructor(pair: DatagramsPair) {
    this.pair = pair
  }

  async open(datagrams: Datagrams, host: string, port = 0): Promise<Ear> {
    const ear = new Ear(milliseconds => this.pair.sleep(milliseconds))
    ear.socket = await datagrams.open({
      host,
      port,
      onDatagram: (bytes, from) => ear.heard.push({ bytes: Uint8Array.from(bytes), from }),
      onError: fail,
    })
    this.#open.push(ear.socket)
    return ear
  }

  server(port = 0): Promise<Ear> {
    return this.open(this.pair.server, this.pair.host, port)
  }

  client(): Promise<Ear> {
    return this.open(this.pair.client, this.pair.clientHost)
  }

  async both(): Promise<{ server: Ear; client: Ear }> {
    return { server: await this.server(), client: await this.client() }
  }

  close(): void {
    for (const socket of this.#open) socket.close()
  }
}

const checks: Readonly<Record<string, (bench: Bench) => Promise<void>>> = {
  'port 0 binds a real port at the address asked for': async bench => {
    const { socket } = await bench.server()
    equal(socket.local.host, bench.pair.host)
    ok(socket.local.port > 0 && socket.local.port < 65_536, `port ${socket.local.port}`)
  },

  'a datagram tells its sender, and the answer finds the way back': async bench => {
    const { server, client } = await bench.both()
    client.socket.send(server.socket.local, Uint8Array.of(1, 2, 3))
    await server.until(1)
    deepStrictEqual(server.heard[0], { bytes: Uint8Array.of(1, 2, 3), from: client.socket.local })
    server.socket.send(server.heard[0]!.from, Uint8Array.of(4))
    await client.until(1)
    deepStrictEqual(client.heard[0], { bytes: Uint8Array.of(4), from: server.socket.local })
  },

  'bytes that send has let go of may be written over at once': async bench => {
    const { server, client } = await bench.both()
    let bytes = new Uint8Array(1000)
    for (let i = 0; i < 30; i++) {
      bytes.fill(i)
      if (!client.socket.send(server.socket.local, bytes)) bytes = new Uint8Array(1000)
    }
    bytes.fill(0xff)
    await server.until(30)
    for (const [i, heard] of server.heard.entries())
      ok(
        heard.bytes.every(byte => byte === i),
        `datagram ${i}`,
      )
  },

  'each datagram arrives as it was sent, whole and apart from the others': async bench => {
    const { server, client } = await bench.both()
    const dice = new SeededRandom(1)
    const sent = Array.from({ length: 60 }, () => dice.bytes(dice.below(1200)))
    for (const bytes of sent) client.socket.send(server.socket.local, bytes.slice())
    await server.until(sent.length)
    deepStrictEqual(
      server.heard.map(one => one.bytes),
      sent,
    )
  },

  'UQ-22 datagrams of no bytes and of the most the way takes': async bench => {
    const { server, client } = await bench.both()
    const largest = new SeededRandom(2).bytes(bench.pair.largest)
    client.socket.send(server.socket.local, new Uint8Array(0))
    client.socket.send(server.socket.local, largest.slice())
    await server.until(2)
    deepStrictEqual(
      server.heard.map(one => one.bytes),
      [new Uint8Array(0), largest],
    )
  },

  'one socket hears many, and each is told apart': async bench => {
    const server = await bench.server()
    const clients = await Promise.all(Array.from({ length: 8 }, () => bench.client()))
    for (const round of [1, 2])
      for (const [i, { socket }] of clients.entries())
        socket.send(server.socket.local, Uint8Array.of(round, i))
    await server.until(16)
    for (const { bytes, from } of server.heard)
      deepStrictEqual(from, clients[bytes[1]!]!.socket.local, `round ${bytes[0]}`)
  },

  'UQ-21 what cannot be sent is a loss, and the socket lives': async bench => {
    const { server, client } = await bench.both()
    const v6 = bench.pair.host.includes(':')
    const gone = await bench.server()
    gone.socket.close()
    const bytes = Uint8Array.of(1)
    client.socket.send(server.socket.local, new Uint8Array(65_536)) // EMSGSIZE
    client.socket.send(gone.socket.local, bytes) // ECONNREFUSED
    client.socket.send({ host: v6 ? '127.0.0.1' : '::1', port: server.socket.local.port }, bytes) // the other family
    client.socket.send({ host: server.socket.local.host, port: 0 }, bytes)
    await bench.pair.sleep(20)
    client.socket.send(server.socket.local, Uint8Array.of(2))
    await server.until(1)
    deepStrictEqual(server.heard[0]!.bytes, Uint8Array.of(2))
  },

  'a port in use is GH_LISTEN_IN_USE, and a strange address GH_LISTEN_FAILED': async bench => {
    const { socket } = await bench.server()
    await rejects(bench.server(socket.local.port), {
      code: 'GH_LISTEN_IN_USE',
      message: new RegExp(String(socket.local.port)),
    })
    const strange = bench.pair.host.includes(':') ? '2001:db8::99' : '192.0.2.99'
    await rejects(bench.open(bench.pair.server, strange), { code: 'GH_LISTEN_FAILED' })
  },

  'close frees the port, nothing is heard after, and calls on a closed socket are harmless': async bench => {
    const { server, client } = await bench.both()
    const { local } = server.socket
    client.socket.send(local, Uint8Array.of(1))
    await server.until(1)
    client.socket.send(local, Uint8Array.of(2))
    server.socket.close()
    server.socket.close()
    server.socket.send(client.socket.local, Uint8Array.of(3))
    const next = await bench.server(local.port)
    await bench.pair.sleep(20)
    equal(server.heard.length, 1)
    equal(client.heard.length, 0)
    client.socket.send(next.socket.local, Uint8Array.of(4))
    await next.hears(4) // and 2 perhaps: it goes to whoever has the port when it comes
  },

  'a socket at every address of its family is found at each': async bench => {
    const v6 = bench.pair.host.includes(':')
    const server = await bench.open(bench.pair.server, v6 ? '::' : '0.0.0.0')
    const client = await bench.client()
    equal(server.socket.local.host, v6 ? '::' : '0.0.0.0')
    client.socket.send({ host: bench.pair.host, port: server.socket.local.port }, Uint8Array.of(1))
    await server.until(1)
    server.socket.send(server.heard[0]!.from, Uint8Array.of(2))
    await client.until(1)
    deepStrictEqual(client.heard[0]!.from, { host: bench.pair.host, port: server.socket.local.port })
  },
}
