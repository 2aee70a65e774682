/** Other people's test vectors, which lie beside a checkout and not in it. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The parsed JSON of `../shared/<path>` seen from the checkout's root, or undefined where there is none. */
// biome-ignore lint/suspicious/noExplicitAny: foreign JSON, each test knows its own shape
export function sharedJson(path: string): any | undefined {
  for (let at = import.meta.dirname; ; at = dirname(at)) {
    if (existsSync(join(at, 'package.json'))) {
      const file = join(at, '../shared', path)
      return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
    }
    if (dirname(at) === at) return undefined
  }
}
