/**
 * The real world: this machine's clocks, dice, timers and interfaces.
 *
 * One system timer stands for all a node waits for. A deadline that moves later, as it does
 * with every frame heard, costs nothing: the timer fires at the old time, sees that it is
 * early and sets itself again.
 *
 * The timer keeps the process alive, as the listening socket does: a node without a listener
 * that waits to dial again is a running node too. `stop` disarms it. `keepAlive: false` is
 * for programs that have reasons of their own to live.
 *
 * Floor: runtime (shell).
 */
import { randomFillSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import type { Millis } from '../base/machine.ts'
import type {
  AskHttp,
  Clock,
  Datagrams,
  Interface,
  Random,
  ResolveTxt,
  Runtime,
  Scheduler,
  Suite,
  Transport,
} from '../base/ports.ts'

export interface SystemOptions {
  readonly suite: Suite
  /** What to listen and dial with, best first. */
  readonly transports: readonly Transport[]
  /** UDP. Absent: there is none. */
  readonly datagrams?: Datagrams
  /** TXT records. Default: none are found. */
  readonly resolveTxt?: ResolveTxt
  /** Questions over HTTP. Default: none are asked. */
  readonly askHttp?: AskHttp
  /** Do timers keep the process alive? Default true. */
  readonly keepAlive?: boolean
}

export function systemRuntime(options: SystemOptions): Runtime {
  return {
    clock: systemClock,
    random: systemRandom,
    scheduler: systemScheduler(options.keepAlive ?? true),
    network: {
      transports: options.transports,
      interfaces,
      ...(options.resolveTxt === undefined ? {} : { resolveTxt: options.resolveTxt }),
      ...(options.askHttp === undefined ? {} : { askHttp: options.askHttp }),
      ...(options.datagrams === undefined ? {} : { datagrams: options.datagrams }),
    },
    suite: options.suite,
  }
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
}

export const systemRandom: Random = {
  bytes: pooledBytes,
  fraction: () => Math.random(),
}

const pool = new Uint8Array(4096)
let drawn = pool.length

/**
 * Random bytes, drawn 4 KiB at a time: a call for 32 of them costs more than a hash. What is
 * handed out is zeroed in the pool, so that no secret lies there twice.
 */
function pooledBytes(length: number): Uint8Array {
  const out = new Uint8Array(length)
  if (length > 256) return randomFillSync(out)
  if (drawn + length > pool.length) {
    randomFillSync(pool)
    drawn = 0
  }
  out.set(pool.subarray(drawn, drawn + length))
  pool.fill(0, drawn, drawn + length)
  drawn += length
  return out
}

/** Longer waits overflow Node's timers, which then fire at once. */
const LONGEST: Millis = 2 ** 31 - 1

export function systemScheduler(keepAlive: boolean): Scheduler {
  let timer: NodeJS.Timeout | undefined
  let firesAt: Millis = 0
  let wanted: { readonly at: Millis; readonly wake: () => void } | undefined

  const start = (at: Millis): void => {
    clearTimeout(timer)
    const now = performance.now()
    const wait = Math.min(Math.max(Math.ceil(at - now), 0), LONGEST)
    firesAt = now + wait
    timer = setTimeout(fire, wait)
    if (!keepAlive) timer.unref()
  }
  const fire = (): void => {
    timer = undefined
    if (wanted === undefined) return
    // Node rounds to whole milliseconds: half of one early is on time.
    if (wanted.at - performance.now() > 0.5) return start(wanted.at)
    const { wake } = wanted
    wanted = undefined
    wake()
  }
  return {
    arm: (at, wake) => {
      wanted = { at, wake }
      if (timer === undefined || firesAt > at) start(at)
    },
    disarm: () => {
      wanted = undefined
      clearTimeout(timer)
      timer = undefined
    },
    defer: work => {
      setImmediate(work)
    },
  }
}

/** Every address of this machine. */
function interfaces(): Interface[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses]) => {
    const mtu = mtuOf(name)
    return (addresses ?? []).map(({ address, cidr, internal }) => ({
      name,
      address,
      prefix: Number(cidr?.split('/')[1] ?? 0),
      internal,
      ...(mtu !== undefined && { mtu }),
    }))
  })
}

/** Linux tells it in a file; elsewhere Node does not say. */
function mtuOf(name: string): number | undefined {
  try {
    return Number(readFileSync(`/sys/class/net/${name}/mtu`, 'latin1')) || undefined
  } catch {
    return undefined
  }
}
