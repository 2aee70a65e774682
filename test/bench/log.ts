/**
 * `npm run bench:log`: the log, beside SQLite alone with the same rows in the same groups.
 *
 *   append    raw: rows made before, inserted in transactions of 1,000      ours: node.log.append, 1,000 a turn
 *             bare: each row made as it is inserted (dag-cbor, SHA-256, one signature for 1,000), and nothing else
 *   pull      two processes, one `sync` over a link on loopback; then a second one, which has to pull nothing
 *
 *   npm run bench:log                         100,000 entries, three rounds of append
 *   npm run bench:log -- --entries=1000000    rates and memory per 100,000: they have to stay level
 */
import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Native from 'better-sqlite3'
import { median } from '../../src/cli/bench/rows.ts'
import { nativeSuite } from '../../src/crypto/native.ts'
import { createNode, type GuildNode } from '../../src/index.ts'
import { guildMigrations } from '../../src/store/guild-db.ts'
import { Author } from '../../src/testing/index.ts'
import { optionsOf } from '../support/options.ts'

const GROUP = 1_000
const swarmKey = new Uint8Array(32).fill(7)
const seed = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)
/** 200 bytes in all, as a line of history with its directory and code. */
const value = (i: number): object => ({
  line: `git commit -m "change number ${i}"`,
  cwd: '/home/alice/project',
  code: 0,
})

if (process.send !== undefined) await far()
else await near()

function quiet(dataDir: string, identityKey: Uint8Array, host: string | false): Promise<GuildNode> {
  const dbPath = join(dataDir, 'guild.db')
  return createNode({
    dbPath,
    identityKey,
    swarmKey,
    host,
    mdns: false,
    liveLog: host !== false,
    transport: ['tcp'],
  })
}

/** The other process: fills a log, then lets it be read. */
async function far(): Promise<void> {
  const [dataDir, count] = process.argv.slice(2) as [string, string]
  const node = await quiet(dataDir, seed(1), '127.0.0.1')
  for (let at = 0; at < Number(count); at += GROUP)
    await Promise.all(Array.from({ length: GROUP }, (_, i) => node.log.append(value(at + i))))
  await node.start()
  process.send!({ address: node.addresses[0] })
  process.on('message', async () => {
    process.send!({ rss: process.memoryUsage().rss, cpu: process.cpuUsage() })
  })
  process.once('disconnect', () => void node.stop().then(() => process.exit(0)))
}

async function near(): Promise<void> {
  const values = optionsOf(import.meta.url, { entries: { type: 'string' }, rounds: { type: 'string' } })
  const entries = Number(values.entries ?? 100_000)
  const rounds = Number(values.rounds ?? 3)
  const dir = mkdtempSync(join(tmpdir(), 'guild-log-'))
  try {
    await appends(dir, Math.min(entries, 100_000), rounds)
    if (entries > 100_000) await long(dir, entries)
    await pulls(dir, entries)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

async function appends(dir: string, entries: number, rounds: number): Promise<void> {
  const rowsOf = (author: Author) => (i: number) =>
    author.say(value(i), { signed: i % GROUP === GROUP - 1 }).bytes
  const made = rowsOf(new Author(nativeSuite, 3))
  const rows = Array.from({ length: entries }, (_, i) => made(i))
  const raw: number[] = []
  const bare: number[] = []
  const ours: number[] = []
  const cpu: Record<'raw' | 'ours', number[]> = { raw: [], ours: [] }
  for (let round = 0; round < rounds; round++) {
    const plain = alone(join(dir, `raw-${round}.db`), entries, i => rows[i]!)
    raw.push(plain.rate)
    cpu.raw.push(plain.cpu)
    bare.push(alone(join(dir, `bare-${round}.db`), entries, rowsOf(new Author(nativeSuite, 3))).rate)
    const node = await quiet(join(dir, `ours-${round}`), seed(2), false)
    const began = performance.now()
    const before = process.cpuUsage()
    for (let at = 0; at < entries; at += GROUP)
      await Promise.all(Array.from({ length: GROUP }, (_, i) => node.log.append(value(at + i))))
    ours.push((1000 * entries) / (performance.now() - began))
    cpu.ours.push(spent(before) / entries)
    await node.stop()
  }
  const [a, b] = [median(ours), median(raw)]
  print('append, 1,000 a commit', a, 'entries/s', b, a / b)
  print('  a bare program', median(bare), 'entries/s', b, median(bare) / b)
  const [here, there] = [Math.min(...cpu.ours), Math.min(...cpu.raw)]
  console.log(
    `  CPU, best of ${rounds}: ${here.toFixed(1)} µs an entry beside ${there.toFixed(1)}, ratio ${(there / here).toFixed(2)}`,
  )
}

/** Entries into SQLite and nothing around it: how many a second, and CPU time for one in µs. */
function alone(
  path: string,
  entries: number,
  rowOf: (i: number) => Uint8Array,
): { readonly rate: number; readonly cpu: number } {
  const db = new Native(path)
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = FULL')
  for (const step of guildMigrations) if (typeof step === 'string') db.exec(step)
  const add = db.prepare('INSERT INTO entries (ingest_seq, author, author_seq, bytes) VALUES (?, ?, ?, ?)')
  const began = performance.now()
  const before = process.cpuUsage()
  for (let at = 0; at < entries; at += GROUP) {
    db.exec('BEGIN IMMEDIATE')
    for (let i = at; i < at + GROUP; i++) add.run(i + 1, 1, i + 1, rowOf(i))
    db.exec('COMMIT')
  }
  const rate = (1000 * entries) / (performance.now() - began)
  const cpu = spent(before) / entries
  db.close()
  return { rate, cpu }
}

/** Rate and memory for each 100,000, to the end. */
async function long(dir: string, entries: number): Promise<void> {
  const node = await quiet(join(dir, 'long'), seed(4), false)
  for (let done = 0; done < entries; ) {
    const began = performance.now()
    for (const end = done + 100_000; done < end; done += GROUP)
      await Promise.all(Array.from({ length: GROUP }, (_, i) => node.log.append(value(done + i))))
    const rate = 100_000_000 / (performance.now() - began)
    console.log(
      `  ${done.toLocaleString('en')} entries: ${Math.round(rate).toLocaleString('en')}/s, ${memory()}`,
    )
  }
  await node.stop()
}

async function pulls(dir: string, entries: number): Promise<void> {
  const child = fork(fileURLToPath(import.meta.url), [join(dir, 'far'), String(entries)])
  try {
    const { address } = await told<{ address: string }>(child)
    const node = await quiet(join(dir, 'near'), seed(5), false)
    await node.start()
    await node.connect(address)
    let [began, last] = [performance.now(), performance.now()]
    let seen = 0
    node.on('log-entries', ({ head }) => {
      if (entries <= 100_000 || Math.floor(head / 100_000) === seen) return
      seen = Math.floor(head / 100_000)
      const now = performance.now()
      console.log(
        `  ${head.toLocaleString('en')} pulled: ${Math.round(100_000_000 / (now - last)).toLocaleString('en')}/s, ${memory()}`,
      )
      last = now
    })
    const before = process.cpuUsage()
    const [first] = await node.log.sync({ peers: [address] })
    const seconds = (performance.now() - began) / 1000
    const cpu = process.cpuUsage(before)
    if (first?.pulled !== entries) throw new Error(`pulled ${first?.pulled} of ${entries}`)
    print('pull in one sync', entries / seconds, 'entries/s', undefined, undefined)
    console.log(`  CPU here ${((cpu.user + cpu.system) / entries).toFixed(1)} µs an entry, ${memory()}`)
    child.send({})
    const there = await told<{ rss: number }>(child)
    console.log(`  resident there ${Math.round(there.rss / 2 ** 20)} MiB`)
    began = performance.now()
    const [second] = await node.log.sync({ peers: [address] })
    if (second?.pulled !== 0) throw new Error(`the second sync pulled ${second?.pulled}`)
    console.log(`  a second sync pulls nothing, in ${(performance.now() - began).toFixed(1)} ms`)
    await node.stop()
  } finally {
    child.disconnect()
  }
}

function told<T>(child: ReturnType<typeof fork>): Promise<T> {
  return new Promise((resolve, reject) => {
    child.once('message', message => resolve(message as T))
    child.once('exit', code => reject(new Error(`the other process ended with ${code}`)))
  })
}

/** Microseconds of this process. */
function spent(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before)
  return user + system
}

function memory(): string {
  return `${Math.round(process.memoryUsage().rss / 2 ** 20)} MiB`
}

function print(
  name: string,
  ours: number,
  unit: string,
  raw: number | undefined,
  ratio: number | undefined,
): void {
  const beside =
    raw === undefined
      ? ''
      : ` (SQLite alone ${Math.round(raw).toLocaleString('en')}, ratio ${ratio!.toFixed(2)})`
  console.log(`${name}: ${Math.round(ours).toLocaleString('en')} ${unit}${beside}`)
}
