/**
 * `guild-home p2p-serve --listen <multiaddr>`: a node that others sync with, until it is told to end.
 *
 *   p2p listen: /ip4/192.0.2.1/tcp/8845/p2p/12D3KooW…
 *
 * The node that `run` runs, with its log open and without a console.
 *
 * Floor: cli. Page: README.md
 */
import { parseAddress, visible } from '../api.ts'
import type { Context } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { json } from '../json-lines.ts'
import { discovery, identity, network } from '../keys.ts'
import { listenForSignals, untilAborted } from '../signals.ts'
import { UsageError } from '../usage.ts'
import { patience, within } from '../within.ts'
import { tell } from './run.ts'

export async function p2pServe(context: Context): Promise<ExitCode> {
  const { io, output, invocation } = context
  const { settings, origins, words } = invocation
  if (words.length > 0) throw new UsageError('p2p-serve takes no words; see guild-home p2p-serve --help')
  const interruption = listenForSignals(io)
  output.broken = () => interruption.end()
  const { signal } = interruption
  try {
    const api = await io.loadApi()
    const keys = await network(api, settings, output)
    const { host, port, transport } = listenAt(settings.listen)
    const dir = await api.openDataDir({
      ...(origins.dataDir === 'default' ? {} : { path: settings.dataDir }),
      role: 'run',
      signal,
    })
    try {
      const node = await api.createNode({
        host,
        port,
        transport: [transport],
        bootstrap: settings.bootstrap,
        mdns: settings.mdns,
        maxPeers: settings.maxPeers,
        allow: settings.allow,
        deny: settings.deny,
        ...(settings.name === undefined ? {} : { name: settings.name }),
        ...(settings.announce.length === 0 ? {} : { announce: settings.announce }),
        ...discovery(settings),
        ...keys,
        ...(await identity(api, settings, dir.path)),
        dataDir: dir,
      })
      tell(context, node)
      try {
        await node.start({ signal })
        await node.log.head() // open from the first moment, so that who comes is asked
        for (const address of node.addresses)
          output.line(
            settings.json ? json({ event: 'p2p-listen', address }) : `p2p listen: ${visible(address)}`,
          )
        await untilAborted(signal)
      } finally {
        await within(patience, node.stop())
      }
    } finally {
      dir.release()
    }
  } finally {
    interruption.close()
  }
  return exitCodes.done
}

function listenAt(listen: string): {
  readonly host: string
  readonly port: number
  readonly transport: string
} {
  const { host, port, transport } = parseAddress(listen.replace(/\/(tcp|udp)\/0$/, '/$1/1'))
  return { host, transport, port: /\/(tcp|udp)\/0$/.test(listen) ? 0 : port }
}
