/**
 * `guild-home bench [kind]`: what this machine can do, beside a raw socket in the same run.
 *
 * Everything is on 127.0.0.1, in rounds that take turns, and medians are told. No key and no directory
 * of the user's is touched; `startup` writes to a temporary folder and removes it. Figures go to standard output, one row a line
 * with `--json`; everything else to standard error.
 *
 * Floor: cli. Page: README.md.
 */
import { loadApi, visible } from '../api.ts'
import { kinds } from '../bench/kinds.ts'
import { fieldsOf, tableOf } from '../bench/rows.ts'
import type { Context } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { json } from '../json-lines.ts'
import { listenForSignals } from '../signals.ts'
import { suggestion, UsageError } from '../usage.ts'

export async function bench({ io, output, invocation }: Context): Promise<ExitCode> {
  const chosen = chosenKinds(invocation.words)
  const interruption = listenForSignals(io)
  output.broken = () => interruption.end()
  const { signal } = interruption
  try {
    // This process as every other that has a node.
    await loadApi()
    for (const name of chosen) {
      const kind = kinds[name]!
      output.note(`measuring ${kind.about}, beside ${kind.beside} in turn`)
      const rows = await kind.measure(signal)
      if (invocation.settings.json) for (const row of rows) output.line(json(fieldsOf(row)))
      else output.line(tableOf(rows))
    }
  } catch (error) {
    if (!signal.aborted) throw error
    return output.gone === undefined ? exitCodes.interrupted : exitCodes.done
  } finally {
    interruption.close()
  }
  return exitCodes.done
}

function chosenKinds(words: readonly string[]): readonly string[] {
  const known = Object.keys(kinds)
  const [name, extra] = words
  if (extra !== undefined)
    throw new UsageError(
      `'${visible(extra, 100)}' is one word too many: guild-home bench [${known.join('|')}]`,
    )
  if (name === undefined) return known
  if (!known.includes(name))
    throw new UsageError(
      `bench ${visible(name, 100)}: there is ${known.join(', ')}${suggestion(name, known)}`,
    )
  return [name]
}
