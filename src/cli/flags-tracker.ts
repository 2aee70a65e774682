/**
 * The flags of trackers: those of a node that uses some, and those of one that is one.
 *
 * Rows of the table in `flags.ts`, in a file of their own.
 *
 * Page: README.md, protocol/tracker.md · Floor: cli.
 */
import { flag } from './flag.ts'
import {
  bindAddress,
  hostName,
  keyPath,
  list,
  network,
  oneOf,
  path,
  token,
  trackerUrl,
  truth,
  upTo,
  whole,
} from './values.ts'

const dialStrategies = ['direct-first', 'relay-first'] as const
type DialStrategy = (typeof dialStrategies)[number]

/** Flags that a node has. */
export const trackerFlags = {
  trackers: flag<readonly string[]>({
    value: 'URLs',
    fallback: [],
    fallbackText: 'none',
    many: true,
    commands: ['run', 'send', 'sync', 'p2p-sync', 'p2p-serve'],
    about: 'trackers to be found through, and to find peers: comma list such as http://192.0.2.1:8850',
    parse: list(trackerUrl),
  }),
  trackerToken: flag<string | undefined>({
    value: 'token',
    fallback: undefined,
    fallbackText: 'none',
    secret: true,
    commands: ['run', 'send', 'sync', 'p2p-sync', 'p2p-serve'],
    about: 'what the trackers ask for; the variable or config.toml keeps it out of the process list',
    parse: token,
  }),
  userId: flag<string | undefined>({
    value: 'text',
    fallback: undefined,
    fallbackText: 'none',
    commands: ['run', 'send', 'log', 'sync', 'p2p-sync', 'p2p-serve'],
    about:
      'whose node this is: stands in log entries, is told to trackers, and only nodes of the same user are taken from them',
    parse: upTo(256),
  }),
  deviceId: flag<string | undefined>({
    value: 'text',
    fallback: undefined,
    fallbackText: 'from the PeerId',
    commands: ['run', 'send', 'log', 'sync', 'p2p-sync', 'p2p-serve'],
    about: "which of the user's machines this is: stands in log entries",
    parse: upTo(256),
  }),
  dbPath: flag<string | undefined>({
    value: 'file',
    fallback: undefined,
    fallbackText: '<data-dir>/guild.db',
    commands: ['run', 'send', 'log', 'sync', 'p2p-sync', 'p2p-serve'],
    about: 'database of the log, and of what trackers told: used when they are down',
    parse: path,
  }),
  dial: flag<DialStrategy>({
    value: 'order',
    fallback: 'direct-first',
    fallbackText: 'direct-first',
    choices: dialStrategies,
    commands: ['run', 'send', 'sync', 'p2p-sync', 'p2p-serve'],
    about: 'which addresses of a peer to try first: direct-first or relay-first',
    parse: oneOf(dialStrategies),
  }),
  relay: flag<string | undefined>({
    value: 'multiaddr',
    fallback: undefined,
    fallbackText: 'none',
    oldKeys: ['relay_addr'],
    later: 'this version has no relays',
    commands: ['config'],
    about: 'relay to be reached through; read and shown, and nothing else yet',
    parse: upTo(512),
  }),
  relayKey: flag<string | undefined>({
    value: 'file',
    fallback: undefined,
    fallbackText: '<data-dir>/relay.key',
    oldVariables: ['GUILD_RELAY_IDENTITY_KEY_PATH'],
    oldKeys: ['relay_identity_key_path'],
    later: 'this version has no relays',
    commands: ['config'],
    about: 'Ed25519 key of a relay; read and shown, and nothing else yet',
    parse: keyPath,
  }),
} as const

/** Flags of `tracker-serve`. */
export const trackerServeFlags = {
  bind: flag<string>({
    value: 'host:port',
    fallback: '0.0.0.0:8850',
    fallbackText: '0.0.0.0:8850',
    commands: ['tracker-serve'],
    about: 'where to listen; port 0: the system picks',
    parse: bindAddress,
  }),
  ttlSec: flag<number>({
    value: 'seconds',
    fallback: 60,
    fallbackText: '60',
    commands: ['tracker-serve'],
    about: 'how long a registration stands without being renewed',
    parse: whole(1, 86_400),
  }),
  token: flag<string | undefined>({
    value: 'token',
    fallback: undefined,
    fallbackText: 'none, everybody may ask',
    secret: true,
    commands: ['tracker-serve'],
    about: 'what is asked for; the variable or config.toml keeps it out of the process list',
    parse: token,
  }),
  allowUnsigned: flag<boolean>({
    fallback: false,
    fallbackText: 'off',
    commands: ['tracker-serve'],
    about: 'take registrations that the peer did not sign, such as those of curl',
    parse: truth,
  }),
  hosts: flag<readonly string[]>({
    value: 'names',
    fallback: [],
    fallbackText: 'localhost, this machine, any IP address',
    many: true,
    commands: ['tracker-serve'],
    about: 'further names it is reached by; a request for another is refused',
    parse: list(hostName),
  }),
  proxies: flag<readonly string[]>({
    value: 'networks',
    fallback: [],
    fallbackText: 'none',
    many: true,
    commands: ['tracker-serve'],
    about: 'load balancers in front, whose X-Forwarded-For is believed',
    parse: list(network),
  }),
} as const
