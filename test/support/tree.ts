/** What lies in a folder, to compare before with after. */
import { createHash } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Every file below a folder with its mode and a hash of its content. */
export function tree(folder: string): string[] {
  return (readdirSync(folder, { recursive: true }) as string[]).toSorted().map(name => {
    const path = join(folder, name)
    const stat = lstatSync(path)
    if (!stat.isFile()) return `${name} -`
    const hash = createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 12)
    return `${name} ${(stat.mode & 0o777).toString(8)} ${hash}`
  })
}
