/**
 * Blocks as programs use them, whoever keeps them: this node, another process's, or a store alone.
 *
 *   Blocks ── session ─▶ a fetch: many blocks of one DAG, from everybody who has them
 *          └─ deposit ─▶ a write: blocks that stay, because what leads to them is pinned at its end
 *
 * The shape is that of `interface-blockstore` 7, with what files need beyond it. `get` of that
 * shape hands out chunks; here it is always one.
 *
 * Floor: node. Page: README.md.
 */
import type { InputPair, Pair } from 'interface-blockstore'
import type { CID } from 'multiformats/cid'

export type { Blockstore } from 'interface-blockstore'
export type { CID } from 'multiformats/cid'

export interface Wait {
  readonly signal?: AbortSignal | undefined
}

export interface FetchOptions extends Wait {
  /** Ask no peer: what is not here is GH_BLOCK_MISSING. Default false. */
  readonly offline?: boolean | undefined
}

/** How a fetch went. */
export interface FetchFigures {
  /** Blocks that came from peers, and from whom: each was asked of one. */
  readonly sources: readonly { readonly peerId: string; readonly blocks: number; readonly bytes: number }[]
  /** Bytes that came although they were here by then. */
  readonly duplicateBytes: number
}

/** Many blocks of one DAG. Ask for several at once: they come as fast as the peers can send. */
export interface FetchSession {
  /**
   * A block. Where the store is in memory it keeps the very bytes that a peer brought: change a copy.
   * GH_BLOCK_MISSING (offline), GH_BLOCK_NO_PEERS, GH_BLOCK_NOT_FOUND, GH_ABORTED.
   */
  get(cid: CID, options?: Wait): Promise<Uint8Array>
  /** Ends it; may be called again. */
  close(): Promise<FetchFigures>
}

/** A write. What it has put is safe from a collection until `end`, and after it only by pins. */
export interface Deposit {
  /** Resolves when the next may be put: durable it is at `end`. */
  put(cid: CID, bytes: Uint8Array): Promise<void>
  /** At the end: this, and all it leads to, stays. */
  pin(cid: CID): void
  /** Resolves once everything is durable and pinned. */
  end(): Promise<{ readonly blocks: number; readonly bytes: number }>
  /** Gives up: what was put may be collected. Does nothing after `end`. */
  abort(): Promise<void>
}

export interface DepositOptions extends Wait {
  /** Tell the peers what was pinned. Default true. */
  readonly announce?: boolean | undefined
  /** The caller has just made the CIDs of these very bytes: they are not hashed again. Default false. */
  readonly verified?: boolean | undefined
  /** Where it is given up, what it has put is removed at once. Default false: the next collection does. */
  readonly undo?: boolean | undefined
}

/** Where blocks come from that are not here. */
export interface PeerBlocks {
  session(options: Wait): FetchSession
  /** Tells the peers that this is here. */
  announce?(cid: CID): void
  /** It was put here by whoever runs the node: peers that want it are to get it. */
  arrived?(cid: CID, size: number): void
}

export interface Pin {
  readonly cid: CID
  /** With all it leads to. */
  readonly recursive: boolean
}

export interface StoreFigures {
  readonly blocks: number
  readonly bytes: number
  readonly quota?: number | undefined
}

export interface Progress {
  /** Blocks looked at, so far. */
  readonly blocks: number
  /** Of how many; undefined where nobody knows yet. */
  readonly of?: number | undefined
}

export interface ProgressOptions extends Wait {
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

export interface Pins {
  /** Fetches what is missing first, unless `offline`. GH_BLOCK_MISSING where it cannot. */
  add(
    cid: CID,
    options?: ProgressOptions & { readonly recursive?: boolean; readonly offline?: boolean },
  ): Promise<void>
  /** GH_PIN_MISSING where there is none. The blocks go with the next collection. */
  rm(cid: CID, options?: Wait): Promise<void>
  ls(options?: Wait): AsyncIterable<Pin>
}

/** Wherever a `Blockstore` of that package is wanted, this is one. */
export interface Blocks {
  readonly pins: Pins
  /** One chunk. Asks the peers for what is not here, and keeps it. Errors as `FetchSession.get`. */
  get(cid: CID, options?: FetchOptions): AsyncGenerator<Uint8Array>
  getMany(source: Iterable<CID> | AsyncIterable<CID>, options?: FetchOptions): AsyncGenerator<Pair>
  getAll(options?: Wait): AsyncGenerator<Pair>
  /** Resolves once it is durable. GH_BLOCK_MISMATCH, GH_BLOCK_TOO_LARGE, GH_STORE_FULL, GH_STORE_FAILED. */
  put(cid: CID, bytes: InputPair['bytes'], options?: Wait): Promise<CID>
  putMany(source: Iterable<InputPair> | AsyncIterable<InputPair>, options?: Wait): AsyncGenerator<CID>
  /** Here, without asking any peer. */
  has(cid: CID, options?: Wait): Promise<boolean>
  delete(cid: CID, options?: Wait): Promise<void>
  deleteMany(source: Iterable<CID> | AsyncIterable<CID>, options?: Wait): AsyncGenerator<CID>
  session(options?: FetchOptions): FetchSession
  deposit(options?: DepositOptions): Promise<Deposit>
  /** Without asking any peer; undefined where it is not here. */
  size(cid: CID, options?: Wait): Promise<number | undefined>
  stat(options?: Wait): Promise<StoreFigures>
  /** Removes what no pin leads to. */
  gc(options?: ProgressOptions): Promise<{ readonly removed: number; readonly bytes: number }>
  /** Reads every block and hashes it; damaged ones are named, and not handed out. */
  verify(options?: ProgressOptions): Promise<{ readonly checked: number; readonly damaged: readonly CID[] }>
}

/** A CID, or the text of one with a path behind it: `bafybei…/photos/sea.jpg`. */
export type FilePath = CID | string

export interface AddProgress {
  /** The file at hand, as a path within what is added. */
  readonly path: string
  /** Bytes of files so far; of how many, undefined where nobody knows. */
  readonly bytes: number
  readonly of?: number | undefined
  /** Blocks so far, those of folders too. */
  readonly blocks: number
}

export interface AddOptions extends Wait {
  /** How files are cut and linked. Default `kubo-v1`: 256 KiB chunks, raw leaves, 174 links, as other tools print. */
  readonly profile?: 'kubo-v1' | 'unixfs-v1-2025' | 'unixfs-v0-2015' | undefined
  /** Takes names that begin with a dot. Default false. */
  readonly hidden?: boolean | undefined
  /** Keeps permission bits, and times of last change; the CID is another then. Default false. */
  readonly mode?: boolean | undefined
  readonly mtime?: boolean | undefined
  /** Puts a folder around it that holds its name. Default false. */
  readonly wrap?: boolean | undefined
  /** Pins it, with all it leads to. Default true. */
  readonly pin?: boolean | undefined
  /** Tells the peers of it. Default true. */
  readonly announce?: boolean | undefined
  readonly onProgress?: ((progress: AddProgress) => void) | undefined
}

export interface ReadOptions extends FetchOptions {
  /** Where to begin, in bytes. Default 0. */
  readonly offset?: number | undefined
  /** Most bytes. Default: to the end. */
  readonly length?: number | undefined
}

export interface FileEntry {
  readonly name: string
  readonly cid: CID
  readonly type: FileStat['type']
  /** Of a file, in bytes. */
  readonly size: number | undefined
}

export interface FileStat {
  readonly cid: CID
  readonly type: 'file' | 'directory' | 'symlink' | 'other'
  /** Of a file, in bytes; of a symlink, of its target. */
  readonly size: number | undefined
  /** Permission bits, where they were kept. */
  readonly mode: number | undefined
  /** Seconds since 1970, where they were kept. */
  readonly mtime: number | undefined
  /** Where a symlink leads. */
  readonly target: string | undefined
}

export interface GetProgress {
  /** The file at hand, as a path within what is fetched. */
  readonly path: string
  readonly bytes: number
  /** Of how many; of a folder roughly. */
  readonly of?: number | undefined
}

export interface GetFileOptions extends FetchOptions {
  /** Files that are there and differ give way. Default false: they are in the way (GH_STORE_FAILED). */
  readonly replace?: boolean | undefined
  readonly onProgress?: ((progress: GetProgress) => void) | undefined
}

export interface Got extends FetchFigures {
  readonly cid: CID
  /** Of files, all of them. */
  readonly bytes: number
}

export interface Files {
  /**
   * A file, a folder (by its path), or bytes: cut into blocks, kept, pinned, told to the peers. The same CID as
   * other IPFS tools print. Resolves once everything is durable.
   */
  add(source: string | Uint8Array | AsyncIterable<Uint8Array>, options?: AddOptions): Promise<CID>
  /** The bytes of a file, fetched as they are read. GH_UNIXFS_INVALID, GH_PATH_MISSING, and what a fetch throws. */
  cat(path: FilePath, options?: ReadOptions): AsyncGenerator<Uint8Array>
  /** What a folder holds, in the order of its DAG. */
  ls(path: FilePath, options?: FetchOptions): AsyncGenerator<FileEntry>
  stat(path: FilePath, options?: FetchOptions): Promise<FileStat>
  /**
   * Writes a file or folder to `out`, which may be there in part: what is right already is kept. Nothing is ever
   * written outside of `out` (GH_PATH_UNSAFE).
   */
  get(path: FilePath, out: string, options?: GetFileOptions): Promise<Got>
  /** A CAR (version 1) of all that these lead to. */
  exportCar(roots: readonly CID[], options?: FetchOptions): AsyncGenerator<Uint8Array>
  /** Keeps every block of a CAR, version 1 or 2, and pins its roots. Nothing of it where one block does not hash to its CID. */
  importCar(
    car: AsyncIterable<Uint8Array>,
    options?: Pick<AddOptions, 'pin' | 'announce' | 'signal'>,
  ): Promise<{ readonly roots: readonly CID[]; readonly blocks: number; readonly bytes: number }>
}
