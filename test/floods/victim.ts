/**
 * The node that is flooded, with everything counted that a bound is about.
 *
 * Its cryptography counts Diffie-Hellmans and rekeys, its transport counts pipes and bytes, its
 * clock can be set on: by `aged` as if it had been running for an hour, so that a fresh message 1
 * is taken at once, and by `pace` to run so many times as fast, so that the time after which a
 * link rekeys comes soon.
 */
import { empty } from '../../src/base/bytes.ts'
import { createNode, type GuildNode, type GuildStream, test as preset } from '../../src/index.ts'
import { answer } from './child.ts'
import { Gauge, live, type Usage } from './gauge.ts'
import { type Counters, countingRuntime, type Traffic } from './runtime.ts'

const HOUR = 3_600_000
/** What `/gush/1` writes at a time. */
const PIECE = new Uint8Array(16 * 1024)

export interface VictimFigures extends Usage, Counters {
  /** Links made since the start. */
  readonly sessions: number
  readonly peers: number
  readonly strangers: number
  /** Stream bytes handlers were given, and chat messages shown. */
  readonly delivered: number
  readonly chats: number
  readonly bytesOut: number
  readonly messagesDropped: number
  /** The most pipes open at once since `begin`. */
  readonly pipesPeak: number
}

const gauge = new Gauge()
const { runtime, counters, clock, pipes, traffic } = countingRuntime()
let node: GuildNode
let [sessions, delivered, chats, pipesPeak] = [0, 0, 0, 0]
/** Streams that nobody reads. */
const unread = new Set<GuildStream>()

gauge.watch(() => {
  pipesPeak = Math.max(pipesPeak, pipes.size)
})

export interface VictimCommands {
  start(options: StartOptions): Promise<{ port: number; peerId: string }>
  /** Begins to measure. Answers how much memory is live. */
  begin(_: object): { live: number }
  figures(_: object): VictimFigures
  live(_: object): { live: number; pipes: number; peers: number }
  pace(options: { times: number }): void
  /** Of these ports of the other side: datagrams' bytes in and out, and the most that had gone out for each that came. */
  traffic(options: { ports: readonly number[] }): Traffic
  /** Disconnects everybody. */
  part(_: object): void
}

export interface StartOptions {
  readonly swarmKey: Uint8Array
  /** As if it had run for an hour: its memory of message 1 is trusted. */
  readonly aged: boolean
  readonly maxPeers?: number
}

answer({
  async start({ swarmKey, aged, maxPeers = 20 }) {
    // An hour of silence would be the end of every link of a clock that runs fast, and rounds of discovery
    // that come every few milliseconds a flood to those whose clock runs as ever.
    const patient = { interval: 3600, discoveryInterval: 3600, peerTimeout: 86_400 }
    node = await createNode({
      ...{ ...preset, swarmKey, runtime, maxPeers, ...patient },
      transport: ['tcp', 'udp'],
    })
    if (aged) clock.advance(HOUR)
    node.on('peer-connected', () => sessions++)
    node.on('chat-message', () => chats++)
    serve(node)
    await node.start()
    gauge.begin()
    return { port: node.port, peerId: node.peerId }
  },
  begin() {
    pipesPeak = pipes.size
    gauge.begin()
    return { live: live() }
  },
  figures(): VictimFigures {
    const usage = gauge.read()
    const { strangers_refused: strangers, bytes_out: bytesOut, messages_dropped } = node.stats()
    const messagesDropped = messages_dropped
    const peers = node.peers.length
    return {
      ...usage,
      ...counters,
      ...{ sessions, peers, strangers, delivered, chats, bytesOut, messagesDropped, pipesPeak },
    }
  },
  live: () => ({ live: live(), pipes: pipes.size, peers: node.peers.length }),
  pace: ({ times }) => clock.pace(times),
  traffic({ ports }) {
    const all = ports.flatMap(port => traffic.get(port) ?? [])
    return {
      in: all.reduce((sum, one) => sum + one.in, 0),
      out: all.reduce((sum, one) => sum + one.out, 0),
      worst: Math.max(0, ...all.map(one => one.worst)),
      head: all.at(-1)?.head ?? empty,
    }
  },
  part() {
    for (const { peerId } of node.peers) node.disconnect(peerId)
  },
} satisfies VictimCommands)

function serve(node: GuildNode): void {
  node.handle('/echo/1', stream => void stream.pipe(stream))
  node.handle('/sink/1', async stream => {
    let count = 0
    let sum = 0
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      count += chunk.length
      delivered += chunk.length
      sum = (sum + chunk[0]! + chunk[chunk.length - 1]!) % 65_521
    }
    stream.end(`${count} ${sum}`)
  })
  node.handle('/unread/1', stream => {
    unread.add(stream)
    stream.once('close', () => unread.delete(stream))
  })
  node.handle('/gush/1', async stream => {
    while (!stream.destroyed) if (!stream.write(PIECE)) await stream.drained()
  })
}
