/**
 * The log over the control socket: what is asked of a running node, and the words it answers in.
 *
 * Floor: node. Page: protocol/control.md
 */
import { asGuildError, type ErrorCode } from '../../base/errors.ts'
import type { LogRequest } from '../../protocols/control/log.ts'
import { type JsonValue, toJson } from '../../wire/dag-json.ts'
import type { NodeLog } from './lazy-log.ts'
import type { LogRecord, SyncResult } from './types.ts'

/** An entry as it is told to other programs. */
export interface LogRow extends Omit<LogRecord, 'data'> {
  readonly data: JsonValue
}

export interface PeerOutcome {
  readonly peer: string
  readonly result?: SyncResult
  readonly error?: { readonly code: ErrorCode; readonly detail: string }
}

/** An answer stops here, in characters, however many entries were asked for. */
const CHARACTERS_MAX = 1024 * 1024

export function logRow(record: LogRecord): LogRow {
  const { seq, id, author, authorSeq, deviceId, userId, timestamp, data } = record
  return { seq, id, author, authorSeq, deviceId, userId, timestamp, data: toJson(data) }
}

export async function answerLog(log: NodeLog, request: LogRequest, signal: AbortSignal): Promise<unknown> {
  switch (request.do) {
    case 'log-append': {
      const records = await Promise.all(request.values.map(value => log.append(value)))
      return { entries: records.map(logRow) }
    }
    case 'log-entries': {
      const head = await log.head()
      const after = request.after < 0 ? Math.max(0, head + request.after) : request.after
      const entries: LogRow[] = []
      let characters = 0
      const limit = request.limit
      const source =
        request.wait && after >= head
          ? log.tail({ after, limit, signal })
          : log.entries({ after, limit, signal })
      for await (const record of source) {
        const row = logRow(record)
        entries.push(row)
        characters += JSON.stringify(row.data).length
        if (
          characters > CHARACTERS_MAX ||
          entries.length >= limit ||
          (request.wait && record.seq >= (await log.head()))
        )
          break
      }
      return { entries, head: await log.head() }
    }
    case 'sync': {
      const results: PeerOutcome[] = []
      await log.sync({
        ...(request.peers !== undefined && { peers: request.peers }),
        ...(request.limit !== undefined && { limit: request.limit }),
        push: request.push,
        signal,
        onPeer: (peer, outcome) => {
          if (outcome instanceof Error) {
            const { code, detail } = asGuildError(outcome)
            results.push({ peer, error: { code, detail } })
          } else results.push({ peer, result: outcome })
        },
      })
      return { results }
    }
  }
}
