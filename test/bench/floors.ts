/**
 * `npm run bench:floors`: what a bare program reaches that keeps the same promises and does nothing else.
 *
 *   blocks   plain   blocks from memory over node:net, put together and hashed
 *            bare    the same out of ChaCha20-Poly1305 records of 64 KiB
 *   file     plain   one file, read, sent, written, hashed and synced once
 *            bare    a file for each block, synced, named, its folder synced; and written to the target as well,
 *                    both past the page cache
 *
 * Bare means: no wants and no credit, no index, and nothing that was read is checked. guild-home's own figures are in
 * `guild-home bench blocks` and `npm run bench:peers`; the log has its bare program in `npm run bench:log`.
 *
 *   npm run bench:floors -- --rounds 5
 */
import { type ChildProcess, fork } from 'node:child_process'
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, fsync, mkdirSync, mkdtempSync, openSync, read, renameSync, rmSync, write } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { median } from '../../src/cli/bench/rows.ts'
import { tuneCollector } from '../../src/runtime/collector.ts'
import { writePast } from '../../src/store/pages.ts'
import { optionsOf } from '../support/options.ts'

const SIZE = 256 * 1024
const COUNT = 1_024
/** Of a record, without its tag. */
const RECORD = 65_519
const TAG = 16
const FOLDERS = 256
/** Blocks on their way to the disk; of the bare program as many as there are pages for. */
const AT_ONCE = { plain: 32, bare: 10 }

type Kind = 'blocks' | 'file'
type Way = 'plain' | 'bare'
/** The byte that asks for each. */
const asked = ['blocks plain', 'blocks bare', 'file plain', 'file bare']

const [readAt, writeAt, sync] = [promisify(read), promisify(write), promisify(fsync)]
const key = Buffer.alloc(32, 1)
const options = { authTagLength: TAG }

function nonce(number: number): Buffer {
  const bytes = Buffer.alloc(12)
  bytes.writeUInt32LE(number, 4)
  return bytes
}

/** Where the block of this number lies. */
function placeOf(store: string, number: number): string {
  return join(store, String(number % FOLDERS), String(number))
}

// Who gives

function give(dir: string): void {
  const inMemory = Array.from({ length: COUNT }, (_, i) => Buffer.alloc(SIZE, i))
  const server = createServer({ noDelay: true }, socket => {
    let records = 0
    socket.on('error', () => socket.destroy())
    socket.on('data', async bytes => {
      const [kind, way] = asked[bytes[0]!]!.split(' ') as [Kind, Way]
      for (let i = 0; i < COUNT; i++) {
        const block = kind === 'blocks' ? inMemory[i]! : await fromDisk(dir, way, i)
        if (way === 'bare') records = seal(socket, block, records)
        else socket.write(block)
        if (socket.writableNeedDrain) await once(socket, 'drain')
      }
    })
  })
  server.listen({ host: '127.0.0.1', port: 0 }, () => process.send!((server.address() as AddressInfo).port))
  process.once('disconnect', () => process.exit(0))
}

async function fromDisk(dir: string, way: Way, number: number): Promise<Buffer> {
  const file = openSync(way === 'plain' ? join(dir, 'whole') : placeOf(join(dir, 'store'), number), 'r')
  const block = Buffer.allocUnsafeSlow(SIZE)
  await readAt(file, block, 0, SIZE, way === 'plain' ? number * SIZE : 0)
  closeSync(file)
  return block
}

/** One block in records, each | length, 2 bytes | sealed | tag |. How many records there were. */
function seal(socket: Socket, block: Buffer, from: number): number {
  let records = from
  socket.cork()
  for (let at = 0; at < SIZE; at += RECORD) {
    const cipher = createCipheriv('chacha20-poly1305', key, nonce(records++), options)
    const sealed = cipher.update(block.subarray(at, at + RECORD))
    cipher.final()
    const length = Buffer.alloc(2)
    length.writeUInt16BE(sealed.length + TAG)
    for (const piece of [length, sealed, cipher.getAuthTag()]) socket.write(piece)
  }
  socket.uncork()
  return records
}

// Who takes

async function take(): Promise<void> {
  const rounds = Number(optionsOf(import.meta.url, { rounds: { type: 'string' } }).rounds ?? 5)
  const dir = mkdtempSync(join(tmpdir(), 'guild-floors-'))
  let child: ChildProcess | undefined
  try {
    await fill(dir)
    child = fork(fileURLToPath(import.meta.url), [dir])
    const [port] = (await once(child, 'message')) as [number]
    const taker = new Taker(connect({ host: '127.0.0.1', port, noDelay: true }), dir)
    for (const kind of ['blocks', 'file'] as const) {
      const rates: Record<Way, number[]> = { plain: [], bare: [] }
      for (let round = 0; round <= rounds; round++)
        for (const way of ['plain', 'bare'] as const) {
          const seconds = await taker.pass(kind, way)
          if (round > 0) rates[way].push((COUNT * SIZE) / 1e6 / seconds)
        }
      tell(kind, rates)
    }
    taker.socket.destroy()
  } finally {
    child?.disconnect()
    rmSync(dir, { recursive: true, force: true })
  }
}

function tell(what: string, { plain, bare }: Record<Way, number[]>): void {
  const [a, b] = [median(plain), median(bare)]
  console.log(`${what}: plain ${a.toFixed(0)} MB/s, bare ${b.toFixed(0)}, ratio ${(b / a).toFixed(2)}`)
}

/** The same bytes as one file and as a file for each block. */
async function fill(dir: string): Promise<void> {
  const whole = openSync(join(dir, 'whole'), 'w')
  for (const store of ['store', 'got'])
    for (let i = 0; i < FOLDERS; i++) mkdirSync(join(dir, store, String(i)), { recursive: true })
  for (let i = 0; i < COUNT; i++) {
    const block = randomBytes(SIZE)
    await writeAt(whole, block, 0, SIZE, i * SIZE)
    await toFile(join(dir, 'store'), i, block)
  }
  await sync(whole)
  closeSync(whole)
}

async function toFile(store: string, number: number, block: Buffer): Promise<void> {
  const path = placeOf(store, number)
  const file = openSync(`${path}.tmp`, 'w', 0o600)
  await writeWhole(file, block, 0)
  await sync(file)
  closeSync(file)
  renameSync(`${path}.tmp`, path)
  const folder = openSync(join(path, '..'), 'r')
  await sync(folder)
  closeSync(folder)
}

/** Past the page cache, as guild-home writes large blocks and large files, where the system has that. */
async function writeWhole(file: number, block: Buffer, position: number): Promise<void> {
  const past = await writePast(file, block, position)
  if (past < SIZE) await writeAt(file, block, past, SIZE - past, position + past)
}

class Taker {
  readonly socket: Socket
  readonly #dir: string
  /** Of a record that is not whole yet. */
  readonly #rest = Buffer.allocUnsafeSlow(2 + RECORD + TAG)
  #held = 0
  #records = 0
  #block = Buffer.allocUnsafeSlow(SIZE)
  #hash = createHash('sha256')
  #filled = 0
  #taken: (bytes: Buffer) => void = () => {}

  constructor(socket: Socket, dir: string) {
    this.socket = socket
    this.#dir = dir
    socket.on('data', bytes => this.#taken(bytes))
  }

  /** In seconds, until all of it is here and, of a file, on disk. */
  async pass(kind: Kind, way: Way): Promise<number> {
    const out = join(this.#dir, 'out')
    const target = kind === 'file' ? openSync(out, 'w') : -1
    const kept: unknown[] = []
    const writing = new Set<Promise<void>>()
    const began = performance.now()
    await new Promise<void>((resolve, reject) => {
      const store = async (block: Buffer, number: number): Promise<void> => {
        if (way === 'plain') return void (await writeAt(target, block, 0, SIZE, number * SIZE))
        await toFile(join(this.#dir, 'got'), number, block)
        await writeWhole(target, block, number * SIZE)
      }
      const keep = (block: Buffer): void => {
        if (kind === 'file') {
          const done = store(block, kept.length).finally(() => {
            writing.delete(done)
            if (writing.size < AT_ONCE[way]) this.socket.resume()
          })
          done.catch(reject)
          writing.add(done)
          if (writing.size >= AT_ONCE[way]) this.socket.pause()
        }
        kept.push(kind === 'file' ? undefined : block)
        if (kept.length === COUNT) Promise.all(writing).then(() => resolve(), reject)
      }
      this.#taken = way === 'bare' ? bytes => this.#open(bytes, keep) : bytes => this.#gather(bytes, keep)
      this.socket.write(Buffer.of(asked.indexOf(`${kind} ${way}`)))
    })
    if (target >= 0) await sync(target)
    const seconds = (performance.now() - began) / 1000
    if (target >= 0) closeSync(target)
    rmSync(out, { force: true })
    for (let i = 0; i < COUNT; i++) rmSync(placeOf(join(this.#dir, 'got'), i), { force: true })
    return seconds
  }

  #gather(bytes: Buffer, keep: (block: Buffer) => void): void {
    for (let at = 0; at < bytes.length; ) {
      const length = Math.min(SIZE - this.#filled, bytes.length - at)
      const piece = bytes.subarray(at, at + length)
      this.#hash.update(piece)
      this.#block.set(piece, this.#filled)
      this.#filled += length
      at += length
      if (this.#filled < SIZE) return
      this.#hash.digest()
      keep(this.#block)
      this.#hash = createHash('sha256')
      this.#block = Buffer.allocUnsafeSlow(SIZE)
      this.#filled = 0
    }
  }

  #open(bytes: Buffer, keep: (block: Buffer) => void): void {
    for (let at = 0; at < bytes.length; ) {
      const wanted = this.#held < 2 ? 2 : 2 + this.#rest.readUInt16BE(0)
      const length = Math.min(wanted - this.#held, bytes.length - at)
      bytes.copy(this.#rest, this.#held, at, at + length)
      this.#held += length
      at += length
      if (this.#held < 2 || this.#held < 2 + this.#rest.readUInt16BE(0)) continue
      const end = this.#held - TAG
      this.#held = 0
      const cipher = createDecipheriv('chacha20-poly1305', key, nonce(this.#records++), options)
      cipher.setAuthTag(this.#rest.subarray(end, end + TAG))
      const plain = cipher.update(this.#rest.subarray(2, end))
      cipher.final()
      this.#gather(plain, keep)
    }
  }
}

tuneCollector()
if (process.send !== undefined) give(process.argv[2]!)
else await take()
