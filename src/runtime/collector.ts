/**
 * How long V8's old heap may grow before it is marked.
 *
 *   live ├──────────────┤ limit      memory outside of the heap counts too, what `node:crypto` and sockets make among it
 *
 * V8 puts its limit at a few times what lives, at most four. A node's heap is small, some 10 MB, so that all of it
 * is marked for every 20 MB that pass: a third of the CPU time of who moves much. A limit 48 MiB above what lives
 * makes that a quarter as often, and costs a process those 48 MiB at most. A larger heap is left to V8's rule.
 *
 * Floor: runtime (shell).
 */
import { constants, PerformanceObserver } from 'node:perf_hooks'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'

/** Bytes above what lives. */
const ROOM = 48 * 1024 * 1024
/** Per cent: never more than five times what lives, for that may have grown since it was looked at. */
const MOST = 400

let observer: PerformanceObserver | undefined

/**
 * Lets V8's old heap grow by 48 MiB between two marks: for programs that move many bytes, whose CPU time this cuts by
 * up to a third. It holds for the whole process, whatever else is in it, so nothing here does it but the
 * `guild-home` command. Twice is once. What it gives back returns V8 to its own rule.
 */
export function tuneCollector(): () => void {
  if (observer === undefined) {
    observer = new PerformanceObserver(seen => {
      if (seen.getEntries().some(isMark)) grow(growthOf(getHeapStatistics().used_heap_size))
    })
    observer.observe({ entryTypes: ['gc'] })
    grow(MOST)
  }
  return restore
}

function restore(): void {
  observer?.disconnect()
  observer = undefined
  grow(0)
}

/** Per cent that a heap may grow of which so many bytes live; 0 is V8's own rule. */
export function growthOf(live: number): number {
  return live < ROOM ? Math.min(MOST, Math.round((100 * ROOM) / live)) : 0
}

/** V8 reads it whenever it has marked, and at no other time. */
function grow(percent: number): void {
  setFlagsFromString(`--heap-growing-percent=${percent}`)
}

function isMark(entry: object): boolean {
  const { detail } = entry as { readonly detail?: { readonly kind?: number } }
  return detail?.kind === constants.NODE_PERFORMANCE_GC_MAJOR
}
