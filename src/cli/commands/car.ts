/**
 * `guild-home car export <cid…> [-o f]` and `car import <f>`: many blocks in one file.
 *
 * Out goes version 1; in come 1 and 2. Each block is hashed, and where one does not fit nothing of
 * the file is kept. A file that is written appears under its name when it is whole.
 *
 * Floor: cli. Faults: CA-01, CA-02, CA-03.
 */
import { createWriteStream } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { type CID, type Contents, GuildError, visible } from '../api.ts'
import { actionOf, cidPath, formatCid, onlyWord } from '../cid-words.ts'
import { onContents } from '../contents.ts'
import type { Context } from '../context.ts'
import type { ExitCode } from '../exit-codes.ts'
import { json } from '../json-lines.ts'
import { bytes as shownBytes } from '../monitor/meter.ts'
import { ProgressLine } from '../progress.ts'
import { writeRaw } from '../raw-output.ts'
import { openBytes } from '../read-bytes.ts'
import { UsageError } from '../usage.ts'

export async function car(context: Context): Promise<ExitCode> {
  const { action, rest } = actionOf('car', ['export', 'import'], context.invocation.words)
  if (action === 'import')
    return await take(context, onlyWord('car import', 'a file, or - for what comes in', rest))
  if (rest.length === 0) throw new UsageError('car export needs a CID, or several')
  return await give(
    context,
    rest.map(word => cidPath(word).cid),
  )
}

async function give(context: Context, roots: readonly CID[]): Promise<ExitCode> {
  const { io, output, invocation } = context
  const { output: path, json: asJson } = invocation.settings
  if (path === undefined && asJson) throw new UsageError('car export --json needs -o: the CAR is no JSON')
  return await onContents(context, async (contents, signal) => {
    const chunks = counted(context, contents, roots, signal)
    if (path === undefined) {
      for await (const chunk of chunks) if (!(await writeRaw(io.stdout, chunk))) return
      return
    }
    const bytes = await intoFile(path, chunks)
    if (asJson) output.line(json({ roots: roots.map(formatCid), bytes }))
    else output.line(`wrote ${shownBytes(bytes)} to ${visible(path, 200)}`)
  })
}

async function* counted(
  { io, invocation }: Context,
  { files }: Contents,
  roots: readonly CID[],
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const progress = new ProgressLine(io.stderr, io.env)
  let done = 0
  try {
    progress.about('car')
    for await (const chunk of files.exportCar(roots, { offline: invocation.settings.offline, signal })) {
      yield chunk
      done += chunk.length
      progress.reached(done)
    }
  } finally {
    progress.close()
  }
}

/** Under its name only when it is whole and durable. */
async function intoFile(path: string, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  const part = `${path}.part`
  try {
    const stream = createWriteStream(part)
    await pipeline(chunks, stream)
    const file = await open(part, 'r+')
    try {
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(part, path)
    return stream.bytesWritten
  } catch (error) {
    await rm(part, { force: true })
    const { code } = error as { code?: unknown }
    if (typeof code !== 'string' || code.startsWith('GH_')) throw error
    throw new GuildError('GH_STORE_FAILED', `${path}: ${code}`, { cause: error })
  }
}

async function take(context: Context, name: string): Promise<ExitCode> {
  const { io, output, invocation } = context
  const { json: asJson } = invocation.settings
  const from = await openBytes(name, io)
  try {
    return await onContents(context, async ({ files }, signal) => {
      const { roots, blocks, bytes } = await files.importCar(from.bytes, { signal })
      if (asJson) output.line(json({ roots: roots.map(formatCid), blocks, bytes }))
      else {
        output.note(`imported ${blocks} blocks, ${shownBytes(bytes)}`)
        for (const root of roots) output.line(formatCid(root))
      }
    })
  } finally {
    await from.close()
  }
}
