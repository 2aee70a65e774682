/**
 * Registrations and lists a second of a tracker, beside a bare node:http that answers as much.
 *
 *   npm run bench:tracker [-- seconds a round]
 *
 * Two processes, 32 connections that stay open, rounds in turn, medians. Each registration is of its
 * own peer, signed beforehand, and on disk before it is answered; the list has 100 rows.
 * Then the figures of P26: a request beside 500 slow connections, and what the time of a token's
 * check tells.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, createServer, request } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { serveTracker } from '../../src/http/tracker/serve.ts'
import { tokenCheck } from '../../src/http/tracker/token.ts'
import { isSignedBy, openRegistrations } from '../../src/node/registrations.ts'
import { PEERS_PATH, REGISTER_PATH } from '../../src/wire/tracker.ts'
import { Signer } from '../support/trackers.ts'

const CONNECTIONS = 32
const ROUNDS = 5
const PEERS = 100

interface Shot {
  readonly method: string
  readonly path: string
  readonly headers: Record<string, string>
  readonly body: Uint8Array | undefined
}

if (process.env.BENCH_SIDE === undefined) await measure()
else await serve(process.env.BENCH_SIDE)

async function serve(side: string): Promise<void> {
  const folder = process.env.BENCH_FOLDER!
  if (side === 'bare') {
    const registered = Buffer.from('{"ok":true,"ttl_sec":60}')
    let list = Buffer.alloc(0)
    const server = createServer((message, response) => {
      const parts: Buffer[] = []
      message.on('data', part => parts.push(part))
      message.on('end', () => {
        JSON.parse(Buffer.concat(parts).toString() || '0')
        const body = message.method === 'POST' ? registered : list
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length })
        response.end(body)
      })
    })
    server.listen(0, '127.0.0.1', () => process.send!((server.address() as AddressInfo).port))
    process.on('message', (length: number) => {
      list = Buffer.alloc(length, 0x20)
      process.send!('ready')
    })
    return
  }
  const tracker = await serveTracker({
    host: '127.0.0.1',
    port: 0,
    ttlSec: 3_600,
    isSignedBy,
    openShelf: () => openRegistrations(join(folder, 'tracker.db')),
    rate: { perSecond: 1e9, burst: 1e9 },
    http: { requestsPerConnection: 0 },
  })
  process.send!(tracker.port)
}

async function measure(): Promise<void> {
  const seconds = Number(process.argv[2] ?? 2)
  const folder = mkdtempSync(join(tmpdir(), 'guild-home-bench-'))
  const children: ChildProcess[] = []
  const launch = async (side: string): Promise<{ child: ChildProcess; port: number }> => {
    const child = fork(fileURLToPath(import.meta.url), [], {
      env: { ...process.env, BENCH_SIDE: side, BENCH_FOLDER: folder },
    })
    children.push(child)
    return {
      child,
      port: await new Promise(resolve => child.once('message', port => resolve(port as number))),
    }
  }
  try {
    const [tracker, bare] = [await launch('tracker'), await launch('bare')]
    const registrations = Array.from({ length: PEERS }, (_, i): Shot => {
      const signer = new Signer()
      const end = `/p2p/${signer.peerId}`
      const addrs = [`/ip4/192.0.2.${i}/tcp/8000${end}`, `/ip4/192.0.2.${i}/udp/8000${end}`]
      const body = signer.body({ addrs, meta: { user_id: 'ann', hostname: `host-${i}` } })
      const headers = { 'content-type': 'application/json', ...signer.proof(body) }
      return { method: 'POST', path: REGISTER_PATH, headers, body }
    })
    const lookups: Shot[] = [{ method: 'GET', path: PEERS_PATH, headers: {}, body: undefined }]
    await rate(tracker.port, registrations, 0.5)
    const list = await (await fetch(`http://127.0.0.1:${tracker.port}${PEERS_PATH}`)).text()
    bare.child.send(list.length)
    await new Promise(resolve => bare.child.once('message', resolve))
    for (const [name, shots] of [
      ['registrations', registrations],
      [`lists of ${PEERS} rows, ${list.length} bytes,`, lookups],
    ] as const) {
      const figures: [number, number][] = []
      for (let round = 0; round < ROUNDS; round++)
        figures.push([await rate(tracker.port, shots, seconds), await rate(bare.port, shots, seconds)])
      const [ours, raw] = [0, 1].map(side => median(figures.map(pair => pair[side as 0 | 1]))) as [
        number,
        number,
      ]
      console.log(
        `${name} ${ours.toFixed(0)}/s, bare node:http ${raw.toFixed(0)}/s, ${(ours / raw).toFixed(2)}x`,
      )
    }
    console.log(
      `beside 500 slow connections a request takes ${(await besideSlow(tracker.port)).toFixed(1)} ms`,
    )
    const t = tokenSignal(100_000)
    console.log(
      `a token wrong in its first or its last letter: t = ${t.toFixed(2)} of 100,000 (above 4.5 would tell)`,
    )
  } finally {
    for (const child of children) child.kill()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function rate(port: number, shots: readonly Shot[], seconds: number): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  const end = performance.now() + seconds * 1000
  let [done, next] = [0, 0]
  const worker = async (): Promise<void> => {
    while (performance.now() < end) {
      await shoot(agent, port, shots[next++ % shots.length]!)
      done++
    }
  }
  const begun = performance.now()
  await Promise.all(Array.from({ length: CONNECTIONS }, worker))
  agent.destroy()
  return (done * 1000) / (performance.now() - begun)
}

function shoot(agent: Agent, port: number, { method, path, headers, body }: Shot): Promise<void> {
  return new Promise((resolve, reject) => {
    const length = body?.length ?? 0
    const asked = request(
      { agent, host: '127.0.0.1', port, method, path, headers: { ...headers, 'content-length': length } },
      response => {
        if (response.statusCode !== 200) reject(new Error(`answered ${response.statusCode}`))
        response.on('end', resolve).resume()
      },
    )
    asked.on('error', reject)
    asked.end(body)
  })
}

/** The slowest of ten requests. */
async function besideSlow(port: number): Promise<number> {
  const slow = await Promise.all(
    Array.from({ length: 500 }, async () => {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      await once(socket, 'connect')
      socket.write(`POST ${REGISTER_PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nX: `)
      const drip = setInterval(() => socket.write('x'), 500)
      socket.on('close', () => clearInterval(drip))
      return socket
    }),
  )
  let worst = 0
  for (let i = 0; i < 10; i++) {
    const begun = performance.now()
    await fetch(`http://127.0.0.1:${port}/healthz`, { headers: { connection: 'close' } })
    worst = Math.max(worst, performance.now() - begun)
  }
  for (const socket of slow) socket.destroy()
  return worst
}

/** Welch's t between the times of two wrong tokens, by chance, without the slowest tenth of each. */
function tokenSignal(samples: number): number {
  const token = 'abcdefghijklmnopqrstuvwxyz012345'
  const allows = tokenCheck(token)
  // As a parser makes them: each a string of its own, in one piece.
  const flat = (text: string): string => Buffer.from(text).toString('latin1')
  const tokens = [flat(`Bearer X${token.slice(1)}`), flat(`Bearer ${token.slice(0, -1)}X`)]
  const times: number[][] = [[], []]
  for (let i = 0; i < 2 * samples; i++) {
    const which = Math.random() < 0.5 ? 0 : 1
    const begun = process.hrtime.bigint()
    allows(tokens[which])
    times[which]!.push(Number(process.hrtime.bigint() - begun))
  }
  const [a, b] = times.map(all => {
    const kept = all.sort((x, y) => x - y).slice(0, 0.9 * all.length)
    const mean = kept.reduce((sum, one) => sum + one, 0) / kept.length
    const variance = kept.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (kept.length - 1)
    return { mean, error: variance / kept.length }
  }) as [{ mean: number; error: number }, { mean: number; error: number }]
  return Math.abs(a.mean - b.mean) / Math.sqrt(a.error + b.error)
}

function median(figures: readonly number[]): number {
  return [...figures].sort((a, b) => a - b)[figures.length >> 1]!
}
