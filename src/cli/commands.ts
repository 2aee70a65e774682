/**
 * The commands: their words, their help, and where their code is.
 *
 * A command's code loads when it runs and not before, so that `--help` and a typing
 * error answer at once.
 *
 * Floor: cli.
 */
import type { Context } from './context.ts'
import type { ExitCode } from './exit-codes.ts'
import type { CommandName } from './flags.ts'

export interface Command {
  readonly words: string
  readonly about: string
  readonly examples: readonly (readonly [line: string, about: string])[]
  readonly load: () => Promise<(context: Context) => Promise<ExitCode>>
}

export const commands: Readonly<Record<CommandName, Command>> = {
  run: {
    words: 'run [port] [host:port]',
    about: 'run a node; what is typed is sent to all peers, /help lists the console commands',
    examples: [
      ['guild-home', 'run a node on any free port'],
      ['guild-home run --port 8001 --name alice', 'run a node on port 8001'],
      ['guild-home run 8002 localhost:8001', 'run another and join the first'],
      ['guild-home run --json --log error', 'one JSON object per event, for programs'],
    ],
    load: async () => (await import('./commands/run.ts')).run,
  },
  id: {
    words: 'id',
    about: 'print the PeerId of a data directory',
    examples: [['guild-home id --data-dir ./data/node-2', 'the second node of this folder']],
    load: async () => (await import('./commands/id.ts')).id,
  },
  'swarm-key': {
    words: 'swarm-key [show|new|fingerprint]',
    about: "print the swarm key's fingerprint, show the key, or make a new one",
    examples: [
      ['guild-home swarm-key', 'the fingerprint: compare it between machines'],
      ['guild-home swarm-key new --swarm-key ./team.key', 'make a key; never overwrites one'],
    ],
    load: async () => (await import('./commands/swarm-key.ts')).swarmKey,
  },
  connect: {
    words: 'connect <address>',
    about: 'can this address be reached, and who is there?',
    examples: [['guild-home connect 192.0.2.1:8000', 'dial, print the peer, say goodbye']],
    load: async () => (await import('./commands/connect.ts')).connect,
  },
  bench: {
    words: 'bench [tcp|messages|mesh]',
    about: 'measure this machine, each figure beside that of a raw socket in the same run',
    examples: [
      ['guild-home bench tcp', 'bulk, round trips and handshakes, in twenty seconds at most'],
      ['guild-home bench messages --json', 'small messages, one JSON object a row'],
    ],
    load: async () => (await import('./commands/bench.ts')).bench,
  },
  config: {
    words: 'config [show]',
    about: 'print every setting and where it comes from: flag, variable, config.toml or default',
    examples: [
      ['guild-home config', 'what a run here would use, and why'],
      ['guild-home config --port 9000 --json', 'the same with that flag, one JSON object a setting'],
    ],
    load: async () => (await import('./commands/config.ts')).config,
  },
  completion: {
    words: 'completion [bash|zsh|fish]',
    about: 'print a script that lets the shell complete commands and flags',
    examples: [
      ['source <(guild-home completion bash)', 'in ~/.bashrc'],
      ['guild-home completion fish | source', 'in ~/.config/fish/config.fish'],
    ],
    load: async () => {
      const { completion } = await import('./commands/completion.ts')
      return context => completion(context, commands)
    },
  },
}
