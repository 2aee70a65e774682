/**
 * From what a system says to what a caller can rely on.
 *
 * The system's own code stays in the message and in `cause`; the fix is named where there
 * is one. Shared by every transport, so that all of them refuse alike.
 *
 * Floor: transport (shell).
 */
import { type ErrorCode, GuildError } from '../base/errors.ts'

const dialCodes: Readonly<Record<string, ErrorCode>> = {
  ECONNREFUSED: 'GH_DIAL_REFUSED',
  ETIMEDOUT: 'GH_DIAL_TIMEOUT',
  EHOSTUNREACH: 'GH_DIAL_UNREACHABLE',
  ENETUNREACH: 'GH_DIAL_UNREACHABLE',
  EADDRNOTAVAIL: 'GH_DIAL_UNREACHABLE',
  ENOTFOUND: 'GH_DIAL_NAME',
  EAI_AGAIN: 'GH_DIAL_NAME',
  // It accepted and hung up before we could say a word.
  ECONNRESET: 'GH_HANDSHAKE_SWARM',
}

/** The system's code of an error, such as `ECONNREFUSED`. */
export function systemCode(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : undefined
}

/** Why a dial to `where` failed. */
export function dialError(error: unknown, where: string): GuildError {
  const code = systemCode(error)
  return new GuildError(dialCodes[code ?? ''] ?? 'GH_DIAL_FAILED', `${where}${code ? ` (${code})` : ''}`, {
    cause: error,
  })
}

/** Why listening at a host and port failed. */
export function listenError(error: unknown, host: string, port: number): GuildError {
  const code = systemCode(error)
  if (code === 'EADDRINUSE')
    return new GuildError(
      'GH_LISTEN_IN_USE',
      `port ${port} on ${host}: choose another with --port, or 0 to let the system pick`,
      { cause: error },
    )
  const why = error instanceof Error ? error.message : String(error)
  return new GuildError('GH_LISTEN_FAILED', `port ${port} on ${host}: ${why}`, { cause: error })
}

const noFamily = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EPROTONOSUPPORT'])

/** Of an error of `listenError`, for `0.0.0.0` or `::`: this machine does not have that family. */
export function absentFamily(error: unknown): boolean {
  return error instanceof GuildError && noFamily.has(systemCode(error.cause) ?? '')
}

/** What an aborted dial rejects with: a time-out is not the caller's change of mind. */
export function abortError(signal: AbortSignal, where: string): GuildError {
  const reason: unknown = signal.reason
  if (reason instanceof GuildError) return reason
  const late = reason instanceof Error && reason.name === 'TimeoutError'
  return new GuildError(late ? 'GH_DIAL_TIMEOUT' : 'GH_ABORTED', where, { cause: reason })
}

/** `host:port`, with the brackets IPv6 needs. */
export function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** An IPv4 address that came in through an IPv6 socket, as IPv4. */
export function plain(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}
