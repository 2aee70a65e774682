/**
 * The directory a node keeps its things in, and how several nodes share one folder.
 *
 *   ./data            slot 1        identity.key  peers.json  guild.db  lock  port
 *   ./data/node-2     slot 2        the same
 *   ./data/node-3     slot 3        …
 *
 * Without a path of its own a node takes the first slot that no running node holds, so that
 * three starts in one folder make three nodes. A slot remembers its port: a start with that
 * port finds its identity again, whatever the order of starts. A one-shot command means slot 1,
 * or the slot of its port.
 *
 * A path given by hand is that very directory: a node that holds it is in the way
 * (GH_STORE_LOCKED). A one-shot that holds a directory is waited for, never stepped around:
 * it is done in a moment, and stepping around would start a node with another identity.
 *
 * Page: README.md · Floor: store.
 */
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { GuildError } from '../base/errors.ts'
import { diskError, errorCode } from './disk-error.ts'
import { type LockHolder, type LockOutcome, type LockRole, lockHolder, takeLock } from './lock.ts'
import { makeDirectory } from './make-directory.ts'

export interface DataDirOptions {
  /** This very directory. Default: the slots of `base`. */
  readonly path?: string | undefined
  /** Take the slot that remembers this port, where there is one. */
  readonly port?: number | undefined
  readonly role: LockRole
  /** Where the slots lie. Default `./data`. */
  readonly base?: string
  /** How long a one-shot is waited for, in milliseconds. Default 5,000. */
  readonly patience?: number
  readonly signal?: AbortSignal | undefined
}

export interface DataDir {
  /** Absolute. */
  readonly path: string
  /** 1, 2, 3 …; undefined when the path was given by hand. */
  readonly slot: number | undefined
  /** For the next start with this port. Does nothing outside the slots. */
  rememberPort(port: number): void
  /** Gives the directory back. May be called again; runs by itself when the process exits. */
  release(): void
}

/** More nodes in one folder than a full mesh can bear. */
const SLOTS_MAX = 1_024

export async function openDataDir(options: DataDirOptions): Promise<DataDir> {
  if (options.path !== undefined) return await exactly(resolve(options.path), undefined, options)
  const base = resolve(options.base ?? 'data')
  const remembered = options.port ? slotOfPort(base, options.port) : undefined
  if (options.role === 'one-shot') {
    if (remembered === undefined && options.port && portOf(base) !== undefined)
      throw new GuildError('GH_STORE_FAILED', `${base}: no node in it has run on port ${options.port}`)
    const slot = remembered ?? 1
    return await exactly(slotPath(base, slot), slot, options)
  }
  const others = Array.from({ length: SLOTS_MAX }, (_, i) => i + 1).filter(slot => slot !== remembered)
  for (const slot of remembered === undefined ? others : [remembered, ...others]) {
    const path = slotPath(base, slot)
    const outcome = await lock(path, options)
    if ('lock' in outcome) return opened(path, slot, outcome.lock)
    if (outcome.holder?.role !== 'run') throw locked(path, outcome.holder)
  }
  throw new GuildError(
    'GH_STORE_LOCKED',
    `${base}: all of its ${SLOTS_MAX} slots are taken; stop one of those nodes, or choose another --data-dir`,
  )
}

export interface FoundDataDir {
  /** Absolute. */
  readonly path: string
  /** The node that runs on it now. */
  readonly holder: LockHolder | undefined
}

/** The directory that a one-shot command means, and who lives there. Makes and takes nothing. */
export function findDataDir(options: Pick<DataDirOptions, 'path' | 'port' | 'base'>): FoundDataDir {
  const base = resolve(options.base ?? 'data')
  let path = options.path === undefined ? base : resolve(options.path)
  if (options.path === undefined && options.port) {
    const slot = slotOfPort(base, options.port)
    if (slot === undefined)
      throw new GuildError('GH_CONTROL_ABSENT', `${base}: no node in it has run on port ${options.port}`)
    path = slotPath(base, slot)
  }
  const holder = lockHolder(join(path, 'lock'))
  return { path, holder: holder?.role === 'run' ? holder : undefined }
}

async function exactly(path: string, slot: number | undefined, options: DataDirOptions): Promise<DataDir> {
  const outcome = await lock(path, options)
  if ('lock' in outcome) return opened(path, slot, outcome.lock)
  throw locked(path, outcome.holder)
}

async function lock(path: string, options: DataDirOptions): Promise<LockOutcome> {
  makeDirectory(path)
  const { role, patience, signal } = options
  return await takeLock({
    path: join(path, 'lock'),
    role,
    signal,
    ...(patience === undefined ? {} : { patience }),
  })
}

function opened(path: string, slot: number | undefined, held: { release(): void }): DataDir {
  return {
    path,
    slot,
    rememberPort(port) {
      if (slot === undefined || portOf(path) === port) return
      const file = join(path, 'port')
      try {
        writeFileSync(`${file}.tmp`, `${port}\n`, { mode: 0o600 })
        renameSync(`${file}.tmp`, file)
      } catch (error) {
        rmSync(`${file}.tmp`, { force: true })
        throw diskError(error, file)
      }
    },
    release: () => held.release(),
  }
}

function slotPath(base: string, slot: number): string {
  return slot === 1 ? base : join(base, `node-${slot}`)
}

/** The lowest slot that remembers this port. */
function slotOfPort(base: string, port: number): number | undefined {
  let names: string[]
  try {
    names = readdirSync(base)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw diskError(error, base)
  }
  const slots = names.map(name => Number(/^node-([1-9][0-9]{0,3})$/.exec(name)?.[1] ?? 0)).filter(n => n > 1)
  slots.sort((a, b) => a - b)
  return [1, ...slots].find(slot => slot <= SLOTS_MAX && portOf(slotPath(base, slot)) === port)
}

/** A slot without a readable port remembers none: it is a convenience, not a fact to fail on. */
function portOf(path: string): number | undefined {
  try {
    const text = readFileSync(join(path, 'port'), 'utf8').trim()
    return /^[1-9][0-9]{0,4}$/.test(text) ? Number(text) : undefined
  } catch {
    return undefined
  }
}

function locked(path: string, holder: LockHolder | undefined): GuildError {
  if (holder === undefined)
    return new GuildError('GH_STORE_LOCKED', `${path}: another process is just taking it; try again`)
  const { pid, role, since } = holder
  return new GuildError(
    'GH_STORE_LOCKED',
    role === 'run'
      ? `${path}: process ${pid} runs on it since ${since}; stop that node, or choose another --data-dir`
      : `${path}: a command (process ${pid}, since ${since}) is still at work on it; try again when it is done`,
  )
}
