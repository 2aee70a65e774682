/**
 * Plain functions on bytes. No Buffer: cores run in browsers too.
 *
 * Floor: base.
 */
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export const empty: Uint8Array = new Uint8Array(0)

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const out = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/** Not constant time: for public values only. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && compare(a, b) === 0
}

/** Unsigned, byte by byte; a prefix sorts first. */
export function compare(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length)
  for (let i = 0; i < shared; i++) {
    const difference = a[i]! - b[i]!
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

/** For secrets: looks at every byte whatever the first difference. */
export function equalConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!
  return difference === 0
}

/** A copy that owns its memory, for small pieces that outlive a large parent. */
export function copy(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}

export function utf8(text: string): Uint8Array {
  return encoder.encode(text)
}

/** How many bytes `utf8` makes of it: counted where it is ASCII, as names nearly always are. */
export function utf8Length(text: string): number {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return encoder.encode(text).length
  return text.length
}

/** Throws a TypeError on bytes that are not UTF-8. */
export function fromUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes)
}

const hexDigits = encoder.encode('0123456789abcdef')

export function toHex(bytes: Uint8Array): string {
  const out = new Uint8Array(2 * bytes.length)
  let at = 0
  for (const byte of bytes) {
    out[at++] = hexDigits[byte >> 4]!
    out[at++] = hexDigits[byte & 15]!
  }
  return fromAscii(out)
}

/**
 * The same ASCII text in one piece. A text that was added up is kept as a tree of its parts, which for an id
 * of 64 digits is 1.5 KB: too much for what is remembered by the thousand.
 */
export function flat(text: string): string {
  const codes = new Uint8Array(text.length)
  for (let i = 0; i < codes.length; i++) codes[i] = text.charCodeAt(i)
  return fromAscii(codes)
}

function fromAscii(codes: Uint8Array): string {
  let out = ''
  for (let at = 0; at < codes.length; at += 4096) out += String.fromCharCode(...codes.subarray(at, at + 4096))
  return out
}

/** Undefined when the text is not an even number of hex digits. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(text)) return undefined
  const out = new Uint8Array(text.length / 2)
  for (let i = 0; i < out.length; i++) out[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16)
  return out
}
