/**
 * Inputs that once failed: `test/fuzz/found/<decoder>.txt`, a line each, in hex, with what it was.
 *
 *   6161610001  # what went wrong then
 *
 * They are the first inputs of every run, and never thrown away.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fromHex } from '../../src/base/bytes.ts'
import { root } from '../support/root.ts'

const folder = join(root, 'test', 'fuzz', 'found')

export function found(name: string): Uint8Array[] {
  const file = join(folder, `${name}.txt`)
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter(line => line.trim() !== '' && !line.startsWith('#'))
    .map(line => {
      const bytes = fromHex(line.split('#')[0]!.trim())
      if (bytes === undefined) throw new Error(`${file}: not hex: ${line}`)
      return bytes
    })
}

/** Which decoders have some. */
export function foundNames(): string[] {
  return readdirSync(folder).map(file => file.replace(/\.txt$/, ''))
}
