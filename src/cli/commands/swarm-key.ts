/**
 * `guild-home swarm-key`: the key that makes a network, its fingerprint, or a new one.
 *
 * The bare word prints the fingerprint, which may be shown to anybody and is the
 * one kubo shows; the key itself comes only when asked for by `show`. `new` never
 * overwrites: whoever holds only the old key would be locked out.
 *
 * Floor: cli.
 */
import { visible } from '../api.ts'
import type { Context } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { json } from '../json-lines.ts'
import { suggestion, UsageError } from '../usage.ts'

const actions = ['show', 'new', 'fingerprint'] as const

export async function swarmKey({ io, output, invocation }: Context): Promise<ExitCode> {
  const { settings, words } = invocation
  const action = actionOf(words)
  const api = await io.loadApi()
  const where = settings.swarmKey === undefined ? {} : { path: settings.swarmKey }
  const { psk, path, created } = await api.loadSwarmKey({ ...where, create: action === 'new' })
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

function actionOf(words: readonly string[]): (typeof actions)[number] {
  const [word, extra] = words
  const action = word === undefined ? 'fingerprint' : actions.find(name => name === word)
  if (action === undefined)
    throw new UsageError(
      `swarm-key does not know '${visible(word!, 100)}'${suggestion(word!, actions) || '; give show, new or fingerprint'}`,
    )
  if (extra !== undefined)
    throw new UsageError(`'${visible(extra, 100)}' is one word too many: guild-home swarm-key ${action}`)
  return action
}
