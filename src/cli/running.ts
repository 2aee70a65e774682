/**
 * The node that runs here already: which one a command means, and how it is reached.
 *
 *   --data-dir <dir>   the node on that directory
 *   --port <n>         the one in ./data that has this port
 *   neither            the one on ./data itself
 *
 * Floor: cli.
 */
import { type Api, type CliControl, codeOf, visible } from './api.ts'
import type { Context } from './context.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'
import { type Interruption, listenForSignals } from './signals.ts'

/** The node's control socket; throws GH_CONTROL_ABSENT where none runs. */
export async function reachNode(api: Api, { invocation }: Context, signal: AbortSignal): Promise<CliControl> {
  const { settings, origins } = invocation
  return await api.openControl({
    ...(origins.dataDir === 'default' ? {} : { dataDir: settings.dataDir }),
    ...(settings.port === 0 ? {} : { port: settings.port }),
    signal,
  })
}

/** The same for a command that can do without: undefined where none runs, unless one was named by its port. */
export async function nodeIfAny(
  api: Api,
  context: Context,
  signal: AbortSignal,
): Promise<CliControl | undefined> {
  try {
    return await reachNode(api, context, signal)
  } catch (error) {
    if (codeOf(error) !== 'GH_CONTROL_ABSENT' || context.invocation.origins.port === 'flag') throw error
    return undefined
  }
}

/** As `nodeIfAny`, for a command that then starts a node of its own, and says so. */
export async function findNode(
  api: Api,
  context: Context,
  signal: AbortSignal,
): Promise<CliControl | undefined> {
  const control = await nodeIfAny(api, context, signal)
  if (control === undefined) {
    const where = context.invocation.settings.dataDir
    context.output.note(`no node runs on ${visible(where)}: starting a short-lived node for this call`)
  }
  return control
}

/** Keys of another network or identity were named: the running node cannot answer for those. */
export function wantsOwnNode({ invocation }: Context): boolean {
  const { origins } = invocation
  return origins.swarmKey === 'flag' || origins.open === 'flag' || origins.identityKey === 'flag'
}

/** A command from its first wait to its exit code: Ctrl-C, and a reader that goes away, end it in order. */
export async function oneShot(
  { io, output }: Context,
  work: (api: Api, interruption: Interruption) => Promise<void>,
  whenCut: ExitCode = exitCodes.interrupted,
): Promise<ExitCode> {
  const interruption = listenForSignals(io)
  output.broken = () => interruption.end()
  const { signal } = interruption
  try {
    await work(await io.loadApi(), interruption)
  } catch (error) {
    if (!signal.aborted) throw error
    return output.gone === undefined ? whenCut : exitCodes.done
  } finally {
    interruption.close()
  }
  return exitCodes.done
}
