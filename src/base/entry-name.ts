/**
 * What a name in a folder may be, wherever the folder is: on a disk, or made of blocks.
 *
 * A name is one step of a path. What is a way (`..`, `a/b`), hides an end (a zero byte) or is not text
 * is none. A disk may refuse more.
 *
 * Page: protocol/block.md (spec: UNIXFS-4, TREE-1) · Faults: UX-01 · Floor: base.
 */
import { utf8Length } from './bytes.ts'

/** Bytes of UTF-8: what the file systems in use take. */
const MOST = 255

/** Why no entry may have this name, if so. */
export function entryNameFault(name: string): string | undefined {
  if (name === '') return 'it is empty'
  if (name === '.' || name === '..') return 'it is a way through folders, not a name'
  if (name.includes('/')) return 'it holds a "/"'
  if (name.includes('\0')) return 'it holds a zero byte'
  if (/[\ud800-\udfff]/u.test(name)) return 'it is not text'
  if (utf8Length(name) > MOST) return `it is longer than ${MOST} bytes`
  return undefined
}
