/**
 * Where the control socket of a data directory lies.
 *
 *   <data-dir>/control.sock                            where that fits into 100 bytes
 *   <data-dir>/control.path                            else: a file that names the place,
 *   $XDG_RUNTIME_DIR/guild-home/<hash>.sock              which is this,
 *   <temporary directory>/guild-home-<uid>/<hash>.sock   or this
 *
 * A socket's path may have 104 to 108 bytes, and Node cuts a longer one without a word. The
 * other place is a directory of 0700 that is ours, or none: in a temporary directory anybody
 * may have made one of that name before us.
 *
 * Page: protocol/control.md · Floor: store.
 */
import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { utf8 } from '../base/bytes.ts'
import { GuildError } from '../base/errors.ts'
import { diskError } from './disk-error.ts'

/** As `transport/local.ts` refuses it. */
const PATH_MAX = 100
/** More is no path of ours. */
const NOTE_MAX = 4_096

export type Environment = Readonly<Record<string, string | undefined>>

/** The path to listen at; makes its directory and the note of it where it is another one. */
export function prepareControlPath(dataDir: string, env: Environment = process.env): string {
  const near = join(dataDir, 'control.sock')
  const note = join(dataDir, 'control.path')
  try {
    if (fits(near)) {
      rmSync(note, { force: true })
      return near
    }
    const far = elsewhere(dataDir, env)
    writeFileSync(`${note}.tmp`, `${far}\n`, { mode: 0o600 })
    renameSync(`${note}.tmp`, note)
    return far
  } catch (error) {
    throw diskError(error, dataDir)
  }
}

/** The path to dial; undefined where no node ever noted one. */
export function findControlPath(dataDir: string): string | undefined {
  const near = join(dataDir, 'control.sock')
  if (fits(near)) return near
  try {
    const note = readFileSync(join(dataDir, 'control.path'), 'utf8').trim()
    return note.length < NOTE_MAX && isAbsolute(note) && fits(note) ? note : undefined
  } catch {
    return undefined
  }
}

function elsewhere(dataDir: string, env: Environment): string {
  const name = `${createHash('sha256').update(dataDir).digest('hex').slice(0, 32)}.sock`
  const runtime = env.XDG_RUNTIME_DIR
  const uid = process.getuid?.() ?? 0
  const places = [
    ...(runtime !== undefined && isAbsolute(runtime) ? [join(runtime, 'guild-home')] : []),
    join(tmpdir(), `guild-home-${uid}`),
    join('/tmp', `guild-home-${uid}`),
  ]
  const place = places.find(one => fits(join(one, name)))
  if (place === undefined)
    throw new GuildError('GH_CONTROL_FAILED', `${dataDir}: its path is too long, and so is every other place`)
  mkdirSync(place, { recursive: true, mode: 0o700 })
  const { uid: owner, mode } = lstatSync(place)
  if (!lstatSync(place).isDirectory() || owner !== uid || (mode & 0o077) !== 0)
    throw new GuildError('GH_CONTROL_FAILED', `${place} has to be a directory that is yours alone: chmod 700`)
  return join(place, name)
}

function fits(path: string): boolean {
  return utf8(path).length <= PATH_MAX
}
