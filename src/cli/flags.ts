/**
 * Every flag that works, once: the arguments, the environment, `--help` and the README read this table.
 *
 *   key       flag         variable         key of config.toml
 *   dataDir   --data-dir   GUILD_DATA_DIR   data_dir
 *
 * The three spellings are derived from the key. Names that people know from older
 * programs stand beside it as further variables and keys. A default here only says
 * what the library does anyway, so that `--help` can show it.
 *
 * Page: README.md · Floor: cli.
 */
import { type CommandName, calling, every, fetching, steering } from './command-names.ts'
import { contentFlags } from './content-flags.ts'
import { type Flag, flag } from './flag.ts'
import { logFlags } from './flags-log.ts'
import { trackerFlags, trackerServeFlags } from './flags-tracker.ts'
import type { Level } from './text-lines.ts'
import { levels } from './text-lines.ts'
import {
  bootstrapAddress,
  duration,
  ipAddress,
  keyPath,
  list,
  nodeName,
  oneOf,
  path,
  peerAddress,
  peerId,
  rate,
  size,
  truth,
  upTo,
  whole,
} from './values.ts'

export { type CommandName, commandNames } from './command-names.ts'
export type { Flag } from './flag.ts'

const congestions = ['bbr', 'cubic', 'newreno'] as const
type Congestion = (typeof congestions)[number]

export const flags = {
  port: flag<number>({
    short: 'p',
    value: 'number',
    fallback: 0,
    fallbackText: '0, the system picks',
    commands: ['run', ...steering],
    about:
      'port to listen on, of TCP and UDP; a command that asks a node means the one in ./data with this port',
    parse: whole(0, 65_535, ' (0: the system picks)'),
  }),
  bootstrap: flag<readonly string[]>({
    short: 'b',
    value: 'addresses',
    fallback: [],
    fallbackText: 'none',
    many: true,
    commands: ['run', 'send', ...fetching, 'p2p-serve'],
    about: 'where to find first peers: comma list of host:port, [v6]:port or multiaddrs',
    parse: list(bootstrapAddress),
  }),
  dataDir: flag<string>({
    short: 'd',
    value: 'directory',
    fallback: './data',
    fallbackText: './data',
    commands: ['run', 'id', 'tracker-serve', ...steering, 'p2p-serve'],
    about: 'where the identity lives; a second node in the same folder takes ./data/node-2',
    parse: path,
  }),
  interval: flag<number>({
    short: 'i',
    value: 'duration',
    fallback: 5,
    fallbackText: '5s',
    oldVariables: ['GUILD_HEARTBEAT_INTERVAL'],
    commands: ['run', 'monitor'],
    about: 'time between heartbeats (PING) on a quiet link; of monitor, between looks (on a full screen 1s)',
    parse: duration(0.05, 3600),
  }),
  log: flag<Level>({
    short: 'l',
    value: 'level',
    fallback: 'info',
    fallbackText: 'info',
    oldVariables: ['GUILD_LOG_LEVEL'],
    shortcut: { flag: 'debug', text: 'debug' },
    choices: levels,
    commands: every,
    about: 'how much to tell: error, warn, info or debug; --debug is --log debug',
    parse: oneOf(levels),
  }),
  name: flag<string | undefined>({
    short: 'n',
    value: 'text',
    fallback: undefined,
    fallbackText: 'peer-<port>',
    commands: ['run', ...calling, 'p2p-serve'],
    about: 'how this node is shown to others',
    parse: nodeName,
  }),
  host: flag<readonly string[]>({
    value: 'addresses',
    fallback: [],
    fallbackText: '0.0.0.0 and ::',
    many: true,
    commands: ['run'],
    about: 'IP addresses to listen on; 127.0.0.1 stays on this machine',
    parse: list(ipAddress),
  }),
  maxPeers: flag<number>({
    value: 'number',
    fallback: 20,
    fallbackText: '20',
    commands: ['run', 'p2p-serve'],
    about: 'most peers at once',
    parse: whole(1, 10_000),
  }),
  allow: flag<readonly string[]>({
    value: 'peer ids',
    fallback: [],
    fallbackText: 'every member',
    many: true,
    commands: ['run', 'p2p-serve'],
    about: 'PeerIds that alone may connect or be dialled',
    parse: list(peerId),
  }),
  deny: flag<readonly string[]>({
    value: 'peer ids',
    fallback: [],
    fallbackText: 'none',
    many: true,
    commands: ['run', 'p2p-serve'],
    about: 'PeerIds that may not; goes before --allow',
    parse: list(peerId),
  }),
  bandwidthIn: flag<number | undefined>({
    value: 'rate',
    fallback: undefined,
    fallbackText: 'none',
    commands: ['run'],
    about: 'most bytes per second from all peers together, such as 1M; chat does not wait for it',
    parse: rate,
  }),
  bandwidthOut: flag<number | undefined>({
    value: 'rate',
    fallback: undefined,
    fallbackText: 'none',
    commands: ['run'],
    about: 'the same towards all peers',
    parse: rate,
  }),
  transport: flag<readonly string[]>({
    value: 'names',
    fallback: ['tcp', 'udp'],
    fallbackText: 'tcp,udp',
    choices: ['tcp', 'udp'],
    commands: ['run', ...calling],
    about: 'what to listen and dial with, at one port number; the first has a head start of 250 ms',
    parse: list(oneOf(['tcp', 'udp'])),
  }),
  mtu: flag<number | undefined>({
    value: 'bytes',
    fallback: undefined,
    fallbackText: 'what the path takes',
    commands: ['run', ...calling],
    about: 'largest IP packet to send over UDP, for a tunnel that loses what is larger',
    parse: whole(1248, 65_535),
  }),
  congestion: flag<Congestion>({
    value: 'name',
    fallback: 'bbr',
    fallbackText: 'bbr',
    choices: congestions,
    commands: ['run', ...calling],
    about: 'congestion control over UDP: bbr, cubic or newreno',
    parse: oneOf(congestions),
  }),
  qlog: flag<string | undefined>({
    value: 'directory',
    fallback: undefined,
    fallbackText: 'off',
    commands: ['run', ...calling],
    about: 'log the packets of each link over UDP there, for qvis: one file a link, at most 256 MiB',
    parse: path,
  }),
  mdns: flag<boolean>({
    fallback: true,
    fallbackText: 'on',
    commands: ['run', 'p2p-serve'],
    about: 'find peers on the local network, and be found; idle where --host is loopback only',
    parse: truth,
  }),
  swarmKey: flag<string | undefined>({
    value: 'file',
    fallback: undefined,
    fallbackText: '~/.config/guild-home/swarm.key, made if missing',
    oldVariables: ['GUILD_SWARM_KEY_PATH'],
    oldKeys: ['swarm_key_path'],
    commands: ['run', 'swarm-key', ...calling, 'p2p-serve'],
    about: 'key of the network: only nodes that hold the same one connect; a file named here must exist',
    parse: keyPath,
  }),
  open: flag<string | undefined>({
    value: 'network',
    fallback: undefined,
    fallbackText: 'none',
    commands: ['run', ...calling, 'p2p-serve'],
    about: 'join a public network by its name instead of by a swarm key; anyone may',
    parse: upTo(64),
  }),
  identityKey: flag<string | undefined>({
    value: 'file',
    fallback: undefined,
    fallbackText: '<data-dir>/identity.key',
    oldVariables: ['GUILD_P2P_IDENTITY_KEY_PATH'],
    oldKeys: ['p2p_identity_key_path'],
    commands: ['run', 'id', ...calling, 'p2p-serve', 'log'],
    about: 'Ed25519 key of this node; it fixes the PeerId; a file named here must exist',
    parse: keyPath,
  }),
  ...trackerFlags,
  announce: flag<readonly string[]>({
    value: 'addresses',
    fallback: [],
    fallbackText: 'none',
    many: true,
    commands: ['run', 'p2p-serve'],
    about: 'addresses to tell others instead of the ones seen (port forwards, Kubernetes)',
    parse: list(peerAddress),
  }),
  discoveryInterval: flag<number>({
    value: 'duration',
    fallback: 30,
    fallbackText: '30s',
    commands: ['run'],
    about: 'time between questions for more peers',
    parse: duration(0.05, 3600),
  }),
  maintenanceInterval: flag<number>({
    value: 'duration',
    fallback: 15,
    fallbackText: '15s',
    commands: ['run'],
    about: 'time between removals of what went stale',
    parse: duration(0.05, 3600),
  }),
  connectTimeout: flag<number>({
    value: 'duration',
    fallback: 10,
    fallbackText: '10s',
    commands: ['run', ...calling],
    about: 'longest a dial and its handshake may take',
    parse: duration(0.05, 3600),
  }),
  peerTimeout: flag<number>({
    value: 'duration',
    fallback: 60,
    fallbackText: '60s',
    commands: ['run'],
    about: 'silence after which a peer is gone; at least twice the interval',
    parse: duration(0.1, 7200),
  }),
  to: flag<string | undefined>({
    value: 'peer',
    fallback: undefined,
    fallbackText: 'all peers',
    commands: ['send'],
    about: 'one peer: its PeerId, at least 14 characters of it, or a name that only one has',
    parse: upTo(128),
  }),
  finish: flag<boolean>({
    fallback: false,
    fallbackText: 'off',
    commands: ['swarm-key'],
    about: 'end a rotation: remove the previous key',
    parse: truth,
  }),
  line: flag<boolean>({
    fallback: false,
    fallbackText: 'off',
    commands: ['monitor'],
    about: 'one line, written over itself, instead of the whole screen',
    parse: truth,
  }),
  linePort: flag<number | undefined>({
    value: 'number',
    fallback: undefined,
    fallbackText: 'off',
    commands: ['run'],
    about: 'TCP port where people join in plain text with nc; 0: the system picks',
    parse: whole(0, 65_535, ' (0: the system picks)'),
  }),
  lineHost: flag<readonly string[]>({
    value: 'addresses',
    fallback: [],
    fallbackText: '127.0.0.1',
    many: true,
    commands: ['run'],
    about: 'IP addresses for the line port; whoever reaches them joins, unencrypted and unproved',
    parse: list(ipAddress),
  }),
  teach: flag<boolean>({
    fallback: false,
    fallbackText: 'off',
    commands: ['run'],
    about: 'explain each line to the person at the line port',
    parse: truth,
  }),
  blockQuota: flag<number | undefined>({
    value: 'size',
    fallback: undefined,
    fallbackText: 'none',
    commands: ['run', 'add', ...fetching],
    about: 'most bytes of blocks to keep, such as 10G; what is not pinned makes room first',
    parse: size,
  }),
  ...contentFlags,
  ...logFlags,
  ...trackerServeFlags,
  json: flag<boolean>({
    fallback: false,
    fallbackText: 'off',
    commands: every,
    about: 'one JSON object per line on standard output, nothing else there',
    parse: truth,
  }),
} as const

export type FlagKey = keyof typeof flags

/** All values of one start, by key. */
export type Settings = {
  readonly [Key in FlagKey]: (typeof flags)[Key] extends Flag<infer T> ? T : never
}

export const flagKeys = Object.keys(flags) as readonly FlagKey[]

/** The row of a key, with its value's type set aside. */
export function row(key: FlagKey): Flag<unknown> {
  return flags[key] as Flag<unknown>
}

/** `dataDir` → `data-dir`. */
export function flagName(key: FlagKey): string {
  return key.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
}

/** `dataDir` → `GUILD_DATA_DIR`. */
export function variableName(key: FlagKey): string {
  return `GUILD_${flagName(key).replaceAll('-', '_').toUpperCase()}`
}

/** `dataDir` → `data_dir`, in config.toml. */
export function keyName(key: FlagKey): string {
  return flagName(key).replaceAll('-', '_')
}

/** `config` takes them all, to show what each would be. */
export function flagsOf(command: CommandName): readonly FlagKey[] {
  return command === 'config' ? flagKeys : flagKeys.filter(key => row(key).commands.includes(command))
}

/** Flags that change nothing, for people who know them: `config` says origins in any case. */
export const idleFlags: Partial<Record<CommandName, readonly string[]>> = { config: ['origin'] }
