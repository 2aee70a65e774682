/**
 * JSON on the control socket, for all of its messages.
 *
 * Refuses: what is not an object in JSON and UTF-8.
 * Page: protocol/control.md · Floor: protocols.
 */
import { fromUtf8 } from '../../base/bytes.ts'
import { codes, type ErrorCode, GuildError } from '../../base/errors.ts'

/** Why a node could not do what was asked. */
export interface Fault {
  readonly code: ErrorCode
  readonly detail: string
}

export function parseObject(bytes: Uint8Array): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(fromUtf8(bytes))
  } catch {
    throw malformed('not JSON in UTF-8')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed('not an object')
  return value as Record<string, unknown>
}

export function faultOf(error: unknown): Fault {
  const { code, detail } = (error ?? {}) as Record<string, unknown>
  if (typeof code !== 'string' || typeof detail !== 'string') throw malformed('an answer of no known kind')
  // A newer node may know codes that this one does not.
  if (!Object.hasOwn(codes, code)) return { code: 'GH_INTERNAL', detail: `${code}: ${detail}` }
  return { code: code as ErrorCode, detail }
}

export function malformed(detail: string): GuildError {
  return new GuildError('GH_CONTROL_REQUEST', detail)
}
