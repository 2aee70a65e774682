/**
 * `guild-home connect <address>`: the running node links to it; or dial once and say who answered.
 *
 * Where no node runs, or another network or identity is named, a short-lived one dials, says
 * who is there, and says goodbye.
 *
 * Exit codes: 5 closed before message 2 or refused, 4 silence, 1 nobody listens.
 *
 * Floor: cli.
 */
import { type CliControl, GuildError, type PeerInfo, visible } from '../api.ts'
import type { Context } from '../context.ts'
import type { ExitCode } from '../exit-codes.ts'
import { json } from '../json-lines.ts'
import { findNode, oneShot, wantsOwnNode } from '../running.ts'
import { shortLived } from '../short-lived.ts'
import { hostAndPort, peerName } from '../text-lines.ts'
import { UsageError } from '../usage.ts'
import { Misfit, peerAddress } from '../values.ts'

export async function connect(context: Context): Promise<ExitCode> {
  const address = addressOf(context.invocation.words)
  return await oneShot(context, async (api, { signal }) => {
    if (wantsOwnNode(context)) context.output.note('starting a short-lived node for this call')
    const control = wantsOwnNode(context) ? undefined : await findNode(api, context, signal)
    if (control === undefined)
      return await shortLived(context, api, signal, async node => {
        show(context, await node.connect(address, { signal }))
      })
    try {
      show(context, await steered(context, control, address, signal))
    } finally {
      await control.close()
    }
  })
}

/** The running node has a patience of its own; a shorter one given here is ours. */
async function steered(
  { invocation }: Context,
  control: CliControl,
  address: string,
  signal: AbortSignal,
): Promise<PeerInfo> {
  const { settings, origins } = invocation
  if (origins.connectTimeout === 'default') return await control.connect(address, { signal })
  const late = AbortSignal.timeout(settings.connectTimeout * 1000)
  try {
    return await control.connect(address, { signal: AbortSignal.any([signal, late]) })
  } catch (error) {
    if (!late.aborted || signal.aborted) throw error
    throw new GuildError('GH_DIAL_TIMEOUT', address)
  }
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

function show({ output, invocation }: Context, peer: PeerInfo): void {
  if (invocation.settings.json) output.line(json({ ...peer, rttMs: peer.rttMs ?? null }))
  else
    output.line(
      `Connected to peer ${peerName(peer)} at ${hostAndPort(peer.address)} over ${visible(peer.transport, 16)}\n` +
        `PeerId ${visible(peer.peerId)}`,
    )
}
