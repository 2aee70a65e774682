/**
 * The swarm key replaced by a new one, with the old one kept beside it for a while.
 *
 *   swarm.key = A
 *     rotate ──▶ swarm.key.previous = A, on disk ──▶ swarm.key = B, in one step
 *     finish ──▶ swarm.key.previous removed
 *
 * At every moment the file holds a whole key that its holder's network knows. A crash between
 * the two steps leaves A twice; the next rotation goes on from there. A previous key counts
 * for 7 days, by the time its file was written: a rotation that was forgotten ends by itself.
 * A link to a key file is followed, so that both files lie in the same directory.
 *
 * Refuses: to rotate while a previous key counts, for the key before it would be lost and
 * with it every node that has only that one.
 *
 * Page: protocol/swarm-key.md · Floor: store.
 */
import { realpath, stat, unlink } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { equal, utf8 } from '../base/bytes.ts'
import { GuildError } from '../base/errors.ts'
import type { Random } from '../base/ports.ts'
import { encodeSwarmKey, SWARM_KEY_LENGTH } from '../wire/swarm-key.ts'
import { diskError, errorCode } from './disk-error.ts'
import { defaultSwarmKeyPath, loadSwarmKey } from './key-files.ts'
import { takeLock } from './lock.ts'
import { replaceFile, syncDirectory } from './replace-file.ts'

export interface RotationOptions {
  /** Of the swarm key. Default: `defaultSwarmKeyPath`. */
  readonly path?: string | undefined
  readonly random: Random
  /** Unix time in milliseconds. */
  readonly wall?: () => number
}

export interface RotatedSwarmKey {
  readonly path: string
  /** Where the key before lies. */
  readonly previousPath: string
  readonly psk: Uint8Array
  readonly previous: Uint8Array
}

export interface FinishedRotation {
  readonly path: string
  readonly previousPath: string
  readonly psk: Uint8Array
  /** There was a previous key. */
  readonly removed: boolean
}

const DAY = 86_400_000
/** Time enough to carry a file to every machine, and an end to a rotation nobody finished. */
const HONOURED_DAYS = 7

/** The key before the current one; undefined where there is none, or it has had its time. */
export async function loadPreviousSwarmKey(options: RotationOptions): Promise<Uint8Array | undefined> {
  const { random, wall = Date.now } = options
  const path = `${await keyPath(options)}.previous`
  const age = await ageOf(path, wall())
  if (age === undefined || age > HONOURED_DAYS * DAY) return undefined
  return (await loadSwarmKey({ path, create: false, random })).psk
}

/** Makes a new key in the place of the one in the file, which becomes the previous one. */
export async function rotateSwarmKey(options: RotationOptions): Promise<RotatedSwarmKey> {
  const { random } = options
  const path = await keyPath(options)
  const previousPath = `${path}.previous`
  await loadSwarmKey({ path, create: false, random }) // a wrong path is told before a lock lies there
  return alone(path, async () => {
    const { psk: previous } = await loadSwarmKey({ path, create: false, random })
    const before = await loadPreviousSwarmKey({ ...options, path })
    if (before !== undefined && !equal(before, previous))
      throw new GuildError(
        'GH_KEY_ROTATING',
        `${previousPath} counts for ${HONOURED_DAYS} days unless it is finished`,
      )
    const psk = random.bytes(SWARM_KEY_LENGTH)
    await replaceFile(previousPath, utf8(encodeSwarmKey(previous)))
    await replaceFile(path, utf8(encodeSwarmKey(psk)))
    return { path, previousPath, psk, previous }
  })
}

/** Removes the previous key: nodes accept the current one alone from their next start. */
export async function finishSwarmKeyRotation(options: RotationOptions): Promise<FinishedRotation> {
  const { random } = options
  const path = await keyPath(options)
  const previousPath = `${path}.previous`
  // First: whoever has no readable key left would lose the last one that works.
  const { psk } = await loadSwarmKey({ path, create: false, random })
  return alone(path, async () => {
    try {
      await unlink(previousPath)
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw diskError(error, previousPath)
      return { path, previousPath, psk, removed: false }
    }
    await syncDirectory(dirname(path))
    return { path, previousPath, psk, removed: true }
  })
}

/** Two rotations at once would each believe the other's key to be the old one. */
async function alone<T>(path: string, work: () => Promise<T>): Promise<T> {
  const outcome = await takeLock({ path: `${path}.lock`, role: 'one-shot' })
  if (!('lock' in outcome))
    throw new GuildError('GH_STORE_LOCKED', `${path}: another process changes it; try again`)
  try {
    return await work()
  } finally {
    outcome.lock.release()
  }
}

async function keyPath({ path = defaultSwarmKeyPath() }: RotationOptions): Promise<string> {
  const whole = resolve(path)
  try {
    return await realpath(whole)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return whole // told by whoever reads it
    throw diskError(error, whole)
  }
}

/** In milliseconds, either way: a time far in the future is as wrong as one long ago. */
async function ageOf(path: string, now: number): Promise<number | undefined> {
  try {
    return Math.abs(now - (await stat(path)).mtimeMs)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw diskError(error, path)
  }
}
