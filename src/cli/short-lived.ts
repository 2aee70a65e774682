/**
 * A node for one call: it listens nowhere, finds nobody by itself, and says goodbye.
 *
 * Its identity is new each time, because two processes with one PeerId would take each
 * other's links; a data directory or identity key named by hand is used under its
 * lock, for peers that admit only whom they know.
 *
 * Floor: cli.
 */
import type { Api, CliNode, NodeOptions } from './api.ts'
import type { Context } from './context.ts'
import type { Settings } from './flags.ts'
import { discovery, identity, network } from './keys.ts'
import { patience, within } from './within.ts'

export async function shortLived(
  context: Context,
  api: Api,
  signal: AbortSignal,
  use: (node: CliNode) => Promise<void>,
): Promise<void> {
  const { settings } = context.invocation
  const keys = await network(api, settings, context.output)
  await withIdentity(api, context, signal, async who => {
    const node = await api.createNode({ ...visitorOptions(settings), ...keys, ...who })
    try {
      await node.start({ signal })
      await use(node)
    } finally {
      await within(patience, node.stop())
    }
  })
}

/** Hands on the identity to use, holding the data directory's lock when it comes from there. */
async function withIdentity(
  api: Api,
  { invocation }: Context,
  signal: AbortSignal,
  use: (who: Pick<NodeOptions, 'identityKey'>) => Promise<void>,
): Promise<void> {
  const { settings, origins } = invocation
  if (origins.dataDir === 'default')
    return use(settings.identityKey === undefined ? {} : await identity(api, settings, settings.dataDir))
  const dir = await api.openDataDir({ path: settings.dataDir, role: 'one-shot', signal })
  try {
    await use(await identity(api, settings, dir.path))
  } finally {
    await dir.release()
  }
}

/** Of a node that listens nowhere and looks for nobody. */
export function visitorOptions(settings: Settings): NodeOptions {
  return {
    host: false,
    mdns: false,
    ...(settings.name === undefined ? {} : { name: settings.name }),
    transport: settings.transport,
    ...(settings.mtu === undefined ? {} : { mtu: settings.mtu }),
    congestion: settings.congestion,
    ...(settings.qlog === undefined ? {} : { qlog: settings.qlog }),
    connectTimeout: settings.connectTimeout,
    ...discovery(settings),
  }
}
