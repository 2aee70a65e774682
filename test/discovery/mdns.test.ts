/** mDNS without sockets: who is found, what is said and when, and interfaces that come and go. */
import t from 'tap'
import { toHex } from '../../src/base/bytes.ts'
import { type DnsRecord, ENUMERATION, SERVICE } from '../../src/discovery/dns-sd.ts'
import { encodeTxt } from '../../src/wire/mdns.ts'
import { peerIdFromKey } from '../../src/wire/peer-id.ts'
import { FakeLan, type Said } from '../support/fake-lan.ts'

const answers = (said: Said | undefined): readonly DnsRecord[] => said?.message.answers ?? []
const responses = (all: readonly Said[]): Said[] => all.filter(({ kind }) => kind === 'response')

t.test('mDNS: two members find each other at once, whoever came first', async t => {
  const lan = new FakeLan()
  const a = lan.node('alice', { address: '10.0.0.1' })
  const b = lan.node('bob', { address: '10.0.0.2' })
  await a.mdns.start()
  lan.pass(10_000)
  await b.mdns.start()
  t.match(a.learned, [{ name: 'bob', tcpPort: 8000, hosts: ['10.0.0.2'], identityKey: b.identityKey }])
  t.strictSame(b.learned, [], 'nobody has told it yet')
  lan.pass(150)
  t.match(b.learned, [{ name: 'alice', hosts: ['10.0.0.1'], identityKey: a.identityKey }])
})

t.test(
  'MDNS-4 mDNS: announced three times, then with every interval, and never twice in a second',
  async t => {
    const lan = new FakeLan()
    const a = lan.node('alice', {})
    await a.mdns.start()
    lan.pass(63_000)
    const at = responses(lan.said).map(said => said.at)
    t.strictSame(at, [0, 1000, 3000, 33_000, 63_000])
    t.equal(lan.said.filter(({ kind }) => kind === 'query').length, 3, 'and asked three times')
    t.strictSame(a.learned, [], 'it hears itself, and does not learn itself')
  },
)

t.test('MDNS-5 mDNS: DNS-SD records, with the cache-flush bit on what is ours alone', async t => {
  const lan = new FakeLan()
  const a = lan.node('alice', {})
  a.interfaces.push({ name: 'eth0', address: 'fe80::1', prefix: 64, internal: false })
  await a.mdns.start()
  const { instance } = a.mdns
  const [said] = responses(lan.of('10.0.0.1'))
  t.match(answers(said), [
    { name: SERVICE, type: 'PTR', data: `${instance}.${SERVICE}`, ttl: 4500 },
    {
      name: `${instance}.${SERVICE}`,
      type: 'SRV',
      flush: true,
      ttl: 120,
      data: { port: 8000, target: `${instance}.local` },
    },
    { name: `${instance}.${SERVICE}`, type: 'TXT', flush: true, ttl: 4500 },
    { name: `${instance}.local`, type: 'A', flush: true, data: '10.0.0.1' },
    { name: `${instance}.local`, type: 'AAAA', flush: true, data: 'fe80::1' },
  ])
  t.notOk('flush' in answers(said)[0]!, 'PTR is shared with others')
  t.strictSame(a.mdns.links, ['eth0/4', 'eth0/6'], 'one instance per interface and family')
  t.equal(SERVICE.split('.')[0]!.length - 1 <= 15, true)
})

t.test('MDNS-6 mDNS: a goodbye takes everything back, and is not taken for an announcement', async t => {
  const lan = new FakeLan()
  const a = lan.node('alice', { address: '10.0.0.1' })
  await a.mdns.start()
  lan.pass(5_000)
  const b = lan.node('bob', { address: '10.0.0.2' })
  await b.mdns.start()
  const heard = b.learned.length
  await a.mdns.stop()
  const last = lan.of('10.0.0.1').at(-1)
  t.equal(answers(last).length, 4)
  t.ok(answers(last).every(({ ttl }) => ttl === 0))
  t.equal(b.learned.length, heard)
  lan.pass(120_000)
  t.equal(lan.of('10.0.0.1').at(-1), last, 'and then it is silent')
  t.ok(a.stands[0]!.dns.destroyed)
})

t.test('mDNS: a goodbye that cannot be sent does not keep a node from stopping', async t => {
  const lan = new FakeLan()
  const a = lan.node('alice', {})
  await a.mdns.start()
  a.stands[0]!.dns.respond = () => {} // as a socket that never calls back
  const stopped = a.mdns.stop()
  lan.pass(250)
  await stopped
  t.ok(a.stands[0]!.dns.destroyed)
})

t.test('MD-05 two swarms on one LAN do not mix: what does not open is never learned', async t => {
  const lan = new FakeLan()
  const others = new Uint8Array(32).fill(8)
  const ours = ['10.0.0.1', '10.0.0.2'].map(address => lan.node(`ours ${address}`, { address }))
  const theirs = ['10.0.0.3', '10.0.0.4'].map(address =>
    lan.node(`theirs ${address}`, { address, psk: others }),
  )
  for (const { mdns } of [...ours, ...theirs]) await mdns.start()
  lan.pass(120_000)
  for (const [mine, foreign] of [
    [ours, theirs],
    [theirs, ours],
  ] as const)
    for (const node of mine) {
      const names = new Set(node.learned.map(({ name }) => name))
      t.equal(names.size, 1, 'the other member')
      t.ok(node.mdns.strangers > 0)
      for (const { mdns } of foreign) t.notOk(JSON.stringify(node.learned).includes(mdns.instance))
    }
})

t.test(
  'MD-03 MDNS-1 an announcement shows no key, no PeerId, no name, and nothing of an earlier start',
  async t => {
    const lan = new FakeLan()
    const psk = new Uint8Array(32).fill(7)
    const a = lan.node('alice-in-wonderland', { psk })
    await a.mdns.start()
    lan.pass(40_000)
    await a.mdns.stop()
    const all = JSON.stringify(lan.said, (_, value) =>
      value?.type === 'Buffer' ? Buffer.from(value.data).toString('latin1') : value,
    )
    const latin = (bytes: Uint8Array): string =>
      JSON.stringify(Buffer.from(bytes).toString('latin1')).slice(1, -1)
    for (const [what, secret] of Object.entries({
      'swarm key': latin(psk),
      'swarm key in hex': toHex(psk),
      'identity key': latin(a.identityKey),
      'identity key in hex': toHex(a.identityKey),
      PeerId: peerIdFromKey(a.identityKey),
      name: 'wonderland',
    }))
      t.notOk(all.includes(secret), what)
    t.ok(all.includes(a.mdns.instance))
    t.match(a.mdns.instance, /^[a-z2-7]{32}$/)
    const again = lan.node('alice-in-wonderland', { psk })
    t.not(again.mdns.instance, a.mdns.instance)
    await again.mdns.start()
    const texts = lan.said
      .flatMap(answers)
      .filter(({ type }) => type === 'TXT')
      .map(({ data }) => toHex(data[1]))
    t.equal(new Set(texts).size, 2, 'sealed anew, under another salt')
    t.equal(new Set(texts.map(text => text.length)).size, 1, 'and a length that tells nothing')
  },
)

t.test('MDNS-7 mDNS: addresses that are not on this link are not believed', async t => {
  const lan = new FakeLan()
  const a = lan.node('alice', { address: '10.0.0.1' })
  const b = lan.node('bob', { address: '10.0.9.2' }) // another network on the same wire
  b.interfaces.push({ name: 'eth0', address: '127.0.0.1', prefix: 8, internal: false })
  const c = lan.node('carol', { address: '10.0.0.3' })
  c.interfaces.push({ name: 'eth0', address: '203.0.113.7', prefix: 24, internal: false })
  for (const { mdns } of [a, b, c]) await mdns.start()
  lan.pass(5_000)
  t.ok(a.learned.length > 0)
  for (const { name, hosts } of a.learned) {
    t.equal(name, 'carol')
    t.strictSame(hosts, ['10.0.0.3'])
  }
})

t.test('mDNS: a link-local address is learned with the link it was heard on', async t => {
  const lan = new FakeLan()
  const a = lan.node('alice', { address: 'fe80::1' })
  const b = lan.node('bob', { address: 'fe80::2' })
  await a.mdns.start()
  await b.mdns.start()
  t.match(a.learned, [{ name: 'bob', hosts: ['fe80::2%eth0'] }])
})

t.test('mDNS: a question is answered once, after a moment, and a second after the last word', async t => {
  const lan = new FakeLan()
  const a = lan.node('alice', {})
  await a.mdns.start()
  lan.pass(10_000)
  const [{ dns }] = a.stands as [(typeof a.stands)[0]]
  const from = { address: '10.0.0.9', port: 5353 }
  const ask = (name: string, type: string, port = 5353, more = {}): void =>
    dns.tell('query', { id: 77, questions: [{ name, type }], ...more }, { ...from, port })
  const since = (): Said[] => responses(lan.of('10.0.0.1', 10_000))

  for (let i = 0; i < 100; i++) ask(SERVICE, 'PTR')
  lan.pass(130)
  t.equal(since().length, 1, 'a hundred askers, one answer')
  t.ok(since()[0]!.at >= 10_020 && since()[0]!.at <= 10_120)
  ask(SERVICE.toUpperCase(), 'ANY')
  lan.pass(500)
  t.equal(since().length, 1, 'not within a second')
  lan.pass(600)
  t.equal(since().length, 2, 'case does not matter')

  lan.pass(5_000)
  const known = { name: SERVICE, type: 'PTR', ttl: 4000, data: `${a.mdns.instance}.${SERVICE}` }
  ask(SERVICE, 'PTR', 5353, { answers: [known] })
  ask('_ipp._tcp.local', 'PTR')
  ask(SERVICE, 'A')
  lan.pass(2_000)
  t.equal(since().length, 2, 'silent to who knows it, and to who asks for others')

  ask(`${a.mdns.instance}.${SERVICE}`, 'SRV')
  lan.pass(2_000)
  t.equal(since().length, 3)
  ask(ENUMERATION, 'PTR')
  lan.pass(2_000)
  t.match(answers(since().at(-1)), [{ name: ENUMERATION, type: 'PTR', data: SERVICE }])
  t.equal(answers(since().at(-1)).length, 1)

  const before = since().length
  ask(SERVICE, 'PTR')
  ask(ENUMERATION, 'PTR')
  lan.pass(2_000)
  t.equal(since().length, before + 1, 'two questions while it waits, one answer to both')
  t.equal(answers(since().at(-1)).length, 5)

  ask(SERVICE, 'PTR', 40_000)
  const alone = since().at(-1)!
  t.strictSame(alone.to, { ...from, port: 40_000 }, 'who asks from elsewhere is answered alone')
  t.equal(alone.message.id, 77)
  t.ok(answers(alone).every(({ ttl, flush }) => ttl! <= 10 && flush === undefined))
})

t.test('mDNS: announcements do not keep answers waiting, however often they come', async t => {
  const lan = new FakeLan()
  const a = lan.node('alice', { interval: 100 })
  await a.mdns.start()
  lan.pass(10_000)
  t.equal(responses(lan.said).length, 10, 'a second apart')
  const question = { questions: [{ name: ENUMERATION, type: 'PTR' }] }
  a.stands[0]!.dns.tell('query', question, { address: '10.0.0.9', port: 5353 })
  lan.pass(1_500)
  t.ok(
    responses(lan.of('10.0.0.1', 10_000)).some(said =>
      answers(said).some(({ name }) => name === ENUMERATION),
    ),
  )
})

t.test('mDNS: interfaces that come and go, and change their addresses', async t => {
  const lan = new FakeLan()
  const a = lan.node('alice', { address: '10.0.0.1' })
  const eth0 = a.interfaces[0]!
  a.interfaces = []
  await a.mdns.start()
  t.strictSame(a.mdns.links, [], 'no network yet: no fault')
  a.interfaces = [eth0]
  lan.pass(5_000)
  t.strictSame(a.mdns.links, ['eth0/4'])
  const begun = lan.now
  lan.pass(3_000)
  t.equal(responses(lan.of('10.0.0.1', begun)).length, 3, 'announced three times on the new one')

  const wlan0 = { name: 'wlan0', address: '192.168.7.7', prefix: 24, internal: false }
  a.interfaces = [eth0, wlan0]
  lan.pass(5_000)
  t.strictSame(a.mdns.links, ['eth0/4', 'wlan0/4'])
  t.match(answers(responses(lan.of('192.168.7.7'))[0]).at(-1), { type: 'A', data: '192.168.7.7' })

  lan.pass(10_000)
  const settled = lan.now
  a.interfaces = [eth0, { ...eth0, address: 'fd00::1', prefix: 64 }, wlan0]
  lan.pass(5_000)
  t.match(answers(responses(lan.of('10.0.0.1', settled))[0]).at(-1), { type: 'AAAA', data: 'fd00::1' })
  t.equal(responses(lan.of('192.168.7.7', settled)).length, 0, 'only where something changed')

  a.interfaces = [{ ...eth0, address: '10.0.0.44' }]
  lan.pass(5_000)
  t.strictSame(a.mdns.links, ['eth0/4'])
  t.equal(a.stands.filter(({ dns }) => !dns.destroyed).length, 1, 'the old ones were let go')
  t.ok(responses(lan.of('10.0.0.44')).length > 0)
  t.strictSame(a.faults, [])
})

t.test('mDNS: what breaks is told once, rests half a minute, and is tried again', async t => {
  const lan = new FakeLan()
  const a = lan.node('alice', {})
  a.refuses.add('eth0/4')
  await a.mdns.start()
  t.match(a.faults, [{ code: 'GH_DISCOVERY_FAILED', message: /eth0\/4: the system says no/ }])
  lan.pass(28_000)
  t.equal(a.stands.length, 0)
  lan.pass(40_000)
  t.equal(a.faults.length, 1, 'told once')
  a.refuses.clear()
  lan.pass(40_000)
  t.strictSame(a.mdns.links, ['eth0/4'])

  const { dns } = a.stands[0]!
  dns.broken = new Error('network is down')
  lan.pass(60_000)
  t.ok(a.debugs.some(text => text.includes('network is down')))
  dns.tell('warning', new Error('bad packet'))
  t.ok(a.debugs.at(-1)!.includes('bad packet'))
  dns.tell('error', Object.assign(new Error('bind EADDRINUSE'), { code: 'EADDRINUSE' }))
  t.strictSame(a.mdns.links, [])
  t.ok(dns.destroyed)
  lan.pass(36_000)
  t.strictSame(a.mdns.links, ['eth0/4'], 'another instance')
})

t.test(
  'mDNS: at most 16 links, four addresses in an announcement, and eight looked at in a message',
  async t => {
    const lan = new FakeLan()
    const a = lan.node('alice', {})
    const many = Array.from({ length: 300 }, (_, i) => ({
      name: `veth${i}`,
      address: `fe80::${i}`,
      prefix: 64,
      internal: false,
    }))
    const more = Array.from({ length: 9 }, (_, i) => ({ ...a.interfaces[0]!, address: `10.0.0.${i + 1}` }))
    a.interfaces = [...many, ...more]
    await a.mdns.start()
    t.equal(a.mdns.links.length, 16)
    t.equal(a.mdns.links[0], 'eth0/4', 'IPv4 first')
    const addresses = answers(responses(lan.of('10.0.0.1'))[0]).filter(({ type }) => type === 'A')
    t.equal(addresses.length, 4)

    const stuffed = Array.from({ length: 100 }, () => ({
      name: `${'b'.repeat(32)}.${SERVICE}`,
      type: 'TXT',
      ttl: 1,
      data: encodeTxt(new Uint8Array(224)),
    }))
    a.stands[0]!.dns.tell('response', { answers: stuffed }, { address: '10.0.0.9', port: 5353 })
    t.equal(a.mdns.strangers, 8)
  },
)

t.test('mDNS: responses that are no announcement lead to nothing', async t => {
  const lan = new FakeLan()
  const a = lan.node('alice', {})
  await a.mdns.start()
  const name = `${'b'.repeat(32)}.${SERVICE}`
  for (const record of [
    { name, type: 'TXT', ttl: 1, data: [] },
    { name, type: 'TXT', ttl: 1, data: undefined },
    { name, type: 'TXT', ttl: 1, data: [Buffer.from('s=short')] },
    { name, type: 'TXT', ttl: 0, data: encodeTxt(new Uint8Array(224)) },
    { name: `short.${SERVICE}`, type: 'TXT', ttl: 1, data: encodeTxt(new Uint8Array(224)) },
    { name: '.', type: 'OPT', data: undefined },
  ])
    a.stands[0]!.dns.tell('response', { answers: [record] }, { address: '10.0.0.9', port: 5353 })
  a.stands[0]!.dns.tell('response', {}, { address: '10.0.0.9', port: 5353 })
  t.equal(a.mdns.strangers, 0)
  t.strictSame(a.learned, [])
})
