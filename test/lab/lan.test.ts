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
      { name: 'v4a', addresses: ['10.1.0.1/24'], ipv6: false },
      { name: 'v4b', addresses: ['10.1.0.2/24'], ipv6: false },
    ],
    /^10\.1\.0\.[12]:/,
  ],
  [
    'link-local IPv6 alone',
    [
      { name: 'v6a', addresses: [] },
      { name: 'v6b', addresses: [] },
    ],
    /^\[fe80:.*%eth0\]:/,
  ],
  [
    'both families',
    [
      { name: 'v46a', addresses: ['10.2.0.1/24'] },
      { name: 'v46b', addresses: ['10.2.0.2/24'] },
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
