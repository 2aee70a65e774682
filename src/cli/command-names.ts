/**
 * The names of the commands, and which of them are of one kind.
 *
 * Floor: cli.
 */

/** In the order of the help. */
export const commandNames = [
  'run',
  'id',
  'swarm-key',
  'connect',
  'status',
  'peers',
  'send',
  'add',
  'get',
  'cat',
  'ls',
  'stat',
  'block',
  'pin',
  'gc',
  'car',
  'monitor',
  'bench',
  'log',
  'sync',
  'p2p-sync',
  'p2p-serve',
  'tracker-serve',
  'config',
  'completion',
] as const
export type CommandName = (typeof commandNames)[number]

export const every: readonly CommandName[] = commandNames
/** Those that may have to ask peers for blocks. */
export const fetching: readonly CommandName[] = ['get', 'cat', 'ls', 'stat', 'block', 'pin', 'car']
/** Those that ask or steer the node that runs. */
export const steering: readonly CommandName[] = [
  ...(['connect', 'status', 'peers', 'send', 'monitor', 'log', 'sync', 'p2p-sync', 'add', 'gc'] as const),
  ...fetching,
]
/** Those that start a short-lived node where none runs. */
export const calling: readonly CommandName[] = ['connect', 'send', 'sync', 'p2p-sync', ...fetching]
