/** When a node looks for peers on the local network, and what it would tell there. */
import t from 'tap'
import { nativeSuite } from '../../src/crypto/native.ts'
import { createNode } from '../../src/index.ts'
import { checkOptions } from '../../src/node/config.ts'
import { listensAt, sealing } from '../../src/node/lan.ts'
import { lan, test as preset } from '../../src/node/presets.ts'
import { Seeded } from '../support/seeded.ts'

t.test(
  'mDNS is on by default, off in preset test and with a runtime, and refused when it is no boolean',
  async t => {
    t.equal(checkOptions({}).mdns, true)
    t.equal(checkOptions(lan).mdns, true)
    t.equal(checkOptions(preset).mdns, false)
    t.equal(checkOptions({ mdns: false }).mdns, false)
    const { runtime } = checkOptions({ runtime: {} as never })
    t.equal(checkOptions({ runtime: runtime! }).mdns, false)
    t.equal(checkOptions({ runtime: runtime!, mdns: true }).mdns, true, 'unless it is asked for')
    t.throws(() => checkOptions({ mdns: 'yes' as never }), {
      code: 'GH_OPTION_INVALID',
      message: /mdns: yes/,
    })
  },
)

t.test('MDNS-8 a node on loopback, or one that listens nowhere, is silent', async t => {
  for (const host of ['127.0.0.1', ['127.0.0.1', '::1'], false] as const) {
    const said: string[] = []
    const node = await createNode({ ...preset, host, mdns: true, swarmKey: new Uint8Array(32).fill(9) })
    t.teardown(() => node.stop())
    node.on('debug', ({ message }) => said.push(message))
    node.on('error', ({ message }) => said.push(message))
    await node.start()
    await node.stop()
    t.notMatch(said.join('\n'), /mDNS/, String(host))
  }
})

t.test('MDNS-8 only addresses where the node listens are told', async t => {
  const eth0 = (address: string) => ({ name: 'eth0', address, prefix: 24, internal: false })
  const cases: [string, string[], boolean][] = [
    ['192.168.1.10', [], true],
    ['192.168.1.10', ['0.0.0.0'], true],
    ['fe80::1', ['0.0.0.0'], false],
    ['fe80::1', ['::'], true],
    ['192.168.1.10', ['192.168.1.10', '127.0.0.1'], true],
    ['192.168.1.11', ['192.168.1.10'], false],
    ['fe80::1', ['fe80:0::1%eth0'], true],
    ['fe80::1', ['fe80::1%wlan0'], false],
    ['2001:db8::1', ['2001:DB8:0::1'], true],
  ]
  for (const [address, hosts, expected] of cases)
    t.equal(listensAt(eth0(address), hosts), expected, `${address} of ${hosts}`)
})

t.test('while a key is rotated: announced under the new one, heard under both', async t => {
  const dice = new Seeded(3)
  const runtime = { suite: nativeSuite, random: { bytes: (n: number) => dice.bytes(n), fraction: () => 0.5 } }
  const [before, after] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]
  const [old, both, done] = [[before], [after, before], [after]].map(keys => sealing(runtime, keys))
  const told = {
    identityKey: nativeSuite.identity(dice.bytes(32)).publicKey,
    name: 'alice',
    tcpPort: 8000,
    udpPort: 0,
    hosts: ['192.168.1.10'],
  }
  const fromOld = old!.seal('x', told)
  const fromBoth = both!.seal('x', told)
  t.match(both!.open('x', fromOld), { name: 'alice' })
  t.match(both!.open('x', fromBoth), { name: 'alice' })
  t.match(done!.open('x', fromBoth), { name: 'alice' })
  t.equal(old!.open('x', fromBoth), undefined)
  t.equal(done!.open('x', fromOld), undefined)
})
