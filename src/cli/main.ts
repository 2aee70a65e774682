/**
 * The command line from its first word to its exit code.
 *
 *   arguments, environment, config.toml → settings, all checked → the one command's code → exit code
 *
 * Nothing is written to disk before every value was found good. `main` works on
 * whatever streams it is given and ends nothing; `runProcess` is the only place that
 * ends the process.
 *
 * Floor: cli.
 */
import { readFileSync } from 'node:fs'
import { commands } from './commands.ts'
import { readConfigFile } from './config-file.ts'
import { type ExitCode, exitCodes, report } from './exit-codes.ts'
import { type Io, processIo } from './io.ts'
import { Output } from './output.ts'
import { packageRoot } from './places.ts'
import { type Invocation, readArguments, settle } from './settings.ts'

export async function main(io: Io): Promise<ExitCode> {
  const output = new Output(io.stdout, io.stderr)
  let invocation: Invocation | undefined
  try {
    const asked = readArguments(io.args)
    // Help is given whatever else is wrong, a broken file too.
    const file = asked.help || asked.version ? undefined : await readConfigFile(io.env)
    invocation = settle(asked, io.env, file)
    output.setLevel(invocation.settings.log)
    if (output.shows('warn')) for (const line of invocation.warnings) output.trouble(`guild-home: ${line}`)
    return await obey(invocation, io, output)
  } catch (error) {
    const { json = false, log } = invocation?.settings ?? {}
    return report(error, output, { json, debug: log === 'debug', at: io.now() })
  } finally {
    await output.flush()
  }
}

export async function runProcess(): Promise<void> {
  const code = await main(processIo())
  // Whatever still holds the event loop open (a half-read terminal, say) has nothing left to do.
  process.exit(code)
}

async function obey(invocation: Invocation, io: Io, output: Output): Promise<ExitCode> {
  if (invocation.help) {
    const { helpText } = await import('./help.ts')
    const all = invocation.words.length === 0 && !io.args.includes(invocation.command)
    output.line((await helpText(invocation.command, all)).trimEnd())
    return exitCodes.done
  }
  if (invocation.version) {
    output.line(version())
    return exitCodes.done
  }
  const command = await commands[invocation.command].load()
  return command({ invocation, io, output })
}

function version(): string {
  const text = readFileSync(new URL('package.json', packageRoot), 'utf8')
  return String(JSON.parse(text).version)
}
