/**
 * Multiaddr: an address as a path of protocols, as text and as bytes.
 *
 *   /ip4/127.0.0.1/tcp/8000
 *   04   7f000001  06  1f40
 *
 *   component = code, LEB128 | value: as long as the protocol says,
 *                            | or behind its length, LEB128, where the table says V
 *
 * Both forms are read into the same components, and a component is made only when its
 * value has exactly one text and one byte form: whatever decodes, formats, parses and
 * encodes to the same bytes again. Some texts change on the way: `/ipfs/` to `/p2p/`, other
 * bases to the canonical one, a slash at the end to nothing.
 *
 * This file knows the grammar, `multiaddr-protocols.ts` the values, `address.ts` the few
 * of them that we dial. Refuses: unknown protocols, missing or surplus values, whatever
 * is longer than the limits here.
 *
 * Page: protocol/addresses.md · Vectors: multiformats/multiaddr.json, multiaddr-fuzz-corpus.json
 * Source: multiformats/multiaddr. Floor: wire.
 */
import { concat, copy, empty } from '../base/bytes.ts'
import { GuildError, WireError } from '../base/errors.ts'
import { visible } from '../base/text.ts'
import { leb128Length, readLeb128, writeLeb128 } from '../base/varint.ts'
import { type Protocol, protocolOfCode, protocolOfName } from './multiaddr-protocols.ts'

export interface Component {
  readonly code: number
  readonly name: string
  /** Canonical text; undefined for a protocol without a value. */
  readonly value: string | undefined
  /** The value's bytes, without code and length. */
  readonly bytes: Uint8Array
}

/** In bytes. Longer than what PEERS carries: an I2P destination alone has some 400. */
export const MULTIADDR_MAX = 2_048
/** What so many bytes are in text at most: a path of which every byte is escaped. */
const TEXT_MAX = 6_400
const COMPONENTS_MAX = 32

/** Reads text. GH_ADDRESS_INVALID, or GH_PEER_ID_INVALID inside `/p2p/`. */
export function parseMultiaddr(text: string): Component[] {
  const fail = (why: string): never => {
    throw new GuildError('GH_ADDRESS_INVALID', `"${visible(text, 120)}": ${why}`)
  }
  if (text.length > TEXT_MAX) return fail(`it has ${text.length} characters, at most ${TEXT_MAX}`)
  if (!text.startsWith('/')) return fail('a multiaddr begins with /')
  const parts = (text.endsWith('/') ? text.slice(1, -1) : text.slice(1)).split('/')
  const out: Component[] = []
  let length = 0
  const add = (one: Component): void => {
    out.push(one)
    length += leb128Length(one.code) + leb128Length(one.bytes.length) + one.bytes.length
    if (length > MULTIADDR_MAX) fail(`it takes more than ${MULTIADDR_MAX} bytes`)
  }
  for (let i = 0; i < parts.length; ) {
    const name = parts[i++]!
    const protocol = protocolOfName(name) ?? fail(`there is no protocol "${visible(name, 40)}"`)
    if (out.length === COMPONENTS_MAX) return fail(`it has more than ${COMPONENTS_MAX} parts`)
    if (protocol.size === 0) {
      add(made(protocol, empty))
      continue
    }
    // A path holds slashes of its own and so takes everything that is left.
    const value = protocol.path === true ? parts.slice(i).join('/') : parts[i]
    i = protocol.path === true ? parts.length : i + 1
    if (value === undefined || value === '') return fail(`/${name} needs a value behind it`)
    add(component(name, value))
  }
  return out
}

/** One component from its protocol's name and its value as text. */
export function component(name: string, value: string): Component {
  const protocol = protocolOfName(name)
  const bytes = protocol?.parse(value)
  if (protocol === undefined || bytes === undefined || !fits(protocol, bytes))
    throw new GuildError(
      'GH_ADDRESS_INVALID',
      `"${visible(value, 80)}" is not a value of /${visible(name, 40)}`,
    )
  return made(protocol, bytes)
}

export function formatMultiaddr(components: readonly Component[]): string {
  let out = ''
  for (const { name, value } of components) out += value === undefined ? `/${name}` : `/${name}/${value}`
  return out
}

export function encodeMultiaddr(components: readonly Component[]): Uint8Array {
  const parts: Uint8Array[] = []
  for (const { code, bytes } of components) {
    parts.push(leb128(code))
    if (protocolOfCode(code)?.size === 'V') parts.push(leb128(bytes.length))
    parts.push(bytes)
  }
  return concat(...parts)
}

/** Reads bytes. Only ever throws a WireError. The values are copies. */
export function decodeMultiaddr(bytes: Uint8Array): Component[] {
  if (bytes.length > MULTIADDR_MAX)
    throw new WireError('GH_WIRE_LENGTH', 'multiaddr', 0, `${bytes.length}, at most ${MULTIADDR_MAX}`)
  if (bytes.length === 0) throw new WireError('GH_WIRE_SHORT', 'multiaddr', 0)
  const out: Component[] = []
  let at = 0
  while (at < bytes.length) {
    const start = at
    if (out.length === COMPONENTS_MAX)
      throw new WireError('GH_WIRE_LENGTH', 'multiaddr', at, `more than ${COMPONENTS_MAX} parts`)
    const code = readLeb128(bytes, at, 'multiaddr protocol')
    const protocol = protocolOfCode(code.value)
    if (protocol === undefined)
      throw new WireError('GH_WIRE_VALUE', 'multiaddr protocol', start, `${code.value} is unknown`)
    at += code.length
    let length = protocol.size === 'V' ? 0 : protocol.size / 8
    if (protocol.size === 'V') {
      const prefix = readLeb128(bytes, at, `multiaddr ${protocol.name} length`)
      at += prefix.length
      length = prefix.value
    }
    if (length > bytes.length - at) throw new WireError('GH_WIRE_SHORT', `multiaddr ${protocol.name}`, at)
    const value = copy(bytes.subarray(at, at + length))
    if (protocol.size !== 0 && protocol.format(value) === undefined)
      throw new WireError('GH_WIRE_VALUE', `multiaddr ${protocol.name}`, at)
    at += length
    if (protocol.path === true && at < bytes.length)
      throw new WireError('GH_WIRE_VALUE', `multiaddr ${protocol.name}`, at, 'nothing may follow a path')
    out.push(made(protocol, value))
  }
  return out
}

function made(protocol: Protocol, bytes: Uint8Array): Component {
  const { code, name } = protocol
  return { code, name, value: protocol.size === 0 ? undefined : protocol.format(bytes)!, bytes }
}

/** Text and bytes must lead to each other, or the value has a second form. */
function fits(protocol: Protocol, bytes: Uint8Array): boolean {
  return (protocol.size === 'V' || protocol.size === bytes.length * 8) && protocol.format(bytes) !== undefined
}

function leb128(value: number): Uint8Array {
  const out = new Uint8Array(leb128Length(value))
  writeLeb128(out, 0, value)
  return out
}
