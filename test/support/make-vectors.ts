/**
 * Writes the vectors: `node dist/test/support/make-vectors.js`.
 *
 * For new cases only. A vector that is already written is compared and never changed:
 * others have built on it. A case our decoder does not agree with is not written.
 */
import { existsSync, writeFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { fromHex } from '../../src/base/bytes.ts'
import { WireError } from '../../src/base/errors.ts'
import type { Case } from './case-forms.ts'
import { codecs } from './codecs.ts'
import { caseFiles } from './vector-cases.ts'
import { readVectors, type Vector, type VectorFile, vectorPath } from './vectors.ts'

for (const [message, { page, notes, cases }] of Object.entries(caseFiles)) {
  const path = vectorPath(message)
  const old = existsSync(path) ? readVectors(message).vectors : []
  const made = cases.map(toVector)
  for (const vector of old)
    if (!made.some(other => isDeepStrictEqual(other, vector)))
      throw new Error(`${message} ${vector.id}: a written vector may not change`)
  for (const vector of made) confirm(message, vector)
  const file: VectorFile = { $schema: './schema.json', message, page, notes, vectors: made }
  writeFileSync(path, toText(file))
  console.log(`${message}: ${made.length} vectors, ${made.length - old.length} new`)
}

function toVector([id, bytes, meaning, comment]: Case): Vector {
  const plain = bytes.replaceAll(' ', '')
  const fault = typeof meaning === 'object' && 'error' in meaning
  return {
    id,
    result: fault ? 'invalid' : 'valid',
    bytes: plain,
    ...(fault ? meaning : { value: meaning }),
    ...(comment === undefined ? {} : { comment }),
  }
}

function confirm(message: string, vector: Vector): void {
  const bytes = fromHex(vector.bytes)
  if (bytes === undefined) throw new Error(`${message} ${vector.id}: bad hex`)
  try {
    const value = codecs[message]!.decode(bytes)
    if (vector.result === 'invalid' || !isDeepStrictEqual(value, vector.value))
      throw new Error(`${message} ${vector.id}: decoded as ${JSON.stringify(value)}`)
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    const { code, field, offset } = error
    if (code !== vector.error || field !== vector.field || offset !== vector.offset)
      throw new Error(`${message} ${vector.id}: ${code} in ${field} at ${offset}`)
  }
}

/** One vector a line: a new one is one new line in a diff. */
function toText({ vectors, ...head }: VectorFile): string {
  const lines = Object.entries(head).map(([key, value]) => `  "${key}": ${JSON.stringify(value)},\n`)
  const rows = vectors.map(vector => `    ${JSON.stringify(vector)}`).join(',\n')
  return `{\n${lines.join('')}  "vectors": [\n${rows}\n  ]\n}\n`
}
