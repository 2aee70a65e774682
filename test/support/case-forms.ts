/**
 * How cases are written down: `[id, bytes, meaning, comment]`, and the bytes by formulas of
 * their own, so that our encoders do not check themselves.
 */
import type { Json } from './codecs.ts'

export interface Fault {
  readonly error: string
  readonly field: string
  readonly offset: number
}

export type Case = readonly [id: string, bytes: string, meaning: Json | Fault, comment?: string]

export const bad = (what: string, field: string, offset: number): Fault => ({
  error: `GH_WIRE_${what}`,
  field,
  offset,
})

/** RFC 9000 §16 in one expression: the width's two bits above the number. */
export function n(value: number | bigint): string {
  const v = BigInt(value)
  const width = v < 1n << 6n ? 0n : v < 1n << 14n ? 1n : v < 1n << 30n ? 2n : 3n
  const bytes = 1n << width
  return ((width << (bytes * 8n - 2n)) | v).toString(16).padStart(Number(bytes) * 2, '0')
}

export const text = (value: string): string => [...new TextEncoder().encode(value)].map(b => hex2(b)).join('')
const hex2 = (value: number): string => value.toString(16).padStart(2, '0')
export const t = (value: string): string => n(text(value).length / 2) + text(value)
/** `length` bytes counting up from `first`. */
export const run = (first: number, length: number): string =>
  Array.from({ length }, (_, i) => hex2((first + i) & 255)).join('')

export interface CaseFile {
  readonly page: string
  readonly notes: string
  readonly cases: readonly Case[]
}
