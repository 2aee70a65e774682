/**
 * `guild-home run`: a node with a log above and a console below.
 *
 *   checked settings → swarm key → data directory → identity → node → listening → … → goodbyes
 *
 * An interruption is heard at every one of these steps. Whatever was taken is given
 * back in the opposite order, and a stop that hangs is left behind before anybody's
 * patience ends.
 *
 * Floor: cli. Faults: CL-05.
 */
import type { Api, CliNode, NodeOptions } from '../api.ts'
import { codeOf, visible } from '../api.ts'
import type { Context } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import type { Settings } from '../flags.ts'
import { jsonLine } from '../json-lines.ts'
import { discovery, identity, network } from '../keys.ts'
import { type Interruption, listenForSignals, untilAborted } from '../signals.ts'
import { eventNames, levelOf, textLines, wantsColour } from '../text-lines.ts'
import { patience, within } from '../within.ts'

export async function run(context: Context): Promise<ExitCode> {
  const { io, output } = context
  const interruption = listenForSignals(io)
  output.broken = () => interruption.end()
  try {
    const api = await io.loadApi()
    if (!interruption.signal.aborted) await live(context, api, interruption)
  } catch (error) {
    const cut = interruption.signal.aborted && (codeOf(error) === 'GH_ABORTED' || isAbort(error))
    if (!cut) throw error
  } finally {
    interruption.close()
  }
  if (output.gone !== undefined && output.gone.code !== 'EPIPE') throw output.gone
  return exitCodes.done
}

async function live(context: Context, api: Api, interruption: Interruption): Promise<void> {
  const { output, invocation } = context
  const { settings, origins } = invocation
  const { signal } = interruption
  const keys = await network(api, settings, output)
  const dir = await api.openDataDir({
    ...(origins.dataDir === 'default' ? {} : { path: settings.dataDir }),
    ...(settings.port === 0 ? {} : { port: settings.port }),
    role: 'run',
    signal,
  })
  try {
    if ((dir.slot ?? 1) > 1)
      output.note(`data directory ${visible(dir.path)}, for other nodes use those before it`)
    const far = settings.lineHost.filter(host => !/^127\.|^::1$/.test(host))
    if (settings.linePort !== undefined && far.length > 0)
      output.note(`whoever reaches ${far.join(', ')} can use the line port; nothing on it is encrypted`)
    const node = await api.createNode({
      ...options(settings),
      ...keys,
      ...(await identity(api, settings, dir.path)),
      dataDir: dir,
    })
    tell(context, node)
    try {
      await node.start({ signal })
      dir.rememberPort(node.port)
      await converse(context, node, interruption)
    } finally {
      await within(patience, node.stop())
    }
  } finally {
    await dir.release()
  }
}

/** Runs the console until something ends it. */
async function converse(
  { io, output, invocation }: Context,
  node: CliNode,
  interruption: Interruption,
): Promise<void> {
  const { signal } = interruption
  if (signal.aborted) return
  const { startConsole } = await import('../console.ts') // the node listens by now
  const host = {
    node,
    output,
    json: invocation.settings.json,
    now: io.now,
    signal,
    quit: () => interruption.end(),
  }
  const console = startConsole(io, host, () => interruption.interrupt('SIGINT'))
  try {
    await untilAborted(signal)
  } finally {
    console.close()
  }
}

/** Shows every event, as lines or as JSON. */
export function tell({ io, output, invocation }: Context, node: CliNode): void {
  const { json, log } = invocation.settings
  const colours = { out: wantsColour(io.stdout, io.env), err: wantsColour(io.stderr, io.env) }
  for (const name of eventNames) {
    node.on(name, message => {
      const at = io.now()
      const level = levelOf[name]
      // Programs get every event whatever the level, but for the debug ones, which are many.
      if (json) {
        if (name !== 'debug' || log === 'debug') output.line(jsonLine(message, at))
        return
      }
      if (!output.shows(level)) return
      const trouble = name !== 'chat-message' && (level === 'error' || level === 'warn')
      const look = { at, maxPeers: node.maxPeers, colour: trouble ? colours.err : colours.out }
      for (const line of textLines(message, look)) {
        if (trouble) output.trouble(line)
        else output.line(line)
      }
    })
  }
}

function options(settings: Settings): NodeOptions {
  const { name, host, announce, allow, deny, bandwidthIn, bandwidthOut, linePort, lineHost, mtu, qlog } =
    settings
  return {
    port: settings.port,
    ...(host.length === 0 ? {} : { host }),
    ...(name === undefined ? {} : { name }),
    bootstrap: settings.bootstrap,
    mdns: settings.mdns,
    maxPeers: settings.maxPeers,
    transport: settings.transport,
    ...(mtu === undefined ? {} : { mtu }),
    congestion: settings.congestion,
    ...(qlog === undefined ? {} : { qlog }),
    interval: settings.interval,
    discoveryInterval: settings.discoveryInterval,
    maintenanceInterval: settings.maintenanceInterval,
    connectTimeout: settings.connectTimeout,
    peerTimeout: settings.peerTimeout,
    ...(settings.blockQuota === undefined ? {} : { blockQuota: settings.blockQuota }),
    ...discovery(settings),
    ...(announce.length === 0 ? {} : { announce }),
    ...(bandwidthIn === undefined ? {} : { bandwidthIn }),
    ...(bandwidthOut === undefined ? {} : { bandwidthOut }),
    allow,
    deny,
    ...(linePort === undefined ? {} : { linePort, teach: settings.teach }),
    ...(linePort === undefined || lineHost.length === 0 ? {} : { lineHost }),
  }
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}
