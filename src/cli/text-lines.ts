/**
 * What happens on a node, in the lines people know.
 *
 *   [15:04:32] [SYSTEM] Node alice listening on port 8001
 *   [15:04:35] [NETWORK] Peer bob connected from 192.168.1.100:8002 (1/20 peers)
 *   [15:04:40] [bob] network status looks good
 *
 * The wording is part of the outer contract: scripts match it. Whatever came from
 * a peer goes through `visible`, so it stays on its line and moves no cursor; a
 * peer that calls itself SYSTEM is quoted, so it cannot speak as the node does.
 *
 * Floor: cli. Faults: CL-02, CL-03.
 */
import { type EventName, type NodeMessage, visible } from './api.ts'

/** From the few to the many; `--log` shows its own level and all before it. */
export const levels = ['error', 'warn', 'info', 'debug'] as const
export type Level = (typeof levels)[number]

/** The level of each event. Chat is what the program is for, so it shows at every level. */
export const levelOf: Readonly<Record<EventName, Level>> = {
  'system-start': 'info',
  'peer-connected': 'info',
  'peer-disconnected': 'info',
  'peers-discovered': 'info',
  'chat-message': 'error',
  'connection-failed': 'warn',
  'bootstrap-success': 'info',
  'bootstrap-failed': 'warn',
  'maintenance-cleanup': 'info',
  'log-entries': 'debug',
  'log-fork': 'warn',
  error: 'error',
  debug: 'debug',
}

export const eventNames = Object.keys(levelOf) as readonly EventName[]

export interface Look {
  readonly at: Date
  readonly maxPeers: number
  readonly colour: boolean
}

/** The lines of one event, without line ends. */
export function textLines(message: NodeMessage, look: Look): readonly string[] {
  const line = (category: string, text: string) =>
    `${paint(`[${clock(look.at)}]`, dim, look.colour)} ${paint(`[${category}]`, hue[category] ?? bold, look.colour)} ${text}`
  switch (message.event) {
    case 'system-start': {
      const addresses = message.addresses.map(address => visible(address)).join(', ')
      return [
        line('SYSTEM', `Node ${visible(message.name)} listening on port ${message.port}`),
        line('SYSTEM', `PeerId ${visible(message.peerId)}${addresses && `, reached at ${addresses}`}`),
        ...(message.linePort === undefined
          ? []
          : [line('SYSTEM', `Line port at ${visible(message.linePort)}: ${netcat(message.linePort)}`)]),
      ]
    }
    case 'peer-connected': {
      const { direction, peers } = message
      const count = `(${peers}/${look.maxPeers} peers)`
      const at = hostAndPort(message.address)
      return [
        direction === 'in'
          ? line('NETWORK', `Peer ${peerName(message)} connected from ${at} ${count}`)
          : line('NETWORK', `Connected to peer ${peerName(message)} at ${at} ${count}`),
      ]
    }
    case 'peer-disconnected':
      return [
        line(
          'NETWORK',
          `Peer ${peerName(message)} disconnected: ${visible(message.reason)} (${message.peers}/${look.maxPeers} peers)`,
        ),
      ]
    case 'peers-discovered': {
      const via = peerName({ name: message.name, peerId: message.from })
      return [line('DISCOVERY', `Found ${message.count} peers via ${via} (total known: ${message.known})`)]
    }
    case 'chat-message':
      return [
        line(
          speaker(peerName({ name: message.name, peerId: message.from })) +
            (message.to === undefined ? '' : ' → you'),
          visible(message.message, 16_384),
        ),
      ]
    case 'maintenance-cleanup':
      return [line('MAINTENANCE', `Removed stale peer ${peerName(message)} (${visible(message.reason)})`)]
    case 'connection-failed':
      return [line('NETWORK', `Could not connect to ${dialled(message.address)}: ${cause(message)}`)]
    case 'bootstrap-success':
      return [line('DISCOVERY', `Bootstrap peer ${hostAndPort(message.address)} reached`)]
    case 'bootstrap-failed':
      return [line('DISCOVERY', `Bootstrap peer ${dialled(message.address)} not reached: ${cause(message)}`)]
    case 'log-entries': {
      const from = message.from === undefined ? '' : ` from ${visible(message.from)}`
      return [line('LOG', `${message.count} entries${from} (${message.head} in all)`)]
    }
    case 'log-fork':
      return [
        line(
          'LOG',
          `${visible(message.author)} wrote two entries with number ${message.authorSeq}: it was restored from an old copy, or lies`,
        ),
      ]
    case 'error':
      return [line('ERROR', cause(message))]
    case 'debug':
      return [line('DEBUG', visible(message.message))]
  }
}

/** `15:04:32`, in local time. */
export function clock(at: Date): string {
  return [at.getHours(), at.getMinutes(), at.getSeconds()]
    .map(part => String(part).padStart(2, '0'))
    .join(':')
}

/** The name a peer gave itself, or the beginning of its PeerId when it gave none. */
export function peerName({ name, peerId }: { name: string; peerId: string }): string {
  return name.trim() === '' ? shortId(peerId) : visible(name, 64)
}

export function shortId(peerId: string): string {
  return peerId.length <= 16 ? visible(peerId) : `${visible(peerId.slice(0, 8))}…${visible(peerId.slice(-6))}`
}

/** `/ip4/192.0.2.1/tcp/8002/p2p/…` as `192.0.2.1:8002`; what is not so simple stays as it is. */
export function hostAndPort(address: string): string {
  const [, zone, kind, host, port] =
    /^(?:\/ip6zone\/([^/]+))?\/(ip4|ip6|dns|dns4|dns6)\/([^/]+)\/(?:tcp|udp)\/(\d+)(?:\/p2p\/[^/]+)?$/.exec(
      address,
    ) ?? []
  if (host === undefined) return visible(address, 512)
  const place = zone === undefined ? host : `${host}%${zone}`
  return visible(kind === 'ip6' ? `[${place}]:${port}` : `${place}:${port}`, 512)
}

/** The same where it matters how it was tried: TCP and UDP of one port fail one by one. */
function dialled(address: string): string {
  return `${hostAndPort(address)}${/^\/[^/]+\/[^/]+\/udp\//.test(address) ? ' over UDP' : ''}`
}

/** `127.0.0.1:7000` as the command that joins there. */
function netcat(where: string): string {
  const colon = where.lastIndexOf(':')
  const host = where.slice(0, colon).replace(/^\[|\]$/g, '')
  return visible(`nc ${host} ${where.slice(colon + 1)}`, 120)
}

/** Colour where a terminal shows it and nobody asked for none: https://no-color.org */
export function wantsColour(
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  return stream.isTTY === true && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb'
}

const dim = 2
const bold = 1
/** Colours of the categories; a person's name is bold. */
const hue: Readonly<Record<string, number>> = {
  SYSTEM: 36,
  NETWORK: 32,
  DISCOVERY: 34,
  MAINTENANCE: 33,
  ERROR: 31,
  DEBUG: dim,
}

function paint(text: string, code: number, on: boolean): string {
  return on ? `\u001b[${code}m${text}\u001b[0m` : text
}

function speaker(name: string): string {
  const plain = name.normalize('NFKC').trim().toUpperCase()
  return plain in hue || /[[\]→]/.test(plain) ? `"${name}"` : name
}

function cause({ code, message }: { code: string; message: string }): string {
  return `${visible(message)} (${code})`
}
