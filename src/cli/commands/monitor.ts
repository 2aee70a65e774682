/**
 * `guild-home monitor`: watch the running node, until q, Ctrl-C, or its end.
 *
 * It asks for the figures each tick and is told events as they come. Whatever ends it, a
 * signal, an error, the node, the terminal gets its own screen and cursor back.
 *
 * Exit codes: 0 left by hand, 3 no node runs there, 1 the node ended.
 *
 * Floor: cli. Faults: CL-02, CL-05.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Api, CliControl } from '../api.ts'
import type { Context } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { Meter } from '../monitor/meter.ts'
import { Screen } from '../monitor/screen.ts'
import { jsonView, lineView, logView, screenView, type View } from '../monitor/views.ts'
import { oneShot, reachNode } from '../running.ts'
import type { Interruption } from '../signals.ts'
import { UsageError } from '../usage.ts'

/** Seconds between looks on a full screen, where nobody said otherwise. */
const SCREEN_INTERVAL = 1

export async function monitor(context: Context): Promise<ExitCode> {
  const { settings, origins, words } = context.invocation
  if (words.length > 0) throw new UsageError('monitor takes no words; see guild-home monitor --help')
  const { stdout, env } = context.io
  const full = stdout.isTTY === true && !settings.json && !settings.line && env.TERM !== 'dumb'
  const seconds = full && origins.interval === 'default' ? SCREEN_INTERVAL : settings.interval
  const leaving = async (api: Api, interruption: Interruption) => {
    const control = await reachNode(api, context, interruption.signal)
    const over = new AbortController()
    const signal = AbortSignal.any([interruption.signal, over.signal])
    const view = full ? onScreen(context, interruption) : plainView(context)
    try {
      await Promise.race([
        look(context, control, view, seconds * 1000, signal),
        listen(context, control, view, signal),
      ])
    } finally {
      over.abort()
      view.close()
      await control.close()
    }
  }
  return await oneShot(context, leaving, exitCodes.done)
}

async function look(
  { io }: Context,
  control: CliControl,
  view: View,
  interval: number,
  signal: AbortSignal,
): Promise<never> {
  const meter = new Meter()
  for (let next = performance.now(); ; next = Math.max(next + interval, performance.now())) {
    const status = await control.status({ signal })
    meter.look(status, performance.now())
    view.tick(status, meter, io.now())
    await sleep(Math.max(0, next + interval - performance.now()), undefined, { signal })
  }
}

async function listen({ io }: Context, control: CliControl, view: View, signal: AbortSignal): Promise<void> {
  for await (const event of control.events({ signal })) view.event(event, io.now())
}

function plainView({ io, output, invocation }: Context): View {
  const { json, line } = invocation.settings
  return json ? jsonView(output) : line ? lineView(io.stdout) : logView(output)
}

/** Takes the terminal, and gives it back when the view closes, or at the latest when the process ends. */
function onScreen({ io }: Context, interruption: Interruption): View {
  const { stdin, stdout, signals } = io
  const screen = new Screen(stdout)
  const keys = (bytes: Uint8Array | string) => {
    const text = String(bytes)
    if (text.includes('\u0003')) interruption.interrupt('SIGINT')
    else if (/q/i.test(text)) interruption.end()
  }
  const again = () => {
    stdin.setRawMode?.(true)
    screen.repaint()
  }
  const restore = () => {
    signals.off('exit', restore)
    signals.off('SIGCONT', again)
    if (stdin.isTTY === true) {
      stdin.off('data', keys)
      stdin.setRawMode?.(false)
      stdin.pause()
    }
    screen.leave()
  }
  // Without raw mode what is typed would be echoed into the picture.
  if (stdin.isTTY === true) {
    stdin.setRawMode?.(true)
    stdin.on('data', keys).on('error', () => {})
  }
  signals.on('exit', restore)
  signals.on('SIGCONT', again)
  screen.enter()
  return { ...screenView(screen), close: restore }
}
