/**
 * `guild-home log append [file] | ls | tail`: the append-only log.
 *
 *   append   each line of a file, or of standard input, becomes an entry: JSON objects and lists as such,
 *            everything else as text
 *   ls       what is in it, in the order it came here
 *   tail     the newest, and then what comes
 *
 * A line is acknowledged once it is durable: `append` prints its number, so that a pipe that breaks
 * leaves no doubt what is in the log.
 *
 * Floor: cli. Page: README.md
 */
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { codeOf, GuildError, type LogRow, visible } from '../api.ts'
import type { Context } from '../context.ts'
import type { ExitCode } from '../exit-codes.ts'
import { json } from '../json-lines.ts'
import { type LogAccess, openLog } from '../log-access.ts'
import { type NamedBytes, openBytes } from '../read-bytes.ts'
import { oneShot } from '../running.ts'
import { clock } from '../text-lines.ts'
import { UsageError } from '../usage.ts'

/** Lines read ahead of the disk: one group. */
const LINES = 1_000
/** Of one line, in characters: what an entry holds, and JSON may need for it. */
const LINE_MAX = 1024 * 1024
/** As UTF-8 that is at most so many bytes. */
const LINE_BYTES = 3 * LINE_MAX
/** In milliseconds: no further line for so long, and what was read is written. */
const QUIET = 20
/** What `tail` begins with. */
const NEWEST = 10
const PAGE = 500

const acts = ['append', 'ls', 'tail']

export async function log(context: Context): Promise<ExitCode> {
  const [act, ...rest] = context.invocation.words
  if (act === undefined || !acts.includes(act))
    throw new UsageError(
      act === undefined
        ? 'log needs to know what to do: guild-home log append|ls|tail'
        : `unknown word '${visible(act, 40)}' behind log: append, ls or tail`,
    )
  const most = act === 'append' ? 1 : 0
  const extra = rest[most]
  if (extra !== undefined)
    throw new UsageError(`'${visible(extra, 100)}' is one word too many: guild-home log ${act}`)
  const from = act === 'append' ? await openLines(rest[0] ?? '-', context) : undefined
  try {
    return await oneShot(context, async (api, { signal }) => {
      const access = await openLog(context, api, signal)
      try {
        if (from !== undefined) await append(context, access, signal, from)
        else if (act === 'ls') await ls(context, access)
        else await tail(context, access, signal)
      } finally {
        await access.close()
      }
    })
  } finally {
    await from?.close()
  }
}

async function openLines(name: string, { io }: Context): Promise<NamedBytes> {
  try {
    return await openBytes(name, io)
  } catch (error) {
    if (!(error instanceof GuildError) || error.code !== 'GH_PATH_MISSING') throw error
    throw new GuildError(
      error.code,
      `${error.detail}; a line of text comes through standard input: echo text | guild-home log append`,
    )
  }
}

async function append(
  { output, invocation }: Context,
  access: LogAccess,
  signal: AbortSignal,
  { name, bytes }: NamedBytes,
): Promise<void> {
  const input = Readable.from(bounded(bytes))
  const failed = new Promise<never>((_, reject) => {
    input.once('error', (error: Error) =>
      reject(
        error instanceof GuildError ? error : new GuildError('GH_STORE_FAILED', `${name}: ${error.message}`),
      ),
    )
    signal.addEventListener('abort', () => reject(new GuildError('GH_ABORTED', 'log append')), { once: true })
  })
  failed.catch(() => {})
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })[Symbol.asyncIterator]()
  let waiting: unknown[] = []
  let count = 0
  const write = async (): Promise<void> => {
    const values = waiting
    waiting = []
    for (const row of await access.append(values)) {
      count++
      if (invocation.settings.json) output.line(json(shown(row)))
    }
  }
  for (let coming = lines.next(); ; ) {
    // Who types, or waits between two lines, has each one written at once.
    if (waiting.length > 0 && (await Promise.race([coming, failed, pause()])) === 'quiet') await write()
    const next = await Promise.race([coming, failed])
    if (next.done === true) break
    coming = lines.next()
    if (next.value.length > LINE_MAX)
      throw new GuildError('GH_LOG_TOO_LARGE', `a line of ${next.value.length} characters`)
    waiting.push(entryOf(next.value))
    if (waiting.length >= LINES) await write()
  }
  if (waiting.length > 0) await write()
  if (!invocation.settings.json) output.line(`${count} ${count === 1 ? 'entry' : 'entries'}`)
}

/** The same bytes. A line without an end is refused before it fills the memory. */
async function* bounded(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let length = 0
  for await (const piece of bytes) {
    const end = Math.max(piece.lastIndexOf(0x0a), piece.lastIndexOf(0x0d))
    length = end < 0 ? length + piece.length : piece.length - 1 - end
    if (length > LINE_BYTES)
      throw new GuildError('GH_LOG_TOO_LARGE', `a line of more than ${LINE_BYTES} bytes`)
    yield piece
  }
}

async function ls(context: Context, access: LogAccess): Promise<void> {
  const { limit } = context.invocation.settings
  let after = limit === undefined ? 0 : -limit
  for (;;) {
    const rows = await access.entries(after, PAGE, false)
    for (const row of rows) show(context, row)
    if (rows.length === 0) return
    after = rows.at(-1)!.seq
  }
}

async function tail(context: Context, access: LogAccess, signal: AbortSignal): Promise<void> {
  let after = -(context.invocation.settings.limit ?? NEWEST)
  while (!signal.aborted) {
    const rows = await access.entries(after, PAGE, after >= 0).catch((error: unknown) => {
      if (codeOf(error) === 'GH_ABORTED') return []
      throw error
    })
    for (const row of rows) show(context, row)
    after = Math.max(0, rows.at(-1)?.seq ?? after)
  }
}

function pause(): Promise<'quiet'> {
  return new Promise(resolve => setTimeout(resolve, QUIET, 'quiet'))
}

/** JSON objects and lists are taken as such; a number or a word in quotes is what somebody typed. */
function entryOf(line: string): unknown {
  if (!/^\s*[[{]/.test(line)) return line
  try {
    return JSON.parse(line)
  } catch {
    return line
  }
}

function show({ output, invocation }: Context, row: LogRow): void {
  if (invocation.settings.json) return output.line(json(shown(row)))
  const text = typeof row.data === 'string' ? row.data : JSON.stringify(row.data)
  const at = new Date(row.timestamp)
  const day = Number.isNaN(at.getTime())
    ? '?'
    : `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${clock(at)}`
  output.line(
    `${String(row.seq).padStart(6)}  ${day}  ${visible(row.deviceId, 24)}  ${visible(text, 16_384)}`,
  )
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}

function shown({ seq, id, deviceId, timestamp, data }: LogRow): object {
  return { seq, id, deviceId, timestamp, data }
}
