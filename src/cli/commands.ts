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
    words: 'swarm-key [show|new|fingerprint|rotate]',
    about: "print the swarm key's fingerprint, show the key, make one, or replace it by a new one",
    examples: [
      ['guild-home swarm-key', 'the fingerprint: compare it between machines'],
      ['guild-home swarm-key new --swarm-key ./team.key', 'make a key; never overwrites one'],
      ['guild-home swarm-key rotate', 'a new key; the old one is accepted too for a while'],
      ['guild-home swarm-key rotate --finish', 'and from now on no more'],
    ],
    load: async () => (await import('./commands/swarm-key.ts')).swarmKey,
  },
  connect: {
    words: 'connect <address>',
    about: 'link the running node to an address; without one, see who is there',
    examples: [['guild-home connect 192.0.2.1:8000', 'dial and print the peer']],
    load: async () => (await import('./commands/connect.ts')).connect,
  },
  status: {
    words: 'status',
    about: 'what the running node says of itself; ends with 3 where none runs',
    examples: [
      ['guild-home status', 'the node on ./data'],
      ['guild-home status --port 8001 --json', 'the one in this folder that has port 8001, for programs'],
    ],
    load: async () => (await import('./commands/status.ts')).status,
  },
  peers: {
    words: 'peers',
    about: 'the peers of the running node',
    examples: [['guild-home peers --json', 'one JSON object per peer']],
    load: async () => (await import('./commands/status.ts')).peers,
  },
  send: {
    words: 'send [--to peer] <text>',
    about: 'say something to all peers, or to one, who has to have shown it',
    examples: [
      ['guild-home send hello everybody', 'to all'],
      ['guild-home send --to bob are you there', 'to one, by name or PeerId'],
    ],
    load: async () => (await import('./commands/send.ts')).send,
  },
  add: {
    words: 'add <path…>',
    about: 'a file or folder into blocks, pinned and told to the peers; prints its CID last',
    examples: [
      ['guild-home add photo.jpg', 'the same CID as other IPFS tools'],
      ['guild-home add --wrap --hidden ./site', 'a folder with its name and its dot files'],
      ['tar c ./photos | guild-home add -', 'what comes in, as one file'],
    ],
    load: async () => (await import('./commands/add.ts')).add,
  },
  get: {
    words: 'get <cid[/path]>',
    about: 'a file or folder out again, from everybody who has it; called again it goes on',
    examples: [
      ['guild-home get bafybei… -o photos', 'to ./photos'],
      ['guild-home get bafybei…/2026/sea.jpg', 'one file of a folder, to ./sea.jpg'],
      ['guild-home get bafybei… -b 192.0.2.1:8000', 'where no node runs, from the mesh of that one'],
    ],
    load: async () => (await import('./commands/get.ts')).get,
  },
  cat: {
    words: 'cat <cid[/path]>',
    about: 'the bytes of a file on standard output, as they come',
    examples: [['guild-home cat bafybei…/notes.txt --length 1000', 'the first thousand bytes']],
    load: async () => (await import('./commands/cat.ts')).cat,
  },
  ls: {
    words: 'ls <cid[/path]>',
    about: 'what a folder holds: CID, size, name',
    examples: [['guild-home ls bafybei… --json', 'one JSON object an entry']],
    load: async () => (await import('./commands/ls.ts')).ls,
  },
  stat: {
    words: 'stat <cid[/path]>',
    about: 'what a CID names: file, folder or symlink, its size, its mode and time where they were kept',
    examples: [['guild-home stat bafybei…/2026', 'and its own CID']],
    load: async () => (await import('./commands/ls.ts')).stat,
  },
  block: {
    words: 'block <put|get|stat|rm|verify>',
    about: 'single blocks: keep one, write one out, its size, remove some, or read and hash them all',
    examples: [
      ['guild-home block put note.txt', 'at most 2 MiB; prints its CID'],
      ['guild-home block get bafkrei… > note.txt', 'its bytes, as they are'],
      ['guild-home block verify', 'damaged ones are set aside; ends with 1 if there are any'],
    ],
    load: async () => (await import('./commands/block.ts')).block,
  },
  pin: {
    words: 'pin <add|ls|rm>',
    about: 'what stays when gc collects: a block and all it leads to',
    examples: [
      ['guild-home pin add bafybei…', 'fetches what is missing of it'],
      ['guild-home pin rm bafybei…', 'it goes with the next gc'],
    ],
    load: async () => (await import('./commands/pin.ts')).pin,
  },
  gc: {
    words: 'gc',
    about: 'remove the blocks that no pin leads to',
    examples: [['guild-home gc --json', 'how many, and how many bytes']],
    load: async () => (await import('./commands/pin.ts')).gc,
  },
  car: {
    words: 'car <export|import>',
    about: 'many blocks as one file: CARv1 out, CARv1 and CARv2 in',
    examples: [
      ['guild-home car export bafybei… -o photos.car', 'all that it leads to'],
      ['guild-home car import photos.car', 'kept, and its roots pinned'],
    ],
    load: async () => (await import('./commands/car.ts')).car,
  },
  monitor: {
    words: 'monitor',
    about: 'watch the running node: a screen on a terminal, a line per tick in a pipe',
    examples: [
      ['guild-home monitor', 'peers, speeds and events; q leaves'],
      ['guild-home monitor --line --interval 1', 'one line, every second'],
    ],
    load: async () => (await import('./commands/monitor.ts')).monitor,
  },
  bench: {
    words: 'bench [tcp|udp|messages|blocks|mesh|idle|startup]',
    about: 'measure this machine, each figure beside that of a raw socket in the same run',
    examples: [
      ['guild-home bench tcp', 'bulk, round trips and handshakes, in twenty seconds at most'],
      ['guild-home bench udp', 'the same over datagrams, beside node:dgram with a cipher'],
      ['guild-home bench messages --json', 'small messages, one JSON object a row'],
    ],
    load: async () => (await import('./commands/bench.ts')).bench,
  },
  log: {
    words: 'log append|ls|tail [file]',
    about: 'the append-only log: add lines to it, list it, follow it',
    examples: [
      ['make 2>&1 | guild-home log append', 'one entry per line of input, here or from a file'],
      ['guild-home log ls --json --limit 20', 'the newest twenty, for programs'],
      ['guild-home log tail', 'the newest ten, and then what comes'],
    ],
    load: async () => (await import('./commands/log.ts')).log,
  },
  sync: {
    words: 'sync',
    about: 'read the logs of peers to their end: what is new there is new here',
    examples: [
      ['guild-home sync --peers /ip4/192.0.2.1/tcp/8845', 'one peer, once'],
      ['guild-home sync --trackers http://192.0.2.1:8850 --push', 'whom a tracker tells of, both ways'],
      ['guild-home sync --watch --interval-sec 60', 'every minute, whoever the running node is linked to'],
    ],
    load: async () => (await import('./commands/sync.ts')).sync,
  },
  'p2p-sync': {
    words: 'p2p-sync',
    about: 'another name of sync',
    examples: [['guild-home p2p-sync --peers /ip4/192.0.2.1/tcp/8845/p2p/12D3KooW…', 'a peer by its key']],
    load: async () => (await import('./commands/sync.ts')).sync,
  },
  'p2p-serve': {
    words: 'p2p-serve',
    about: 'run a node that others sync with, and print where it listens',
    examples: [['guild-home p2p-serve --listen /ip4/0.0.0.0/tcp/8845', 'until Ctrl-C']],
    load: async () => (await import('./commands/p2p-serve.ts')).p2pServe,
  },
  'tracker-serve': {
    words: 'tracker-serve',
    about: 'run a tracker: nodes with --trackers say there where they are, and find each other',
    examples: [
      ['guild-home tracker-serve --bind 0.0.0.0:8850', 'whoever reaches it may register and ask'],
      ['GUILD_TOKEN=… guild-home tracker-serve --ttl-sec 120', 'only those with the token'],
    ],
    load: async () => (await import('./commands/tracker-serve.ts')).trackerServe,
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
