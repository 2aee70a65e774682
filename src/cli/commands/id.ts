/**
 * `guild-home id`: who the node of this data directory is.
 *
 * Only reads: a question must not make an identity. The answer comes from a node
 * that never starts, so it is the PeerId that `run` would show.
 *
 * Floor: cli.
 */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { codeOf } from '../api.ts'
import type { Context } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { json } from '../json-lines.ts'
import { UsageError } from '../usage.ts'

export async function id({ io, output, invocation }: Context): Promise<ExitCode> {
  const { settings, words } = invocation
  if (words.length > 0) throw new UsageError('id takes no words; see guild-home id --help')
  const path = settings.identityKey ?? join(settings.dataDir, 'identity.key')
  const api = await io.loadApi()
  try {
    const { seed } = await api.loadIdentityKey({ path, create: false })
    // Any key will do for a node that never starts, and none must be made on disk for it.
    const node = await api.createNode({ host: false, identityKey: seed, swarmKey: randomBytes(32) })
    output.line(settings.json ? json({ peerId: node.peerId }) : node.peerId)
    return exitCodes.done
  } catch (error) {
    if (codeOf(error) === 'GH_KEY_MISSING' && settings.identityKey === undefined)
      output.note("no identity here yet: the first 'guild-home run' makes it, or give --data-dir")
    throw error
  }
}
