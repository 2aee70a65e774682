/**
 * SHA-256 of chunks of a file: on the event loop in slices, in the thread pool, or in a worker.
 *
 *   npm run bench:hashing
 *
 * Beside it the loop is idle, or busy as a node's is: half of its time it seals records. What counts
 * is both: how fast the file is hashed, and how long others wait for their turn.
 */
import { createCipheriv, createHash, randomBytes, webcrypto } from 'node:crypto'
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { setImmediate as turn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'

const SECONDS = 2
const AT_ONCE = 4

type Hash = (chunk: Uint8Array<ArrayBuffer>) => Promise<Uint8Array>

let since = 0
const onTheLoop: Hash = async chunk => {
  const digest = createHash('sha256').update(chunk).digest()
  since += chunk.length
  if (since >= 1024 * 1024) {
    since = 0
    await turn()
  }
  return digest
}

const inThePool: Hash = async chunk => new Uint8Array(await webcrypto.subtle.digest('SHA-256', chunk))

/** The chunk is handed over and back, not copied. */
function inWorkers(count: number): { hash: Hash; close: () => Promise<unknown> } {
  const waiting = new Map<number, (digest: Uint8Array) => void>()
  const workers = Array.from({ length: count }, () => {
    const worker = new Worker(
      `const { parentPort } = require('node:worker_threads'), { createHash } = require('node:crypto')
       parentPort.on('message', ({ id, chunk }) => parentPort.postMessage(
         { id, chunk, digest: new Uint8Array(createHash('sha256').update(chunk).digest()) }, [chunk.buffer]))`,
      { eval: true },
    )
    worker.on('message', ({ id, digest }) => waiting.get(id)!(digest))
    return worker
  })
  let next = 0
  return {
    hash: chunk =>
      new Promise(resolve => {
        const id = next++
        waiting.set(id, digest => {
          waiting.delete(id)
          resolve(digest)
        })
        workers[id % count]!.postMessage({ id, chunk }, [chunk.buffer])
      }),
    close: () => Promise.all(workers.map(worker => worker.terminate())),
  }
}

/** Half of the loop's time: 64 KiB are sealed, then as long nothing. */
function busy(): { stop: () => void; sealed: () => number } {
  const key = randomBytes(32)
  const record = Buffer.alloc(65_519)
  let [running, sealed] = [true, 0]
  void (async () => {
    while (running) {
      const began = performance.now()
      while (performance.now() - began < 1) {
        createCipheriv('chacha20-poly1305', key, Buffer.alloc(12), { authTagLength: 16 }).update(record)
        sealed += record.length
      }
      await new Promise(resolve => setTimeout(resolve, 1))
    }
  })()
  return {
    stop: () => {
      running = false
    },
    sealed: () => sealed,
  }
}

async function measure(name: string, hash: Hash, size: number, load: boolean): Promise<void> {
  // A file is read into memory of its own, chunk by chunk: so is this.
  const other = load ? busy() : undefined
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const began = performance.now()
  let bytes = 0
  const lane = async (): Promise<void> => {
    while (performance.now() - began < SECONDS * 1000) {
      await hash(new Uint8Array(size).fill(bytes))
      bytes += size
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
  const seconds = (performance.now() - began) / 1000
  delay.disable()
  other?.stop()
  const sealed = other === undefined ? '' : `, sealed ${(other.sealed() / seconds / 1e6).toFixed(0)} MB/s`
  console.log(
    `${name.padEnd(14)} ${String(size / 1024).padStart(4)} KiB ${load ? 'busy' : 'idle'}: ${(bytes / seconds / 1e6).toFixed(0).padStart(5)} MB/s, ` +
      `the loop waits ${(delay.percentile(50) / 1e6).toFixed(1)} ms, 99 %: ${(delay.percentile(99) / 1e6).toFixed(1)} ms${sealed}`,
  )
  await new Promise(resolve => setTimeout(resolve, 50))
}

const one = inWorkers(1)
const two = inWorkers(2)
for (const load of [false, true])
  for (const size of [262_144, 1_048_576])
    for (const [name, hash] of [
      ['on the loop', onTheLoop],
      ['thread pool', inThePool],
      ['one worker', one.hash],
      ['two workers', two.hash],
    ] as const)
      await measure(name, hash, size, load)
await one.close()
await two.close()
