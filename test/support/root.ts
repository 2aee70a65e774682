/**
 * The folder this checkout lives in, found from wherever the compiled test runs.
 */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

export const root: string = find(import.meta.dirname)

function find(from: string): string {
  if (existsSync(join(from, 'package.json'))) return from
  if (dirname(from) === from) throw new Error('no package.json above the tests')
  return find(dirname(from))
}
