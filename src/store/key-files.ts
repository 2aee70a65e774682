/**
 * The two secrets on disk: the swarm key, shared by a network, and a node's identity.
 *
 *   missing ── temporary file, fsync, link, fsync of the directory ──▶ there, whole
 *   there   ── a file, ours alone (0600), of the right form        ──▶ its key
 *
 * A link never replaces anything, so when two first starts race one of them wins and both
 * read the same key; and a crash leaves the whole key or none.
 *
 * A path given by hand must exist: a typo must not make a new network, or a new identity.
 * A file that others can read or write is refused, as ssh does: whoever has the swarm key is a
 * member, whoever has the identity is this node. No error and no log says anything of a key.
 *
 * Page: protocol/swarm-key.md, protocol/identity.md (spec: ID-2, ID-3, SWARM-3, SWARM-4)
 * Faults: CL-01, HS-22, P27 · Floor: store.
 */
import { randomUUID } from 'node:crypto'
import { access, link, open, rename, unlink } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { equal, utf8 } from '../base/bytes.ts'
import { codes, GuildError } from '../base/errors.ts'
import type { Random, Suite } from '../base/ports.ts'
import { decodePrivateKey, encodePrivateKey } from '../wire/private-key.ts'
import { decodeSwarmKey, encodeSwarmKey, SWARM_KEY_LENGTH } from '../wire/swarm-key.ts'
import { diskError, errorCode } from './disk-error.ts'
import { takeLock } from './lock.ts'
import { makeDirectory } from './make-directory.ts'
import { readBounded } from './read-bounded.ts'
import { syncDirectory } from './replace-file.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export interface SwarmKeyFile {
  readonly psk: Uint8Array
  readonly path: string
  /** This call made it: worth telling, for a new key is a new network. */
  readonly created: boolean
}

export interface SwarmKeyOptions {
  /** Default: `defaultSwarmKeyPath`, where it is made if missing. */
  readonly path?: string | undefined
  /** Make it if missing. Default: only at the default path. */
  readonly create?: boolean
  readonly random: Random
  readonly env?: Environment
}

export interface IdentityKeyFile {
  /** The 32 bytes for `suite.identity`. */
  readonly seed: Uint8Array
  readonly path: string
  readonly created: boolean
}

export interface IdentityKeyOptions {
  readonly path: string
  /** Make it if missing: for the one in the data directory, not for a path given by hand. */
  readonly create: boolean
  readonly random: Random
  /** Knows the public key of a seed. */
  readonly suite: Pick<Suite, 'identity'>
}

const SEED_LENGTH = 32
/** Any file longer than this is no key of ours, and not worth reading. */
const FILE_MAX = 4_096

/** `$XDG_CONFIG_HOME/guild-home/swarm.key`, else in `~/.config`. A relative value is ignored, as XDG says. */
export function defaultSwarmKeyPath(env: Environment = process.env): string {
  const config = env.XDG_CONFIG_HOME
  if (config !== undefined && isAbsolute(config)) return join(config, 'guild-home', 'swarm.key')
  return join(home(env), '.config', 'guild-home', 'swarm.key')
}

export async function loadSwarmKey(options: SwarmKeyOptions): Promise<SwarmKeyFile> {
  const path = resolve(options.path ?? defaultSwarmKeyPath(options.env))
  const create = options.create ?? options.path === undefined
  const { bytes, created } = await load(path, create ? () => newSwarmKey(options.random) : undefined, 'swarm')
  return { psk: named(path, () => decodeSwarmKey(bytes)), path, created }
}

export async function loadIdentityKey(options: IdentityKeyOptions): Promise<IdentityKeyFile> {
  const { random, suite } = options
  const path = resolve(options.path)
  const make = (): Uint8Array => {
    const seed = random.bytes(SEED_LENGTH)
    return encodePrivateKey({ seed, publicKey: suite.identity(seed).publicKey })
  }
  const { bytes, created } = await load(path, options.create ? make : undefined, 'identity')
  const { seed, publicKey } = named(path, () => decodePrivateKey(bytes))
  if (!equal(suite.identity(seed).publicKey, publicKey))
    throw new GuildError('GH_KEY_INVALID', `${path}: its public key does not belong to its seed`)
  return { seed, path, created }
}

function newSwarmKey(random: Random): Uint8Array {
  return utf8(encodeSwarmKey(random.bytes(SWARM_KEY_LENGTH)))
}

async function load(
  path: string,
  make: (() => Uint8Array) | undefined,
  which: 'swarm' | 'identity',
): Promise<{ bytes: Uint8Array; created: boolean }> {
  try {
    const there = await read(path)
    if (there !== undefined) return { bytes: there, created: false }
    if (make === undefined) throw missing(path, which)
    const created = await createWhole(path, make())
    const bytes = await read(path)
    if (bytes === undefined) throw missing(path, which)
    return { bytes, created }
  } catch (error) {
    throw diskError(error, path)
  }
}

function read(path: string): Promise<Uint8Array | undefined> {
  return readBounded(path, {
    most: FILE_MAX,
    refuse: why => new GuildError('GH_KEY_INVALID', `${path}: ${why}`),
    look({ mode }) {
      if (process.platform !== 'win32' && (mode & 0o066) !== 0) throw tooOpen(path, mode)
    },
  })
}

/** False when another process was faster; then its file stands. */
async function createWhole(path: string, bytes: Uint8Array): Promise<boolean> {
  makeDirectory(dirname(path))
  const temporary = `${path}.${randomUUID()}.tmp`
  try {
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    const created = await place(temporary, path)
    await syncDirectory(dirname(path))
    return created
  } finally {
    await unlink(temporary).catch(() => {})
  }
}

async function place(temporary: string, path: string): Promise<boolean> {
  try {
    await link(temporary, path)
    return true
  } catch (error) {
    const code = errorCode(error) ?? ''
    if (code === 'EEXIST') return false
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL', 'EMLINK'].includes(code)) throw error
  }
  // A file system without hard links: a lock makes the look and the renaming one step.
  const outcome = await takeLock({ path: `${path}.lock`, role: 'one-shot' })
  if (!('lock' in outcome))
    throw new GuildError('GH_STORE_LOCKED', `${path}: another process is making it; try again`)
  try {
    const there = await access(path).then(
      () => true,
      () => false,
    )
    if (!there) await rename(temporary, path)
    return !there
  } finally {
    outcome.lock.release()
  }
}

function home(env: Environment): string {
  const own = env.HOME
  if (own !== undefined && isAbsolute(own)) return own
  try {
    const system = homedir()
    if (isAbsolute(system)) return system
  } catch {
    // No such user: a container with a user id of its own.
  }
  throw new GuildError(
    'GH_KEY_MISSING',
    'there is no home directory; set XDG_CONFIG_HOME, or give --swarm-key <path>',
  )
}

/** The same error, naming the file. */
function named<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof GuildError)) throw error
    const detail = error.message.slice(codes[error.code].length + 2)
    throw new GuildError(error.code, `${path}: ${detail}`, { cause: error })
  }
}

function missing(path: string, which: 'swarm' | 'identity'): GuildError {
  return new GuildError(
    'GH_KEY_MISSING',
    which === 'swarm'
      ? `${path}: correct the path, or copy the key of your network there`
      : `${path}: correct the path, or leave --identity-key away to use the one in the data directory`,
  )
}

function tooOpen(path: string, mode: number): GuildError {
  const bits = (mode & 0o777).toString(8).padStart(4, '0')
  const quoted = /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
  return new GuildError('GH_KEY_PERMISSIONS', `${path} has mode ${bits}; type: chmod 600 ${quoted}`)
}
