/**
 * Peer ids: the text form of a public key, the same as everywhere in the libp2p world.
 *
 *   00 24 | 08 01 12 20 | 32 bytes
 *   ----- | ----------- | ------------------
 *   hash    protobuf      Ed25519 public key
 *
 * The key is so short that the "hash" is the identity: its code 0x00, its length 0x24,
 * then the key as a protobuf (type 1, Ed25519; data of 0x20 bytes). All of it in base58btc
 * gives `12D3KooW…`. The same bytes behind `01 72` (CIDv1, libp2p-key) in base36 give
 * `k51…`, in base32 `bafza…`; read here, never written.
 *
 * A node of ours has an Ed25519 key, so `keyFromPeerId` refuses ids of other keys, which are
 * SHA-256 hashes (`Qm…`) and cannot tell the key. Inside multiaddrs they still parse (spec: ID-1).
 *
 * Page: protocol/addresses.md · Vectors: multiformats/libp2p-peer-id-keys.json
 * Outside package: multiformats, for its bases. Floor: wire.
 */
import { base32 } from 'multiformats/bases/base32'
import { base36 } from 'multiformats/bases/base36'
import { base58btc } from 'multiformats/bases/base58'
import { concat, copy, equal, flat } from '../base/bytes.ts'
import { GuildError } from '../base/errors.ts'
import { visible } from '../base/text.ts'
import { readLeb128 } from '../base/varint.ts'

export const PUBLIC_KEY_LENGTH = 32

/** The longest text looked at: base decoding costs the square of its length. */
export const PEER_ID_TEXT_MAX = 128

const ed25519Prefix = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20)
const CID_V1 = 0x01
const LIBP2P_KEY = 0x72
const IDENTITY = 0x00
const SHA2_256 = 0x12
/** Keys up to this many bytes of protobuf stand in the id themselves; longer ones are hashed. */
const IDENTITY_MAX = 42

/** `12D3KooW…` of an Ed25519 public key. */
export function peerIdFromKey(key: Uint8Array): string {
  if (key.length !== PUBLIC_KEY_LENGTH)
    throw new GuildError(
      'GH_PEER_ID_INVALID',
      `a public key has ${PUBLIC_KEY_LENGTH} bytes, this one ${key.length}`,
    )
  return flat(base58btc.baseEncode(concat(ed25519Prefix, key)))
}

/** The Ed25519 public key of a peer id in base58btc, or as a CIDv1 in base36 or base32. */
export function keyFromPeerId(id: string): Uint8Array {
  const multihash = multihashFromPeerId(id)
  const start = ed25519Prefix.length
  if (multihash.length !== start + PUBLIC_KEY_LENGTH || !equal(multihash.subarray(0, start), ed25519Prefix))
    throw invalid(id, 'it is not of an Ed25519 key, which begins with 12D3KooW')
  return copy(multihash.subarray(start))
}

/** Is this the id of a peer that could be one of ours? */
export function isPeerId(id: string): boolean {
  try {
    keyFromPeerId(id)
    return true
  } catch {
    return false
  }
}

/** The bytes behind any peer id, whatever its key. */
export function multihashFromPeerId(id: string): Uint8Array {
  const multihash = /^(1|Qm)/.test(id) ? decodeBase58(id, id) : withoutCid(id)
  const fault = multihashFault(multihash)
  if (fault !== undefined) throw invalid(id, fault)
  return multihash
}

/** Base58btc of the bytes of a peer id, whatever its key. */
export function peerIdFromMultihash(multihash: Uint8Array): string {
  const fault = multihashFault(multihash)
  if (fault !== undefined) throw new GuildError('GH_PEER_ID_INVALID', fault)
  return base58btc.baseEncode(multihash)
}

function multihashFault(bytes: Uint8Array): string | undefined {
  if (bytes.length < 2) return 'it is too short'
  const [code, length] = [bytes[0]!, bytes[1]!] // both fit one byte in every id there is
  if (code === SHA2_256 ? length !== 32 : code !== IDENTITY || length > IDENTITY_MAX || length === 0)
    return 'it is neither a SHA-256 hash nor a short key'
  if (bytes.length !== 2 + length) return `it holds ${bytes.length - 2} bytes where ${length} are announced`
  return undefined
}

function withoutCid(id: string): Uint8Array {
  const bytes = decodeMultibase(id)
  let at = 0
  for (const [name, wanted] of [
    ['version', CID_V1],
    ['codec', LIBP2P_KEY],
  ] as const) {
    let read: { value: number; length: number }
    try {
      read = readLeb128(bytes, at, `CID ${name}`)
    } catch {
      throw invalid(id, `its CID ${name} is malformed`)
    }
    if (read.value !== wanted) throw invalid(id, `its CID ${name} is not that of a peer id`)
    at += read.length
  }
  return bytes.subarray(at)
}

function decodeMultibase(id: string): Uint8Array {
  const digits = id.slice(1)
  switch (id[0]) {
    case 'k':
      return decodeBase(id, digits, /^[0-9a-z]+$/, text => base36.baseDecode(text), 'base36')
    case 'b':
      return decodeBase(id, digits, /^[a-z2-7]+$/, text => base32.baseDecode(text), 'base32')
    case 'z':
      return decodeBase58(id, digits)
    default:
      throw invalid(id, 'it begins with none of 12D3KooW, Qm, k, b or z')
  }
}

function decodeBase58(id: string, digits: string): Uint8Array {
  return decodeBase(id, digits, /^[1-9A-HJ-NP-Za-km-z]+$/, text => base58btc.baseDecode(text), 'base58')
}

/** The alphabet is checked here: the decoder takes characters above 0xff for zeros. */
function decodeBase(
  id: string,
  digits: string,
  alphabet: RegExp,
  decode: (text: string) => Uint8Array,
  name: string,
): Uint8Array {
  if (id.length > PEER_ID_TEXT_MAX)
    throw invalid(id, `it has ${id.length} characters, at most ${PEER_ID_TEXT_MAX}`)
  if (!alphabet.test(digits)) throw invalid(id, `a character of it is not ${name}`)
  try {
    return decode(digits)
  } catch {
    throw invalid(id, `it is not whole ${name}`)
  }
}

function invalid(id: string, why: string): GuildError {
  return new GuildError(
    'GH_PEER_ID_INVALID',
    id === '' ? 'the text is empty' : `"${visible(id, 80)}": ${why}`,
  )
}
