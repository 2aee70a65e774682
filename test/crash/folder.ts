/** Every file below a folder, by its path from there. */
import { readdirSync } from 'node:fs'
import { join, relative } from 'node:path'

export function filesUnder(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter(entry => entry.isFile())
    .map(entry => relative(folder, join(entry.parentPath, entry.name)))
    .sort()
}
