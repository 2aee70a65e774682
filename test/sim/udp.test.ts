/** Whole nodes on datagrams, in short. `npm run sim -- --case=<name> --seeds=N` has more, and each at its full length. */
import t from 'tap'
import { play, type Scenario } from '../../src/testing/index.ts'
import { short } from './udp-cases.ts'
import { shortSpeed } from './udp-speed.ts'
import { allUdpCases } from './udp-swarm.ts'

t.setTimeout(180_000) // as the suite has it, for runs of this file alone on a busy machine

const cases: readonly Scenario[] = allUdpCases(short, shortSpeed)

/** What each shows, and with how many seeds here, or which. */
const titles: Record<string, readonly [string, number | readonly number[]]> = {
  'handshake-loss': ['P9 UQ-01 30 % lost in bursts of three, both ways: all are linked within 30 s', 2],
  'handshake-corruption': ['P9 UQ-03 30 % of datagrams damaged: all are linked within 30 s', 1],
  'handshake-long-rtt': ['P9 UQ-06 750 ms each way: all are linked within 30 s, once', 1],
  'transfer-loss': ['P10 UQ-02 2 % lost: every byte in its place, SHA-256 equal', 2],
  'transfer-corruption': ['P10 2 % damaged: every byte in its place, SHA-256 equal', 1],
  'long-rtt': ['UQ-06 a transfer over a round trip of 1.5 s', 2],
  blackhole: ['UQ-07 P12 a path that is away for two seconds in seven: the transfer completes', 1],
  'amplification-limit': ['UQ-08 P8 datagrams 2 to 7 lost: the answers stay under 3x, no deadlock', 3],
  datagrams: ['P10 UQ-04 UQ-05 any loss, reordering and duplication: each byte once and in order', 2],
  'barely-usable': ['P10 500 kbit/s, 450 ms, 12 % lost in bursts: 256 KiB arrive', 2],
  'rebind-port': ['UQ-09 P12 a source port that changes every five seconds: nothing lost, no stall', 2],
  'rebind-addr': [
    'UQ-10 P12 P8 a source address that changes: asked first, 3x until it answers, then left alone',
    2,
  ],
  'connection-migration': ['UQ-11 P8 captured packets sent on from elsewhere do not move the path', 2],
  'key-update': ['HS-17 P6 keys change while both sides talk on a bad path: nothing lost', 1],
  goodput: ['P11 10 Mbit/s, 30 ms, a queue of one bandwidth-delay product: at least 8.5 Mbit/s', 1],
  'cross-traffic': ['P11 two flows share 20 Mbit/s: Jain at least 0.8', 1],
  'beside-cubic': ['P11 BBR beside CUBIC: at most twice its share, and CUBIC lives', 1],
  forgery: [
    'P5 bits of every datagram of a session flipped: none accepted, none answered, the session lives',
    1,
  ],
  replay: ['P4 every datagram of a session ten times more: nothing delivered twice, no session', 2],
  'udp-swarm': ['P29 swarms over datagrams, or over both carriers: whole after all faults', [2]],
}

for (const [name, [title, count]] of Object.entries(titles))
  t.test(title, async t => {
    const told = cases.find(one => one.name === name)!
    const seeds = typeof count === 'number' ? Array.from({ length: count }, (_, i) => i + 1) : count
    const began = performance.now()
    const hashes: string[] = []
    for (const seed of seeds) hashes.push((await play(told, seed)).hash)
    t.equal(new Set(hashes).size, seeds.length, 'another seed, another hash')
    t.comment(`${name}: seeds ${seeds.join()}, ${Math.round(performance.now() - began)} ms`)
  })

t.test('P29 the same seed over datagrams gives the same hash', async t => {
  for (const name of ['transfer-loss', 'connection-migration', 'replay']) {
    const told = cases.find(one => one.name === name)!
    const [first, again] = [await play(told, 77), await play(told, 77)]
    t.equal(first.hash, again.hash, name)
  }
})

t.test('every case over datagrams is played', async t => {
  t.same(cases.map(({ name }) => name).sort(), Object.keys(titles).sort())
})
