/**
 * `guild-home connect <address>`: dial once, say who answered, say goodbye.
 *
 * The node that does it listens nowhere and lives for this one call. Its
 * identity is new each time, because two processes with one PeerId would take each
 * other's links; a data directory or identity key named by hand is used under its
 * lock, for peers that admit only whom they know.
 *
 * Exit codes: 5 closed before message 2 or refused, 4 silence, 1 nobody listens.
 *
 * Floor: cli.
 */
import { type Api, type CliNode, type NodeOptions, visible } from '../api.ts'
import type { Context } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import type { Settings } from '../flags.ts'
import { json } from '../json-lines.ts'
import { identity, network } from '../keys.ts'
import { listenForSignals } from '../signals.ts'
import { hostAndPort, peerName } from '../text-lines.ts'
import { UsageError } from '../usage.ts'
import { Misfit, peerAddress } from '../values.ts'
import { patience, within } from '../within.ts'

export async function connect(context: Context): Promise<ExitCode> {
  const { io, output, invocation } = context
  const address = addressOf(invocation.words)
  const interruption = listenForSignals(io)
  output.broken = () => interruption.end()
  const { signal } = interruption
  try {
    const api = await io.loadApi()
    const keys = await network(api, invocation.settings, output)
    await withIdentity(api, context, signal, async who => {
      output.note('starting a short-lived node for this call')
      const node = await api.createNode({ ...options(invocation.settings), ...keys, ...who })
      try {
        await node.start({ signal })
        await meet(context, node, address, signal)
      } finally {
        await within(patience, node.stop())
      }
    })
  } catch (error) {
    if (!signal.aborted) throw error
    return output.gone === undefined ? exitCodes.interrupted : exitCodes.done
  } finally {
    interruption.close()
  }
  return exitCodes.done
}

function addressOf(words: readonly string[]): string {
  const [address, extra] = words
  if (address === undefined)
    throw new UsageError('connect needs an address: guild-home connect <host:port or multiaddr>')
  if (extra !== undefined)
    throw new UsageError(`'${visible(extra, 100)}' is one word too many: guild-home connect <address>`)
  try {
    return peerAddress(address)
  } catch (error) {
    if (error instanceof Misfit) throw new UsageError(`connect ${visible(address, 100)}: ${error.message}`)
    throw error
  }
}

async function meet(
  { output, invocation }: Context,
  node: CliNode,
  address: string,
  signal: AbortSignal,
): Promise<void> {
  const peer = await node.connect(address, { signal })
  if (invocation.settings.json) output.line(json({ ...peer, rttMs: peer.rttMs ?? null }))
  else
    output.line(
      `Connected to peer ${peerName(peer)} at ${hostAndPort(peer.address)} over ${visible(peer.transport, 16)}\n` +
        `PeerId ${visible(peer.peerId)}`,
    )
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

function options(settings: Settings): NodeOptions {
  return {
    host: false,
    mdns: false,
    ...(settings.name === undefined ? {} : { name: settings.name }),
    transport: settings.transport,
    connectTimeout: settings.connectTimeout,
  }
}
