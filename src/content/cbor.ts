/**
 * DAG-CBOR, read strictly and without recursion: is it well formed, and where does it link to?
 *
 *   a2                           map, 2 pairs
 *     61 61 | 01                 "a": 1
 *     61 62 | d8 2a 58 25 00 …   "b": tag 42, bytes: 00 and a CID
 *
 * One value has one encoding, or two blocks would say the same under two names. So: the fewest
 * bytes for every length and number, map keys that are text, sorted by length and then by bytes and
 * never twice, no indefinite lengths, no tag but 42, floats of 64 bits and neither NaN nor infinite,
 * no `undefined`, real UTF-8, and nothing behind the value.
 *
 * It makes no values: a block is checked and searched where it lies. Nothing is allocated for what
 * a length claims, and nesting is counted, not followed by the stack of the machine.
 *
 * Page: protocol/block.md (spec: BLOCK-5) · Vectors: ipld/codec-fixtures, dag-cbor-strict · Faults: CB-01, CB-02
 * Floor: content.
 */
import { CID } from 'multiformats/cid'
import { compare, equal, fromUtf8, utf8 } from '../base/bytes.ts'
import { GuildError } from '../base/errors.ts'

/** Arrays and maps inside each other. */
export const CBOR_DEPTH_MAX = 1_024
/** Links of one block, of any codec: what 2 MiB hold of real ones is fewer. */
export const LINKS_MAX = 65_536

const LINK_TAG = 42

interface Frame {
  /** Items still to come; of a map, keys and values. */
  left: number
  readonly map: boolean
  key: Uint8Array | undefined
}

/** Checks the whole block, and gives its links in order. Throws GH_BLOCK_INVALID. */
export function cborLinks(bytes: Uint8Array): CID[] {
  const links: CID[] = []
  const open: Frame[] = []
  const head = new Head(bytes)
  let done = false
  while (!done) {
    const frame = open.at(-1)
    const keyNext = frame?.map === true && frame.left % 2 === 0
    if (frame !== undefined) frame.left--
    head.read()
    const { major, value, at } = head
    if (keyNext) {
      if (major !== 3) throw invalid(at, 'a map key is no text')
      const key = head.take(value)
      if (frame.key !== undefined && order(frame.key, key) >= 0)
        throw invalid(at, 'map keys are out of order or twice')
      frame.key = key
      checkText(key, at)
      continue
    }
    switch (major) {
      case 2:
        head.take(value)
        break
      case 3:
        checkText(head.take(value), at)
        break
      case 4:
      case 5:
        // By its claim: each item takes a byte at least.
        if (value * (major - 3) > bytes.length - head.end) throw invalid(at, 'more items than bytes')
        if (open.length === CBOR_DEPTH_MAX) throw invalid(at, `more than ${CBOR_DEPTH_MAX} deep`)
        open.push({ left: value * (major - 3), map: major === 5, key: undefined })
        break
      case 6:
        if (value !== LINK_TAG) throw invalid(at, `tag ${value}, which is not 42`)
        if (links.length === LINKS_MAX) throw invalid(at, `more than ${LINKS_MAX} links`)
        links.push(head.link())
        break
      case 7:
        checkSimple(bytes, head)
        break
    }
    while (open.length > 0 && open.at(-1)!.left === 0) open.pop()
    done = open.length === 0
  }
  if (head.end !== bytes.length) throw invalid(head.end, 'bytes behind the value')
  return links
}

/** Where a path into a block ends: at a link with segments left, at a value, or nowhere. */
export type CborFound =
  | { readonly kind: 'link'; readonly cid: CID; readonly used: number }
  | { readonly kind: 'value' }
  | { readonly kind: 'none'; readonly used: number }

/** Follows the segments from `from` on into a checked block, as far as the first link. */
export function cborAt(bytes: Uint8Array, segments: readonly string[], from: number): CborFound {
  const head = new Head(bytes)
  for (let i = from; ; i++) {
    head.read()
    const { major, value } = head
    if (major === 6) return { kind: 'link', cid: head.link(), used: i }
    if (i === segments.length) return { kind: 'value' }
    const found =
      major === 5 ? intoMap(head, value, segments[i]!) : major === 4 && intoArray(head, value, segments[i]!)
    if (!found) return { kind: 'none', used: i }
  }
}

function intoMap(head: Head, count: number, name: string): boolean {
  const wanted = utf8(name)
  for (let i = 0; i < count; i++) {
    head.read()
    if (equal(head.take(head.value), wanted)) return true
    head.pass()
  }
  return false
}

function intoArray(head: Head, count: number, name: string): boolean {
  if (!/^(?:0|[1-9]\d{0,6})$/.test(name) || Number(name) >= count) return false
  for (let i = Number(name); i > 0; i--) head.pass()
  return true
}

/** The first bytes of an item: what kind it is and its number. */
class Head {
  readonly #bytes: Uint8Array
  /** Where this item begins, and where what follows its head does. */
  at = 0
  end = 0
  major = 0
  info = 0
  /** A length, a count, or a number; above 2^53 only roughly. */
  value = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  read(): void {
    const bytes = this.#bytes
    this.at = this.end
    const first = bytes[this.at]
    if (first === undefined) throw invalid(this.at, 'the bytes end inside a value')
    this.major = first >> 5
    this.info = first & 31
    this.end++
    if (this.info < 24) {
      this.value = this.info
      return
    }
    if (this.info > 27) throw invalid(this.at, this.info === 31 ? 'an indefinite length' : 'a reserved head')
    const width = 1 << (this.info - 24)
    if (this.end + width > bytes.length) throw invalid(this.at, 'the bytes end inside a value')
    let value = 0
    for (let i = 0; i < width; i++) value = value * 256 + bytes[this.end + i]!
    this.end += width
    this.value = value
    const least = width === 1 ? 24 : 256 ** (width / 2)
    if (this.major !== 7 && value < least) throw invalid(this.at, 'longer than it need be')
  }

  take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.end) throw invalid(this.at, 'a length beyond the end')
    const begin = this.end
    this.end += length
    return this.#bytes.subarray(begin, this.end)
  }

  /** What stands behind tag 42. */
  link(): CID {
    const tag = this.at
    this.read()
    if (this.major !== 2) throw invalid(tag, 'tag 42 over something that is no bytes')
    const bytes = this.take(this.value)
    if (bytes[0] !== 0) throw invalid(tag, 'a link that does not begin with 00')
    try {
      return CID.decode(bytes.slice(1))
    } catch {
      throw invalid(tag, 'a link that is no CID')
    }
  }

  /** Passes over one item of a checked block, whatever is in it. */
  pass(): void {
    for (let left = 1; left > 0; left--) {
      this.read()
      if (this.major === 2 || this.major === 3) this.take(this.value)
      else if (this.major === 4) left += this.value
      else if (this.major === 5) left += 2 * this.value
      else if (this.major === 6) left += 1
    }
  }
}

/** Shorter keys first, then by bytes. */
function order(a: Uint8Array, b: Uint8Array): number {
  return a.length === b.length ? compare(a, b) : a.length - b.length
}

function checkText(bytes: Uint8Array, at: number): void {
  try {
    fromUtf8(bytes)
  } catch {
    throw invalid(at, 'text that is not UTF-8')
  }
}

/** false, true, null, and floats of 64 bits. */
function checkSimple(bytes: Uint8Array, head: Head): void {
  if (head.info === 20 || head.info === 21 || head.info === 22) return
  if (head.info === 25 || head.info === 26) throw invalid(head.at, 'a float of fewer than 64 bits')
  if (head.info !== 27) throw invalid(head.at, 'a simple value that is none of false, true and null')
  const view = new DataView(bytes.buffer, bytes.byteOffset + head.at + 1, 8)
  if (!Number.isFinite(view.getFloat64(0))) throw invalid(head.at, 'a float that is no number')
}

function invalid(at: number, why: string): GuildError {
  return new GuildError('GH_BLOCK_INVALID', `dag-cbor at byte ${at}: ${why}`)
}
