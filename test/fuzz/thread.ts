/** A thread that fuzzes, and an eye on it: what hangs is ended, and the input that did it is known. */
import { Worker } from 'node:worker_threads'
import type { Report } from './fuzz.ts'
import { type Job, SHARED_BYTES, sharedFrom } from './worker.ts'

const STUCK_MS = 20_000
const LOOK_MS = 2_000

export class Thread {
  gone = false
  readonly #shared = sharedFrom(new SharedArrayBuffer(SHARED_BYTES))
  readonly #worker = new Worker(new URL('./worker.js', import.meta.url), {
    workerData: this.#shared.counts.buffer,
  })

  run(job: Job): Promise<Report> {
    const worker = this.#worker
    return new Promise(resolve => {
      let [seen, since] = [-1, performance.now()]
      const finish = (report: Report): void => {
        clearInterval(timer)
        worker.off('message', finish)
        worker.off('error', broken)
        resolve(report)
      }
      const lost = (what: string): void => {
        this.gone = true
        void worker.terminate()
        const input = this.#shared.input.slice(0, Atomics.load(this.#shared.counts, 1))
        finish({
          ...job,
          accepted: 0,
          seconds: 0,
          slowest: 0,
          heapGrowth: 0,
          kinds: [],
          failure: { what, input },
        })
      }
      const broken = (error: unknown): void => lost(`the thread ended: ${error}`)
      const timer = setInterval(() => {
        const count = Atomics.load(this.#shared.counts, 0)
        if (count !== seen) [seen, since] = [count, performance.now()]
        else if (performance.now() - since > STUCK_MS) lost(`has not come back in ${STUCK_MS / 1000} s`)
      }, LOOK_MS)
      worker.on('message', finish)
      worker.on('error', broken)
      worker.postMessage(job)
    })
  }

  async end(): Promise<void> {
    await this.#worker.terminate()
  }
}
