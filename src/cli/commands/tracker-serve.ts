/**
 * `guild-home tracker-serve`: a tracker until it is told to end.
 *
 *   tracker listen: http://0.0.0.0:8850
 *
 * It is no node: it has no identity and no swarm key, and dials nobody. Its rows lie in a folder of
 * its port below the data directory, so that two trackers of one folder do not meet, nor a tracker
 * and a node. With port 0 nobody could find them again, and they stay in memory.
 *
 * Floor: cli. Page: protocol/tracker.md. Faults: TR-10.
 */
import { join } from 'node:path'
import type { TrackerServer } from '../../http/tracker/serve.ts'
import { type Api, codeOf, type DataDir, type RegistrationShelf, visible } from '../api.ts'
import type { Context } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { json } from '../json-lines.ts'
import { type Interruption, listenForSignals, untilAborted } from '../signals.ts'
import { UsageError } from '../usage.ts'
import { patience, within } from '../within.ts'

export async function trackerServe(context: Context): Promise<ExitCode> {
  const { io, output, invocation } = context
  if (invocation.words.length > 0)
    throw new UsageError('tracker-serve takes no words; see guild-home tracker-serve --help')
  const interruption = listenForSignals(io)
  output.broken = () => interruption.end()
  try {
    await serve(context, await io.loadApi(), interruption)
  } finally {
    interruption.close()
  }
  return exitCodes.done
}

async function serve(context: Context, api: Api, { signal }: Interruption): Promise<void> {
  const { output, invocation } = context
  const { bind, ttlSec, token, allowUnsigned, hosts, proxies } = invocation.settings
  const { serveTracker } = await import('../../http/tracker/serve.ts')
  let dir: DataDir | undefined
  try {
    const server = await serveTracker({
      ...hostAndPort(bind),
      ttlSec,
      token,
      allowUnsigned,
      hosts,
      proxies,
      isSignedBy: api.isSignedBy,
      openShelf: async port => {
        if (bind.endsWith(':0')) return undefined
        const path = join(invocation.settings.dataDir, `tracker-${port}`)
        dir = await api.openDataDir({ path, role: 'run', signal })
        return await shelfAt(context, api, join(dir.path, 'tracker.db'))
      },
      onAnswered: (method, path, status, milliseconds) => {
        if (output.shows('debug'))
          output.trouble(
            `[DEBUG] ${visible(method, 16)} ${visible(path, 120)} ${status} ${milliseconds.toFixed(1)} ms`,
          )
      },
      onFault: error => output.trouble(`guild-home: ${visible(String(error))}`),
    })
    try {
      announce(context, server)
      await untilAborted(signal)
    } finally {
      await within(patience, server.stop())
    }
  } finally {
    dir?.release()
  }
}

/** The rows on disk; undefined, and said, where the database's package is not there. */
async function shelfAt({ output }: Context, api: Api, path: string): Promise<RegistrationShelf | undefined> {
  try {
    return await api.openRegistrations(path)
  } catch (error) {
    if (codeOf(error) !== 'GH_STORE_NATIVE_MISSING') throw error
    output.note(`${visible((error as Error).message)}; a restart will forget who is registered`)
    return undefined
  }
}

function announce({ io, output, invocation }: Context, { host, port, size }: TrackerServer): void {
  const { token, ttlSec, json: asJson, allowUnsigned } = invocation.settings
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`
  if (asJson)
    output.line(json({ event: 'tracker-start', url, ttlSec, peers: size, time: io.now().toISOString() }))
  else output.line(`tracker listen: ${url}`)
  if (size > 0) output.note(`${size} ${size === 1 ? 'peer is' : 'peers are'} registered from before`)
  if (token === undefined) output.note('no --token: whoever reaches this port may register and ask')
  if (allowUnsigned) output.note('--allow-unsigned: anybody may register anybody who has not signed')
}

function hostAndPort(bind: string): { host: string; port: number } {
  const colon = bind.lastIndexOf(':')
  const host = bind.slice(0, colon).replace(/^\[|\]$/g, '')
  return { host: host === 'localhost' ? '127.0.0.1' : host, port: Number(bind.slice(colon + 1)) }
}
