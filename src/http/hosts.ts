/**
 * For whom a request is meant, and who sent it there: `Host` and `Origin`.
 *
 *   Host: 127.0.0.1:8850      an address            served: no page of a browser has an address for its name
 *   Host: tracker.example     a name of the list    served
 *   Host: evil.example        any other name        refused, whatever the method (spec: TR-04)
 *   Origin: anything          a page in a browser   refused: nothing here is for pages (spec: TR-05)
 *
 * A page whose own name suddenly leads to this machine would otherwise read and write here as if it
 * were at home (DNS rebinding). `localhost` is always on the list, and the name of this machine.
 *
 * Floor: http. Page: protocol/tracker.md (spec: TRACKER-7).
 */
import { hostname } from 'node:os'
import { parseIp } from '../wire/ip.ts'
import { Refusal } from './answer.ts'

export type HostList = (host: string) => boolean

/** The names that are served; `*` serves all of them, `*.example.org` those below one. */
export function hostList(names: readonly string[], own: string = hostname()): HostList {
  const exact = new Set(['localhost', own, ...names].map(plain))
  const below = [...exact].filter(name => name.startsWith('*.')).map(name => name.slice(1))
  if (exact.has('*')) return () => true
  return host => {
    const name = nameIn(host)
    if (name === undefined) return false
    return isIp(name) || exact.has(plain(name)) || below.some(end => plain(name).endsWith(end))
  }
}

/** Throws a Refusal where the head of a request is not for us. `raw`: names and values in turn. */
export function checkSender(raw: readonly string[], serves: HostList): void {
  const values = (wanted: string): string[] =>
    raw.filter((_, i) => i % 2 === 1 && raw[i - 1]!.toLowerCase() === wanted)
  const hosts = values('host')
  if (hosts.length !== 1) throw new Refusal(400, 'host', 'give one Host', { last: true })
  if (!serves(hosts[0]!))
    throw new Refusal(403, 'host', 'this Host is not served here; its owner can name it with --hosts')
  if (values('origin').length > 0) throw new Refusal(403, 'origin', 'nothing here is for pages in a browser')
}

/** `name:8850` → `name`; undefined where it is neither. */
function nameIn(host: string): string | undefined {
  const [, bracketed, bare] = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::[0-9]{1,5})?$/.exec(host) ?? []
  return bracketed ?? bare
}

function isIp(name: string): boolean {
  return parseIp(name) !== undefined
}

function plain(name: string): string {
  return name.toLowerCase().replace(/\.$/, '')
}
