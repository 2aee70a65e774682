/**
 * `guild-home sync`, also `p2p-sync`: reads the logs of peers to their end, once or every so often.
 *
 *   running node ─▶ it does it, over the links it has
 *   none         ─▶ a node of our own that listens nowhere: dials --peers, or whom --trackers tell of
 *
 * One line per peer and round. A peer that cannot be reached fails the command, at the end and by its
 * own exit code; with --watch it is told and tried again next time.
 *
 * Floor: cli. Page: README.md, protocol/sync.md
 */
import { setTimeout as pause } from 'node:timers/promises'
import { type Api, type CliNode, GuildError, type SyncResult, visible } from '../api.ts'
import type { Context } from '../context.ts'
import type { ExitCode } from '../exit-codes.ts'
import { json } from '../json-lines.ts'
import { identity, network } from '../keys.ts'
import { findNode, oneShot, wantsOwnNode } from '../running.ts'
import { visitorOptions } from '../short-lived.ts'
import { throughTrackers } from '../through-trackers.ts'
import { UsageError } from '../usage.ts'
import { patience, within } from '../within.ts'

/** What does a round: peer by peer it tells how it went. */
type Round = (told: (peer: string, outcome: SyncResult | Error) => void) => Promise<void>

export async function sync(context: Context): Promise<ExitCode> {
  const [extra] = context.invocation.words
  if (extra !== undefined)
    throw new UsageError(`'${visible(extra, 100)}' is one word too many; peers are named by --peers`)
  return await oneShot(context, async (api, { signal }) => {
    const control = wantsOwnNode(context) ? undefined : await findNode(api, context, signal)
    const { peers, limit, push } = context.invocation.settings
    const asked = {
      ...(peers.length === 0 ? {} : { peers }),
      ...(limit === undefined ? {} : { limit }),
      push,
    }
    if (control === undefined)
      return await withOwnNode(context, api, signal, async node => {
        await rounds(context, signal, told =>
          node.log.sync({ ...asked, signal, onPeer: told }).then(() => {}),
        )
      })
    try {
      await rounds(context, signal, async told => {
        for (const { peer, result, error } of await control.sync({ ...asked, signal }))
          told(peer, result ?? new GuildError(error!.code, error!.detail))
      })
    } finally {
      await control.close()
    }
  })
}

async function rounds(context: Context, signal: AbortSignal, round: Round): Promise<void> {
  const { watch, intervalSec } = context.invocation.settings
  for (;;) {
    let failure: Error | undefined
    let count = 0
    try {
      await round((peer, outcome) => {
        count++
        if (outcome instanceof Error) {
          failure ??= outcome
          context.output.trouble(`guild-home: ${visible(peer)}: ${visible(outcome.message)}`)
        } else show(context, outcome)
      })
    } catch (error) {
      if (!watch || signal.aborted) throw error
      context.output.trouble(`guild-home: ${visible((error as Error).message)}`)
    }
    if (!watch) {
      if (failure !== undefined) throw failure
      if (count === 0) throw new GuildError('GH_PEER_UNKNOWN', 'nobody is linked; name a peer with --peers')
      return
    }
    await pause(intervalSec * 1000, undefined, { signal }).catch(() => {}) // Ctrl-C
    if (signal.aborted) return
  }
}

async function withOwnNode(
  context: Context,
  api: Api,
  signal: AbortSignal,
  use: (node: CliNode) => Promise<void>,
): Promise<void> {
  const { settings, origins } = context.invocation
  if (settings.peers.length === 0 && settings.trackers.length === 0)
    throw new UsageError('sync needs somebody to read: --peers <multiaddr>, or --trackers <url>')
  const keys = await network(api, settings, context.output)
  const dir = await api.openDataDir({
    ...(origins.dataDir === 'default' ? {} : { path: settings.dataDir }),
    role: 'one-shot',
    signal,
  })
  try {
    const node = await api.createNode({
      ...visitorOptions(settings),
      liveLog: false,
      ...keys,
      ...(await identity(api, settings, dir.path)),
      dataDir: dir,
    })
    try {
      await node.start({ signal })
      if (settings.peers.length === 0) await throughTrackers(context, node, signal)
      await use(node)
    } finally {
      await within(patience, node.stop())
    }
  } finally {
    dir.release()
  }
}

function show({ output, invocation }: Context, { peerId, pulled, pushed, cursor, via }: SyncResult): void {
  if (invocation.settings.json) return output.line(json({ peerId, pulled, pushed, cursor, via }))
  const brought = invocation.settings.push ? `, pushed ${pushed}` : ''
  output.line(`Synced with ${visible(peerId)} over ${visible(via, 16)}: pulled ${pulled}${brought}`)
}
