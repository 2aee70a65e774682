/**
 * IP addresses as text and as bytes, and what kind of place one names.
 *
 *   "192.0.2.7"      ⇄  4 bytes
 *   "2001:db8::7"    ⇄  16 bytes      written as RFC 5952 asks: lower case, the longest run of zeros as ::
 *
 * Strict where the system's resolver is not: `127.1`, `0177.0.0.1` and `0x7f000001` are
 * addresses to it, and a filter that does not know that can be walked around. Here they
 * are neither addresses nor names.
 *
 * `hostKind` looks through IPv4 inside IPv6 (mapped, compatible, NAT64, 6to4): what
 * counts is where the packets end up. Zones (`fe80::1%eth0`) are cut off by the caller.
 *
 * Source: RFC 4291, RFC 5952, RFC 6890. Floor: wire.
 */
export type HostKind = 'loopback' | 'linkLocal' | 'private' | 'public' | 'multicast' | 'unspecified' | 'name'

const ZERO = 0x30
const DOT: number = 0x2e - ZERO

/** 4 or 16 bytes, or undefined when the text is not an IP address. */
export function parseIp(text: string): Uint8Array | undefined {
  return text.includes(':') ? parseIp6(text) : parseIp4(text)
}

/** By character: every address of every PEERS is read here, often more than once. */
export function parseIp4(text: string): Uint8Array | undefined {
  if (text.length > 15) return undefined
  const out = new Uint8Array(4)
  let index = 0
  let digits = 0
  let value = 0
  for (let i = 0; i <= text.length; i++) {
    const digit = i === text.length ? DOT : text.charCodeAt(i) - ZERO
    if (digit === DOT) {
      if (digits === 0 || index === 4) return undefined
      out[index++] = value
      digits = 0
      value = 0
    } else {
      // A leading zero would be octal to some resolvers.
      if (digit < 0 || digit > 9 || (digits > 0 && value === 0)) return undefined
      value = 10 * value + digit
      if (value > 255) return undefined
      digits++
    }
  }
  return index === 4 ? out : undefined
}

export function parseIp6(text: string): Uint8Array | undefined {
  if (text.length > 45) return undefined
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const head = groups(halves[0]!, halves.length === 1)
  const tail = groups(halves[1] ?? '', true)
  if (head === undefined || tail === undefined) return undefined
  const missing = 8 - head.length - tail.length
  // "::" stands for at least one group.
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined
  const all = [...head, ...new Array<number>(missing).fill(0), ...tail]
  const out = new Uint8Array(16)
  for (const [i, group] of all.entries()) {
    out[2 * i] = group >> 8
    out[2 * i + 1] = group
  }
  return out
}

/** Canonical text of 4 or 16 bytes. */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`
  if (isMapped(bytes)) return `::ffff:${bytes.subarray(12).join('.')}`
  const all: number[] = []
  for (let i = 0; i < 16; i += 2) all.push((bytes[i]! << 8) | bytes[i + 1]!)
  const run = longestZeroRun(all)
  const hex = (part: readonly number[]): string => part.map(group => group.toString(16)).join(':')
  if (run.length < 2) return hex(all)
  return `${hex(all.slice(0, run.start))}::${hex(all.slice(run.start + run.length))}`
}

/** IPv4 inside IPv6, `::ffff:a.b.c.d`: how a dual-stack socket shows an IPv4 peer. */
export function isMapped(bytes: Uint8Array): boolean {
  return bytes.length === 16 && startsWith(bytes, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff])
}

/** The one form of an address: a mapped IPv4 address becomes IPv4. */
export function unmapped(bytes: Uint8Array): Uint8Array {
  return isMapped(bytes) ? bytes.subarray(12) : bytes
}

/** What a host leads to. Anything that is not an IP address is a `name`. */
export function hostKind(host: string): HostKind {
  const percent = host.indexOf('%')
  const bytes = parseIp(percent < 0 ? host : host.slice(0, percent))
  if (bytes === undefined) return 'name'
  return bytes.length === 4 ? kindOf4(bytes) : kindOf6(bytes)
}

function kindOf4(ip: Uint8Array): HostKind {
  const [a, b] = [ip[0]!, ip[1]!]
  if (a === 0) return 'unspecified' // 0.0.0.0/8, "this network": on many systems it reaches loopback
  if (a === 127) return 'loopback'
  if (a === 169 && b === 254) return 'linkLocal'
  if (a === 10 || (a === 172 && b >> 4 === 1) || (a === 192 && b === 168)) return 'private'
  if (a === 100 && b >> 6 === 1) return 'private' // 100.64/10, behind a carrier's NAT
  if (a === 198 && b >> 1 === 9) return 'private' // 198.18/15, test benches
  if (a >= 224) return 'multicast' // with 240/4 and broadcast: never one peer
  return 'public'
}

function kindOf6(ip: Uint8Array): HostKind {
  const [a, b] = [ip[0]!, ip[1]!]
  if (ip.every(byte => byte === 0)) return 'unspecified'
  if (startsWith(ip, zeros(15))) return ip[15] === 1 ? 'loopback' : kindOf4(ip.subarray(12))
  if (a === 0xff) return 'multicast'
  if (a === 0xfe && b >> 6 === 0b10) return 'linkLocal' // fe80::/10
  if (a === 0xfe && b >> 6 === 0b11) return 'private' // fec0::/10, site-local, no longer given out
  if (a >> 1 === 0x7e) return 'private' // fc00::/7
  if (startsWith(ip, zeros(12)) || isMapped(ip)) return kindOf4(ip.subarray(12))
  if (startsWith(ip, [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0])) return kindOf4(ip.subarray(12)) // NAT64
  if (a === 0x20 && b === 0x02) return kindOf4(ip.subarray(2, 6)) // 6to4
  return 'public'
}

/** The 16-bit groups of one side of "::". Only the very end may be dotted IPv4. */
function groups(text: string, dottedEnd: boolean): number[] | undefined {
  if (text === '') return []
  const out: number[] = []
  const parts = text.split(':')
  for (const [i, part] of parts.entries()) {
    const ip4 = dottedEnd && i === parts.length - 1 && part.includes('.') ? parseIp4(part) : undefined
    if (ip4 !== undefined) out.push((ip4[0]! << 8) | ip4[1]!, (ip4[2]! << 8) | ip4[3]!)
    else if (/^[0-9a-f]{1,4}$/i.test(part)) out.push(Number.parseInt(part, 16))
    else return undefined
  }
  return out
}

function longestZeroRun(all: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  for (let start = 0; start < all.length; start++) {
    let length = 0
    while (all[start + length] === 0) length++
    if (length > best.length) best = { start, length }
  }
  return best
}

function startsWith(bytes: Uint8Array, prefix: readonly number[]): boolean {
  return prefix.every((byte, i) => bytes[i] === byte)
}

function zeros(length: number): number[] {
  return new Array<number>(length).fill(0)
}

/** Are the first `prefix` bits of two addresses the same? Both have 4 bytes, or both 16. */
export function samePrefix(a: Uint8Array, b: Uint8Array, prefix: number): boolean {
  const whole = prefix >> 3
  for (let i = 0; i < whole; i++) if (a[i] !== b[i]) return false
  const rest = prefix & 7
  return rest === 0 || ((a[whole]! ^ b[whole]!) & (0xff << (8 - rest)) & 0xff) === 0
}
