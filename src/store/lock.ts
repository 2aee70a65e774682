/**
 * One process at a time: a lock file that survives crashes without being in the way.
 *
 *   <path>                        {"id":"…","pid":4711,"startTime":8123,"boot":"…","role":"run","since":"…"}
 *   <path>.<random>.tmp           the same, before it is linked into place
 *   <path>.<instance>             held for a moment by whoever takes over that one stale instance
 *
 *   free ── link ──▶ ours ── unlink ──▶ free
 *     stale ── lock its instance, look again, rename ours over it ──▶ ours
 *
 * Creating is a hard link of a finished file, so nobody ever reads half a lock. Taking over
 * is where locks go wrong: two processes see the same stale file, the slower one removes
 * what the faster one has just made. Here each *instance* has a random id, and under that id
 * a lock of its own; only its holder may replace that instance, and looks again first. An
 * id never comes back, so whoever is late finds another instance and starts over.
 *
 * Stale is: the process is gone, or its id is another process by now, or the file has been
 * unreadable garbage for some seconds. Processes of one machine only: a process id of another
 * host, or of a container with ids of its own, means nothing here.
 *
 * Floor: store.
 */

import { randomUUID } from 'node:crypto'
import {
  closeSync,
  fstatSync,
  linkSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fromUtf8 } from '../base/bytes.ts'
import { GuildError } from '../base/errors.ts'
import { diskError, errorCode } from './disk-error.ts'
import { isRunning, ownMark, type ProcessMark } from './process-start.ts'

/** A node that runs, or a command that is done in a moment. */
export type LockRole = 'run' | 'one-shot'

export interface LockHolder extends ProcessMark {
  /** Of this instance of the lock; absent in one that somebody wrote by hand. */
  readonly id?: string
  readonly role: LockRole
  /** Wall clock, ISO 8601: for people. */
  readonly since: string
}

export interface Lock {
  readonly path: string
  /** Removes the lock when it is still ours. May be called again; runs by itself when the process exits. */
  release(): void
}

export interface LockOptions {
  readonly path: string
  readonly role: LockRole
  /** How long to wait for a one-shot, in milliseconds. Default 5,000. */
  readonly patience?: number
  readonly signal?: AbortSignal | undefined
}

/** The lock, or who holds it: a node that runs at once, a one-shot after the patience is used up. */
export type LockOutcome = { readonly lock: Lock } | { readonly holder: LockHolder | undefined }

const PATIENCE = 5_000
/** A file that makes no sense is perhaps being written; after this long it is garbage. */
const GARBAGE_AFTER = 3_000
/** Leftovers of crashed processes are cleared away when they are this old. */
const LEFTOVER_AFTER = 60_000
const LEFTOVER = /^[0-9a-z-]{12,36}(\.[0-9a-z-]{12,36})*(\.tmp)?$/
const CONTENT_MAX = 4_096
/** Stale instance locks of stale instance locks: more than a crash in a crash is a fault of the disk. */
const DEPTH_MAX = 4

/** Takes the lock, waiting for one-shots only. Never waits for a node that runs. */
export async function takeLock(options: LockOptions): Promise<LockOutcome> {
  const { path, role, patience = PATIENCE, signal } = options
  const deadline = performance.now() + patience
  for (let pause = 5; ; pause = Math.min(2 * pause, 100)) {
    if (signal?.aborted) throw new GuildError('GH_ABORTED', `waiting for ${path}`, { cause: signal.reason })
    let outcome: LockOutcome | 'again'
    try {
      outcome = attempt(path, role, 0)
    } catch (error) {
      throw diskError(error, path)
    }
    if (outcome !== 'again' && ('lock' in outcome || outcome.holder?.role === 'run')) return outcome
    if (performance.now() >= deadline) return outcome === 'again' ? { holder: undefined } : outcome
    await sleep(pause, undefined, signal === undefined ? {} : { signal }).catch(() => {})
  }
}

/** Who lives there now, taking nothing; undefined when nobody does, or a crash left the lock. */
export function lockHolder(path: string): LockHolder | undefined {
  try {
    const holder = look(path)?.holder
    return holder !== undefined && isRunning(holder) ? holder : undefined
  } catch (error) {
    if (errorCode(error) === 'ENOTDIR') return undefined
    throw diskError(error, path)
  }
}

/** One try without waiting. 'again' when another process was faster in between. */
function attempt(path: string, role: LockRole, depth: number): LockOutcome | 'again' {
  const seen = look(path)
  if (seen === undefined) return create(path, role)
  const { holder } = seen
  if (holder === undefined ? seen.age < GARBAGE_AFTER : isRunning(holder)) return { holder }
  return takeOver(path, role, seen.instance, depth)
}

function create(path: string, role: LockRole): LockOutcome | 'again' {
  const ready = prepare(path, role)
  try {
    linkSync(ready.temporary, path)
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return 'again'
    if (!linksUnsupported(error)) throw error
    // A file system without hard links: the content comes a moment after the name, which
    // is what GARBAGE_AFTER is for.
    try {
      writeFileSync(path, ready.content, { flag: 'wx', mode: 0o600 })
    } catch (second) {
      if (errorCode(second) === 'EEXIST') return 'again'
      throw second
    }
  } finally {
    remove(ready.temporary)
  }
  return { lock: hold(path, ready.id) }
}

function takeOver(path: string, role: LockRole, instance: string, depth: number): LockOutcome | 'again' {
  if (depth === DEPTH_MAX)
    throw new GuildError('GH_STORE_FAILED', `${path} cannot be taken over; remove it by hand`)
  const guard = attempt(`${path}.${instance}`, 'one-shot', depth + 1)
  if (guard === 'again' || !('lock' in guard)) return 'again'
  try {
    if (look(path)?.instance !== instance) return 'again'
    const ready = prepare(path, role)
    try {
      renameSync(ready.temporary, path)
    } catch (error) {
      remove(ready.temporary)
      throw error
    }
    if (depth === 0) clearLeftovers(path)
    return { lock: hold(path, ready.id) }
  } finally {
    guard.lock.release()
  }
}

/** A finished lock beside the place where it will lie. */
function prepare(path: string, role: LockRole): { temporary: string; content: string; id: string } {
  const id = randomUUID()
  const holder: LockHolder = { id, ...ownMark(), role, since: new Date().toISOString() }
  const content = `${JSON.stringify(holder)}\n`
  const temporary = `${path}.${id}.tmp`
  try {
    writeFileSync(temporary, content, { flag: 'wx', mode: 0o600 })
  } catch (error) {
    remove(temporary) // a full disk leaves an empty one
    throw error
  }
  return { temporary, content, id }
}

interface Seen {
  readonly instance: string
  readonly holder: LockHolder | undefined
  /** Milliseconds since it was written. */
  readonly age: number
}

/** What lies there, read through one descriptor so that content and instance belong together. */
function look(path: string): Seen | undefined {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
  try {
    const stat = fstatSync(file, { bigint: true })
    const bytes = new Uint8Array(CONTENT_MAX + 1)
    const length = readSync(file, bytes)
    const holder = length > CONTENT_MAX ? undefined : decodeHolder(bytes.subarray(0, length))
    const instance = holder?.id ?? `${stat.ino.toString(36)}-${stat.mtimeNs.toString(36)}`
    // A clock that was set back makes a file of the future: old as well.
    return { instance, holder, age: Math.abs(Date.now() - Number(stat.mtimeMs)) }
  } finally {
    closeSync(file)
  }
}

/** What a lock file says; undefined where it is none of ours, or not whole yet. Never throws. */
export function decodeHolder(bytes: Uint8Array): LockHolder | undefined {
  try {
    const value: unknown = JSON.parse(fromUtf8(bytes))
    if (typeof value !== 'object' || value === null) return undefined
    const { id, pid, startTime, boot, role, since } = value as Record<string, unknown>
    // 0 and negative numbers would ask about process groups.
    if (!Number.isSafeInteger(pid) || (pid as number) < 1 || (pid as number) > 0x7fff_ffff) return undefined
    if (role !== 'run' && role !== 'one-shot') return undefined
    return {
      pid: pid as number,
      role,
      since: typeof since === 'string' ? since.slice(0, 40) : '',
      // It becomes part of a file name.
      ...(typeof id === 'string' && /^[0-9a-f-]{36}$/.test(id) ? { id } : {}),
      ...(Number.isSafeInteger(startTime) ? { startTime: startTime as number } : {}),
      ...(typeof boot === 'string' ? { boot } : {}),
    }
  } catch {
    return undefined
  }
}

const held = new Set<Lock>()

function releaseAll(): void {
  for (const lock of held) lock.release()
}

function hold(path: string, id: string): Lock {
  const lock: Lock = {
    path,
    release() {
      if (!held.delete(lock)) return
      if (held.size === 0) process.off('exit', releaseAll)
      try {
        // While we live nobody takes ours over; but a person may have removed it by hand.
        if (look(path)?.instance === id) unlinkSync(path)
      } catch {
        // It stays behind as a stale lock, which the next one takes over.
      }
    },
  }
  if (held.size === 0) process.on('exit', releaseAll)
  held.add(lock)
  return lock
}

/** Files that a crash left beside the lock. Only the holder of the lock itself does this. */
function clearLeftovers(path: string): void {
  try {
    const own = `${basename(path)}.`
    for (const name of readdirSync(dirname(path))) {
      if (!name.startsWith(own) || !LEFTOVER.test(name.slice(own.length))) continue
      const file = join(dirname(path), name)
      if (Date.now() - statSync(file).mtimeMs > LEFTOVER_AFTER) remove(file)
    }
  } catch {
    // Tidiness is not worth a failed start.
  }
}

function remove(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // Gone already.
  }
}

function linksUnsupported(error: unknown): boolean {
  return ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL', 'EMLINK'].includes(errorCode(error) ?? '')
}
