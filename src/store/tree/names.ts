/**
 * Which names of entries may become names on this disk.
 *
 * A folder made of blocks is somebody else's text. What is written by it stays below the folder it
 * is written to: no name may be a way (`..`, `a/b`, `/etc`), hide an end (a zero byte), or be one of
 * our own for files in progress. On Windows more characters are ways, and some names are devices.
 *
 * Page: protocol/block.md (spec: TREE-1) · Faults: UX-01 · Floor: store.
 */
import { entryNameFault } from '../../base/entry-name.ts'
import { GuildError } from '../../base/errors.ts'
import { visible } from '../../base/text.ts'

/** Files in progress begin with it. */
export const PART_PREFIX = '.guild-part-'

/** GH_PATH_UNSAFE unless the name is one, and only a name. */
export function checkName(name: string, platform: NodeJS.Platform): void {
  const fault = faultOf(name, platform)
  if (fault !== undefined) throw new GuildError('GH_PATH_UNSAFE', `entry "${visible(name, 80)}": ${fault}`)
}

function faultOf(name: string, platform: NodeJS.Platform): string | undefined {
  const fault = entryNameFault(name)
  if (fault !== undefined) return fault
  if (name.startsWith(PART_PREFIX)) return 'such names are for files in progress'
  if (platform !== 'win32') return undefined
  if (/[<>:"\\|?*]|[. ]$/.test(name) || [...name].some(one => one < ' ')) return 'Windows has no such name'
  if (/^(?:con|prn|aux|nul|(?:com|lpt)[0-9\u00b9\u00b2\u00b3])(?:\.|$)/i.test(name))
    return 'on Windows it is a device'
  return undefined
}
