/**
 * What may be asked of a running node about its log.
 *
 *   {"do":"log-append","values":[…]}                ─▶ {"ok":{"entries":[{"seq":…},…]}}
 *   {"do":"log-entries","after":0,"limit":500}      ─▶ {"ok":{"entries":[…],"head":…}}       "wait": not before there is one
 *   {"do":"sync","peers":["…"],"limit":1000,"push":true}
 *                                                   ─▶ {"ok":{"results":[{"peer":…,"result":…} or {"peer":…,"error":…}]}}
 *
 * Page: protocol/control.md · Floor: protocols.
 */
import { malformed } from './json.ts'

/** Entries in one answer. */
export const ENTRIES_MAX = 500
/** Values in one request; its bytes are bounded as those of every request. */
const VALUES_MAX = 1_024
const PEERS_MAX = 256
const ADDRESS_MAX = 1_024

export type LogRequest =
  | { readonly do: 'log-append'; readonly values: readonly unknown[] }
  | {
      readonly do: 'log-entries'
      /** Behind this place; below 0: so many before the end. */
      readonly after: number
      readonly limit: number
      readonly wait: boolean
    }
  | {
      readonly do: 'sync'
      readonly peers: readonly string[] | undefined
      readonly limit: number | undefined
      readonly push: boolean
    }

/** Undefined where it is no request about the log. */
export function decodeLogRequest(message: Record<string, unknown>): LogRequest | undefined {
  switch (message.do) {
    case 'log-append': {
      const { values } = message
      if (!Array.isArray(values) || values.length > VALUES_MAX)
        throw malformed(`"values" has to be a list of at most ${VALUES_MAX}`)
      return { do: 'log-append', values }
    }
    case 'log-entries':
      return {
        do: 'log-entries',
        after: whole(message.after ?? 0, 'after', Number.MIN_SAFE_INTEGER),
        limit: Math.min(ENTRIES_MAX, whole(message.limit ?? ENTRIES_MAX, 'limit', 1)),
        wait: message.wait === true,
      }
    case 'sync':
      return {
        do: 'sync',
        peers: message.peers === undefined || message.peers === null ? undefined : addresses(message.peers),
        limit:
          message.limit === undefined || message.limit === null
            ? undefined
            : whole(message.limit, 'limit', 1),
        push: message.push === true,
      }
    default:
      return undefined
  }
}

function addresses(value: unknown): string[] {
  if (!Array.isArray(value) || value.length > PEERS_MAX)
    throw malformed(`"peers" has to be a list of ${PEERS_MAX} at most`)
  for (const one of value)
    if (typeof one !== 'string' || one === '' || one.length > ADDRESS_MAX)
      throw malformed('"peers" holds no address')
  return value as string[]
}

function whole(value: unknown, name: string, least: number): number {
  if (!Number.isSafeInteger(value) || (value as number) < least)
    throw malformed(`"${name}" has to be a whole number`)
  return value as number
}
