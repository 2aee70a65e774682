/**
 * `guild-home block put|get|stat|rm|verify`: one block at a time, below files and folders.
 *
 * Exit codes: 3 nobody has it, 1 it is too large.
 *
 * Floor: cli.
 */
import { GuildError, limits, visible } from '../api.ts'
import { actionOf, cidPath, formatCid, onlyWord } from '../cid-words.ts'
import { onContents } from '../contents.ts'
import type { Context } from '../context.ts'
import type { ExitCode } from '../exit-codes.ts'
import { json } from '../json-lines.ts'
import { bytes as shownBytes } from '../monitor/meter.ts'
import { writeRaw } from '../raw-output.ts'
import { openBytes } from '../read-bytes.ts'
import { UsageError } from '../usage.ts'

export async function block(context: Context): Promise<ExitCode> {
  const { action, rest } = actionOf('block', ['put', 'get', 'stat', 'rm', 'verify'], context.invocation.words)
  switch (action) {
    case 'put':
      return await put(context, onlyWord('block put', 'a file, or - for what comes in', rest))
    case 'get':
      return await get(context, onlyWord('block get', 'a CID', rest))
    case 'stat':
      return await stat(context, onlyWord('block stat', 'a CID', rest))
    case 'rm':
      return await rm(context, rest)
    case 'verify':
      if (rest.length > 0) throw new UsageError('block verify takes no words')
      return await verify(context)
  }
}

async function put(context: Context, name: string): Promise<ExitCode> {
  const { io, output, invocation } = context
  const { settings } = invocation
  const from = await openBytes(name, io)
  try {
    return await onContents(context, async ({ blocks }, signal, api) => {
      const bytes = await allOf(from.bytes, name)
      const cid = await api.cidOf(bytes, { codec: settings.codec })
      await blocks.put(cid, bytes, { signal })
      output.line(settings.json ? json({ cid: formatCid(cid), size: bytes.length }) : formatCid(cid))
    })
  } finally {
    await from.close()
  }
}

async function allOf(chunks: AsyncIterable<Uint8Array>, name: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const chunk of chunks) {
    length += chunk.length
    if (length > limits.block)
      throw new GuildError('GH_BLOCK_TOO_LARGE', `${name} has more than ${limits.block} bytes; use add`)
    parts.push(chunk)
  }
  return Buffer.concat(parts)
}

async function get(context: Context, word: string): Promise<ExitCode> {
  const { io, output, invocation } = context
  const { cid } = cidPath(word)
  const { offline, json: asJson } = invocation.settings
  return await onContents(context, async ({ blocks }, signal) => {
    for await (const bytes of blocks.get(cid, { offline, signal })) {
      if (asJson) {
        const data = Buffer.from(bytes).toString('base64')
        output.line(json({ cid: formatCid(cid), size: bytes.length, data }))
      } else await writeRaw(io.stdout, bytes)
    }
  })
}

async function stat(context: Context, word: string): Promise<ExitCode> {
  const { output, invocation } = context
  const { cid } = cidPath(word)
  const { offline, json: asJson } = invocation.settings
  return await onContents(context, async ({ blocks }, signal) => {
    let size = await blocks.size(cid, { signal })
    if (size === undefined)
      for await (const bytes of blocks.get(cid, { offline, signal })) size = bytes.length
    output.line(asJson ? json({ cid: formatCid(cid), size }) : `${formatCid(cid)} ${size} bytes`)
  })
}

async function rm(context: Context, words: readonly string[]): Promise<ExitCode> {
  const { output, invocation } = context
  if (words.length === 0) throw new UsageError('block rm needs a CID, or several')
  const cids = words.map(word => cidPath(word).cid)
  return await onContents(context, async ({ blocks }, signal) => {
    for (const cid of cids) {
      if (!(await blocks.has(cid, { signal }))) throw new GuildError('GH_BLOCK_MISSING', formatCid(cid))
      await blocks.delete(cid, { signal })
      output.line(invocation.settings.json ? json({ cid: formatCid(cid) }) : `removed ${formatCid(cid)}`)
    }
  })
}

async function verify(context: Context): Promise<ExitCode> {
  const { output, invocation } = context
  return await onContents(context, async ({ blocks }, signal) => {
    const { checked, damaged } = await blocks.verify({ signal })
    const { blocks: kept, bytes } = await blocks.stat({ signal })
    if (invocation.settings.json)
      output.line(json({ checked, damaged: damaged.map(formatCid), blocks: kept, bytes }))
    else {
      for (const cid of damaged) output.line(`damaged, set aside: ${visible(formatCid(cid))}`)
      output.line(`${checked} blocks checked, ${damaged.length} damaged; ${shownBytes(bytes)} are kept`)
    }
    if (damaged.length > 0) throw new GuildError('GH_STORE_DAMAGED', `${damaged.length} blocks`)
  })
}
