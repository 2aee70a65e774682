/**
 * One file between processes, each with a store of its own on disk: `npm run transfer -- --mib 1024`.
 *
 *   two    provider ─▶ fetcher
 *   four   good, liar, staller, and one that is killed half way ─▶ fetcher
 *
 *   npm run transfer -- --mib 1024 --over tcp,udp --case two,four --json
 *
 * Held against the SHA-256 of what was added; no process may have held more than 200 MiB. Speeds are
 * told and never fail it. The last line: `N passed, N failed`. 1 GiB takes up to 8 GiB of disk and some
 * minutes a case.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { createReadStream, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { optionsOf } from '../support/options.ts'
import type { Order, Report, Role } from './content-transfer-node.ts'

export const caseNames = ['two', 'four'] as const
export type CaseName = (typeof caseNames)[number]

export interface ContentTransfer {
  readonly case: CaseName
  readonly transport: string
  readonly mebibytes: number
  /** Milliseconds. */
  readonly most: number
  /** Where it may write. Default: the temporary folder. */
  readonly place?: string
}

export interface ContentOutcome {
  /** The SHA-256 of what came is that of what was added. */
  readonly same: boolean
  /** A million bytes a second, from the question to the last byte on disk. */
  readonly rate: number
  readonly addRate: number
  readonly duplicateShare: number
  /** Of each process, by its role, in MiB. */
  readonly peaks: Readonly<Record<string, number>>
  /** By role: MiB that came from it. */
  readonly from: Readonly<Record<string, number>>
}

/** MiB that one process may hold. */
export const MEMORY_MOST = 200

const script = fileURLToPath(new URL('./content-transfer-node.js', import.meta.url))

class Peer {
  readonly role: string
  readonly child: ChildProcess
  readonly ended: Promise<number | null>
  peak = 0
  onReport: ((report: Report) => void) | undefined
  readonly #waiting: { kind: Report['kind']; resolve: (report: never) => void }[] = []
  #exit: string | undefined

  constructor(role: string) {
    this.role = role
    this.child = fork(script, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    this.ended = new Promise(resolve =>
      this.child.once('exit', code => {
        this.#exit = `${role} ended with ${code}`
        resolve(code)
      }),
    )
    this.child.on('message', (report: Report) => {
      if ('peakRss' in report) this.peak = Math.max(this.peak, report.peakRss)
      this.onReport?.(report)
      const at = this.#waiting.findIndex(({ kind }) => kind === report.kind)
      if (at !== -1) this.#waiting.splice(at, 1)[0]!.resolve(report as never)
    })
  }

  async ask<Kind extends Report['kind']>(
    order: Order,
    answer: Kind,
    signal: AbortSignal,
  ): Promise<Extract<Report, { kind: Kind }>> {
    if (this.#exit !== undefined) throw new Error(this.#exit)
    const come = new Promise<Extract<Report, { kind: Kind }>>((resolve, reject) => {
      this.#waiting.push({ kind: answer, resolve: resolve as (report: never) => void })
      void this.ended.then(() => reject(new Error(this.#exit)))
      signal.addEventListener('abort', () => reject(new Error(`${this.role}: no ${answer} in time`)))
    })
    this.child.send(order)
    return await come
  }

  kill(): void {
    this.child.kill('SIGKILL')
  }
}

export async function contentTransfer(asked: ContentTransfer): Promise<ContentOutcome> {
  const { transport, mebibytes, most, place = tmpdir() } = asked
  const folder = mkdtempSync(join(place, 'guild-transfer-'))
  const signal = AbortSignal.timeout(most)
  const peers: Peer[] = []
  try {
    const file = join(folder, 'file')
    const wanted = await writeRandom(file, mebibytes)
    const swarmKey = randomBytes(32).toString('hex')
    const begin = async (name: string, role: Role) => {
      const dataDir = join(folder, name)
      mkdirSync(dataDir)
      const peer = new Peer(name)
      peers.push(peer)
      const order: Order = { kind: 'start', role, dataDir, swarmKey, transport }
      const ready = await peer.ask(role === 'fetcher' ? order : { ...order, file }, 'ready', signal)
      return { peer, ready }
    }
    const providers =
      asked.case === 'two'
        ? [await begin('provider', 'good')]
        : await Promise.all([
            begin('good', 'good'),
            begin('liar', 'liar'),
            begin('staller', 'staller'),
            begin('dying', 'good'),
          ])
    const fetcher = await begin('fetcher', 'fetcher')
    const dying = providers.find(({ peer }) => peer.role === 'dying')
    fetcher.peer.onReport = report => {
      if (report.kind === 'progress' && report.bytes > (mebibytes * 1024 * 1024) / 2) dying?.peer.kill()
    }
    const out = join(folder, 'out')
    const from = providers.map(({ ready }) => ready.address)
    const fetched = await fetcher.peer.ask(
      { kind: 'fetch', cid: providers[0]!.ready.cid!, from, out },
      'fetched',
      signal,
    )
    const bytes = mebibytes * 1024 * 1024
    const roleOf = (id: string): string =>
      providers.find(({ ready }) => ready.peerId === id)?.peer.role ?? 'a stranger'
    return {
      same: (await hashOf(out)) === wanted,
      rate: bytes / 1e6 / fetched.seconds,
      addRate: bytes / 1e6 / providers[0]!.ready.addSeconds,
      duplicateShare: fetched.duplicateBytes / bytes,
      peaks: Object.fromEntries(peers.map(({ role, peak }) => [role, Math.round(peak / 2 ** 20)])),
      from: Object.fromEntries(
        fetched.sources.map(source => [roleOf(source.peerId), Math.round(source.bytes / 2 ** 20)]),
      ),
    }
  } finally {
    for (const peer of peers) peer.kill()
    await Promise.all(peers.map(peer => peer.ended))
    rmSync(folder, { recursive: true, force: true })
  }
}

async function writeRandom(path: string, mebibytes: number): Promise<string> {
  const hash = createHash('sha256')
  const file = await open(path, 'wx')
  try {
    for (let i = 0; i < mebibytes; i++) {
      const piece = randomBytes(1024 * 1024)
      hash.update(piece)
      await file.write(piece)
    }
  } finally {
    await file.close()
  }
  return hash.digest('hex')
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(piece)
  return hash.digest('hex')
}

async function main(): Promise<void> {
  const values = optionsOf(import.meta.url, {
    mib: { type: 'string', default: '64' },
    over: { type: 'string', default: 'tcp,udp' },
    case: { type: 'string', default: caseNames.join(',') },
    minutes: { type: 'string', default: '10' },
    place: { type: 'string' },
    json: { type: 'boolean', default: false },
  })
  const mebibytes = Number(values.mib)
  const chosen = values.case
    .split(',')
    .filter((name): name is CaseName => caseNames.includes(name as CaseName))
  if (!Number.isInteger(mebibytes) || mebibytes < 1 || chosen.length !== values.case.split(',').length) {
    console.error(
      `--mib <whole number> --over tcp,udp --case ${caseNames.join(',')} --minutes 10 --place <folder>`,
    )
    process.exitCode = 2
    return
  }
  let [passed, failed] = [0, 0]
  for (const name of chosen)
    for (const transport of values.over.split(',')) {
      const most = Number(values.minutes) * 60_000
      const place = values.place === undefined ? {} : { place: values.place }
      const outcome = await contentTransfer({ case: name, transport, mebibytes, most, ...place }).catch(
        (error: Error) => error,
      )
      const good =
        !(outcome instanceof Error) &&
        outcome.same &&
        Object.values(outcome.peaks).every(peak => peak < MEMORY_MOST)
      if (good) passed++
      else failed++
      if (values.json)
        console.log(
          JSON.stringify({
            case: name,
            transport,
            mebibytes,
            good,
            outcome: String(outcome) === '[object Object]' ? outcome : String(outcome),
          }),
        )
      else if (outcome instanceof Error) console.log(`FAILED  ${name} over ${transport}: ${outcome.message}`)
      else
        console.log(
          `${good ? 'ok' : 'FAILED'}  ${name} over ${transport}: ${outcome.rate.toFixed(1)} MB/s (add ${outcome.addRate.toFixed(1)}), ` +
            `SHA-256 ${outcome.same ? 'equal' : 'DIFFERS'}, duplicates ${(100 * outcome.duplicateShare).toFixed(2)} %, ` +
            `from ${shown(outcome.from)} MiB, peaks ${shown(outcome.peaks)} MiB`,
        )
    }
  console.log(`${passed} passed, ${failed} failed`)
  if (failed > 0) process.exitCode = 1
}

function shown(figures: Readonly<Record<string, number>>): string {
  return Object.entries(figures)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main()
