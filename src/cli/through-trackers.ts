/**
 * To the peers that trackers tell of, for a command that has none by name.
 *
 *   lookup ─▶ each peer: its own addresses, then through relays, three tries each ─▶ those that were reached
 *
 * Floor: cli. Page: protocol/tracker.md (spec: TRACKER-12)
 */
import { type CliNode, GuildError, visible } from './api.ts'
import type { Context } from './context.ts'
import type { Output } from './output.ts'

/** Done when all were tried and one at least was reached. Rejects with the first reason where none was. */
export async function throughTrackers(
  { output }: Context,
  node: CliNode,
  signal: AbortSignal,
): Promise<void> {
  const troubles: { readonly code: string; readonly message: string }[] = []
  node.on('error', trouble => troubles.push(trouble))
  if (output.shows('debug'))
    node.on('debug', ({ message }) => output.trouble(`guild-home: ${visible(message)}`))
  let reason: unknown
  try {
    await reachAll(output, node, signal)
  } catch (error) {
    reason = error
    throw error
  } finally {
    // What the whole fails with is told at its end.
    for (const { code, message } of troubles)
      if (message !== (reason as Error | undefined)?.message)
        output.trouble(`guild-home: ${visible(message)} (${code})`)
  }
}

async function reachAll(output: Output, node: CliNode, signal: AbortSignal): Promise<void> {
  const told = await node.lookup({ signal })
  if (told.length === 0)
    throw new GuildError('GH_PEER_UNKNOWN', 'the trackers tell of nobody, and nobody is known from before')
  if (told.some(({ remembered }) => remembered))
    output.trouble('guild-home: no tracker tells of anybody now; going by what they told before')
  const tried = await Promise.allSettled(
    told.map(({ peerId, addresses }) => node.reach(addresses, { peerId, signal })),
  )
  const failed = tried.filter(one => one.status === 'rejected')
  if (failed.length === tried.length) throw failed[0]!.reason
}
