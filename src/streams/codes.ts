/**
 * What the code of a RESET_STREAM or STOP_SENDING means to the program.
 *
 * The number crosses the network, the error reaches the caller; codes nobody knows keep
 * their number in the message, for the registry only grows.
 *
 * Page: protocol/errors.md (spec: REG-2) · Floor: streams.
 */
import { type ErrorCode, GuildError } from '../base/errors.ts'
import { streamCodes } from '../wire/registry.ts'

const typed: Readonly<Record<number, ErrorCode>> = {
  [streamCodes.PROTOCOL_UNKNOWN]: 'GH_STREAM_PROTOCOL_UNKNOWN',
  [streamCodes.TOO_LARGE]: 'GH_STREAM_TOO_LARGE',
  [streamCodes.LIMIT]: 'GH_STREAM_LIMIT',
}

const names = new Map<number, string>(Object.entries(streamCodes).map(([name, code]) => [code, name]))

/** The error of a stream the peer reset. */
export function resetError(code: number): GuildError {
  return new GuildError(typed[code] ?? 'GH_STREAM_RESET', names.get(code) ?? `code ${code}`)
}

/** The error of a stream the peer stopped reading. */
export function stoppedError(code: number): GuildError {
  return new GuildError(typed[code] ?? 'GH_STREAM_STOPPED', names.get(code) ?? `code ${code}`)
}
