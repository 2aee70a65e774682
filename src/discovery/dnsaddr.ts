/**
 * Follows `/dnsaddr/`: from a name to the addresses in its TXT records.
 *
 *   name ── TXT _dnsaddr.<name> ──▶ addresses
 *                   └─ names ── TXT ──▶ addresses       two levels, and no further
 *
 * Bounds: 64 records of a name, 512 characters each, 16 names in all, 64 addresses; time is
 * the caller's signal. A name that fails beside others that answer costs only itself.
 *
 * What DNS says is a hint: anybody on the way may have written it. The handshake proves who is
 * there, and a peer id in the address that a person wrote holds whatever the records say.
 *
 * Floor: discovery (shell). Page: protocol/addresses.md (spec: ADDR-6).
 */
import { Resolver } from 'node:dns/promises'
import { asGuildError, GuildError } from '../base/errors.ts'
import type { ResolveTxt } from '../base/ports.ts'
import { type Address, addressKey } from '../wire/address.ts'
import { type Dnsaddr, formatDnsaddr, isDnsaddr, readRecord } from '../wire/dnsaddr.ts'

export const bounds = { levels: 2, records: 64, names: 16, addresses: 64 } as const

export interface TxtOptions {
  /** `127.0.0.1:53`. Default: what this machine uses. */
  readonly servers?: readonly string[]
  /** First wait for an answer, in milliseconds; it doubles. Default 1,000. */
  readonly timeout?: number
}

/** TXT records by the system's name servers. */
export function txtResolver({ servers, timeout = 1_000 }: TxtOptions = {}): ResolveTxt {
  return async (name, signal) => {
    const resolver = new Resolver({ timeout, tries: 3 })
    if (servers !== undefined) resolver.setServers(servers)
    const cancel = (): void => resolver.cancel()
    signal.addEventListener('abort', cancel, { once: true })
    try {
      signal.throwIfAborted()
      return (await resolver.resolveTxt(name)).map(parts => parts.join(''))
    } catch (error) {
      throw signal.aborted ? asGuildError(signal.reason, 'GH_ABORTED') : nameError(error, name)
    } finally {
      signal.removeEventListener('abort', cancel)
    }
  }
}

/** Every address behind it, none twice. GH_DIAL_NAME says why there is none. */
export async function followDnsaddr(
  start: Dnsaddr,
  resolveTxt: ResolveTxt,
  signal: AbortSignal,
): Promise<Address[]> {
  const found = new Map<string, Address>()
  const seen = new Set<string>()
  let failed: GuildError | undefined
  let level: readonly Dnsaddr[] = [start]
  for (let depth = 0; depth < bounds.levels && level.length > 0; depth++) {
    const asked = level.filter(({ name }) => !seen.has(name)).slice(0, bounds.names - seen.size)
    for (const { name } of asked) seen.add(name)
    const answers = await Promise.all(
      asked.map(({ name }) =>
        resolveTxt(`_dnsaddr.${name}`, signal).catch((error: unknown) => asGuildError(error)),
      ),
    )
    signal.throwIfAborted()
    const next: Dnsaddr[] = []
    answers.forEach((answer, i) => {
      if (answer instanceof GuildError) failed ??= answer
      else
        for (const one of meant(answer, asked[i]!)) {
          if (isDnsaddr(one)) next.push(one)
          else if (found.size < bounds.addresses) found.set(addressKey(one), one)
        }
    })
    level = next
  }
  if (found.size > 0) return [...found.values()]
  throw (
    failed ??
    new GuildError(
      'GH_DIAL_NAME',
      `${formatDnsaddr(start)}: no TXT record of _dnsaddr.${start.name} holds an address for it`,
    )
  )
}

/** Records that are for us and, where one is wanted, for that peer. */
function meant(records: readonly string[], { peerId }: Dnsaddr): (Address | Dnsaddr)[] {
  const all: (Address | Dnsaddr)[] = []
  for (const text of records.slice(0, bounds.records)) {
    const one = readRecord(text)
    if (one !== undefined && (peerId === undefined || one.peerId === peerId)) all.push(one)
  }
  return all
}

const words: Readonly<Record<string, string>> = {
  ENOTFOUND: 'there is no such name',
  ENODATA: 'the name has no TXT records',
  ETIMEOUT: 'no name server answered in time',
  ECONNREFUSED: 'no name server listens',
  ESERVFAIL: 'the name server failed',
  EREFUSED: 'the name server refused',
}

function nameError(error: unknown, name: string): GuildError {
  const code = String((error as { code?: unknown }).code ?? error)
  return new GuildError('GH_DIAL_NAME', `TXT ${name}: ${words[code] ?? code}`, { cause: error })
}
