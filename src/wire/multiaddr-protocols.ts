/**
 * The protocols a multiaddr may name, and how each writes its value.
 *
 *   size 0    no value              /tls
 *   size n    n bits                /tcp/8000           06 1f40
 *   size V    length, then bytes    /dns4/node-2        36 06 6e6f64652d32
 *
 * We dial few of them. The others are here because addresses come from other people:
 * one that is understood can be shown, passed on and refused by name.
 *
 * `parse` and `format` give undefined for a value the protocol may not have, and undo
 * each other: text is case-sensitive where case would make a second form.
 *
 * Page: protocol/addresses.md · Vectors: multiformats/multiaddr-protocols.csv (the codes)
 * Outside package: multiformats, for its bases. Floor: wire.
 */
import { base16 } from 'multiformats/bases/base16'
import { base32 } from 'multiformats/bases/base32'
import { base58btc } from 'multiformats/bases/base58'
import { base64, base64url } from 'multiformats/bases/base64'
import { concat, fromUtf8, utf8 } from '../base/bytes.ts'
import { readLeb128 } from '../base/varint.ts'
import { formatIp, parseIp4, parseIp6 } from './ip.ts'
import { multihashFromPeerId, peerIdFromMultihash } from './peer-id.ts'

export interface Protocol {
  readonly code: number
  readonly name: string
  /** Of the value, in bits; V for any number of bytes behind their length. */
  readonly size: number | 'V'
  /** The value has slashes of its own and ends the address. */
  readonly path?: true
  readonly parse: (text: string) => Uint8Array | undefined
  readonly format: (bytes: Uint8Array) => string | undefined
}

export function protocolOfName(name: string): Protocol | undefined {
  return byName.get(name)
}

export function protocolOfCode(code: number): Protocol | undefined {
  return byCode.get(code)
}

type Value = Pick<Protocol, 'parse' | 'format'>

const nothing: Value = { parse: () => undefined, format: () => '' }
const ip4: Value = { parse: parseIp4, format: formatIp }
const ip6: Value = { parse: parseIp6, format: formatIp }
const u8: Value = unsigned(1)
const port: Value = unsigned(2)
const u64: Value = unsigned(8)
/** A name: printable ASCII without a slash. What names a host is for `address.ts` to say. */
const name: Value = words(/^[!-.0-~]{1,253}$/)
const zone: Value = words(/^[!-.0-~]{1,64}$/)
const p2p: Value = { parse: multihashFromPeerId, format: orUndefined(peerIdFromMultihash) }
const onion: Value = withPort(10)
const onion3: Value = withPort(35)

/** So much of an I2P name, or of a certificate's hash, is a text of at most 400 or 256 characters. */
const GARLIC32_MAX = 250
const CERTHASH_MAX = 191

/** An I2P name. The bits past the last byte may be set in text, and are dropped. */
const garlic32: Value = {
  parse(text) {
    const excess = (text.length * 5) % 8
    if (excess >= 5 || !/^[a-z2-7]{1,400}$/.test(text)) return undefined
    const digits = 'abcdefghijklmnopqrstuvwxyz234567'
    const last = (digits.indexOf(text.at(-1)!) >> excess) << excess
    return base32.baseDecode(text.slice(0, -1) + digits[last]!)
  },
  format: bytes =>
    bytes.length === 32 || (bytes.length >= 35 && bytes.length <= GARLIC32_MAX)
      ? base32.baseEncode(bytes)
      : undefined,
}

/** I2P's base64 has - and ~ where others have + and /, and pads. */
const garlic64: Value = {
  parse: text => attempt(() => i2p.parse(text)),
  format: bytes => (bytes.length >= 386 ? i2p.format(bytes) : undefined),
}

const i2p = {
  parse(text: string): Uint8Array | undefined {
    if (!/^[A-Za-z0-9~-]*={0,2}$/.test(text) || text.length % 4 !== 0) return undefined
    return base64.baseDecode(text.replace(/=*$/, '').replaceAll('-', '+').replaceAll('~', '/'))
  },
  format(bytes: Uint8Array): string {
    const text = base64.baseEncode(bytes).replaceAll('+', '-').replaceAll('/', '~')
    return text.padEnd(Math.ceil(text.length / 4) * 4, '=')
  },
}

/** The hash of a certificate: a multihash in any common base, written in base64url. */
const certhash: Value = {
  parse(text) {
    const base = [base16, base32, base58btc, base64, base64url].find(({ prefix }) => text.startsWith(prefix))
    if (base === undefined || text.length > 256 || !/^[!-~]+$/.test(text)) return undefined
    return attempt(() => base.decode(text))
  },
  format: bytes => (bytes.length <= CERTHASH_MAX && isMultihash(bytes) ? base64url.encode(bytes) : undefined),
}

/** The path of a Unix socket: absolute, no empty step, nothing invisible. */
const unix: Value = {
  parse: text => utf8(`/${text}`),
  format: bytes => {
    const text = attempt(() => fromUtf8(bytes))
    return text !== undefined && /^(\/[^/\p{C}]+)+$/u.test(text) ? text.slice(1) : undefined
  },
}

/** A path in HTTP: percent-encoded in text, plain in bytes. */
const httpPath: Value = {
  parse: text => attempt(() => utf8(decodeURIComponent(text))),
  format: bytes => (bytes.length === 0 ? undefined : attempt(() => encodeURIComponent(fromUtf8(bytes)))),
}

type Row = readonly [code: number, size: number | 'V', name: string, value: Value, path?: 'path']

const rows: readonly Row[] = [
  [4, 32, 'ip4', ip4],
  [6, 16, 'tcp', port],
  [33, 16, 'dccp', port],
  [41, 128, 'ip6', ip6],
  [42, 'V', 'ip6zone', zone],
  [43, 8, 'ipcidr', u8],
  [53, 'V', 'dns', name],
  [54, 'V', 'dns4', name],
  [55, 'V', 'dns6', name],
  [56, 'V', 'dnsaddr', name],
  [132, 16, 'sctp', port],
  [273, 16, 'udp', port],
  [275, 0, 'p2p-webrtc-star', nothing],
  [276, 0, 'p2p-webrtc-direct', nothing],
  [277, 0, 'p2p-stardust', nothing],
  [280, 0, 'webrtc-direct', nothing],
  [281, 0, 'webrtc', nothing],
  [290, 0, 'p2p-circuit', nothing],
  [301, 0, 'udt', nothing],
  [302, 0, 'utp', nothing],
  [400, 'V', 'unix', unix, 'path'],
  [421, 'V', 'p2p', p2p],
  [443, 0, 'https', nothing],
  [444, 96, 'onion', onion],
  [445, 296, 'onion3', onion3],
  [446, 'V', 'garlic64', garlic64],
  [447, 'V', 'garlic32', garlic32],
  [448, 0, 'tls', nothing],
  [449, 'V', 'sni', name],
  [454, 0, 'noise', nothing],
  [460, 0, 'quic', nothing],
  [461, 0, 'quic-v1', nothing],
  [465, 0, 'webtransport', nothing],
  [466, 'V', 'certhash', certhash],
  [477, 0, 'ws', nothing],
  [478, 0, 'wss', nothing],
  [479, 0, 'p2p-websocket-star', nothing],
  [480, 0, 'http', nothing],
  [481, 'V', 'http-path', httpPath],
  // The table of codes says V; every implementation writes a 64-bit number.
  [777, 64, 'memory', u64],
]

const protocols: readonly Protocol[] = rows.map(([code, size, name, value, path]) => ({
  code,
  size,
  name,
  parse: value.parse,
  format: value.format,
  ...(path === undefined ? {} : { path: true as const }),
}))

const byCode = new Map(protocols.map(protocol => [protocol.code, protocol]))
const byName = new Map(protocols.map(protocol => [protocol.name, protocol]))
byName.set('ipfs', byCode.get(421)!) // the older name of p2p

/** A number in decimal, big-endian in `width` bytes. */
function unsigned(width: number): Value {
  return {
    parse(text) {
      if (!/^(0|[1-9][0-9]{0,19})$/.test(text)) return undefined
      let rest = BigInt(text)
      const out = new Uint8Array(width)
      for (let i = width - 1; i >= 0; i--) {
        out[i] = Number(rest & 0xffn)
        rest >>= 8n
      }
      return rest === 0n ? out : undefined
    },
    format(bytes) {
      let value = 0n
      for (const byte of bytes) value = (value << 8n) | BigInt(byte)
      return value.toString()
    },
  }
}

function words(shape: RegExp): Value {
  return {
    parse: text => (shape.test(text) ? utf8(text) : undefined),
    format: bytes => {
      const text = attempt(() => fromUtf8(bytes))
      return text !== undefined && shape.test(text) ? text : undefined
    },
  }
}

/** An onion address: so many bytes in base32, a colon, a port that is not 0. */
function withPort(length: number): Value {
  const shape = new RegExp(`^([a-z2-7]{${(length * 8) / 5}}):([0-9]+)$`)
  return {
    parse(text) {
      const match = shape.exec(text)
      const number = match === null ? undefined : port.parse(match[2]!)
      return number === undefined ? undefined : concat(base32.baseDecode(match![1]!), number)
    },
    format(bytes) {
      const number = port.format(bytes.subarray(length))
      return number === '0' ? undefined : `${base32.baseEncode(bytes.subarray(0, length))}:${number}`
    },
  }
}

function isMultihash(bytes: Uint8Array): boolean {
  return (
    attempt(() => {
      const code = readLeb128(bytes, 0, 'hash code')
      const length = readLeb128(bytes, code.length, 'hash length')
      return code.length + length.length + length.value === bytes.length && length.value > 0
    }) ?? false
  )
}

/** What `work` gives, or undefined when it throws. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}

function orUndefined(format: (bytes: Uint8Array) => string): (bytes: Uint8Array) => string | undefined {
  return bytes => attempt(() => format(bytes))
}
