/**
 * Where a command finds blocks and files: with the node that runs, or in the store of its directory.
 *
 *   a node runs   ─▶ its control socket: its store, its peers
 *   none runs     ─▶ the store itself, under the directory's lock
 *                       └─ a block is missing ─▶ a short-lived node on that store asks the peers, and says so
 *
 * What is here already needs no network, no swarm key and no peer: a node is started for the
 * first block that is not.
 *
 * Floor: cli.
 */
import {
  type Api,
  type Blocks,
  type CliNode,
  type Contents,
  type DataDir,
  GuildError,
  visible,
} from './api.ts'
import type { Context } from './context.ts'
import type { ExitCode } from './exit-codes.ts'
import { anyOf, settled } from './gathering.ts'
import { identity, network } from './keys.ts'
import { nodeIfAny, oneShot, wantsOwnNode } from './running.ts'
import { visitorOptions } from './short-lived.ts'
import { patience, within } from './within.ts'

/** A command on blocks or files, from its first wait to its exit code. */
export async function onContents(
  context: Context,
  use: (contents: Contents, signal: AbortSignal, api: Api) => Promise<void>,
): Promise<ExitCode> {
  return await oneShot(context, async (api, { signal }) => {
    const control = wantsOwnNode(context) ? undefined : await nodeIfAny(api, context, signal)
    if (control === undefined)
      return await onStore(context, api, signal, contents => use(contents, signal, api))
    try {
      await use(control, signal, api)
    } finally {
      await control.close()
    }
  })
}

async function onStore(
  context: Context,
  api: Api,
  signal: AbortSignal,
  use: (contents: Contents) => Promise<void>,
): Promise<void> {
  const { settings, origins } = context.invocation
  const dir = await api.openDataDir({
    ...(origins.dataDir === 'default' ? {} : { path: settings.dataDir }),
    ...(settings.port === 0 ? {} : { port: settings.port }),
    role: 'one-shot',
    signal,
  })
  let node: Promise<CliNode> | undefined
  try {
    const contents = await api.openBlocks({
      dataDir: dir,
      ...(settings.blockQuota === undefined ? {} : { blockQuota: settings.blockQuota }),
      ...(settings.offline
        ? {}
        : {
            peers: async (store): Promise<Blocks> => {
              node ??= visitor(context, api, dir, store, signal)
              return (await node).blocks
            },
          }),
    })
    try {
      await use(contents)
    } finally {
      const started = await node?.catch(() => undefined)
      if (started !== undefined) await within(patience, started.stop())
      await contents.close()
    }
  } finally {
    await dir.release()
  }
}

/** A node on this directory for one call: it calls whom it knows, and is gone when the call is over. */
async function visitor(
  context: Context,
  api: Api,
  dir: DataDir,
  store: unknown,
  signal: AbortSignal,
): Promise<CliNode> {
  const { settings } = context.invocation
  context.output.note(`no node runs on ${visible(dir.path)}: starting a short-lived node for this call`)
  const keys = await network(api, settings, context.output)
  const node = await api.createNode({
    ...visitorOptions(settings),
    ...keys,
    ...(await identity(api, settings, dir.path)),
    dataDir: dir,
    store: store as never,
  })
  try {
    await node.start({ signal })
    if (settings.bootstrap.length > 0)
      await anyOf(settings.bootstrap.map(address => node.connect(address, { signal })))
    await settled(node, signal)
    if (signal.aborted) throw new GuildError('GH_ABORTED', 'while peers were looked for')
    return node
  } catch (error) {
    await within(patience, node.stop())
    throw error
  }
}
