/**
 * Nodes on a network of their own, as two or three machines at home would be.
 *
 * Real processes in network namespaces on one bridge, with the command line a person types.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Folder, notBuilt, type Running } from '../support/processes.ts'
import { Lab } from './lab.ts'

const lab = await Lab.open()
const absent = lab instanceof Lab ? notBuilt : lab
if ('skip' in absent) t.comment(`left out: ${absent.skip}`)
t.teardown(() => (lab instanceof Lab ? lab.close() : undefined))

/** Two machines that were started at one moment are to be peers within this. */
const PROMISED = 2_000

interface Machine {
  readonly name: string
  readonly addresses: readonly string[]
  readonly ipv6?: boolean
  readonly bridge?: string
}

/** Hosts of the lab, and one swarm key for all of them. */
class Lan {
  readonly folder = new Folder()
  readonly #lab: Lab

  constructor(lab: Lab, machines: readonly Machine[]) {
    this.#lab = lab
    for (const { name, ...options } of machines) lab.host(name, options)
  }

  async key(name: string): Promise<string> {
    const path = join(this.folder.path, name)
    const { code } = await this.folder.command(['swarm-key', 'new', '--swarm-key', path])
    if (code !== 0) throw new Error(`no swarm key at ${path}`)
    return path
  }

  /** A node with a directory of its own. */
  run(host: string, key: string, flags: readonly string[] = []): Running {
    const data = join(this.folder.path, `data-${host}`)
    mkdirSync(data, { recursive: true })
    return this.folder.launch(
      ['run', '--name', host, '--swarm-key', key, '--data-dir', data, ...flags],
      {},
      this.#lab.on(host),
    )
  }
}

/** Whoever dialled. */
const connected = (name: string): RegExp =>
  new RegExp(`(?:Peer ${name} connected from|Connected to peer ${name} at) (\\S+)`)

for (const [title, machines, host] of [
  [
    'IPv4 alone',
    [
      { name: 'v4a', addresses: ['10.1.0.1/24'], ipv6: false, bridge: 'v4' },
      { name: 'v4b', addresses: ['10.1.0.2/24'], ipv6: false, bridge: 'v4' },
    ],
    /^10\.1\.0\.[12]:/,
  ],
  [
    'link-local IPv6 alone',
    [
      { name: 'v6a', addresses: [], bridge: 'v6' },
      { name: 'v6b', addresses: [], bridge: 'v6' },
    ],
    /^\[fe80:.*%eth0\]:/,
  ],
  [
    'both families',
    [
      { name: 'v46a', addresses: ['10.2.0.1/24'], bridge: 'v46' },
      { name: 'v46b', addresses: ['10.2.0.2/24'], bridge: 'v46' },
    ],
    /./,
  ],
] as const)
  t.test(
    `LAN: two machines with no flag but --swarm-key are peers in under 2 s, ${title}`,
    absent,
    async t => {
      const lan = new Lan(lab as Lab, machines)
      t.teardown(() => lan.folder.remove())
      const key = await lan.key('swarm.key')
      const [a, b] = machines.map(({ name }) => name)
      const begun = performance.now()
      const one = lan.run(a!, key)
      await one.shows(/listening on port/)
      const listening = performance.now()
      const other = lan.run(b!, key)
      const found = await one.shows(connected(b!))
      await other.shows(connected(a!))
      const now = performance.now()
      t.match(found[1], host)
      t.comment(
        `${title}: peers ${Math.round(now - listening)} ms after the second one was started, ${Math.round(now - begun)} ms after the first`,
      )
      t.ok(now - listening < 5 * PROMISED)
      one.types('hello')
      await other.shows(/\[v\w+\] hello/)
      t.equal((await one.ends('SIGTERM')).code, 0)
      await other.shows(/disconnected/)
      t.equal((await other.ends('SIGTERM')).code, 0)
      t.equal(one.err() + other.err(), '', 'no trouble')
    },
  )

/** Three machines as in the second scenario: what each is told besides its port. */
for (const [title, flags] of [
  ['mDNS off', ['--no-mdns']],
  ['mDNS on', []],
] as const)
  t.test(
    `LAN: 192.168.1.10 to 12, all on port 8000, B to A, C to A and B, ${title}: a whole mesh`,
    absent,
    async t => {
      const prefix = title === 'mDNS on' ? 'on' : 'off'
      const hosts = ['a', 'b', 'c'].map(letter => `${prefix}-${letter}`)
      const lan = new Lan(
        lab as Lab,
        hosts.map((name, i) => ({ name, addresses: [`192.168.1.${10 + i}/24`], bridge: prefix })),
      )
      t.teardown(() => lan.folder.remove())
      const key = await lan.key('swarm.key')
      const [a, b, c] = hosts as [string, string, string]
      const port = ['--port', '8000', ...flags]
      const first = lan.run(a, key, port)
      await first.shows(/listening on port 8000/)
      const begun = performance.now()
      const second = lan.run(b, key, [...port, '--bootstrap', '192.168.1.10:8000'])
      await second.shows(/listening on port 8000/) // else the third may knock too early, and say so
      const third = lan.run(c, key, [...port, '--bootstrap', '192.168.1.10:8000,192.168.1.11:8000'])
      const nodes = [first, second, third]
      for (const [i, node] of nodes.entries())
        for (const [j, name] of hosts.entries()) if (i !== j) await node.shows(connected(name))
      t.comment(`${title}: whole ${Math.round(performance.now() - begun)} ms after the second was started`)
      for (const [i, node] of nodes.entries()) {
        node.types(`from ${hosts[i]}`)
        for (const other of nodes)
          if (other !== node) await other.shows(new RegExp(`\\[${hosts[i]}\\] from ${hosts[i]}`))
      }
      await Promise.all(nodes.map(node => node.ends('SIGTERM')))
      for (const node of nodes) {
        for (const name of hosts)
          t.ok((node.out().match(new RegExp(connected(name), 'g')) ?? []).length <= 1, 'one link each')
        t.equal(node.err(), '')
      }
    },
  )

t.test('MD-05 LAN: two swarms on one network do not mix, and knock at no strange door', absent, async t => {
  const names = ['red-1', 'blue-1', 'red-2', 'blue-2']
  const lan = new Lan(
    lab as Lab,
    names.map((name, i) => ({ name, addresses: [`10.5.0.${i + 1}/24`], bridge: 'mixed' })),
  )
  t.teardown(() => lan.folder.remove())
  const keys = { red: await lan.key('red.key'), blue: await lan.key('blue.key') }
  const nodes = names.map(name =>
    lan.run(name, name.startsWith('red') ? keys.red : keys.blue, ['--discovery-interval', '1', '--debug']),
  )
  for (const [i, node] of nodes.entries()) await node.shows(connected(names[(i + 2) % 4]!))
  // Three rounds of announcements more.
  await new Promise(resolve => setTimeout(resolve, 3_000))
  await Promise.all(nodes.map(node => node.ends('SIGTERM')))
  for (const [i, node] of nodes.entries()) {
    const foreign = names[i]!.startsWith('red') ? /blue/ : /red/
    t.notMatch(node.out(), foreign)
    t.notMatch(node.out() + node.err(), /Could not connect/)
  }
})

t.test('LAN: a cable that is plugged in later, and pulled and plugged again', absent, async t => {
  const lan = new Lan(lab as Lab, [
    { name: 'late-a', addresses: ['10.6.0.1/24'], bridge: 'late' },
    { name: 'late-b', addresses: [], ipv6: false, bridge: 'late' },
  ])
  t.teardown(() => lan.folder.remove())
  const key = await lan.key('swarm.key')
  const flags = ['--interval', '0.2', '--peer-timeout', '1']
  const one = lan.run('late-a', key, flags)
  const other = lan.run('late-b', key, flags)
  await one.shows(/listening/)
  await other.shows(/listening/)
  const plugged = performance.now()
  ;(lab as Lab).ip('late-b', 'addr', 'add', '10.6.0.2/24', 'dev', 'eth0')
  await one.shows(connected('late-b'))
  t.comment(`peers ${Math.round(performance.now() - plugged)} ms after the cable was plugged in`)
  const said = one.out().length
  ;(lab as Lab).ip('late-b', 'addr', 'del', '10.6.0.2/24', 'dev', 'eth0')
  await one.shows(/late-b disconnected/, said)
  ;(lab as Lab).ip('late-b', 'addr', 'add', '10.6.0.77/24', 'dev', 'eth0')
  await one.shows(connected('late-b'), said)
  t.match(one.out().slice(said), /10\.6\.0\.77/)
  await Promise.all([one.ends('SIGTERM'), other.ends('SIGTERM')])
  t.equal(one.err() + other.err(), '')
})

t.test('LAN: a machine that is alone says nothing is wrong, and stops at once', absent, async t => {
  const lan = new Lan(lab as Lab, [{ name: 'alone', addresses: ['10.7.0.1/24'], bridge: 'alone' }])
  t.teardown(() => lan.folder.remove())
  const node = lan.run('alone', await lan.key('swarm.key'))
  await node.shows(/listening/)
  const { code, after } = await node.ends('SIGTERM')
  t.equal(code, 0)
  t.comment(`stopped in ${Math.round(after)} ms, goodbye said`)
  t.ok(after < 5 * 1_000)
  t.equal(node.err(), '')
})
