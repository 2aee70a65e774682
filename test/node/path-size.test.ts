/**
 * How large a datagram may become, by the interfaces of this machine.
 */
import t from 'tap'
import type { Interface } from '../../src/base/ports.ts'
import { pathSize } from '../../src/node/path-size.ts'

const lo = { name: 'lo', address: '127.0.0.1', prefix: 8, internal: true, mtu: 65_536 }
const lan = { name: 'eth0', address: '192.168.1.10', prefix: 24, internal: false, mtu: 9_000 }
const tunnel = { name: 'tun0', address: '10.9.0.1', prefix: 16, internal: false, mtu: 1_420 }
const six = { name: 'eth0', address: 'fd00::10', prefix: 64, internal: false, mtu: 1_500 }
const all = (): readonly Interface[] => [lo, lan, tunnel, six]

t.test('UQ-20 no datagram above the MTU of the interface it leaves by is ever tried', async t => {
  t.strictSame(pathSize('127.0.0.1', all), { ceiling: 65_507, direct: true })
  t.strictSame(pathSize('192.168.1.10', all), { ceiling: 65_507, direct: true }, 'our own address')
  t.strictSame(pathSize('192.168.1.77', all), { ceiling: 8_972 }, 'jumbo frames on this link')
  t.strictSame(pathSize('10.9.3.3', all), { ceiling: 1_392 })
  t.strictSame(pathSize('10.9.3.3', all, 1_300), { ceiling: 1_272 }, 'asked for less')
  t.strictSame(pathSize('127.0.0.1', all, 1_480), { ceiling: 1_452, direct: true })
  t.strictSame(pathSize('fd00::99', all, 9_000), { ceiling: 1_452 }, 'more than there is')
  t.strictSame(pathSize('203.0.113.5', all), { ceiling: 1_392 }, 'by a router: the least of all')
  t.strictSame(pathSize('fd00::99', all), { ceiling: 1_452 })
  t.strictSame(
    pathSize('2001:db8::1', () => [lo]),
    { ceiling: 1_452 },
    'nothing is known',
  )
  t.strictSame(
    pathSize('203.0.113.5', () => [{ ...lan, mtu: 0 }].map(({ mtu, ...one }) => one)),
    { ceiling: 1_472 },
  )
})
