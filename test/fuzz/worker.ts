/** Fuzzes the decoders it is sent, one at a time; `run.ts` is at the other end. */
import { parentPort, workerData } from 'node:worker_threads'
import { decoders } from './decoders.ts'
import { fuzz, type Report, watch } from './fuzz.ts'

/** What a worker does next; none: go home. */
export interface Job {
  readonly name: string
  readonly runs: number
  readonly seed: number
}

/**
 * Memory both threads see: how many inputs were begun, how long the last one is, and that input.
 * A thread that hangs cannot speak, but it can be looked at.
 */
export interface Shared {
  readonly counts: Int32Array
  readonly input: Uint8Array
}

export function sharedFrom(memory: SharedArrayBuffer): Shared {
  return { counts: new Int32Array(memory, 0, 2), input: new Uint8Array(memory, 8) }
}

export const SHARED_BYTES: number = 8 + 131_072

if (parentPort !== null) {
  const port = parentPort
  const { counts, input: mirror } = sharedFrom(workerData as SharedArrayBuffer)
  watch(input => {
    mirror.set(input.subarray(0, mirror.length))
    Atomics.store(counts, 1, Math.min(input.length, mirror.length))
    Atomics.add(counts, 0, 1)
  })
  port.on('message', ({ name, runs, seed }: Job) => {
    const decoder = decoders.find(one => one.name === name)!
    const report: Report = fuzz(decoder, runs, seed)
    port.postMessage(report)
  })
}
