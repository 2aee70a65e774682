/**
 * UDP of guild-home beside the kernel's TCP on a path with delay and loss, in network namespaces.
 *
 *   node dist/test/bench/kernel-tcp.js <linkem.c> [seconds]
 *
 *   host "a" ── tap ── linkem: delay, loss, rate ── tap ── host "b"        pours for some seconds; what b read counts
 *
 * `linkem.c` is a program that passes packets between two TAP devices:
 * `linkem TAP1 TAP2 delay_ms jitter_ms loss_permille reorder_permille rate_mbit queue_kib`. It is compiled
 * into the system's temporary folder. The kernel is asked for each congestion control it has. Passes
 * take turns; each figure is the median. Linux with user namespaces and a C compiler only.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createNode } from '../../src/index.ts'
import { Lab } from '../lab/lab.ts'

const [A, B, PORT] = ['10.9.0.1', '10.9.0.2', 7_000]
const ROUNDS = 3
const swarmKey = new Uint8Array(32).fill(9)
const piece = new Uint8Array(64 * 1024).fill(1)
/** Delay each way, loss in a thousand, Mbit/s, KiB of queue. */
const paths = [
  { name: '40 ms', delay: 20, loss: 0, rate: 100, queue: 512 },
  { name: '40 ms, 1 % lost', delay: 20, loss: 10, rate: 100, queue: 512 },
]

// What runs on the hosts

/** Prints bytes and milliseconds of each pour: from its first byte to its last. */
class Gauge {
  #bytes = 0
  #began = 0
  #last = 0

  take(length: number): void {
    this.#last = performance.now()
    if (this.#bytes === 0) this.#began = this.#last
    this.#bytes += length
  }

  tell(): void {
    console.log(JSON.stringify({ bytes: this.#bytes, ms: this.#last - this.#began }))
  }
}

async function node(name: string, host: string, port: number) {
  const made = await createNode({
    name,
    host,
    port,
    swarmKey,
    mdns: false,
    transport: ['udp'],
    connectTimeout: 20,
  })
  await made.start()
  return made
}

async function serve(): Promise<void> {
  const server = createServer(socket => {
    const gauge = new Gauge()
    socket.on('data', bytes => gauge.take(bytes.length))
    socket.on('close', () => gauge.tell())
    socket.on('error', () => {})
  })
  server.listen(PORT, B)
  await once(server, 'listening')
  const to = await node('b', B, PORT)
  to.handle('/pour/1', async stream => {
    const gauge = new Gauge()
    try {
      for await (const bytes of stream) gauge.take(bytes.length)
    } catch {} // cut off in the middle: what came counts
    gauge.tell()
  })
  console.log('{"ready":true}')
}

async function pour(way: string, seconds: number): Promise<void> {
  const until = performance.now() + 1_000 * seconds
  if (way === 'tcp') {
    const socket = connect(PORT, B)
    await once(socket, 'connect')
    while (performance.now() < until)
      if (!socket.write(piece)) await Promise.race([once(socket, 'drain'), late(until)])
    socket.resetAndDestroy()
  } else {
    const from = await node('a', A, 0)
    const { peerId } = await from.connect(`${B}:${PORT}`)
    const begun = performance.now()
    const stream = await from.open(peerId, '/pour/1')
    stream.on('error', () => {})
    while (performance.now() < begun + 1_000 * seconds)
      if (!stream.write(piece)) await Promise.race([once(stream, 'drain'), late(begun + 1_000 * seconds)])
    stream.destroy()
    await from.stop()
  }
  process.exit(0)
}

function late(until: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, Math.max(0, until - performance.now())))
}

// The hosts

async function lines(child: ChildProcess, count: number): Promise<string[]> {
  const got: string[] = []
  let rest = ''
  for await (const bytes of child.stdout!) {
    rest += bytes
    const parts = rest.split('\n')
    rest = parts.pop()!
    got.push(...parts)
    if (got.length >= count) return got
  }
  throw new Error(`it ended after: ${got.join(' ')}`)
}

/** Lines as they come, one at a time. */
function reader(child: ChildProcess): () => Promise<string> {
  const got: string[] = []
  const waiting: ((line: string) => void)[] = []
  let rest = ''
  child.stdout!.setEncoding('utf8').on('data', text => {
    const parts = (rest + text).split('\n')
    rest = parts.pop()!
    for (const part of parts) {
      const one = waiting.shift()
      if (one === undefined) got.push(part)
      else one(part)
    }
  })
  return () => {
    const line = got.shift()
    if (line !== undefined) return Promise.resolve(line)
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`)
    return new Promise(resolve => waiting.push(resolve))
  }
}

async function measure(source: string, seconds: number): Promise<void> {
  const lab = await Lab.open()
  if (!(lab instanceof Lab)) return console.log(lab.skip)
  const folder = mkdtempSync(join(tmpdir(), 'guild-home-linkem-'))
  const linkem = join(folder, 'linkem')
  try {
    const made = spawnSync('cc', ['-O2', '-o', linkem, source], { encoding: 'utf8' })
    if (made.status !== 0) throw new Error(made.stderr || String(made.error))
    for (const host of ['a', 'b']) lab.host(host, { addresses: [] })
    for (const path of paths) await along(lab, linkem, path, seconds)
  } finally {
    await lab.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

function onHost(lab: Lab, host: string, words: readonly string[]): ChildProcess {
  const [program, ...args] = [...lab.on(host), ...words]
  return spawn(program!, args, { stdio: ['pipe', 'pipe', 'inherit'] })
}

/** The kernel sends from a by this congestion control from now on; false where it does not let us choose it. */
async function uses(lab: Lab, way: string): Promise<boolean> {
  const file = '/proc/sys/net/ipv4/tcp_congestion_control'
  const asked = onHost(lab, 'a', ['sh', '-c', `echo ${way} > ${file} 2>/dev/null; cat ${file}`])
  const [now] = await lines(asked, 1)
  return now === way
}

async function along(lab: Lab, linkem: string, path: (typeof paths)[number], seconds: number): Promise<void> {
  const { name, delay, loss, rate, queue } = path
  const words = [linkem, 'tapa', 'tapb', ...[delay, 0, loss, 0, rate, queue].map(String)]
  const link = onHost(lab, 'a', words)
  await lines(link, 1)
  lab.ip('a', 'link', 'set', 'tapb', 'netns', 'b')
  for (const [host, device, address] of [
    ['a', 'tapa', A],
    ['b', 'tapb', B],
  ] as const) {
    lab.ip(host, 'addr', 'add', `${address}/24`, 'dev', device)
    lab.ip(host, 'link', 'set', device, 'up')
  }
  const self = [process.execPath, fileURLToPath(import.meta.url)]
  const there = onHost(lab, 'b', [...self, 'serve'])
  const next = reader(there)
  await next()
  const every = readFileSync('/proc/sys/net/ipv4/tcp_available_congestion_control', 'utf8')
    .trim()
    .split(/\s+/)
  const ways = ['udp']
  for (const way of every) if (await uses(lab, way)) ways.push(way)
  const rates = new Map<string, number[]>(ways.map(way => [way, []]))
  for (let round = 0; round < ROUNDS; round++)
    for (const way of ways) {
      if (way !== 'udp') await uses(lab, way)
      const here = onHost(lab, 'a', [...self, 'pour', way === 'udp' ? way : 'tcp', String(seconds)])
      const { bytes, ms } = JSON.parse(await next()) as { bytes: number; ms: number }
      rates.get(way)!.push(bytes / ms / 1_000)
      if (here.exitCode === null) await once(here, 'exit')
    }
  for (const [way, all] of rates) {
    const median = all.toSorted((x, y) => x - y)[ROUNDS >> 1]!
    const who = way === 'udp' ? 'guild-home over UDP' : `kernel TCP, ${way}`
    console.log(
      `${name}, ${rate} Mbit/s: ${who.padEnd(22)} ${median.toFixed(2)} MB/s  (${all.map(one => one.toFixed(2)).join(' ')})`,
    )
  }
  there.kill()
  link.stdin!.end()
  await once(link, 'exit')
}

const [what, ...rest] = process.argv.slice(2)
if (what === 'serve') await serve()
else if (what === 'pour') await pour(rest[0]!, Number(rest[1]))
else if (what === undefined) console.log('usage: node dist/test/bench/kernel-tcp.js <linkem.c> [seconds]')
else await measure(what, Number(rest[0] ?? 6))
