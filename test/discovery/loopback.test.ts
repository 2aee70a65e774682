/** Real sockets on loopback, at a port of their own: nothing leaves the machine. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import multicastDns from 'multicast-dns'
import t, { type Test } from 'tap'
import type { Interface } from '../../src/base/ports.ts'
import { type DnsMessage, ENUMERATION, type MulticastDns, SERVICE } from '../../src/discovery/dns-sd.ts'
import { Gate, GatedSocket } from '../../src/discovery/gate.ts'
import type { Mdns, MdnsOptions } from '../../src/discovery/mdns.ts'
import { FakeLan, type FakeNode } from '../support/fake-lan.ts'
import { until } from '../support/nodes.ts'

const dnsPacket: { encode(message: object): Uint8Array } = createRequire(
  createRequire(import.meta.url).resolve('multicast-dns'),
)('dns-packet')

const loopback: Interface = { name: 'lo', address: '127.0.0.1', prefix: 8, internal: false }
const freePort = async (): Promise<number> => {
  const socket = createSocket('udp4').bind(0)
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  await once(socket, 'close')
  return port
}

/** Can multicast be heard on loopback here? */
async function multicastWorks(): Promise<boolean> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true }).bind(await freePort(), '0.0.0.0')
  await once(socket, 'listening')
  try {
    socket.addMembership('224.0.0.251', '127.0.0.1')
    socket.setMulticastInterface('127.0.0.1')
    socket.send('x', socket.address().port, '224.0.0.251')
    const late = AbortSignal.timeout(1_000)
    await once(socket, 'message', { signal: late })
    return true
  } catch {
    return false
  } finally {
    socket.close()
  }
}

const here = (await multicastWorks()) ? {} : { skip: 'multicast is not delivered on loopback here' }

/** A node's mDNS on real sockets and a real clock. */
function real(
  name: string,
  port: number,
  options: Partial<MdnsOptions> & { psk?: Uint8Array } = {},
): FakeNode {
  const node = new FakeLan(name.charCodeAt(0)).node(name, {
    after: (wait, work) => {
      const timer = setTimeout(work, wait)
      return () => clearTimeout(timer)
    },
    now: () => performance.now(),
    random: {
      bytes: length => crypto.getRandomValues(new Uint8Array(length)),
      fraction: () => Math.random(),
    },
    port,
    interval: 1_000,
    ...options,
  })
  node.interfaces = [loopback]
  return node
}

/** `make` left to the module itself. */
const unmade = { make: undefined } as unknown as Partial<MdnsOptions>

const stopped = (t: Test, ...all: readonly { mdns: Mdns }[]): void => {
  for (const { mdns } of all) t.teardown(() => mdns.stop())
}

t.test('mDNS on loopback: two real instances find each other, and say goodbye', here, async t => {
  const port = await freePort()
  const a = real('alice', port, unmade)
  const b = real('bob', port, unmade)
  const stranger = real('mallory', port, { ...unmade, psk: new Uint8Array(32) })
  stopped(t, a, b, stranger)
  await a.mdns.start()
  await stranger.mdns.start()
  const begun = performance.now()
  await b.mdns.start()
  await until(() => a.learned.length > 0 && b.learned.length > 0)
  t.comment(`both know each other after ${Math.round(performance.now() - begun)} ms`)
  t.match(a.learned[0], { name: 'bob', hosts: ['127.0.0.1'], tcpPort: 8000 })
  t.match(b.learned[0], { name: 'alice' })
  await until(() => a.mdns.strangers > 0)
  t.ok(
    [...a.learned, ...b.learned].every(({ name }) => name !== 'mallory'),
    'MD-05',
  )
  t.strictSame(stranger.learned, [])
  t.strictSame([...a.faults, ...b.faults], [])

  const gate = new Gate({
    name: 'lo',
    interfaces: () => [loopback],
    now: () => performance.now(),
    about: ['_guild-home', '_dns-sd'],
  })
  // By its own interface or not at all: what is sent here stays on loopback.
  const socket = new GatedSocket('udp4', '127.0.0.1', gate)
  const browser = multicastDns({ port, interface: '127.0.0.1', bind: '0.0.0.0', socket }) as MulticastDns
  t.teardown(() => browser.destroy())
  const heard: DnsMessage[] = []
  browser.on('response', message => void heard.push(message))
  const all = (): readonly { name: string; type: string; ttl?: number; data?: unknown }[] =>
    heard.flatMap(({ answers = [] }) => answers)
  browser.query({ questions: [{ name: ENUMERATION, type: 'PTR' }] })
  await until(() => all().some(({ name, data }) => name === ENUMERATION && data === SERVICE))
  browser.query({ questions: [{ name: SERVICE, type: 'PTR' }] })
  await until(() =>
    all().some(({ name, data }) => name === SERVICE && data === `${a.mdns.instance}.${SERVICE}`),
  )
  t.pass('any browser of services lists it')
  await a.mdns.stop()
  await until(() =>
    all().some(({ name, type, ttl }) => name.startsWith(a.mdns.instance) && type === 'SRV' && ttl === 0),
  )
})

t.test(
  'MD-01 MD-02 mDNS on loopback: 10,000 bad and good packets in a second, and a member is found',
  here,
  async t => {
    const port = await freePort()
    const a = real('alice', port, unmade)
    stopped(t, a)
    await a.mdns.start()
    const flood = createSocket({ type: 'udp4', reuseAddr: true }).bind(0, '127.0.0.1')
    t.teardown(() => flood.close())
    await once(flood, 'listening')
    flood.setMulticastInterface('127.0.0.1')
    const looped = Buffer.from(
      '000084000001000000000000 0b5f6775696c642d686f6d65 c00c 000c0001'.replaceAll(' ', ''),
      'hex',
    )
    const stranger = new FakeLan()
    const template = stranger.node('mallory', { psk: new Uint8Array(32), address: '127.0.0.1' })
    await template.mdns.start()
    const [announcement] = stranger.said.filter(({ kind }) => kind === 'response')
    const foreign = dnsPacket.encode({ type: 'response', ...announcement!.message })

    let longest = 0
    let last = performance.now()
    const watch = setInterval(() => {
      longest = Math.max(longest, performance.now() - last - 5)
      last = performance.now()
    }, 5)
    t.teardown(() => clearInterval(watch))
    const begun = performance.now()
    for (let sent = 0; sent < 10_000; ) {
      for (let i = 0; i < 50; i++, sent++) {
        flood.send(sent % 2 === 0 ? looped : foreign, port, '224.0.0.251')
      }
      await new Promise(resolve => setTimeout(resolve, 4))
    }
    const took = performance.now() - begun
    t.comment(
      `10,000 packets in ${Math.round(took)} ms: ${a.mdns.strangers} announcements looked at, the loop was held up ${longest.toFixed(1)} ms at most`,
    )
    const seconds = Math.max(1, took / 1_000)
    t.ok(a.mdns.strangers <= 440 + 400 * seconds, 'capped')
    t.ok(longest < 5 * 100)
    const b = real('bob', port, unmade)
    stopped(t, b)
    await b.mdns.start()
    await until(() => b.learned.length + a.learned.length > 0)
    t.strictSame(a.faults, [])
  },
)
