/**
 * Bitswap: who wants which block, who has it, and the blocks themselves.
 *
 *   message   | head length | head | bytes of block 1 | bytes of block 2 | …
 *
 *   head      | flags | pending bytes | wants | want … | presences | presence … | blocks | block … |
 *   want      | flags | priority, unless cancelled | CID |
 *   presence  | 0 HAVE, 1 DONT_HAVE | CID |
 *   block     | length | CID |                                   every number a QUIC integer
 *
 * The fields are those of bitswap 1.2.0. Its protobuf puts block bytes between fields, where
 * each side has to copy them out; here a message is a head, and the bytes follow as they are,
 * straight from a store and straight into a hash. A block says its whole CID instead of the
 * prefix of one: so a block nobody asked for is dropped before it is hashed, and one that does
 * not hash to its name is asked elsewhere at once (spec: BITSWAP-2).
 *
 * Refuses: more than 1,024 of anything, blocks above 2 MiB, messages above 4 MiB, CIDs with a
 * weak hash and those that hold their block in themselves (spec: BITSWAP-3, BITSWAP-4; faults BX-05, BX-06).
 * Page: protocol/bitswap.md · Vectors: protocol/vectors/bitswap.json · Floor: wire.
 */
import { concat } from '../base/bytes.ts'
import { WireError } from '../base/errors.ts'
import { ByteReader, type Note } from '../base/reader.ts'
import { ByteWriter } from '../base/writer.ts'
import { type CID, encodeCid, isIdentity, readCid } from './cid.ts'
import { limits } from './limits.ts'

/** The one id this encoding has. `/ipfs/bitswap/…` means the protobuf, which is not spoken here. */
export const BITSWAP_PROTOCOL = '/guild/bitswap/1.2.0'

export interface Want {
  readonly cid: CID
  /** It is not wanted any more. The other fields say nothing then, and are 0 and false. */
  readonly cancel: boolean
  /** Higher first. */
  readonly priority: number
  /** Asks whether the peer has the block, not for the block. */
  readonly have: boolean
  /** Answer DONT_HAVE where it is missing, instead of nothing. */
  readonly sendDontHave: boolean
}

export interface Presence {
  readonly cid: CID
  /** HAVE, else DONT_HAVE. */
  readonly have: boolean
}

/** A block of a message, without its bytes. */
export interface BlockHead {
  readonly cid: CID
  readonly length: number
}

export interface BitswapHead {
  /** The wants are the whole list: what was wanted before and is not here is not wanted any more. */
  readonly full: boolean
  /** Bytes of blocks that wait at the sender for this peer, behind this message. */
  readonly pendingBytes: number
  readonly wants: readonly Want[]
  readonly presences: readonly Presence[]
  /** Their bytes follow the head, in this order. */
  readonly blocks: readonly BlockHead[]
}

const FULL = 0x01
const CANCEL = 0x01
const HAVE = 0x02
const SEND_DONT_HAVE = 0x04

/** The most bytes that one want, presence or block takes in a head: what a writer counts with. */
export const BITSWAP_ENTRY_MOST: number = 5 + limits.cid

/** The head alone, without its length before it. */
export function encodeBitswapHead(w: ByteWriter, head: BitswapHead): void {
  w.varint(head.full ? FULL : 0).varint(head.pendingBytes)
  w.varint(head.wants.length)
  for (const want of head.wants) {
    if (want.cancel) w.varint(CANCEL)
    else w.varint((want.have ? HAVE : 0) | (want.sendDontHave ? SEND_DONT_HAVE : 0)).varint(want.priority)
    encodeCid(w, want.cid)
  }
  w.varint(head.presences.length)
  for (const { cid, have } of head.presences) encodeCid(w.varint(have ? 0 : 1), cid)
  w.varint(head.blocks.length)
  for (const { cid, length } of head.blocks) encodeCid(w.varint(length), cid)
}

/** What goes before the bytes of the blocks: the head behind its length. */
export function bitswapPreamble(head: BitswapHead): Uint8Array {
  const w = new ByteWriter()
  encodeBitswapHead(w, head)
  return concat(new ByteWriter(8).varint(w.length).view(), w.view())
}

/** A head, all of these bytes. Throws a WireError. */
export function decodeBitswapHead(bytes: Uint8Array, notes?: Note[]): BitswapHead {
  const r = new ByteReader(bytes, notes)
  const full = flags(r, 'flags', FULL) === FULL
  const pendingBytes = r.varint('pending bytes')
  const wants = list(r, 'wants', readWant)
  const presences = list(r, 'presences', readPresence)
  let room = limits.bitswapMessage - bytes.length
  const blocks = list(r, 'blocks', () => {
    const at = r.offset
    const length = r.varint('block length', limits.block)
    room -= length
    if (room < 0)
      throw new WireError(
        'GH_WIRE_LENGTH',
        'block length',
        at,
        `a message of more than ${limits.bitswapMessage}`,
      )
    return { cid: blockCid(r), length }
  })
  r.end('head')
  return { full, pendingBytes, wants, presences, blocks }
}

function readWant(r: ByteReader): Want {
  const at = r.offset
  const bits = flags(r, 'want flags', CANCEL | HAVE | SEND_DONT_HAVE)
  const cancel = (bits & CANCEL) !== 0
  if (cancel && bits !== CANCEL) throw new WireError('GH_WIRE_VALUE', 'want flags', at, 'a cancel and more')
  const priority = cancel ? 0 : r.varint('priority', limits.bitswapPriority)
  const cid = blockCid(r)
  return {
    cid,
    cancel,
    priority,
    have: (bits & HAVE) !== 0,
    sendDontHave: (bits & SEND_DONT_HAVE) !== 0,
  }
}

function readPresence(r: ByteReader): Presence {
  const at = r.offset
  const type = r.varint('presence type')
  if (type > 1) throw new WireError('GH_WIRE_VALUE', 'presence type', at, String(type))
  return { have: type === 0, cid: blockCid(r) }
}

function list<T>(r: ByteReader, field: string, read: (r: ByteReader) => T): T[] {
  const count = r.varint(field, limits.bitswapEntries)
  const all: T[] = []
  for (let i = 0; i < count; i++) all.push(read(r))
  return all
}

/** Bits that mean nothing yet must be zero, so that they can mean something tomorrow. */
function flags(r: ByteReader, field: string, known: number): number {
  const at = r.offset
  const bits = r.varint(field)
  if ((bits & ~known) !== 0 || bits > known) throw new WireError('GH_WIRE_RESERVED', field, at)
  return bits
}

/** A CID that holds its block in itself is never asked for and never sent. */
function blockCid(r: ByteReader): CID {
  const at = r.offset
  const cid = readCid(r)
  if (isIdentity(cid)) throw new WireError('GH_WIRE_VALUE', 'CID', at, 'it holds its block in itself')
  return cid
}
