/**
 * Bytes from one node to another over UDP, through the bad network of the proxy, held to their SHA-256.
 *
 *   from ─ UDP ─▶ proxy (a process of its own) ─▶ to         one flow for each `from`
 *
 * `node dist/test/lab/transfer.js` is the long form (`npm run transfers`): up to 64 MiB in each weather, the
 * address changing on the way, and two flows in one bottleneck. Its last line: `N passed, N failed`.
 */
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { pathToFileURL } from 'node:url'
import { createNode, type GuildNode, type NodeOptions } from '../../src/index.ts'
import type { LinkConditions } from '../../src/testing/index.ts'
import { SeededRandom } from '../../src/testing/random.ts'
import { type ProxyProcess, startUdpProxy } from './udp-proxy-process.ts'

export interface Transfer {
  readonly seed: number
  /** Of each flow. */
  readonly bytes: number
  readonly conditions: Partial<LinkConditions>
  readonly flows?: number
  /** Called while it runs. */
  readonly meanwhile?: (proxy: ProxyProcess) => Promise<void>
  readonly options?: NodeOptions
  /** Milliseconds. */
  readonly most: number
}

export interface Flow {
  readonly whole: boolean
  readonly seconds: number
  /** Bytes a second, from the first byte written until the last was read. */
  readonly rate: number
}

export interface Outcome {
  readonly flows: readonly Flow[]
  readonly counts: Awaited<ReturnType<ProxyProcess['counts']>>
  /** Jain's index of the rates while all ran: 1 is fair. */
  readonly jain: number
}

const PIECE = 64 * 1024

export async function transfer(asked: Transfer): Promise<Outcome> {
  const { seed, bytes, conditions, flows = 1, meanwhile, options = {}, most } = asked
  const common = { host: '127.0.0.1', mdns: false, swarmKey: randomBytes(32), transport: ['udp'], ...options }
  const to = await createNode({ ...common, name: 'to' })
  const began: GuildNode[] = [to]
  let proxy: ProxyProcess | undefined
  try {
    await to.start()
    const target = { host: '127.0.0.1', port: to.port }
    proxy = await startUdpProxy({ seed, target, conditions })
    const hashes = new Map<string, string>()
    const arrived: number[] = []
    to.handle('/pour/1', async stream => {
      const hash = createHash('sha256')
      const flow = arrived.push(0) - 1
      for await (const piece of stream) {
        hash.update(piece)
        arrived[flow]! += piece.length
      }
      hashes.set(stream.peerId, hash.digest('hex'))
      stream.end('done')
    })
    const pours: Promise<Flow>[] = []
    const from: GuildNode[] = []
    for (let i = 0; i < flows; i++) {
      const node = await createNode({ ...common, name: `from-${i}`, deny: from.map(({ peerId }) => peerId) })
      began.push(node)
      from.push(node)
      await node.start()
      await node.connect(`127.0.0.1:${proxy.port}`)
    }
    let atEnd: number[] | undefined
    for (const [i, node] of from.entries())
      pours.push(
        pour(node, to, bytes, seed + i, AbortSignal.timeout(most)).then(flow => {
          atEnd ??= [...arrived]
          return { ...flow, whole: hashes.get(node.peerId) === flow.hash }
        }),
      )
    const [done] = await Promise.all([Promise.all(pours), meanwhile?.(proxy)])
    return { flows: done, counts: await proxy.counts(), jain: jain(atEnd!) }
  } finally {
    await Promise.all(began.map(node => node.stop()))
    await proxy?.close()
  }
}

async function pour(
  from: GuildNode,
  to: GuildNode,
  bytes: number,
  seed: number,
  signal: AbortSignal,
): Promise<Flow & { hash: string }> {
  const random = new SeededRandom(seed)
  const block = random.bytes(PIECE)
  const hash = createHash('sha256')
  const stream = await from.open(to.peerId, '/pour/1', { signal })
  const begun = performance.now()
  const stop = (): void => void stream.destroy(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  for (let sent = 0, count = 0; sent < bytes; count++) {
    // Each piece is another one, so that two in the wrong order do not go unnoticed.
    const piece = Buffer.from(block.subarray(0, Math.min(PIECE, bytes - sent)))
    piece.writeUInt32LE(count, 0)
    hash.update(piece)
    sent += piece.length
    if (!stream.write(piece)) await once(stream, 'drain', { signal })
  }
  stream.end()
  let said = ''
  for await (const answer of stream) said += answer
  signal.removeEventListener('abort', stop)
  const seconds = (performance.now() - begun) / 1_000
  return { whole: said === 'done', seconds, rate: bytes / seconds, hash: hash.digest('hex') }
}

/** (Σx)² / (n Σx²): 1 when all are alike, 1/n when one has everything. */
export function jain(shares: readonly number[]): number {
  const sum = shares.reduce((a, b) => a + b, 0)
  const squares = shares.reduce((a, b) => a + b * b, 0)
  return squares === 0 ? 1 : sum ** 2 / (shares.length * squares)
}

/** 40 ms there and back, and no jumbo frames. */
const far = { delay: 20, mtu: 1_500 }

/** What bytes must come through whole. */
export const weathers = {
  calm: far,
  '1 % lost': { ...far, loss: 0.01 },
  '5 % lost in bursts of 3': { ...far, loss: 0.05, burst: 3 },
  '10 % lost': { ...far, loss: 0.1 },
  '20 % lost': { ...far, loss: 0.2 },
  '30 % lost': { ...far, loss: 0.3 },
  '25 % late by up to 30 ms': { ...far, reorder: 0.25, reorderBy: 30 },
  '20 % twice': { ...far, duplicate: 0.2 },
  '1 % damaged': { ...far, corrupt: 0.01 },
  'of everything some': {
    ...far,
    jitter: 10,
    loss: 0.05,
    reorder: 0.1,
    reorderBy: 20,
    duplicate: 0.1,
    corrupt: 0.005,
  },
}

/** In each. */
const BYTES = 64 << 20

/** A new port for the peer to be seen at, so often. */
export async function rebinds(
  proxy: ProxyProcess,
  to: readonly ('port' | 'address')[],
  every: number,
): Promise<void> {
  for (const what of to) {
    await new Promise(resolve => setTimeout(resolve, every))
    await proxy.rebind(what)
  }
}

/** Two flows here, and a queue of about one round trip's worth. */
export const shared = { ...far, rate: 2_500_000, queue: 128 * 1024 }

const MOST = 240_000

/** Those whose name holds one of these words; all when there are none. */
async function long(only: readonly string[]): Promise<void> {
  let [passed, failed] = [0, 0]
  const report = (name: string, whole: boolean, outcome: Outcome): void => {
    if (whole) passed++
    else failed++
    const rates = outcome.flows.map(({ rate }) => `${(rate / 1e6).toFixed(2)} MB/s`)
    const { lost, overflow, missed, queueFull } = outcome.counts
    console.log(
      `${whole ? 'ok' : 'FAILED'}  ${name}  ${rates.join(', ')}; the network lost ${lost + queueFull}, the proxy itself ${overflow + missed}`,
    )
  }
  const run = async (name: string, asked: Transfer): Promise<void> => {
    if (only.length > 0 && !only.some(word => name.includes(word))) return
    try {
      const outcome = await transfer(asked)
      const whole = outcome.flows.every(flow => flow.whole)
      const mib = `${asked.bytes >> 20} MiB, ${name}`
      report((asked.flows ?? 1) > 1 ? `${mib}: Jain ${outcome.jain.toFixed(3)}` : mib, whole, outcome)
    } catch (error) {
      failed++
      console.log(`FAILED  ${name}  ${(error as Error).message}`)
    }
  }
  for (const [name, conditions] of Object.entries(weathers))
    await run(name, { seed: 1, bytes: BYTES, conditions, most: MOST })
  const moves = ['port', 'address', 'port'] as const
  const moving = { seed: 2, bytes: BYTES, conditions: { ...far, loss: 0.01 }, most: MOST }
  await run('seen elsewhere each second', { ...moving, meanwhile: proxy => rebinds(proxy, moves, 1_000) })
  for (const [congestion, seed] of [
    ['bbr', 3],
    ['cubic', 4],
    ['newreno', 5],
  ] as const)
    await run(`two flows of ${congestion} in 20 Mbit/s`, {
      ...{ seed, bytes: 16 << 20, conditions: shared, flows: 2, most: MOST },
      options: { congestion },
    })
  console.log(`${passed} passed, ${failed} failed`)
  process.exitCode = failed === 0 ? 0 : 1
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await long(process.argv.slice(2))
