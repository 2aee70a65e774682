/**
 * The peerbook: `peers.json` in the data directory, so that a restart needs no bootstrap.
 *
 *   { "format": "guild-home peerbook",
 *     "version": 1,
 *     "peers": [
 *       { "address": "/ip4/192.0.2.7/tcp/8000/p2p/12D3KooW…", "met": "2026-01-31T15:04:32.000Z", "reached": "…" },
 *       … ] }
 *
 * The order matters: those linked last stand first, and the first few are the *anchors*, which
 * are dialled before all others. It holds only peers that proved who they are; what was merely
 * told is not worth remembering, and would let a liar outlive a restart.
 *
 * Refuses: what is too long, cut off, not ours, or of another version. Such a file is set aside
 * under `peers.json.set-aside`, where a person can look at it, and the node starts without. A
 * row that makes no sense spoils only itself. Times are the reader's to judge: a clock may have
 * been wrong when they were written.
 *
 * Page: protocol/peerbook.md (spec: BOOK-4) · Floor: store. Faults: PT-12.
 */
import { rename } from 'node:fs/promises'
import { fromUtf8, utf8 } from '../base/bytes.ts'
import { GuildError } from '../base/errors.ts'
import type { WallMillis } from '../base/machine.ts'
import type { Files } from '../base/ports.ts'
import { type Address, formatAddress, parseAddress } from '../wire/address.ts'
import { diskError } from './disk-error.ts'
import { readBounded } from './read-bounded.ts'
import { replaceFile } from './replace-file.ts'

export interface BookPeer {
  /** With the peer id. */
  readonly address: Address
  /** When a link to the peer was last known to stand. */
  readonly met: WallMillis
  /** When a dial of ours to this address last succeeded; absent: the peer only ever dialled us. */
  readonly reached?: WallMillis
}

export interface LoadedBook {
  /** In the order to dial them. */
  readonly peers: readonly BookPeer[]
  /** The file was damaged: what was wrong, and where it is now. */
  readonly fault?: GuildError
}

const FORMAT = 'guild-home peerbook'
const VERSION = 1
/** A thousand addresses take 200 KiB. */
const FILE_MAX = 1024 * 1024
/** As many as the address book of a node holds. */
export const PEERS_MAX = 1_000
/** The last moment that a date of four digits can say. */
const WALL_MAX: WallMillis = 253_402_300_799_999
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

/** Never throws: a node starts with or without its peerbook. */
export async function loadPeerbook(path: string): Promise<LoadedBook> {
  try {
    const bytes = await readBounded(path, { most: FILE_MAX, refuse: why => setAside(path, why) })
    return bytes === undefined ? { peers: [] } : await readOrSetAside(path, bytes)
  } catch (error) {
    if (error instanceof GuildError && error.code === 'GH_STORE_DAMAGED') return { peers: [], fault: error }
    return { peers: [], fault: await setAside(path, reason(error, path)) }
  }
}

/** At most `PEERS_MAX` of them, the first ones. */
export async function savePeerbook(path: string, peers: readonly BookPeer[]): Promise<void> {
  await replaceFile(path, encodePeerbook(peers))
}

/** Where a node's peerbook is kept. */
export interface Shelf {
  /** Never rejects. */
  load(): Promise<LoadedBook>
  save(peers: readonly BookPeer[]): Promise<void>
}

/** The peerbook at this path of this machine. */
export function shelfAt(path: string): Shelf {
  return { load: () => loadPeerbook(path), save: peers => savePeerbook(path, peers) }
}

/** The peerbook among files that were handed in. A damaged one is said, and the next replaces it. */
export function shelfIn(files: Files): Shelf {
  const name = 'peers.json'
  const damaged = (why: string): GuildError => new GuildError('GH_STORE_DAMAGED', `${name}: ${why}`)
  return {
    load: async () => {
      try {
        const bytes = await files.read(name)
        if (bytes === undefined) return { peers: [] }
        const found = decodePeerbook(bytes)
        if (typeof found === 'string') return { peers: [], fault: damaged(found) }
        return found.spoilt === 0
          ? { peers: found.peers }
          : { peers: found.peers, fault: damaged(makeNoSense(found.spoilt)) }
      } catch (error) {
        return { peers: [], fault: damaged(reason(error, name)) }
      }
    },
    save: peers => files.replace(name, encodePeerbook(peers)),
  }
}

/** The whole file. */
export function encodePeerbook(peers: readonly BookPeer[]): Uint8Array {
  const rows = peers.slice(0, PEERS_MAX).map(({ address, met, reached }) =>
    JSON.stringify({
      address: formatAddress(address),
      met: iso(met),
      ...(reached === undefined ? {} : { reached: iso(reached) }),
    }),
  )
  const head = `{\n  "format": ${JSON.stringify(FORMAT)},\n  "version": ${VERSION},\n  "peers": [`
  const body = rows.map(row => `\n    ${row}`).join(',')
  return utf8(`${head}${body}${rows.length === 0 ? '' : '\n  '}]\n}\n`)
}

async function readOrSetAside(path: string, bytes: Uint8Array): Promise<LoadedBook> {
  const read = decodePeerbook(bytes)
  if (typeof read === 'string') return { peers: [], fault: await setAside(path, read) }
  if (read.spoilt === 0) return { peers: read.peers }
  return { peers: read.peers, fault: await setAside(path, makeNoSense(read.spoilt)) }
}

function makeNoSense(rows: number): string {
  return `${rows} of its rows ${rows === 1 ? 'makes' : 'make'} no sense`
}

/** What can be read of it and how many rows cannot, or why nothing can. Never throws. */
export function decodePeerbook(bytes: Uint8Array): { peers: BookPeer[]; spoilt: number } | string {
  let root: unknown
  try {
    root = JSON.parse(fromUtf8(bytes))
  } catch {
    return bytes.length === 0 ? 'it is empty' : 'it is damaged or cut off'
  }
  if (!isObject(root) || root.format !== FORMAT || !Array.isArray(root.peers)) return 'it is not a peerbook'
  if (root.version !== VERSION) return `it is of version ${JSON.stringify(root.version)?.slice(0, 20)}`
  const peers: BookPeer[] = []
  let spoilt = Math.max(0, root.peers.length - PEERS_MAX)
  for (const row of root.peers.slice(0, PEERS_MAX)) {
    const peer = decodeRow(row)
    if (peer === undefined) spoilt++
    else peers.push(peer)
  }
  return { peers, spoilt }
}

function decodeRow(row: unknown): BookPeer | undefined {
  if (!isObject(row) || typeof row.address !== 'string') return undefined
  const met = wallOf(row.met)
  const reached = row.reached === undefined ? undefined : wallOf(row.reached)
  if (met === undefined || (reached === undefined && row.reached !== undefined)) return undefined
  try {
    const address = parseAddress(row.address)
    if (address.peerId === undefined) return undefined
    return { address, met, ...(reached === undefined ? {} : { reached }) }
  } catch {
    return undefined
  }
}

/** Out of the way, over an earlier one; what to tell the person. */
async function setAside(path: string, why: string): Promise<GuildError> {
  const aside = `${path}.set-aside`
  try {
    await rename(path, aside)
    return new GuildError('GH_STORE_DAMAGED', `${path}: ${why}; it is ${aside} now`)
  } catch (error) {
    const still = `and it cannot be moved to ${aside}: ${reason(error, aside)}`
    return new GuildError('GH_STORE_DAMAGED', `${path}: ${why}, ${still}`)
  }
}

/** What the disk said, without the path. */
function reason(error: unknown, path: string): string {
  const { detail } = diskError(error, path)
  return detail.startsWith(`${path}: `) ? detail.slice(path.length + 2) : detail
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function wallOf(text: unknown): WallMillis | undefined {
  if (typeof text !== 'string' || !ISO.test(text)) return undefined
  const wall = Date.parse(text)
  return Number.isNaN(wall) ? undefined : wall
}

function iso(wall: WallMillis): string {
  return new Date(Math.min(Math.max(Math.trunc(wall), 0), WALL_MAX)).toISOString()
}
