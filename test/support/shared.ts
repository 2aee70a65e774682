/**
 * Test data that lives beside the checkout: other people's vectors.
 *
 * They are not part of the package; a test that needs one skips where it is absent.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The parsed JSON of `../shared/<path>`, seen from the folder with `package.json`; or undefined. */
// biome-ignore lint/suspicious/noExplicitAny: foreign vectors have many shapes
export function sharedJson(path: string): any | undefined {
  const file = sharedPath(path)
  return file === undefined ? undefined : JSON.parse(readFileSync(file, 'utf8'))
}

/** The same file as text. */
export function sharedText(path: string): string | undefined {
  const file = sharedPath(path)
  return file === undefined ? undefined : readFileSync(file, 'utf8')
}

function sharedPath(path: string): string | undefined {
  let folder = import.meta.dirname
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder)
    if (parent === folder) return undefined
    folder = parent
  }
  const file = join(folder, '..', 'shared', path)
  return existsSync(file) ? file : undefined
}

/** A file of bytes. */
export function sharedBytes(path: string): Uint8Array | undefined {
  const file = sharedPath(path)
  return file === undefined ? undefined : new Uint8Array(readFileSync(file))
}

/** The names in a folder, sorted; none where it is absent. */
export function sharedNames(path: string): string[] {
  const folder = sharedPath(path)
  return folder === undefined ? [] : readdirSync(folder).sort()
}
