/**
 * Members that behave, in a process of their own: they connect, ping, transfer, dial at once.
 */
import { createHash, randomBytes } from 'node:crypto'
import type { Pipe } from '../../src/base/ports.ts'
import { createNode, type GuildNode, type NodeOptions, test as preset } from '../../src/index.ts'
import { answer } from './child.ts'
import { quantile } from './report.ts'
import { countingRuntime } from './runtime.ts'

export interface PingFigures {
  readonly count: number
  /** Milliseconds. */
  readonly median: number
  readonly slowest: number
  readonly failed: number
}

export interface Dialled {
  readonly peers: number
  readonly pipes: number
  /** Of the last link. */
  readonly direction: string | undefined
  readonly localPort: number | undefined
  readonly remotePort: number | undefined
}

export interface HonestCommands {
  start(options: { swarmKey: Uint8Array; udp?: boolean }): Promise<{ port: number; peerId: string }>
  where(_: object): { port: number; peerId: string }
  connect(options: { address: string }): Promise<{ ms: number; peerId: string }>
  /** The code a dial fails with; undefined when it did not. */
  refusal(options: { address: string }): Promise<string | undefined>
  /** Asks for an echo every 50 ms, until `pings`. */
  startPings(options: { peerId: string }): void
  pings(_: object): Promise<PingFigures>
  /** New nodes, one after the other: how long each took to be linked. */
  newcomers(options: {
    swarmKey: Uint8Array
    address: string
    ms: number
    udp?: boolean
  }): Promise<PingFigures>
  /** Sends to `/sink/1` for so long; bytes a second. */
  transfer(options: { peerId: string; ms: number }): Promise<{ rate: number }>
  /** Sends exactly this much, and says what the other side counted. */
  send(options: { peerId: string; bytes: number }): Promise<{ answer: string; ms: number }>
  /** Sends random bytes to `/echo/1` for so long, and compares what comes back. */
  echo(options: { peerId: string; ms: number }): Promise<{ sent: number; same: boolean }>
  /** The clock runs so many times as fast. */
  pace(options: { times: number }): void
  rekeys(_: object): { rekeys: number }
  /** A node for one round of `dial`, not yet linked to anybody. */
  newNode(options: { swarmKey: Uint8Array }): Promise<{ port: number; peerId: string }>
  /** That node dials; then, what links it is left with once nothing moves any more. */
  dial(options: { address: string }): Promise<Dialled>
  endNode(_: object): Promise<void>
  say(options: { text: string }): void
  peers(_: object): { peers: number }
  stop(_: object): Promise<void>
}

const { runtime, counters, clock } = countingRuntime()
let node: GuildNode
let round: { node: GuildNode; pipes: ReadonlySet<Pipe> } | undefined
let pinging: { stop: () => Promise<PingFigures> } | undefined

answer({
  async start({ swarmKey, udp }) {
    const transport = [udp === true ? 'udp' : 'tcp']
    node = await member({
      swarmKey,
      runtime,
      transport,
      interval: 3600,
      discoveryInterval: 3600,
      peerTimeout: 86_400,
    })
    return { port: node.port, peerId: node.peerId }
  },
  where: () => ({ port: node.port, peerId: node.peerId }),
  async connect({ address }) {
    const begun = performance.now()
    const { peerId } = await node.connect(address)
    return { ms: performance.now() - begun, peerId }
  },
  async refusal({ address }) {
    return node.connect(address).then(
      () => undefined,
      error => (error as { code?: string }).code,
    )
  },
  startPings({ peerId }) {
    pinging = pings(peerId)
  },
  pings: () => pinging!.stop(),
  async newcomers({ swarmKey, address, ms, udp }) {
    const times: number[] = []
    let failed = 0
    for (const until = performance.now() + ms; performance.now() < until; ) {
      const one = await member({ swarmKey, host: false, transport: [udp === true ? 'udp' : 'tcp'] })
      const begun = performance.now()
      await one.connect(address).then(
        () => times.push(performance.now() - begun),
        () => failed++,
      )
      await one.stop()
      await sleep(20)
    }
    return figures(times, failed)
  },
  async transfer({ peerId, ms }) {
    const stream = await node.open(peerId, '/sink/1')
    const piece = new Uint8Array(64 * 1024)
    const begun = performance.now()
    while (performance.now() - begun < ms) if (!stream.write(piece)) await stream.drained()
    stream.end()
    const [count] = (await text(stream)).split(' ')
    return { rate: Number(count) / ((performance.now() - begun) / 1000) }
  },
  async send({ peerId, bytes }) {
    const begun = performance.now()
    const stream = await node.open(peerId, '/sink/1')
    for (let at = 0; at < bytes; at += 16_000)
      if (!stream.write(new Uint8Array(Math.min(16_000, bytes - at)))) await stream.drained()
    stream.end()
    return { answer: await text(stream), ms: performance.now() - begun }
  },
  async echo({ peerId, ms }) {
    const stream = await node.open(peerId, '/echo/1')
    const [forth, back] = [createHash('sha256'), createHash('sha256')]
    const reading = (async () => {
      for await (const chunk of stream) back.update(chunk)
    })()
    let sent = 0
    for (const until = performance.now() + ms; performance.now() < until; ) {
      const piece = randomBytes(1 + (sent % 40_000))
      forth.update(piece)
      sent += piece.length
      if (!stream.write(piece)) await stream.drained()
    }
    stream.end()
    await reading
    return { sent, same: forth.digest('hex') === back.digest('hex') }
  },
  pace: ({ times }) => clock.pace(times),
  rekeys: () => ({ rekeys: counters.rekeys }),
  async newNode({ swarmKey }) {
    const own = countingRuntime()
    round = { node: await member({ swarmKey, runtime: own.runtime }), pipes: own.pipes }
    return { port: round.node.port, peerId: round.node.peerId }
  },
  async dial({ address }) {
    const { node: one, pipes } = round!
    await one.connect(address).catch(() => {})
    // Two links may stand until the one that lost the tie-break has been emptied.
    for (let i = 0; i < 600 && (pipes.size !== 1 || one.peers.length !== 1); i++) await sleep(5)
    await sleep(5)
    const [pipe] = pipes
    return {
      peers: one.peers.length,
      pipes: pipes.size,
      direction: one.peers[0]?.direction,
      localPort: pipe?.local.port,
      remotePort: pipe?.remote.port,
    }
  },
  endNode: () => round!.node.stop(),
  say: ({ text }) => node.broadcast(text),
  peers: () => ({ peers: node.peers.length }),
  stop: () => node.stop(),
} satisfies HonestCommands)

async function member(options: NodeOptions): Promise<GuildNode> {
  const made = await createNode({ ...preset, connectTimeout: 10, peerTimeout: 60, ...options })
  await made.start()
  return made
}

function pings(peerId: string): { stop: () => Promise<PingFigures> } {
  const times: number[] = []
  let failed = 0
  let running = true
  const work = (async () => {
    while (running) {
      const begun = performance.now()
      await node.request(peerId, '/echo/1', new Uint8Array(16)).then(
        () => times.push(performance.now() - begun),
        () => failed++,
      )
      await sleep(50)
    }
  })()
  return {
    async stop() {
      running = false
      await work
      return figures(times, failed)
    },
  }
}

function figures(times: readonly number[], failed: number): PingFigures {
  return { count: times.length, median: quantile(times, 0.5), slowest: Math.max(0, ...times), failed }
}

async function text(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = []
  for await (const part of stream) parts.push(part)
  return Buffer.concat(parts).toString()
}

function sleep(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}
