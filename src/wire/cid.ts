/**
 * CIDs: the name of a block, made of what its bytes hash to.
 *
 *   01     | 55       | 12     20     | 32 bytes
 *   ------ | -------- | ------------- | --------
 *   version  codec      hash   length   digest         CIDv1; every number LEB128
 *
 *                       12     20     | 32 bytes       CIDv0: dag-pb and SHA-256, nothing else
 *
 * As text: base32 behind `b` (what is written), base36 behind `k`, base58btc behind `z`; a
 * CIDv0 is base58btc behind nothing and begins with `Qm`. The part from `hash` on is the
 * multihash: two CIDs with one multihash name the same bytes, read in two ways (spec: CONTENT-1, CONTENT-4).
 *
 * Of hashes only those that are strong are taken, and digests of 20 bytes or more: whoever
 * could make two blocks of one name could hand out the wrong one. The "hash" identity holds
 * the bytes themselves, at most 128 of them (spec: CONTENT-2, CONTENT-3). Any codec is taken here: a
 * block that nobody can look into is still a block.
 *
 * Page: protocol/cid.md · Vectors: cid.json, multiformats/multihash-test_cases.csv · Faults: BX-06
 * Outside package: multiformats, for its bases and its class. Floor: wire.
 */
import { base32 } from 'multiformats/bases/base32'
import { base36 } from 'multiformats/bases/base36'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import { Digest } from 'multiformats/hashes/digest'
import { copy } from '../base/bytes.ts'
import { GuildError, WireError } from '../base/errors.ts'
import { ByteReader, type Note } from '../base/reader.ts'
import { visible } from '../base/text.ts'
import type { ByteWriter } from '../base/writer.ts'
import { limits } from './limits.ts'
import { contentCodecs, contentHashes } from './registry.ts'

export type { CID } from 'multiformats/cid'

const CID_V1 = 0x01
const V0_LENGTH = 34

/** The whole of a digest, for the hashes whose length is no choice. */
const digestMost: Readonly<Record<number, number>> = {
  [contentHashes.IDENTITY]: limits.cidIdentity,
  [contentHashes.SHA2_256]: 32,
  [contentHashes.SHA2_512]: 64,
  [contentHashes.BLAKE3]: 64,
}

/** Reads one CID off a longer message. It tells its own length; what follows is left. */
export function readCid(r: ByteReader, field = 'CID'): CID {
  const begin = r.offset
  if (r.remaining >= 2 && r.bytes[begin] === contentHashes.SHA2_256 && r.bytes[begin + 1] === 32) {
    const bytes = copy(r.take(V0_LENGTH, `${field} v0`))
    const digest = new Digest(contentHashes.SHA2_256, 32, bytes.subarray(2), bytes)
    return new CID(0, contentCodecs.DAG_PB, digest, bytes)
  }
  const version = r.leb128(`${field} version`)
  if (version !== CID_V1)
    throw new WireError('GH_CID_INVALID', `${field} version`, begin, `it is ${version}, not 1`)
  const codec = r.leb128(`${field} codec`)
  const multihash = r.offset
  const code = r.leb128(`${field} hash`)
  const at = r.offset
  const length = r.leb128(`${field} digest length`)
  const [fault, where] = [digestFault(code, length), digestMost[code] === undefined ? multihash : at]
  // spec: CONTENT-2, CONTENT-3: by its claim, before the digest is taken
  if (fault !== undefined) throw new WireError('GH_CID_UNSUPPORTED', `${field} hash`, where, fault)
  r.take(length, `${field} digest`)
  const bytes = copy(r.bytes.subarray(begin, r.offset))
  const own = bytes.subarray(multihash - begin)
  return new CID(1, codec, new Digest(code, length, own.subarray(own.length - length), own), bytes)
}

/** The CID that these bytes are, all of them. Throws a WireError. */
export function decodeCid(bytes: Uint8Array, notes?: Note[]): CID {
  const r = new ByteReader(bytes, notes)
  const cid = readCid(r)
  r.end('CID')
  return cid
}

export function encodeCid(w: ByteWriter, cid: CID): void {
  w.raw(cid.bytes)
}

/** A CID of its parts; throws GH_CID_UNSUPPORTED where a peer would refuse it. */
export function makeCid(codec: number, hash: number, digest: Uint8Array, version: 0 | 1 = 1): CID {
  const fault = digestFault(hash, digest.length)
  if (fault !== undefined) throw new GuildError('GH_CID_UNSUPPORTED', fault)
  if (
    version === 0 &&
    (codec !== contentCodecs.DAG_PB || hash !== contentHashes.SHA2_256 || digest.length !== 32)
  )
    throw new GuildError('GH_CID_UNSUPPORTED', 'a CIDv0 is dag-pb with a whole SHA-256; use version 1')
  const head = digest.length < 128 ? 2 : 3
  const multihash = new Uint8Array(head + digest.length)
  multihash[0] = hash
  multihash[1] = digest.length < 128 ? digest.length : 0x80 | (digest.length & 0x7f)
  if (head === 3) multihash[2] = digest.length >>> 7
  multihash.set(digest, head)
  return CID.create(version, codec, new Digest(hash, digest.length, multihash.subarray(head), multihash))
}

/** Refuses a CID, from whatever library it came, whose hash we do not count on (spec: CONTENT-2, CONTENT-3). */
export function checkCid(cid: CID): void {
  const fault = digestFault(cid.multihash.code, cid.multihash.digest.length)
  if (fault !== undefined) throw new GuildError('GH_CID_UNSUPPORTED', `${shown(cid)}: ${fault}`)
}

/** What two CIDs have in common that name the same bytes, as a short string: a key for maps (spec: CONTENT-4). */
export function blockKey(cid: CID): string {
  // By `apply`: spreading bytes takes ten times as long, and this is asked several times a block.
  return String.fromCharCode.apply(null, cid.multihash.bytes as unknown as number[])
}

/** Is it a CID, of whatever copy of the library? */
export function isCid(value: unknown): value is CID {
  return CID.asCID(value as CID) !== null
}

/** Does the CID hold its block in itself? */
export function isIdentity(cid: CID): boolean {
  return cid.multihash.code === contentHashes.IDENTITY
}

/** Base32, or for a CIDv0 base58btc: as everybody writes it. */
export function formatCid(cid: CID): string {
  return cid.version === 0 ? base58btc.baseEncode(cid.bytes) : base32.encode(cid.bytes)
}

/** The CID of a text that people type or paste: GH_CID_INVALID and GH_CID_UNSUPPORTED say what to do. */
export function parseCid(text: string): CID {
  const bytes = decodeText(text)
  try {
    const cid = decodeCid(bytes)
    if ((cid.version === 0) !== text.startsWith('Q'))
      throw invalid(text, 'a CIDv0 begins with Qm and with no letter before it')
    return cid
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    if (error.code === 'GH_CID_UNSUPPORTED')
      throw new GuildError(error.code, `${quoted(text)}: ${error.detail}`)
    throw invalid(text, `${error.detail}; copy it again, all of it`)
  }
}

function digestFault(hash: number, length: number): string | undefined {
  const most = digestMost[hash]
  if (most === undefined)
    return `hash 0x${hash.toString(16)} is none of sha2-256, sha2-512, blake3 and identity; add the file anew with one of them`
  if (length > most) return `a digest of ${length} bytes, at most ${most}`
  if (hash !== contentHashes.IDENTITY && length < limits.cidDigestLeast)
    return `a digest of ${length} bytes, at least ${limits.cidDigestLeast}`
  return undefined
}

/** The alphabets are checked here: a decoder takes characters above 0xff for zeros. */
function decodeText(text: string): Uint8Array {
  if (text === '') throw new GuildError('GH_CID_INVALID', 'the text is empty')
  if (text.length > limits.cidText)
    throw invalid(text, `it has ${text.length} characters, at most ${limits.cidText}`)
  const v0 = text.startsWith('Qm')
  const base = v0 ? { name: 'base58btc', digits: base58, of: base58btc } : bases[text[0]!]
  if (base === undefined) throw invalid(text, hintFor(text))
  const digits = v0 ? text : text.slice(1)
  if (!base.digits.test(digits)) throw invalid(text, `a character of it is not ${base.name}`)
  try {
    return base.of.baseDecode(digits)
  } catch {
    throw invalid(text, `it is not whole ${base.name}; copy it again, all of it`)
  }
}

const base58 = /^[1-9A-HJ-NP-Za-km-z]+$/
const bases: Readonly<
  Record<string, { name: string; digits: RegExp; of: { baseDecode(text: string): Uint8Array } }>
> = {
  b: { name: 'base32', digits: /^[a-z2-7]+$/, of: base32 },
  k: { name: 'base36', digits: /^[0-9a-z]+$/, of: base36 },
  z: { name: 'base58btc', digits: base58, of: base58btc },
}

function hintFor(text: string): string {
  if (/^(?:ipfs:\/\/|https?:\/\/|\/?ip[fn]s\/)/.test(text))
    return 'give the CID alone, without what stands around it'
  if (/^[BFKCTVUuMmfcvt]/.test(text))
    return 'its base is not one we read; give it in base32, where it begins with b'
  return 'it begins with none of b, k, z and Qm'
}

function shown(cid: CID): string {
  return cid.bytes.length > 2 * limits.cid ? `a CID of ${cid.bytes.length} bytes` : formatCid(cid)
}

function quoted(text: string): string {
  return `"${visible(text, 80)}"`
}

function invalid(text: string, why: string): GuildError {
  return new GuildError('GH_CID_INVALID', `${quoted(text)}: ${why}`)
}
