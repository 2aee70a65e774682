/**
 * Our own test vectors: `protocol/vectors/*.json`, for us and for other implementations.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { codecs, type Json } from './codecs.ts'
import { root } from './root.ts'

export interface Vector {
  readonly id: string
  readonly result: 'valid' | 'invalid'
  /** Hex. */
  readonly bytes: string
  /** What the bytes mean, when valid. */
  readonly value?: Json
  /** Which error, in which field, at which byte, when invalid. */
  readonly error?: string
  readonly field?: string
  readonly offset?: number
  readonly comment?: string
}

export interface VectorFile {
  readonly $schema: './schema.json'
  readonly message: string
  readonly page: string
  readonly notes: string
  readonly vectors: readonly Vector[]
}

export const vectorMessages: readonly string[] = Object.keys(codecs)

export function vectorPath(message: string): string {
  return join(root, 'protocol', 'vectors', `${message}.json`)
}

export function readVectors(message: string): VectorFile {
  return JSON.parse(readFileSync(vectorPath(message), 'utf8'))
}
