/**
 * `guild-home completion <shell>`: a script for bash, zsh or fish.
 *
 * Floor: cli.
 */
import { basename } from 'node:path'
import { visible } from '../api.ts'
import { type Commands, type Shell, script, shells } from '../completion.ts'
import type { Context } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { json } from '../json-lines.ts'
import { suggestion, UsageError } from '../usage.ts'

export async function completion({ io, output, invocation }: Context, commands: Commands): Promise<ExitCode> {
  const { settings, words } = invocation
  const shell = shellOf(words, io.env.SHELL)
  const text = script(shell, commands)
  output.line(settings.json ? json({ shell, script: text }) : text.trimEnd())
  return exitCodes.done
}

/** The one that was named, else the one that runs here. */
function shellOf(words: readonly string[], path: string | undefined): Shell {
  const [word, extra] = words
  if (extra !== undefined)
    throw new UsageError(`'${visible(extra, 100)}' is one word too many: guild-home completion bash`)
  const wanted = word ?? basename(path ?? '')
  const found = shells.find(name => name === wanted)
  if (found !== undefined) return found
  if (word === undefined) throw new UsageError('name the shell: guild-home completion bash, zsh or fish')
  throw new UsageError(
    `completion does not know '${visible(word, 100)}'${suggestion(word, shells) || '; give bash, zsh or fish'}`,
  )
}
