/**
 * What a process uses: memory, descriptors, CPU, and how late its event loop is.
 *
 * The resident set and the descriptors are looked at every 20 ms, and the highest values are
 * kept. "Live" memory is what a full collection leaves: heap and everything outside it that
 * the heap holds on to. The loop delay comes from perf_hooks at a resolution of 10 ms, which an idle
 * loop shows as well.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'

export interface Usage {
  /** Bytes, the highest seen. */
  readonly rssPeak: number
  /** Growth of that over the beginning. */
  readonly rssGrown: number
  /** The most open descriptors; 0 where /proc is not to be had. */
  readonly files: number
  readonly filesGrown: number
  /** Milliseconds. */
  readonly loopP99: number
  readonly loopMax: number
  /**
   * The loop delay that would have been without others on the cores: the kernel tells how long the thread
   * was ready to run and waited for one. The measured one where the kernel does not tell.
   */
  readonly loopOwn: number
  readonly cpuSeconds: number
  readonly seconds: number
}

export class Gauge {
  readonly #delay = monitorEventLoopDelay({ resolution: 10 })
  #rss = { begun: 0, peak: 0 }
  #files = { begun: 0, peak: 0 }
  #cpu = process.cpuUsage()
  #begun = performance.now()
  #scheduled = scheduled()
  #timer: NodeJS.Timeout | undefined
  readonly #watched: (() => void)[] = []

  /** Looked at as often as the rest. */
  watch(look: () => void): void {
    this.#watched.push(look)
  }

  /** From now on. Collects garbage first, so that growth is growth. */
  begin(): void {
    clearInterval(this.#timer)
    collect()
    const rss = process.memoryUsage.rss()
    const files = openFiles()
    this.#rss = { begun: rss, peak: rss }
    this.#files = { begun: files, peak: files }
    this.#cpu = process.cpuUsage()
    this.#begun = performance.now()
    this.#scheduled = scheduled()
    this.#timer = setInterval(() => this.#look(), 20).unref()
    this.#delay.enable()
    this.#delay.reset()
  }

  read(): Usage {
    this.#look()
    const { ran, waited } = scheduled()
    const [work, wait] = [ran - this.#scheduled.ran, waited - this.#scheduled.waited]
    const loopP99 = this.#delay.percentile(99) / 1e6
    const { user, system } = process.cpuUsage(this.#cpu)
    return {
      rssPeak: this.#rss.peak,
      rssGrown: this.#rss.peak - this.#rss.begun,
      files: this.#files.peak,
      filesGrown: this.#files.peak - this.#files.begun,
      loopP99,
      loopOwn: work > 0 ? (loopP99 * work) / (work + wait) : loopP99,
      loopMax: this.#delay.max / 1e6,
      cpuSeconds: (user + system) / 1e6,
      seconds: (performance.now() - this.#begun) / 1000,
    }
  }

  #look(): void {
    this.#rss.peak = Math.max(this.#rss.peak, process.memoryUsage.rss())
    this.#files.peak = Math.max(this.#files.peak, openFiles())
    for (const look of this.#watched) look()
  }
}

/** Bytes that a full collection leaves. */
export function live(): number {
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

function collect(): void {
  // Twice: what a finalizer lets go of is found by the second one.
  globalThis.gc?.()
  globalThis.gc?.()
}

/** Nanoseconds the main thread ran, and was ready and did not. */
function scheduled(): { ran: number; waited: number } {
  try {
    const [ran, waited] = readFileSync('/proc/self/schedstat', 'utf8').split(' ')
    return { ran: Number(ran), waited: Number(waited) }
  } catch {
    return { ran: 0, waited: 0 }
  }
}

function openFiles(): number {
  try {
    return readdirSync('/proc/self/fd').length - 1
  } catch {
    return 0
  }
}
