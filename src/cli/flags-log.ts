/**
 * The flags of the log: of `log`, `sync` and `p2p-serve`.
 *
 * Rows of the table in `flags.ts`, in a file of their own.
 *
 * Page: README.md, protocol/sync.md · Floor: cli.
 */
import { flag } from './flag.ts'
import { duration, list, multiaddrToListen, peerAddress, truth, whole } from './values.ts'

export const logFlags = {
  peers: flag<readonly string[]>({
    value: 'addresses',
    fallback: [],
    fallbackText: 'those that are linked, or that trackers tell of',
    many: true,
    commands: ['sync', 'p2p-sync'],
    about: 'whose logs to read: comma list of multiaddrs or host:port',
    parse: list(peerAddress),
  }),
  limit: flag<number | undefined>({
    value: 'number',
    fallback: undefined,
    fallbackText: '1000 entries in a message of sync; log ls shows all',
    commands: ['sync', 'p2p-sync', 'log'],
    about: 'most entries in one message of sync; of log ls and tail, how many of the newest to show',
    parse: whole(1, 1_000_000_000),
  }),
  watch: flag<boolean>({
    fallback: false,
    fallbackText: 'off',
    commands: ['sync', 'p2p-sync'],
    about: 'go on, a round every --interval-sec, until it is interrupted',
    parse: truth,
  }),
  intervalSec: flag<number>({
    value: 'duration',
    fallback: 60,
    fallbackText: '60s',
    commands: ['sync', 'p2p-sync'],
    about: 'time between two rounds of --watch',
    parse: duration(0.1, 86_400),
  }),
  push: flag<boolean>({
    fallback: false,
    fallbackText: 'off',
    commands: ['sync', 'p2p-sync'],
    about: "bring this device's entries to the peers too",
    parse: truth,
  }),
  listen: flag<string>({
    value: 'multiaddr',
    fallback: '/ip4/0.0.0.0/tcp/8845',
    fallbackText: '/ip4/0.0.0.0/tcp/8845',
    commands: ['p2p-serve'],
    about: 'where to listen, such as /ip4/0.0.0.0/tcp/8845; port 0: the system picks',
    parse: multiaddrToListen,
  }),
} as const
