/**
 * What people write for a value, turned into what the library takes.
 *
 * Each parser returns the value or throws a Misfit whose message is the fix, in
 * words that fit behind `--port 70000: `. Nothing here touches disk or network:
 * all values are checked before either.
 *
 * Floor: cli.
 */
import { isIP } from 'node:net'
import { homedir } from 'node:os'
import { codeOf, isPeerId, isToken, parseAddress, parseBootstrap, parseTrackerUrl } from './api.ts'

/** The value does not fit; the message says what would. */
export class Misfit extends Error {
  /** The value looks like a secret and must not be repeated on a screen. */
  readonly secret: boolean
  constructor(fix: string, secret = false) {
    super(fix)
    this.secret = secret
  }
}

export function whole(least: number, most: number, remark = ''): (text: string) => number {
  return text => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (!(value >= least && value <= most))
      throw new Misfit(`give a whole number from ${least} to ${most}${remark}`)
    return value
  }
}

const units: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600 }

/** Seconds. A bare number is seconds; `500ms`, `5s`, `2m` and `1h` work. */
export function duration(least: number, most: number): (text: string) => number {
  return text => {
    const [, digits, unit] = /^(\d{1,9}(?:\.\d{1,6})?)(ms|s|m|h)?$/.exec(text) ?? []
    const seconds = digits === undefined ? Number.NaN : Number(digits) * units[unit ?? 's']!
    if (!(seconds >= least && seconds <= most))
      throw new Misfit(
        `give a duration from ${showDuration(least)} to ${showDuration(most)}, such as 5, 500ms or 2m`,
      )
    return seconds
  }
}

export function showDuration(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1e6) / 1e3}ms`
  return `${seconds}s`
}

export function truth(text: string): boolean {
  const value = ({ true: true, 1: true, false: false, 0: false } as Record<string, boolean>)[
    text.toLowerCase()
  ]
  if (value === undefined) throw new Misfit('give true, false, 1 or 0')
  return value
}

export function oneOf<const Word extends string>(words: readonly Word[]): (text: string) => Word {
  return text => {
    const found = words.find(word => word === text)
    if (found === undefined) throw new Misfit(`give ${words.length > 1 ? 'one of ' : ''}${words.join(', ')}`)
    return found
  }
}

/** A comma list; spaces around items and empty items do no harm. */
export function list<T>(item: (text: string) => T): (text: string) => readonly T[] {
  return text => {
    const items = text
      .split(',')
      .map(part => part.trim())
      .filter(part => part !== '')
    return items.map(part => {
      try {
        return item(part)
      } catch (error) {
        if (error instanceof Misfit && items.length > 1)
          throw new Misfit(`'${part.length > 80 ? `${part.slice(0, 80)}…` : part}': ${error.message}`)
        throw error
      }
    })
  }
}

const controls = /[\p{Cc}\p{Zl}\p{Zp}]/u

/** Text others will see as this node's name. */
export function nodeName(text: string): string {
  if (controls.test(text)) throw new Misfit('give a name without control characters')
  return upTo(64)(text)
}

export function upTo(bytes: number): (text: string) => string {
  return text => {
    if (Buffer.byteLength(text) > bytes) throw new Misfit(`give at most ${bytes} bytes of UTF-8`)
    return text
  }
}

export function ipAddress(text: string): string {
  const bare = /^\[.*\]$/.test(text) ? text.slice(1, -1) : text
  if (isIP(bare) === 0) throw new Misfit('give an IP address of this machine, such as 127.0.0.1 or ::1')
  return bare
}

/** A path; `~/` is the home directory even where the shell did not see it. */
export function path(text: string): string {
  if (text.includes('\0')) throw new Misfit('give a path without a zero character')
  if (text === '~') return homedir()
  return /^~[/\\]/.test(text) ? `${homedir()}${text.slice(1)}` : text
}

/**
 * A key file's path, never the key: what stands in argv is seen by every user of the machine.
 * Nor what the file holds, which is several lines: GUILD_SWARM_KEY="$(cat swarm.key)".
 */
export function keyPath(text: string): string {
  if (/^(0x)?[0-9a-f]{64}$|^[a-z0-9+/]{43}=$|[\r\n]|BEGIN .*KEY/i.test(text.trim()))
    throw new Misfit('give the path of a key file, not the key', true)
  return path(text)
}

/** Where a peer may be: checked by the library's own parser, kept as it was written. */
export function peerAddress(text: string): string {
  return readable(text, parseAddress)
}

/** Where to find first peers: an address, or a name whose TXT records hold some. */
export function bootstrapAddress(text: string): string {
  return readable(text, parseBootstrap)
}

function readable(text: string, parse: (text: string) => unknown): string {
  try {
    parse(text)
    return text
  } catch (error) {
    if (codeOf(error) !== 'GH_ADDRESS_INVALID') throw error
    // The parser's sentence begins with the text, which our line has shown already.
    const { message } = error as Error
    throw new Misfit(message.slice(message.indexOf('": ') + 1).replace(/^: /, ''))
  }
}

/** Where a tracker is. A URL that holds a name or a token is not repeated. */
export function trackerUrl(text: string): string {
  try {
    return parseTrackerUrl(text)
  } catch (error) {
    if (codeOf(error) !== 'GH_OPTION_INVALID') throw error
    const { message } = error as Error
    throw new Misfit(message.slice(message.indexOf('": ') + 3), /[@?#]/.test(text))
  }
}

/** A word that only its users should know. */
export function token(text: string): string {
  if (!isToken(text)) throw new Misfit('give 1 to 512 visible ASCII characters, without spaces', true)
  return text
}

/** Where to listen: `0.0.0.0:8850`, `[::]:8850`, `localhost:0`. */
export function bindAddress(text: string): string {
  const [, bracketed, bare, port] = /^(?:\[([0-9a-f:.%\w]+)\]|([^:[\]]+)):([0-9]{1,5})$/i.exec(text) ?? []
  const host = bracketed ?? bare
  const fits =
    bracketed === undefined ? bare === 'localhost' || isIP(bare ?? '') === 4 : isIP(bracketed) === 6
  if (host === undefined || !fits || Number(port) > 65_535)
    throw new Misfit('give an IP address of this machine and a port, such as 0.0.0.0:8850 or [::]:8850')
  return text
}

/** A name by which others reach this machine. */
export function hostName(text: string): string {
  if (text !== '*' && !/^(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?$/i.test(text))
    throw new Misfit('give host names such as tracker.example.org, *.example.org, or * for any')
  return text
}

/** An IP address, or a network of them. */
export function network(text: string): string {
  const [address = '', bits, more] = text.split('/')
  const width = isIP(address) === 4 ? 32 : isIP(address) === 6 ? 128 : -1
  const fits = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= width)
  if (width < 0 || !fits || more !== undefined)
    throw new Misfit('give IP addresses or networks such as 10.0.0.0/8')
  return text
}

/** Whom to admit or bar. */
export function peerId(text: string): string {
  if (!isPeerId(text)) throw new Misfit('give PeerIds such as 12D3KooW…')
  return text
}

const multiples: Readonly<Record<string, number>> = { '': 1, k: 1_000, M: 1_000_000, G: 1_000_000_000 }

/** Bytes a second. `500k` and `1M` work: thousands and millions. */
export function rate(text: string): number {
  const [, digits, unit] = /^(\d{1,12}(?:\.\d{1,6})?)([kMG]?)B?$/.exec(text) ?? []
  const bytes = digits === undefined ? Number.NaN : Math.round(Number(digits) * multiples[unit ?? '']!)
  if (!(bytes >= 1024 && bytes <= Number.MAX_SAFE_INTEGER))
    throw new Misfit('give bytes per second, at least 1024, such as 1000000, 500k or 1M')
  return bytes
}

/** Bytes to keep. `500M` and `10G` work, by thousands as everywhere here. */
export function size(text: string): number {
  const [, digits, unit] = /^(\d{1,12}(?:\.\d{1,6})?)([kMG]?)B?$/.exec(text) ?? []
  const bytes = digits === undefined ? Number.NaN : Math.round(Number(digits) * multiples[unit ?? '']!)
  if (!(bytes >= 16_777_216 && bytes <= Number.MAX_SAFE_INTEGER))
    throw new Misfit('give a size of 16777216 bytes or more, such as 500M or 10G')
  return bytes
}

/** `/ip4/0.0.0.0/tcp/8845`; port 0 is for the system to pick. */
export function multiaddrToListen(text: string): string {
  const found = /^\/ip[46]\/[^/]+\/(?:tcp|udp)\/(\d{1,5})$/.exec(text)
  if (found === null || Number(found[1]) > 65_535)
    throw new Misfit('give a multiaddr such as /ip4/0.0.0.0/tcp/8845')
  readable(text.replace(/\/0$/, '/1'), parseAddress)
  return text
}
