/**
 * Blocks among simulated nodes: whatever exists is found, whoever lies, stalls or dies.
 *
 *   store (memory) ── exchange ── node ══ weather, faults ══ node ── exchange ── store
 *
 * Every store looks at what is put: what does not hash to its name fails the run where it happens.
 * At the end want-lists are empty, ours as the peers' memory of them.
 */
import { createHash } from 'node:crypto'
import type { CID } from 'multiformats/cid'
import { nativeSuite } from '../../src/crypto/native.ts'
import { createNode, type GuildNode } from '../../src/index.ts'
import type { Exchange } from '../../src/node/exchange.ts'
import {
  drawWeather,
  type Host,
  nullSuite,
  type Scenario,
  type SeededRandom,
  type Simulation,
  scenario,
  trouble,
} from '../../src/testing/index.ts'
import { blockKey, formatCid, makeCid } from '../../src/wire/cid.ts'
import { contentCodecs, contentHashes } from '../../src/wire/registry.ts'
import { claim, PORT } from './fleet.ts'

/** A store in memory that believes nobody. */
export class WatchedStore {
  readonly blocks = new Map<string, { readonly cid: CID; readonly bytes: Uint8Array }>()
  readonly #fail: (what: string) => void
  /** What is served instead of the truth; undefined: the truth. */
  lie: ((cid: CID, bytes: Uint8Array | undefined) => Uint8Array | undefined) | undefined
  puts = 0

  constructor(fail: (what: string) => void) {
    this.#fail = fail
  }

  add(bytes: Uint8Array): CID {
    const cid = cidOf(bytes)
    this.blocks.set(blockKey(cid), { cid, bytes })
    return cid
  }

  has(cid: CID): boolean {
    return this.size(cid) !== undefined
  }

  size(cid: CID): number | undefined {
    const here = this.blocks.get(blockKey(cid))?.bytes
    return (this.lie === undefined ? here : this.lie(cid, here))?.length
  }

  read(cid: CID): Uint8Array | undefined {
    const here = this.blocks.get(blockKey(cid))?.bytes
    return this.lie === undefined ? here : this.lie(cid, here)
  }

  *get(cid: CID): Generator<Uint8Array> {
    const bytes = this.read(cid)
    if (bytes !== undefined) yield bytes
  }

  put(cid: CID, bytes: Uint8Array): void {
    if (blockKey(cidOf(bytes)) !== blockKey(cid)) this.#fail(`${formatCid(cid)} was stored with other bytes`)
    this.puts++
    this.blocks.set(blockKey(cid), { cid, bytes })
  }
}

export function cidOf(bytes: Uint8Array): CID {
  const digest = new Uint8Array(createHash('sha256').update(bytes).digest())
  return makeCid(contentCodecs.RAW, contentHashes.SHA2_256, digest)
}

export interface BlockMember {
  readonly name: string
  readonly host: Host
  readonly store: WatchedStore
  readonly identityKey: Uint8Array
  node: GuildNode
  exchange: Exchange
  up: boolean
  /** Peers that are linked: cheaper to look at after every event than the list of them. */
  linked: number
}

/** Nodes with an exchange each, all of one swarm; the first is everybody's bootstrap. */
export class BlockFleet {
  readonly members: BlockMember[] = []
  readonly #sim: Simulation
  readonly #swarmKey: Uint8Array
  readonly #crowd: boolean

  constructor(sim: Simulation, crowd = false) {
    this.#sim = sim
    this.#crowd = crowd
    this.#swarmKey = sim.random.split('swarm key').bytes(32)
  }

  async add(name: string): Promise<BlockMember> {
    const host = this.#sim.host(name)
    const store = new WatchedStore(what => this.#sim.world.fail(new Error(`${name}: ${what}`)))
    const identityKey = this.#sim.random.split(`identity ${name}`).bytes(32)
    const member = { name, host, store, identityKey, up: false, linked: 0 } as BlockMember
    this.members.push(member)
    await this.start(member)
    return member
  }

  /** A new process; its store is on the disk, so to say. */
  async start(member: BlockMember): Promise<void> {
    const first = this.members[0]!
    const node = await createNode({
      port: PORT,
      name: member.name,
      swarmKey: this.#swarmKey,
      identityKey: member.identityKey,
      maxPeers: 50,
      bootstrap: member === first ? [] : [`${first.host.address}:${PORT}`],
      // A crowd shakes hands in no time: it is not about that.
      runtime: member.host.runtime(this.#crowd ? { suite: nullSuite() } : {}),
      transport: ['tcp'],
    })
    member.node = node
    member.linked = 0
    // A node that was killed says nothing more of itself.
    node.on('peer-connected', () => void (member.node === node && member.linked++))
    node.on('peer-disconnected', () => void (member.node === node && member.linked--))
    node.on('error', ({ code, message }) =>
      this.#sim.world.fail(new Error(`${member.name}: ${code} ${message}`)),
    )
    member.exchange = await node.exchange(member.store)
    await node.start()
    member.up = true
  }

  /** Everybody is linked to everybody; but for so many as a member may lack. */
  async untilWhole(limit: number, lacks: (member: BlockMember) => number = () => 0): Promise<void> {
    const up = this.members.filter(one => one.up)
    await this.#sim.run(() => up.every(one => one.linked >= up.length - 1 - lacks(one)), { limit })
  }

  /**
   * Nobody wants anything, and nobody remembers that anybody did. The last cancel may be in a segment that was lost
   * eight times while things broke: a TCP that doubles its wait each time sends it again a minute later.
   */
  async checkQuiet(limit = 300_000): Promise<void> {
    const up = this.members.filter(one => one.up)
    const loud = (): string[] =>
      up.flatMap(({ name, exchange }) => [
        ...(exchange.stats().wantListSize > 0 ? [`${name} wants ${exchange.stats().wantListSize}`] : []),
        ...exchange.ledgers().flatMap(({ wants }) => (wants > 0 ? [`${name} remembers ${wants} wants`] : [])),
      ])
    const quiet = (): boolean =>
      up.every(
        ({ exchange }) =>
          exchange.stats().wantListSize === 0 && exchange.ledgers().every(({ wants }) => wants === 0),
      )
    await this.#sim.run(quiet, { limit }).catch(error => {
      throw new Error(loud().join(', '), { cause: error })
    })
  }

  async stop(): Promise<void> {
    await this.#sim.settle(Promise.all(this.members.filter(one => one.up).map(({ node }) => node.stop())))
  }
}

/** A story told to a fleet of nodes with blocks. */
export function blocks(
  name: string,
  story: (fleet: BlockFleet, sim: Simulation) => Promise<void>,
  crowd = false,
): Scenario {
  const body = async (sim: Simulation): Promise<void> => {
    const fleet = new BlockFleet(sim, crowd)
    await story(fleet, sim)
    await fleet.stop()
  }
  return scenario(name, body, { suite: nativeSuite })
}

/** Waits for blocks one by one, as a program does that walks a DAG; fails the run when one is wrong. */
export function fetchAll(
  sim: Simulation,
  { name, exchange }: BlockMember,
  cids: readonly CID[],
  wait = true,
): Promise<ReturnType<ReturnType<Exchange['session']>['close']>> {
  const session = exchange.session({ wait })
  session.prefetch(cids)
  return (async () => {
    for (const cid of cids) {
      const bytes = await session.get(cid)
      if (blockKey(cidOf(bytes)) !== blockKey(cid)) sim.world.fail(new Error(`${name} got other bytes`))
    }
    return session.close()
  })()
}

function drawBlocks(dice: SeededRandom, count: number, most: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => {
    const bytes = dice.bytes(Math.max(4, dice.below(most)))
    new DataView(bytes.buffer).setUint32(0, i) // no two the same
    return bytes
  })
}

/**
 * The weather of a pair stays, also in peace. A bad spell of it is counted in packets, up to 40 each way, and ends by
 * packets alone: where there is no link these are the four SYNs of a dial, and a dial comes every 15 seconds at
 * best. So the mean until both ways are good again is up to 300 s; such pairs get three times that.
 */
const SHORT_BURST = 5

/** Twenty nodes, each block at one to three of them, everybody wants some: with loss, partitions, restarts. */
export const bitswapCase: Scenario = blocks(
  'bitswap',
  async (fleet, sim) => {
    const dice = sim.random.split('bitswap')
    const count = sim.form.nodes ?? 20
    for (let i = 1; i <= count; i++) await sim.settle(fleet.add(`n${i}`))
    await fleet.untilWhole(60_000)
    const inSpells = new Map<BlockMember, number>()
    for (const [i, a] of fleet.members.entries())
      for (const b of fleet.members.slice(i + 1)) {
        if (!dice.chance(0.3)) continue
        const weather = drawWeather(dice)
        sim.link(a.host, b.host, weather)
        if (weather.burst > SHORT_BURST)
          for (const one of [a, b]) inSpells.set(one, (inSpells.get(one) ?? 0) + 1)
      }
    const all = drawBlocks(dice.split('blocks'), 100, dice.pick([500, 5_000, 40_000]))
    const cids = all.map(bytes => {
      const holders = dice.shuffle(fleet.members).slice(0, dice.between(1, 3))
      return holders.map(({ store }) => store.add(bytes))[0]!
    })
    const lasts = 60_000
    const hosts = fleet.members.map(({ host }) => host)
    const memberOf = (host: Host): BlockMember => fleet.members.find(one => one.host === host)!
    const { until } = trouble(sim, {
      hosts,
      population: count,
      until: sim.now + lasts,
      every: 4_000,
      lasting: 8_000,
      onDown: host => {
        memberOf(host).up = false
      },
      onRestart: host => {
        fleet.start(memberOf(host)).catch((error: unknown) => sim.world.fail(error))
      },
    })
    // While things break whoever wants may fail, with a code, and give up whenever it likes.
    for (let i = 0; i < 60; i++) {
      const own = dice.split(`want ${i}`)
      const member = own.pick(fleet.members)
      const wanted = own.shuffle(cids).slice(0, own.between(1, 20))
      const gives = own.chance(0.3) ? own.below(10_000) : undefined
      sim.world.at(sim.now + own.below(lasts), () => {
        if (!member.up) return
        sim.world.enter(() => {
          const stop = new AbortController()
          const session = member.exchange.session({ wait: own.chance(0.5), signal: stop.signal })
          session.prefetch(wanted)
          void Promise.allSettled(wanted.map(cid => session.get(cid))).then(() => session.close())
          if (gives !== undefined) sim.world.after(gives, () => sim.world.enter(() => stop.abort()))
        })
      })
    }
    await sim.run(until + 1)
    await sim.run(() => fleet.members.every(({ up }) => up), { limit: 60_000 })
    await fleet.untilWhole(180_000, member => inSpells.get(member) ?? 0)
    await fleet.untilWhole(900_000)
    // Peace: what exists is found, by everybody.
    const last = fleet.members.map(member => {
      const wanted = dice.shuffle(cids).slice(0, 30)
      return { member, wanted, done: fetchAll(sim, member, wanted) }
    })
    await sim.settle(Promise.all(last.map(({ done }) => done)), { limit: 300_000 })
    for (const { member, wanted } of last)
      claim(
        wanted.every(cid => member.store.has(cid)),
        `${member.name} does not have what it got`,
      )
    await fleet.checkQuiet()
  },
  true,
)

/** Three providers of one tree: one lies, one says HAVE and nothing more, one dies half way; and one that is honest. */
export const badProviders: Scenario = blocks('bitswap-bad-providers', async (fleet, sim) => {
  const dice = sim.random.split('bad')
  const reader = await sim.settle(fleet.add('reader'))
  const [honest, liar, staller, dying] = [
    await sim.settle(fleet.add('honest')),
    await sim.settle(fleet.add('liar')),
    await sim.settle(fleet.add('staller')),
    await sim.settle(fleet.add('dying')),
  ] as [BlockMember, BlockMember, BlockMember, BlockMember]
  await fleet.untilWhole(60_000)
  const all = drawBlocks(dice, 120, 60_000)
  const cids = all.map(bytes => [honest, liar, staller, dying].map(({ store }) => store.add(bytes))[0]!)
  liar.store.lie = (_, bytes) => bytes?.map(byte => byte ^ 1)
  // It says that it has them; when the bytes are wanted its disk never answers.
  const never = new Promise<undefined>(() => {})
  staller.store.read = () => never as unknown as undefined
  sim.world.after(300 + dice.below(500), () => {
    dying.up = false
    dying.host.crash()
  })
  const done = await sim.settle(fetchAll(sim, reader, cids, false), { limit: 60_000 })
  claim(
    cids.every(cid => reader.store.has(cid)),
    'a block is missing',
  )
  const of = (member: BlockMember): number =>
    done.sources.find(({ peerId }) => peerId === member.node.peerId)?.blocks ?? 0
  claim(of(liar) === 0, `${of(liar)} blocks of the liar were taken`)
  claim(of(staller) === 0, `${of(staller)} blocks came from nowhere`)
  claim(of(honest) > 0, 'the honest one gave nothing')
  claim(reader.exchange.stats().badBlocks > 0, 'the liar was never asked')
  await fleet.checkQuiet()
})

export const bitswapCases: readonly Scenario[] = [bitswapCase, badProviders]
