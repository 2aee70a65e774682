/**
 * A node's secret key in a file, as libp2p tools write it: a small protobuf.
 *
 *   08 01 | 12 40 | seed, 32 bytes | public key, 32 bytes
 *   type    data, 64 bytes
 *
 * An older form has `12 60` and the public key twice; it is read, never written. Type 1
 * is Ed25519, the one kind we use; the others are refused by their names.
 *
 * Whether the public key belongs to the seed is for the caller to check, who has the
 * cryptography. No error says anything of the bytes.
 *
 * Page: protocol/identity.md · Vectors: multiformats/libp2p-peer-id-keys.json · Floor: wire.
 */
import { concat, copy, equal } from '../base/bytes.ts'
import { GuildError } from '../base/errors.ts'

export interface PrivateKey {
  /** The 32 secret bytes an Ed25519 key is made from. */
  readonly seed: Uint8Array
  readonly publicKey: Uint8Array
}

const header = Uint8Array.of(0x08, 0x01, 0x12, 0x40)
const oldHeader = Uint8Array.of(0x08, 0x01, 0x12, 0x60)
const publicKeyHeader = Uint8Array.of(0x08, 0x01, 0x12, 0x20)
const otherTypes: Readonly<Record<number, string>> = { 0: 'RSA', 2: 'secp256k1', 3: 'ECDSA' }

export function encodePrivateKey(key: PrivateKey): Uint8Array {
  if (key.seed.length !== 32 || key.publicKey.length !== 32)
    throw new GuildError('GH_KEY_INVALID', 'an Ed25519 seed and its public key have 32 bytes each')
  return concat(header, key.seed, key.publicKey)
}

/** GH_KEY_INVALID says what the bytes are instead. */
export function decodePrivateKey(bytes: Uint8Array): PrivateKey {
  const start = bytes.subarray(0, 4)
  const old = equal(start, oldHeader)
  if (!old && !equal(start, header)) throw invalid(whatElse(bytes))
  const length = old ? 100 : 68
  if (bytes.length !== length) throw invalid(`it has ${bytes.length} bytes, not ${length}`)
  const publicKey = copy(bytes.subarray(36, 68))
  if (old && !equal(publicKey, bytes.subarray(68))) throw invalid('its two copies of the public key differ')
  return { seed: copy(bytes.subarray(4, 36)), publicKey }
}

function whatElse(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'it is empty'
  if (bytes[0] === 0x2d && bytes[1] === 0x2d)
    return 'it is a PEM file; a libp2p private key (protobuf) is wanted'
  // 'CAES' is what base64 makes of 08 01 12: the form in which IPFS configurations keep it.
  if (equal(bytes.subarray(0, 4), Uint8Array.of(0x43, 0x41, 0x45, 0x53)))
    return 'it is base64 text; decode it first: base64 -d'
  if (equal(bytes.subarray(0, 4), publicKeyHeader)) return 'it is a public key; the private one is wanted'
  const other = bytes[0] === 0x08 && bytes[2] === 0x12 ? otherTypes[bytes[1]!] : undefined
  if (other !== undefined) return `it is of type ${other}; only Ed25519 is used here`
  return 'it is not a libp2p private key of type Ed25519'
}

function invalid(why: string): GuildError {
  return new GuildError('GH_KEY_INVALID', why)
}
