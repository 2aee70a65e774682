/**
 * Who ended a link, and why, in a form that errors, events and exit codes map from.
 *
 * `closeCodeOf` and `errorOfCloseCode` are the two directions between our error codes
 * and the numbers on the wire; each is total.
 *
 * Floor: link.
 */
import { type ErrorCode, GuildError, withoutStack } from '../base/errors.ts'
import { type CloseCode, closeCodes, type Refusal } from '../wire/registry.ts'
import type { Stage } from './handshake.ts'

export interface LinkEnd {
  /** We closed it; the peer did; it fell silent; it broke the protocol; the carrier failed; the handshake did. */
  readonly by: 'local' | 'remote' | 'silence' | 'protocol' | 'transport' | 'handshake'
  readonly error: GuildError
  /** How far the link came. */
  readonly stage: Stage
  /** Of the CLOSE frame that ended it: the peer's, or ours. */
  readonly closeCode: number | undefined
  /** Who it was, as far as that was proved. */
  readonly peerId: string | undefined
}

/** What we tell a peer that made us throw `error`. Vague where the details are ours (spec: ERR-2). */
export function closeCodeOf(error: GuildError): CloseCode {
  switch (error.code) {
    case 'GH_LINK_FLOW':
      return closeCodes.FLOW_CONTROL
    case 'GH_LINK_FINAL_SIZE':
      return closeCodes.FINAL_SIZE
    case 'GH_LINK_STREAMS':
      return closeCodes.STREAM_LIMIT
    case 'GH_LINK_BUDGET':
      return closeCodes.BUDGET
    case 'GH_LINK_PROTOCOL':
      return closeCodes.PROTOCOL
    case 'GH_LINK_SILENT':
      return closeCodes.IDLE
    default:
      return error.code.startsWith('GH_WIRE_') ? closeCodes.FRAME : closeCodes.INTERNAL
  }
}

/** What a peer's CLOSE means here, known or not (spec: REG-2). `detail` is its text, untrusted. */
export function errorOfCloseCode(code: number, detail: string): GuildError {
  const known: Readonly<Record<number, ErrorCode>> = {
    [closeCodes.FLOW_CONTROL]: 'GH_LINK_FLOW',
    [closeCodes.FINAL_SIZE]: 'GH_LINK_FINAL_SIZE',
    [closeCodes.STREAM_LIMIT]: 'GH_LINK_STREAMS',
    [closeCodes.BUDGET]: 'GH_LINK_BUDGET',
    [closeCodes.PROTOCOL]: 'GH_LINK_PROTOCOL',
    [closeCodes.FRAME]: 'GH_LINK_PROTOCOL',
    [closeCodes.REPLACED]: 'GH_LINK_REPLACED',
    [closeCodes.IDLE]: 'GH_LINK_SILENT',
  }
  const words: Readonly<Record<number, string>> = {
    [closeCodes.GOODBYE]: 'the peer said goodbye',
    [closeCodes.DISCONNECTED]: 'the peer disconnected us',
  }
  return new GuildError(
    known[code] ?? 'GH_LINK_CLOSED',
    words[code] ?? `closed by the peer${detail === '' ? '' : `: ${detail}`}`,
  )
}

export function errorOfRefusal(reason: Refusal, detail: string): GuildError {
  const code = {
    MAX_PEERS: 'GH_REFUSED_MAX_PEERS',
    DUPLICATE: 'GH_REFUSED_DUPLICATE',
    DENIED: 'GH_REFUSED_DENIED',
    SELF: 'GH_HANDSHAKE_SELF',
  } as const satisfies Record<Refusal, ErrorCode>
  return new GuildError(code[reason], detail)
}

/** A carrier that ended or failed at this stage, without a word from the peer (spec: FRAME-10). */
export function errorOfCarrier(stage: Stage, dialled: boolean, cause: Error | undefined): GuildError {
  if (stage === 'open')
    return new GuildError('GH_LINK_CLOSED', cause?.message ?? 'without a goodbye', { cause })
  if (stage === 'message 1' && dialled) return new GuildError('GH_HANDSHAKE_SWARM', undefined, { cause })
  return withoutStack(() => new GuildError('GH_HANDSHAKE_CLOSED', `after ${stage}`, { cause }))
}
