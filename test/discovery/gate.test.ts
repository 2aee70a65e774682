/** The door in front of multicast-dns. */
import t from 'tap'
import type { Interface } from '../../src/base/ports.ts'
import { Gate, isOnLink } from '../../src/discovery/gate.ts'

const interfaces: readonly Interface[] = [
  { name: 'lo', address: '127.0.0.1', prefix: 8, internal: true },
  { name: 'eth0', address: '192.168.1.10', prefix: 24, internal: false },
  { name: 'eth0', address: 'fe80::1', prefix: 64, internal: false },
  { name: 'eth0', address: '2001:db8:1::1', prefix: 64, internal: false },
  { name: 'wlan0', address: '10.20.0.1', prefix: 20, internal: false },
]

t.test('MD-04 a source is on this link when it is in a network of this interface', async t => {
  const cases: [string, string, boolean][] = [
    ['192.168.1.77', 'eth0', true],
    ['::ffff:192.168.1.77', 'eth0', true],
    ['192.168.2.77', 'eth0', false],
    ['192.168.1.77', 'wlan0', false],
    ['10.20.15.255', 'wlan0', true],
    ['10.20.16.0', 'wlan0', false],
    ['8.8.8.8', 'eth0', false],
    ['127.0.0.1', 'eth0', false],
    ['fe80::2%eth0', 'eth0', true],
    ['fe80::2%wlan0', 'eth0', false],
    ['fe80::2', 'wlan0', false],
    ['2001:db8:1::99', 'eth0', true],
    ['2001:db8:2::99', 'eth0', false],
    ['nonsense', 'eth0', false],
    ['192.168.1.77', 'eth7', false],
  ]
  for (const [source, name, expected] of cases)
    t.equal(isOnLink(source, name, interfaces), expected, `${source} at ${name}`)
})

/** A query for our service. */
const query = Buffer.concat([
  Buffer.from('000000000001000000000000', 'hex'),
  Buffer.from('\x0b_guild-home\x04_tcp\x05local\0'),
  Buffer.from('000c0001', 'hex'),
])

function gate(): { gate: Gate; clock: { now: number } } {
  const clock = { now: 0 }
  const about = ['_guild-home', '_dns-sd', 'a'.repeat(32)]
  return {
    clock,
    gate: new Gate({ name: 'eth0', interfaces: () => interfaces, now: () => clock.now, about }),
  }
}

t.test('MD-04 a packet from elsewhere is ignored, one from here is heard', async t => {
  const { gate: one } = gate()
  t.ok(one.passes(query, '192.168.1.77'))
  t.notOk(one.passes(query, '10.20.0.7'))
  t.notOk(one.passes(query, '203.0.113.7'))
  t.match(one.counts, { passed: 1, elsewhere: 2 })
})

t.test('gate: what is about others is not decoded, and costs no budget', async t => {
  const { gate: one } = gate()
  const printer = Buffer.from(query.toString('latin1').replace('_guild-home', '_print-jobs'), 'latin1')
  for (let i = 0; i < 1_000; i++) t.notOk(one.passes(printer, '192.168.1.77'))
  t.match(one.counts, { passed: 0, others: 1_000, tooMany: 0 })
  const upper = Buffer.from(query.toString('latin1').replace('_guild-home', '_GUILD-Home'), 'latin1')
  t.ok(one.passes(upper, '192.168.1.77'), 'names have no case')
  t.notOk(one.passes(Buffer.concat([query, Buffer.alloc(9_000)]), '192.168.1.77'), 'too large')
  t.notOk(one.passes(query.subarray(0, -1), '192.168.1.77'), 'cut')
  t.match(one.counts, { malformed: 2 })
})

t.test('MD-02 10,000 answers a second: one source has a share, all together have a cap', async t => {
  const { gate: one, clock } = gate()
  const flood = (sources: readonly string[]): number => {
    const before = one.counts.passed
    for (let i = 0; i < 10_000; i++) {
      clock.now += 0.1
      one.passes(query, sources[i % sources.length]!)
    }
    return one.counts.passed - before
  }
  const alone = flood(['192.168.1.66'])
  t.ok(alone <= 60, `one source: ${alone} in a second`)
  t.ok(one.passes(query, '192.168.1.67'), 'another one is heard beside it')
  clock.now += 60_000
  const everybody = flood(Array.from({ length: 254 }, (_, i) => `192.168.1.${i + 1}`))
  t.ok(everybody <= 800, `254 sources: ${everybody} in a second`)
  const many = Array.from({ length: 5_000 }, (_, i) => `fe80::${(i + 2).toString(16)}%eth0`)
  t.ok(flood(many) <= 800, 'sources made up as they come')
})
