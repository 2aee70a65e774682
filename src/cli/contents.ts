/**
 * Where a command finds blocks and files: the node that runs, or the store of its directory.
 *
 *   a node runs      ─▶ its control socket: its store, its peers
 *   none runs        ─▶ the store itself, under the directory's lock
 *     and a block is missing ─▶ a short-lived node on that store asks the peers, and says so
 *
 * Whatever is here already needs no network, no swarm key and no peer: a node is started for the
 * first block that is not.
 *
 * Floor: cli.
 */
import { type Api, type Blocks, type CliNode, codeOf, type Contents, visible } from './api.ts'
import type { Context } from './context.ts'
import { patience, within } from './within.ts'
import { reachNode, wantsOwnNode } from './running.ts'
import { network } from './keys.ts'
import { options as nodeOptions } from './short-lived.ts'
import { anyOf, settled } from './gathering.ts'

export async function withContents<T>(
  context: Context,
  api: Api,
  signal: AbortSignal,
  use: (contents: Contents) => Promise<T>,
): Promise<T> {
  const control = await runningNode(context, api, signal)
  if (control !== undefined)
    try {
      return await use(control)
    } finally {
      await control.close()
    }
  const { settings, origins } = context.invocation
  const dir = await api.openDataDir({
    ...(origins.dataDir === 'default' ? {} : { path: settings.dataDir }),
    ...(settings.port === 0 ? {} : { port: settings.port }),
    role: 'one-shot',
    signal,
  })
  try {
    const own = new OwnNode(context, api, dir, signal)
    const store = await api.openBlocks({
      dataDir: dir,
      ...(settings.blockQuota === undefined ? {} : { blockQuota: settings.blockQuota }),
      ...(settings.offline ? {} : { peers: store => own.start(store) }),
    })
    try {
      return await use(store)
    } finally {
      await own.stop()
      await store.close()
    }
  } finally {
    await dir.release()
  }
}
