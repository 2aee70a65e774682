/**
 * `bench blocks`: blocks by bitswap, in memory, between two processes.
 *
 *   here ── one link, or ten ──▶ ten nodes with the same blocks       beside: a list of requests and
 *                                                                     SHA-256 over one raw connection
 *
 * Both ways end with each block whole in memory of its own, and hashed. `BLOCK_SIZE` in the
 * environment measures one size, in bytes.
 *
 * Floor: cli.
 */
import type { ChildProcess } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { createNode, type Exchange, GuildError, type GuildNode } from '../../index.ts'
import { type CID, limits } from '../../wire/index.ts'
import { blockOf, cidOf, countOf, Pile } from './block-pile.ts'
import { answerOf, endOf, startChild } from './child.ts'
import { alternate } from './measure.ts'
import { type Row, rowOf } from './rows.ts'

export type BlocksQuestion =
  | {
      readonly kind: 'start'
      readonly swarmKey: Uint8Array
      readonly sizes: readonly number[]
      readonly nodes: number
    }
  | { readonly kind: 'cpu' }

export type BlocksAnswer =
  | { readonly kind: 'ready'; readonly addresses: readonly string[]; readonly port: number }
  | { readonly kind: 'cpu'; readonly seconds: number; readonly resident: number }

export interface BlocksEffort {
  readonly rounds: number
  /** Bytes; the first is the headline. */
  readonly sizes: readonly number[]
  /** Single blocks for the time to the first. */
  readonly singles: number
  readonly peers: number
  /** At most so many blocks of a size. */
  readonly most?: number
}

const KIB = 1024
const usual: BlocksEffort = {
  rounds: 5,
  sizes: [256 * KIB, KIB, 64 * KIB, 1024 * KIB],
  singles: 60,
  peers: 10,
}

export async function blocks(
  signal: AbortSignal,
  effort: BlocksEffort = effortOf(process.env),
): Promise<Row[]> {
  const bench = await BlocksBench.start(signal, effort)
  try {
    return await Promise.race([bench.measure(), bench.broken(signal)])
  } finally {
    await bench.close()
  }
}

/** `BLOCK_SIZE=1024` measures that size alone. */
export function effortOf({ BLOCK_SIZE: text }: NodeJS.ProcessEnv): BlocksEffort {
  if (text === undefined || text === '') return usual
  const size = Number(text)
  if (!Number.isInteger(size) || size < 8 || size > limits.block)
    throw new GuildError('GH_OPTION_INVALID', `BLOCK_SIZE=${text} (bytes, 8 to ${limits.block})`)
  return { ...usual, sizes: [size] }
}

interface Round {
  readonly seconds: number
  readonly bytes: number
  readonly cpu: number
}

interface Pass extends Round {
  readonly duplicates: number
}

class BlocksBench {
  readonly #child: ChildProcess
  readonly #effort: BlocksEffort
  readonly #addresses: readonly string[]
  readonly #port: number
  readonly #swarmKey: Uint8Array
  readonly #cids = new Map<number, readonly CID[]>()
  readonly #nodes: GuildNode[] = []
  readonly #sockets: Socket[] = []
  /** The most this process took, all sizes and peers together. */
  #peak = 0

  static async start(signal: AbortSignal, effort: BlocksEffort): Promise<BlocksBench> {
    const swarmKey = new Uint8Array(randomBytes(32))
    const child = startChild('./blocks-process.js')
    try {
      const { sizes, peers: nodes } = effort
      const question: BlocksQuestion = { kind: 'start', swarmKey, sizes, nodes }
      const ready = await answerOf<BlocksAnswer>(child, signal, question)
      if (ready.kind !== 'ready') throw new Error('the other process did not start')
      return new BlocksBench(child, effort, swarmKey, ready)
    } catch (error) {
      await endOf(child)
      throw error
    }
  }

  private constructor(
    child: ChildProcess,
    effort: BlocksEffort,
    swarmKey: Uint8Array,
    { addresses, port }: Extract<BlocksAnswer, { kind: 'ready' }>,
  ) {
    this.#child = child
    this.#effort = effort
    this.#swarmKey = swarmKey
    this.#addresses = addresses
    this.#port = port
    for (const size of effort.sizes) {
      const count = Math.min(countOf(size), effort.most ?? Number.POSITIVE_INFINITY)
      this.#cids.set(
        size,
        Array.from({ length: count }, (_, i) => cidOf(blockOf(size, i))),
      )
    }
  }

  broken(signal: AbortSignal): Promise<never> {
    return new Promise((_, reject) => {
      if (signal.aborted) reject(signal.reason)
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
      this.#child.once('exit', code =>
        reject(new Error(`the other process of the measurement ended with ${code}`)),
      )
    })
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await Promise.all(this.#nodes.map(node => node.stop()))
    await endOf(this.#child)
  }

  async measure(): Promise<Row[]> {
    const { sizes, rounds, peers } = this.#effort
    const one = await this.#linked(1)
    const raw = await this.#raw()
    const rows: Row[] = []
    for (const [i, size] of sizes.entries()) {
      const passes = await alternate<Round>(
        rounds,
        () => this.#rawPass(raw, size),
        () => this.#guildPass(one, size),
      )
      const rate = ({ bytes, seconds }: Round): number => bytes / seconds / 1e6
      const cost = ({ cpu, bytes }: Round): number => cpu / (bytes / 1e9)
      const [name, of] = [i === 0 ? 'blocks' : `blocks-${sizeName(size)}`, `blocks of ${sizeText(size)}`]
      rows.push(
        rowOf(
          { name, unit: 'MB/s', about: `${of}, hashed, from one peer` },
          passes.guild.map(rate),
          passes.raw.map(rate),
        ),
      )
      if (i === 0)
        rows.push(
          rowOf(
            { name: 'blocks-receiver-cpu', unit: 's/GB', about: 'CPU time of the process that fetches' },
            passes.guild.map(cost),
            passes.raw.map(cost),
          ),
        )
    }
    const many = await this.#linked(peers)
    const size = sizes[0]!
    rows.push(...(await this.#first(raw, one, many, size)))
    const all: Pass[] = []
    for (let round = 0; round <= rounds; round++) all.push(await this.#guildPass(many, size))
    const alone: Pass[] = []
    for (let round = 0; round <= rounds; round++) alone.push(await this.#guildPass(one, size))
    const rate = ({ bytes, seconds }: Pass): number => bytes / seconds / 1e6
    rows.push(
      rowOf(
        {
          name: 'blocks-many-peers',
          unit: 'MB/s',
          about: `${sizeText(size)} from ${peers} peers at once, beside one`,
        },
        all.slice(1).map(rate),
        alone.slice(1).map(rate),
      ),
      rowOf(
        { name: 'blocks-duplicates', unit: '%', about: `bytes that came twice from ${peers} peers` },
        all.map(({ duplicates, bytes }) => (100 * duplicates) / bytes),
      ),
      rowOf(
        { name: 'blocks-memory', unit: 'MB', about: 'the most memory this process took, blocks included' },
        [this.#peak / 1e6],
      ),
    )
    return rows
  }

  /** From the call to the whole block, hashed and stored. */
  async #first(raw: Socket, one: Fetcher, many: Fetcher, size: number): Promise<Row[]> {
    const { singles, peers } = this.#effort
    const times: Record<'raw' | 'one' | 'many', number[]> = { raw: [], one: [], many: [] }
    const cids = this.#cids.get(size)!
    for (let i = 0; i < singles + 5; i++) {
      const number = i % cids.length
      const cid = cids[number]!
      const [a, b, c] = [
        await timed(() => this.#ask(raw, size, [number])),
        await timed(() => one.exchange.want(cid)),
        await timed(() => many.exchange.want(cid)),
      ]
      one.pile.clear()
      many.pile.clear()
      if (i < 5) continue // warm
      times.raw.push(a)
      times.one.push(b)
      times.many.push(c)
    }
    return [
      rowOf(
        { name: 'first-block', unit: 'ms', about: `one block of ${sizeText(size)}, from one peer` },
        times.one,
        times.raw,
      ),
      rowOf(
        {
          name: 'first-block-many-peers',
          unit: 'ms',
          about: `the same with ${peers} peers, nobody knows who has it; beside one`,
        },
        times.many,
        times.one,
      ),
    ]
  }

  async #linked(peers: number): Promise<Fetcher> {
    const node = await createNode({
      host: false,
      transport: ['tcp'],
      swarmKey: this.#swarmKey,
      identityKey: new Uint8Array(randomBytes(32)),
      mdns: false,
      // It is linked to those that it dials here, and to no others it hears of.
      allow: this.#addresses.slice(0, peers).map(address => address.split('/').at(-1)!),
    })
    this.#nodes.push(node)
    await node.start()
    const pile = new Pile()
    const exchange = await node.exchange(pile)
    for (const address of this.#addresses.slice(0, peers))
      if (node.peers.length < peers) await node.connect(address).catch(ignoreDuplicate)
    return { node, pile, exchange }
  }

  async #guildPass({ exchange, pile }: Fetcher, size: number): Promise<Pass> {
    const cids = this.#cids.get(size)!
    const session = exchange.session()
    const begun = process.cpuUsage()
    const seconds = await timed(async () => {
      await Promise.all(cids.map(cid => session.get(cid)))
    })
    const cpu = cpuSince(begun)
    this.#look()
    pile.clear()
    const { duplicateBytes: duplicates } = session.close()
    return { seconds: seconds / 1000, bytes: cids.length * size, cpu, duplicates }
  }

  async #rawPass(socket: Socket, size: number): Promise<Round> {
    const count = this.#cids.get(size)!.length
    const begun = process.cpuUsage()
    const seconds = await timed(() =>
      this.#ask(
        socket,
        size,
        Array.from({ length: count }, (_, i) => i),
      ),
    )
    return { seconds: seconds / 1000, bytes: count * size, cpu: cpuSince(begun) }
  }

  async #raw(): Promise<Socket> {
    const socket = connect({ host: '127.0.0.1', port: this.#port, noDelay: true })
    this.#sockets.push(socket)
    await once(socket, 'connect')
    return socket
  }

  /** Asks for all at once; each block is put together, hashed, compared and kept. */
  #ask(socket: Socket, size: number, numbers: readonly number[]): Promise<void> {
    const cids = this.#cids.get(size)!
    const kept: Uint8Array[] = []
    return new Promise((resolve, reject) => {
      let block = Buffer.allocUnsafeSlow(size)
      let hash = createHash('sha256')
      let filled = 0
      const take = (bytes: Buffer): void => {
        for (let at = 0; at < bytes.length; ) {
          const length = Math.min(size - filled, bytes.length - at)
          const piece = bytes.subarray(at, at + length)
          hash.update(piece)
          block.set(piece, filled)
          filled += length
          at += length
          if (filled < size) continue
          if (!hash.digest().equals(cids[numbers[kept.length]!]!.multihash.digest))
            return end(new Error('a wrong block'))
          kept.push(block)
          if (kept.length === numbers.length) return end()
          block = Buffer.allocUnsafeSlow(size)
          hash = createHash('sha256')
          filled = 0
        }
      }
      const end = (error?: Error): void => {
        socket.off('data', take)
        if (error === undefined) resolve()
        else reject(error)
      }
      socket.on('data', take)
      const asked = Buffer.alloc(8 * numbers.length)
      for (const [i, number] of numbers.entries()) {
        asked.writeUInt32BE(size, 8 * i)
        asked.writeUInt32BE(number, 8 * i + 4)
      }
      socket.write(asked)
    })
  }

  #look(): void {
    this.#peak = Math.max(this.#peak, process.memoryUsage().rss)
  }
}

interface Fetcher {
  readonly node: GuildNode
  readonly pile: Pile
  readonly exchange: Exchange
}

/** Milliseconds. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now()
  await work()
  return performance.now() - begun
}

function cpuSince(begun: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(begun)
  return (user + system) / 1e6
}

function ignoreDuplicate(error: unknown): void {
  if (!(error instanceof GuildError && error.code === 'GH_REFUSED_DUPLICATE')) throw error
}

function sizeName(size: number): string {
  return size % (KIB * KIB) === 0
    ? `${size / KIB / KIB}m`
    : size % KIB === 0
      ? `${size / KIB}k`
      : String(size)
}

function sizeText(size: number): string {
  return size % KIB === 0 ? `${size / KIB} KiB` : `${size} bytes`
}
