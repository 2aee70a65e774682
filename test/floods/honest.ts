/**
 * Members that behave, in a process of their own: they connect, ping, transfer, dial at once.
 */
import { createNode, type GuildNode, type NodeOptions, test as preset } from '../../src/index.ts'
import { answer } from './child.ts'
import { quantile } from './report.ts'

export interface PingFigures {
  readonly count: number
  /** Milliseconds. */
  readonly median: number
  readonly slowest: number
  readonly failed: number
}

export interface HonestCommands {
  start(options: { swarmKey: Uint8Array }): Promise<{ port: number; peerId: string }>
  connect(options: { address: string }): Promise<{ ms: number; peerId: string }>
  /** The code a dial fails with; undefined when it did not. */
  refusal(options: { address: string }): Promise<string | undefined>
  /** Asks for an echo every 50 ms, until `pings`. */
  startPings(options: { peerId: string }): void
  pings(_: object): Promise<PingFigures>
  /** New nodes, one after the other: how long each took to be linked. */
  newcomers(options: { swarmKey: Uint8Array; address: string; ms: number }): Promise<PingFigures>
  /** Sends to `/sink/1` for so long; bytes a second. */
  transfer(options: { peerId: string; ms: number }): Promise<{ rate: number }>
  /** Sends exactly this much, and says what the other side counted. */
  send(options: { peerId: string; bytes: number }): Promise<{ answer: string; ms: number }>
  say(options: { text: string }): void
  peers(_: object): { peers: number }
  stop(_: object): Promise<void>
}

let node: GuildNode
let pinging: { stop: () => Promise<PingFigures> } | undefined

answer({
  async start({ swarmKey }) {
    node = await member({ swarmKey })
    return { port: node.port, peerId: node.peerId }
  },
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
  async newcomers({ swarmKey, address, ms }) {
    const times: number[] = []
    let failed = 0
    for (const until = performance.now() + ms; performance.now() < until; ) {
      const one = await member({ swarmKey, host: false })
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
