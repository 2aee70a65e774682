/**
 * `guild-home swarm-key`: the key that makes a network, its fingerprint, or a new one.
 *
 * The bare word prints the fingerprint, which may be shown to anybody and is the
 * one kubo shows; the key itself comes only when asked for by `show`. `new` never
 * overwrites: whoever holds only the old key would be locked out. `rotate` does, and
 * keeps the old key beside the new one until `--finish`.
 *
 * Floor: cli.
 */
import { visible } from '../api.ts'
import type { Context } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { json } from '../json-lines.ts'
import { suggestion, UsageError } from '../usage.ts'

const actions = ['show', 'new', 'fingerprint', 'rotate'] as const

export async function swarmKey(context: Context): Promise<ExitCode> {
  const { io, output, invocation } = context
  const { settings, words } = invocation
  const action = actionOf(words)
  if (action === 'rotate') return settings.finish ? finish(context) : rotate(context)
  if (settings.finish) throw new UsageError(`--finish ends a rotation: guild-home swarm-key rotate --finish`)
  const api = await io.loadApi()
  const { psk, path, created } = await api.loadSwarmKey({ ...where(context), create: action === 'new' })
  if (action === 'new' && !created) {
    output.trouble(`guild-home: ${visible(path)} holds a key already; it stays as it is`)
    output.trouble('  move it away first, or name another file with --swarm-key')
    return exitCodes.refused
  }
  const fingerprint = await api.swarmKeyFingerprint(psk)
  const text = api.encodeSwarmKey(psk)
  if (settings.json) output.line(json({ path, fingerprint, ...(action === 'show' ? { text } : {}) }))
  else if (action === 'show') output.line(text.replace(/\n$/, ''))
  else output.line(fingerprint)
  if (action === 'new') output.note(`made ${visible(path)}; copy it to your other machines`)
  return exitCodes.done
}

async function rotate(context: Context): Promise<ExitCode> {
  const { io, output, invocation } = context
  const api = await io.loadApi()
  const { path, previousPath, psk, previous } = await api.rotateSwarmKey(where(context))
  const fingerprint = await api.swarmKeyFingerprint(psk)
  const previousFingerprint = await api.swarmKeyFingerprint(previous)
  if (invocation.settings.json) output.line(json({ path, fingerprint, previousPath, previousFingerprint }))
  else {
    output.line(`new key       ${fingerprint}  ${visible(path)}`)
    output.line(`previous key  ${previousFingerprint}  ${visible(previousPath)}`)
  }
  output.note('for 7 days nodes that hold both files accept both keys. What is to be done now:')
  output.note('  1. copy both files to your other machines, side by side')
  output.note('  2. restart the nodes one by one')
  output.note("  3. on each machine 'guild-home swarm-key rotate --finish', and restart once more")
  return exitCodes.done
}

async function finish(context: Context): Promise<ExitCode> {
  const { io, output, invocation } = context
  const api = await io.loadApi()
  const { path, previousPath, psk, removed } = await api.finishSwarmKeyRotation(where(context))
  const fingerprint = await api.swarmKeyFingerprint(psk)
  if (invocation.settings.json) output.line(json({ path, fingerprint, previousPath, removed }))
  else output.line(fingerprint)
  output.note(
    removed
      ? `removed ${visible(previousPath)}; nodes accept the new key alone from their next start`
      : `there is no ${visible(previousPath)}: nothing to finish`,
  )
  return exitCodes.done
}

function where({ invocation: { settings } }: Context): { path?: string } {
  return settings.swarmKey === undefined ? {} : { path: settings.swarmKey }
}

function actionOf(words: readonly string[]): (typeof actions)[number] {
  const [word, extra] = words
  const action = word === undefined ? 'fingerprint' : actions.find(name => name === word)
  if (action === undefined)
    throw new UsageError(
      `swarm-key does not know '${visible(word!, 100)}'${suggestion(word!, actions) || '; give show, new, fingerprint or rotate'}`,
    )
  if (extra !== undefined) {
    const file = /[./\\]/.test(extra) ? `; a file is named by --swarm-key ${visible(extra, 100)}` : ''
    throw new UsageError(
      `'${visible(extra, 100)}' is one word too many: guild-home swarm-key ${action}${file}`,
    )
  }
  return action
}
