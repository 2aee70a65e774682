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
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { codeOf, GuildError, type LogRow, visible } from '../api.ts'
import type { Context } from '../context.ts'
import type { ExitCode } from '../exit-codes.ts'
import { json } from '../json-lines.ts'
import { type LogAccess, openLog } from '../log-access.ts'
import { oneShot } from '../running.ts'
import { clock } from '../text-lines.ts'
import { UsageError } from '../usage.ts'

/** Lines read ahead of the disk: one group. */
const LINES = 1_000
/** Of one line, in characters: what an entry holds, and JSON may need for it. */
const LINE_MAX = 1024 * 1024
/** In milliseconds: no further line for so long, and what was read is written. */
const QUIET = 20
/** What `tail` begins with. */
const NEWEST = 10
const PAGE = 500

const acts = { append, ls, tail } as const

export async function log(context: Context): Promise<ExitCode> {
  const [act, ...rest] = context.invocation.words
  if (act === undefined || !Object.hasOwn(acts, act))
    throw new UsageError(
      act === undefined
        ? 'log needs to know what to do: guild-home log append|ls|tail'
        : `unknown word '${visible(act, 40)}' behind log: append, ls or tail`,
    )
  const most = act === 'append' ? 1 : 0
  const extra = rest[most]
  if (extra !== undefined)
    throw new UsageError(`'${visible(extra, 100)}' is one word too many: guild-home log ${act}`)
  return await oneShot(context, async (api, { signal }) => {
    const access = await openLog(context, api, signal)
    try {
      await acts[act as keyof typeof acts](context, access, signal, rest[0])
    } finally {
      await access.close()
    }
  })
}

async function append(
  context: Context,
  access: LogAccess,
  signal: AbortSignal,
  file?: string,
): Promise<void> {
  const { io, output, invocation } = context
  const input = file === undefined ? io.stdin : createReadStream(file)
  const failed = new Promise<never>((_, reject) => {
    input.once('error', (error: Error) =>
      reject(new GuildError('GH_STORE_FAILED', `${file ?? 'standard input'}: ${error.message}`)),
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
