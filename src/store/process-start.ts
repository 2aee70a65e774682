/**
 * Is the process that wrote this still the one that runs?
 *
 * A process id alone proves little: ids are used again, in containers within seconds.
 * Where the system tells (Linux, /proc), the time a process started makes it unmistakable:
 *
 *   /proc/<pid>/stat    1234 (node) S 1 … <field 22: clock ticks from boot to start> …
 *
 * and the id of the boot keeps ticks of one boot from meaning those of another. A zombie
 * has ended: it only waits for its parent. Elsewhere an id that exists counts as alive.
 *
 * Floor: store.
 */
import { readFileSync } from 'node:fs'
import { errorCode } from './disk-error.ts'

export interface ProcessMark {
  readonly pid: number
  /** In clock ticks since boot; absent where the system does not tell. */
  readonly startTime?: number
  readonly boot?: string
}

/** The mark of this very process. */
export function ownMark(): ProcessMark {
  const startTime = statOf(process.pid)?.startTime
  const boot = bootId()
  return {
    pid: process.pid,
    ...(startTime === undefined ? {} : { startTime }),
    ...(boot === undefined ? {} : { boot }),
  }
}

export function isRunning(mark: ProcessMark): boolean {
  if (!exists(mark.pid)) return false
  if (mark.boot !== undefined && bootId() !== undefined && mark.boot !== bootId()) return false
  const stat = statOf(mark.pid)
  // It ended this moment, or /proc is hidden from us.
  if (stat === undefined) return exists(mark.pid)
  if (stat.ended) return false
  return mark.startTime === undefined || mark.startTime === stat.startTime
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errorCode(error) === 'EPERM' // somebody else's, but there
  }
}

function statOf(pid: number): { startTime: number; ended: boolean } | undefined {
  const text = readText(`/proc/${pid}/stat`)
  // The name stands in parentheses and may hold any character, so fields count from the last one.
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ')
  const startTime = Number(fields?.[19])
  if (fields === undefined || !Number.isSafeInteger(startTime)) return undefined
  return { startTime, ended: fields[0] === 'Z' || fields[0] === 'X' }
}

function bootId(): string | undefined {
  return readText('/proc/sys/kernel/random/boot_id')?.trim().slice(0, 36)
}

function readText(path: string): string | undefined {
  if (process.platform !== 'linux') return undefined
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
