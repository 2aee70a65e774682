/**
 * To the peers that trackers tell of, for a command that has none by name.
 *
 *   lookup ─▶ each peer: its own addresses, then through relays, three tries each ─▶ those that were reached
 *
 * Floor: cli. Page: protocol/tracker.md (spec: TRACKER-12)
 */
import { type CliNode, GuildError, visible } from './api.ts'
import type { Context } from './context.ts'

/** How many were reached, at least one. Rejects with the first reason where none was. */
export async function throughTrackers(
  { output }: Context,
  node: CliNode,
  signal: AbortSignal,
): Promise<number> {
  node.on('error', ({ code, message }) => output.trouble(`guild-home: ${visible(message)} (${code})`))
  if (output.shows('debug'))
    node.on('debug', ({ message }) => output.trouble(`guild-home: ${visible(message)}`))
  const told = await node.lookup({ signal })
  if (told.length === 0)
    throw new GuildError('GH_PEER_UNKNOWN', 'the trackers tell of nobody, and nobody is known from before')
  const tried = await Promise.allSettled(
    told.map(({ peerId, addresses }) => node.reach(addresses, { peerId, signal })),
  )
  const failed = tried.filter(one => one.status === 'rejected')
  if (failed.length === tried.length) throw failed[0]!.reason
  return tried.length - failed.length
}
