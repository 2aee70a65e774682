/**
 * Writes the generated pages and the snapshot of exported names: `npm run protocol`.
 *
 * Refuses to write a registry in which a number is gone or means something else.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { datagramStoryPath, withDatagrams } from './datagram-story.ts'
import { exportedNames, snapshotPath } from './exports.ts'
import { conversations, withConversations } from './line-story.ts'
import { oneFileFetched, oneFilePath, withMessages } from './one-file.ts'
import { generate, registryBreaks, registryJson } from './protocol-pages.ts'
import { root } from './root.ts'
import { threeNodesMeet, threeNodesPath, withUnits } from './three-nodes.ts'

const registryPath = join(root, 'protocol/registry.json')
if (existsSync(registryPath)) {
  const breaks = registryBreaks(JSON.parse(readFileSync(registryPath, 'utf8')), registryJson())
  if (breaks.length > 0) throw new Error(`the registry is append-only:\n  ${breaks.join('\n  ')}`)
}

for (const [path, text] of generate()) write(join(root, path), text)
const linePage = join(root, 'protocol/line.md')
write(linePage, withConversations(readFileSync(linePage, 'utf8'), await conversations()))
const threeNodesPage = join(root, threeNodesPath)
write(threeNodesPage, withUnits(readFileSync(threeNodesPage, 'utf8'), await threeNodesMeet()))
const oneFilePage = join(root, oneFilePath)
write(oneFilePage, withMessages(readFileSync(oneFilePage, 'utf8'), await oneFileFetched()))
const datagramPage = join(root, datagramStoryPath)
write(datagramPage, withDatagrams(readFileSync(datagramPage, 'utf8')))
write(snapshotPath, `${JSON.stringify(await exportedNames(), null, 2)}\n`)

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return
  writeFileSync(path, text)
  console.log(path.slice(root.length + 1))
}
