/** Blocks among simulated nodes, short. `npm run sim -- --case=bitswap --seeds=200` has more. */
import t from 'tap'
import { play } from '../../src/testing/index.ts'
import { BITSWAP_PROTOCOL, blockKey } from '../../src/wire/index.ts'
import {
  type BlockFleet,
  type BlockMember,
  badProviders,
  bitswapCase,
  blocks,
  cidOf,
  fetchAll,
} from './bitswap.ts'

t.test(
  'P29 blocks among six nodes, with loss and churn: all that exists is found, nobody wants anything after',
  async t => {
    const form = { nodes: 6 }
    const first = await play(bitswapCase, 1, undefined, form)
    const again = await play(bitswapCase, 1, undefined, form)
    t.equal(first.hash, again.hash, 'the same seed, the same hash')
  },
)

t.test(
  'BX-01 BX-07 of four providers one lies, one stalls, one dies: every block comes, none of it wrong',
  async t => {
    const { time } = await play(badProviders, 1)
    t.ok(time < 20_000, `${time} ms`)
  },
)

/** A member each, linked to all others. */
async function members(
  fleet: BlockFleet,
  sim: Parameters<Parameters<typeof blocks>[1]>[1],
  names: string[],
): Promise<BlockMember[]> {
  const all: BlockMember[] = []
  for (const name of names) all.push(await sim.settle(fleet.add(name)))
  await fleet.untilWhole(60_000)
  return all
}

const contents = (count: number, size: number): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => {
    const bytes = new Uint8Array(size).fill(i)
    new DataView(bytes.buffer).setUint32(0, i)
    return bytes
  })

t.test(
  'eight providers: each block from one of them, duplicates below one in a hundred, all take part',
  async t => {
    const told = blocks('eight', async (fleet, sim) => {
      const [reader, ...providers] = await members(fleet, sim, ['reader', ...'abcdefgh'])
      const all = contents(400, 16_000)
      const cids = all.map(bytes => providers.map(({ store }) => store.add(bytes))[0]!)
      const done = await sim.settle(fetchAll(sim, reader!, cids, false), { limit: 60_000 })
      t.equal(done.blocks, 400)
      t.equal(done.sources.length, 8)
      t.ok(done.duplicateBytes < done.bytes / 100, `${done.duplicateBytes} of ${done.bytes}`)
      const ledgers = providers.map(({ exchange }) =>
        exchange.ledgers().reduce((sum, one) => sum + one.bytesSent, 0),
      )
      t.equal(
        ledgers.reduce((a, b) => a + b),
        done.bytes + done.duplicateBytes,
      )
      await fleet.checkQuiet()
    })
    await play(told, 1)
  },
)

t.test(
  'P24 the one honest peer of five: two forge, one is silent, one has nothing; each wanted block within ten seconds',
  async t => {
    const told = blocks('one-honest', async (fleet, sim) => {
      const [reader, forger, silent, other, lacking, honest] = await members(fleet, sim, [
        ...['reader', 'forger', 'silent', 'other', 'lacking', 'honest'],
      ])
      const all = contents(60, 5_000)
      const cids = all.map(
        bytes => [forger!, silent!, other!, honest!].map(({ store }) => store.add(bytes))[0]!,
      )
      for (const liar of [forger!, other!]) liar.store.lie = (_, bytes) => bytes?.map(byte => byte ^ 0x80)
      silent!.store.read = () => new Promise<undefined>(() => {}) as unknown as undefined
      t.equal(lacking!.store.blocks.size, 0)
      for (const cid of cids.slice(0, 10)) {
        const begun = sim.now
        await sim.settle(reader!.exchange.want(cid), { limit: 10_000 })
        t.ok(sim.now - begun <= 10_000)
      }
      await sim.settle(fetchAll(sim, reader!, cids, false), { limit: 60_000 })
      t.equal(reader!.store.blocks.size, 60)
      t.ok([...reader!.store.blocks.values()].every(one => blockKey(cidOf(one.bytes)) === blockKey(one.cid)))
    })
    await play(told, 1)
  },
)

t.test(
  'B6 no peers, nobody has it, given up: an error with its code, and the want-list is empty after each',
  async t => {
    const told = blocks('errors', async (fleet, sim) => {
      const alone = await sim.settle(fleet.add('alone'))
      const missing = cidOf(Uint8Array.of(1, 2, 3))
      const code = (work: Promise<unknown>): Promise<string> =>
        sim.settle(
          work.then(
            () => 'came',
            error => error.code,
          ),
          { limit: 30_000 },
        )
      const empty = (): void => {
        t.equal(alone.exchange.stats().wantListSize, 0)
        t.strictSame(alone.exchange.wantList(), [])
      }
      t.equal(await code(alone.exchange.want(missing)), 'GH_BLOCK_NO_PEERS')
      empty()
      await sim.settle(fleet.add('other'))
      await fleet.untilWhole(60_000)
      t.equal(await code(alone.exchange.want(missing)), 'GH_BLOCK_NOT_FOUND')
      empty()
      const stop = new AbortController()
      const given = code(alone.exchange.want(missing, { wait: true, signal: stop.signal }))
      sim.world.after(50, () => sim.world.enter(() => stop.abort()))
      t.equal(await given, 'GH_ABORTED')
      empty()
      t.equal(await code(alone.exchange.want(missing, { signal: AbortSignal.abort() })), 'GH_ABORTED')
      empty()
      await fleet.checkQuiet()
    })
    await play(told, 1)
  },
)

t.test('whoever waits gets a block that is put later, at a peer or here', async t => {
  const told = blocks('later', async (fleet, sim) => {
    const [a, b] = (await members(fleet, sim, ['a', 'b', 'c'])) as [BlockMember, BlockMember]
    const [one, two] = contents(2, 3_000) as [Uint8Array, Uint8Array]
    const waits = [a.exchange.want(cidOf(one), { wait: true }), a.exchange.want(cidOf(two), { wait: true })]
    await sim.pass(2_000)
    t.equal(a.exchange.stats().wantListSize, 2)
    sim.world.enter(() => b.exchange.has(b.store.add(one), one.length))
    sim.world.enter(() => a.exchange.has(a.store.add(two), two.length))
    await sim.settle(Promise.all(waits), { limit: 10_000 })
    t.ok(a.store.has(cidOf(one)))
    await fleet.checkQuiet()
  })
  await play(told, 1)
})

t.test('BITSWAP-1 a stream with what is no bitswap, a second one, and a peer that has none', async t => {
  const told = blocks('odd', async (fleet, sim) => {
    const [a, b] = (await members(fleet, sim, ['a', 'b'])) as [BlockMember, BlockMember]
    const codes: string[] = []
    sim.world.enter(() => {
      void b.node.open(a.node.peerId, BITSWAP_PROTOCOL).then(stream => {
        stream.on('error', (error: { code?: string }) => codes.push(error.code ?? ''))
        stream.write(Uint8Array.of(5, 0xff, 0, 0, 0, 0))
      })
    })
    await sim.run(() => codes.length > 0, { limit: 5_000 })
    t.strictSame(codes, ['GH_STREAM_RESET'])
    const [block] = contents(1, 2_000) as [Uint8Array]
    const cid = b.store.add(block)
    await sim.settle(a.exchange.want(cid), { limit: 10_000 })
    t.ok(a.store.has(cid), 'its honest stream is heard still')
    b.exchange.stop()
    const gone = await sim.settle(
      a.exchange.want(cidOf(Uint8Array.of(9))).then(
        () => 'came',
        error => error.code,
      ),
      { limit: 30_000 },
    )
    t.match(gone, /^GH_BLOCK_NO(_PEERS|T_FOUND)$/)
  })
  await play(told, 1)
})
