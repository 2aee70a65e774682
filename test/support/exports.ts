/**
 * The names a program can import, by entry point of `package.json`.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from './root.ts'

export const snapshotPath: string = join(root, 'test/repo/exports.json')

/** As the compiler left them, which may be newer than `dist/library`. Entry points whose file is not built yet are left out. */
export async function exportedNames(): Promise<Record<string, string[]>> {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const names: Record<string, string[]> = {}
  for (const [entry, target] of Object.entries<{ types?: string }>(exports)) {
    if (target.types === undefined) continue
    const path = join(root, target.types.replace(/\.d\.ts$/, '.js'))
    if (existsSync(path)) names[entry] = Object.keys(await import(pathToFileURL(path).href)).sort()
  }
  return names
}
