/**
 * Where the log of a command is: in the node that runs on the data directory, else in its own database.
 *
 *   running node ─▶ its control socket, in messages of 64 KiB
 *   none         ─▶ the data directory under its lock, a node that never starts
 *
 * A node that never starts needs no swarm key, so none is made for it.
 *
 * Floor: cli.
 */
import { type Api, type CliNode, GuildError, type LogRow } from './api.ts'
import type { Context } from './context.ts'
import { discovery, identity } from './keys.ts'
import { nodeIfAny } from './running.ts'

export interface LogAccess {
  append(values: readonly unknown[]): Promise<readonly LogRow[]>
  /** What is there behind a place; below 0 it is so many before the end. With `wait` not before there is something. */
  entries(after: number, limit: number, wait: boolean): Promise<readonly LogRow[]>
  close(): Promise<void>
}

/** Of a message to the control socket, values as JSON. */
const MESSAGE_MAX = 64 * 1024
const PAGE = 500

export async function openLog(context: Context, api: Api, signal: AbortSignal): Promise<LogAccess> {
  const control = await nodeIfAny(api, context, signal)
  if (control === undefined) return await openOwn(context, api, signal)
  return {
    async append(values) {
      const rows: LogRow[] = []
      for (const part of parts(values)) rows.push(...(await control.logAppend(part, { signal })))
      return rows
    },
    entries: async (after, limit, wait) =>
      (await control.logEntries({ after, limit: Math.min(PAGE, limit), wait, signal })).entries,
    close: () => control.close(),
  }
}

async function openOwn(context: Context, api: Api, signal: AbortSignal): Promise<LogAccess> {
  const { settings, origins } = context.invocation
  const dir = await api.openDataDir({
    ...(origins.dataDir === 'default' ? {} : { path: settings.dataDir }),
    role: 'one-shot',
    signal,
  })
  let node: CliNode
  try {
    node = await api.createNode({
      ...discovery(settings),
      ...(await identity(api, settings, dir.path)),
      swarmKey: new Uint8Array(32),
      host: false,
      mdns: false,
      liveLog: false,
      dataDir: dir,
    })
  } catch (error) {
    dir.release()
    throw error
  }
  return {
    append: async values =>
      (await Promise.all(values.map(value => node.log.append(value)))).map(one => api.logRow(one)),
    async entries(after, limit, wait) {
      const from = after < 0 ? Math.max(0, (await node.log.head()) + after) : after
      const rows: LogRow[] = []
      for await (const record of node.log.entries({ after: from, limit: Math.min(PAGE, limit), signal }))
        rows.push(api.logRow(record))
      if (wait && rows.length === 0)
        throw new GuildError('GH_CONTROL_ABSENT', 'nothing can come while no node runs')
      return rows
    },
    async close() {
      await node.stop()
      dir.release()
    },
  }
}

function* parts(values: readonly unknown[]): Generator<readonly unknown[]> {
  let part: unknown[] = []
  let size = 0
  for (const value of values) {
    const length = JSON.stringify(value).length
    if (part.length > 0 && (size + length > MESSAGE_MAX || part.length === PAGE)) {
      yield part
      part = []
      size = 0
    }
    part.push(value)
    size += length
  }
  if (part.length > 0) yield part
}
