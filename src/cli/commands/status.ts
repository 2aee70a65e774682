/**
 * `guild-home status` and `guild-home peers`: what the running node says of itself.
 *
 * Exit codes: 3 no node runs there. A health check needs no more than `status`.
 *
 * Floor: cli.
 */
import { type NodeStatus, type PeerInfo, visible } from '../api.ts'
import { peerTable } from '../console.ts'
import type { Context } from '../context.ts'
import type { ExitCode } from '../exit-codes.ts'
import { json } from '../json-lines.ts'
import { bytes, uptime } from '../monitor/meter.ts'
import { oneShot, reachNode } from '../running.ts'
import { UsageError } from '../usage.ts'

export async function status(context: Context): Promise<ExitCode> {
  return await ask(context, 'status', answer => {
    const { peerId, name, addresses, uptimeSeconds, peers, stats } = answer
    const { output, invocation } = context
    if (invocation.settings.json)
      output.line(
        json({ peerId, name, addresses, uptimeSeconds, peers: peers.map(inOrder), stats: { ...stats } }),
      )
    else output.line(statusText(answer))
  })
}

export async function peers(context: Context): Promise<ExitCode> {
  return await ask(context, 'peers', ({ peers, maxPeers }) => {
    const { output, invocation } = context
    if (!invocation.settings.json) output.line(peerTable(peers, maxPeers))
    else for (const peer of peers) output.line(json(inOrder(peer)))
  })
}

async function ask(context: Context, name: string, show: (answer: NodeStatus) => void): Promise<ExitCode> {
  if (context.invocation.words.length > 0)
    throw new UsageError(`${name} takes no words; see guild-home ${name} --help`)
  return await oneShot(context, async (api, { signal }) => {
    const control = await reachNode(api, context, signal)
    try {
      show(await control.status({ signal }))
    } finally {
      await control.close()
    }
  })
}

function statusText({ peerId, name, addresses, uptimeSeconds, peers, maxPeers, stats }: NodeStatus): string {
  return [
    `${visible(name, 64)}, up ${uptime(uptimeSeconds)}, received ${bytes(stats.bytes_in)}, sent ${bytes(stats.bytes_out)}`,
    `PeerId ${visible(peerId)}`,
    ...addresses.map(address => `  ${visible(address)}`),
    peerTable(peers, maxPeers),
  ].join('\n')
}

/** The keys of the contract, in its order, and absent figures as null. */
function inOrder(peer: PeerInfo): object {
  const { peerId, name, address, transport, direction, rttMs, bytesIn, bytesOut, carrier, packets } = peer
  return { peerId, name, address, transport, direction, rttMs, bytesIn, bytesOut, carrier, packets }
}
