/** The command line with the real library, in this process: what a start of Node costs is saved. */
import { EventEmitter } from 'node:events'
import { PassThrough } from 'node:stream'
import { loadApi } from '../../src/cli/api.ts'
import { main } from '../../src/cli/main.ts'

export interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
  /** Standard output as it was. */
  readonly bytes: Buffer
}

/** Runs a command to its end, as a person at home in `home` would. Paths are to be absolute. */
export async function realCommand(
  home: string,
  args: readonly string[],
  input: Uint8Array | string = '',
): Promise<Ended> {
  // The library looks for the user's swarm key by the process's own environment.
  process.env.XDG_CONFIG_HOME = `${home}/config`
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
  const [out, err]: [Buffer[], Buffer[]] = [[], []]
  stdout.on('data', chunk => out.push(chunk))
  stderr.on('data', chunk => err.push(chunk))
  stdin.end(input)
  const code = await main({
    args,
    env: { HOME: home, XDG_CONFIG_HOME: `${home}/config` },
    stdin,
    stdout,
    stderr,
    signals: new EventEmitter(),
    now: () => new Date(),
    exit: () => {},
    loadApi,
  })
  return {
    code,
    out: Buffer.concat(out).toString(),
    err: Buffer.concat(err).toString(),
    bytes: Buffer.concat(out),
  }
}
