/**
 * Files and folders over blocks, wherever the blocks are: in this node, in another process's, in a store alone.
 *
 *   add ─▶ cut, linked, hashed ─▶ a deposit, pinned at its end
 *   cat, ls, stat ─▶ a session, read ahead
 *   get ─▶ a session ─▶ the disk, beside what is there already
 *
 * Composition: `content` knows UnixFS and CAR, `store/tree` knows folders on disk. Here is only
 * what joins them to sessions and deposits.
 *
 * Floor: node. Page: README.md. Faults: UX-01, UX-02, UX-03.
 */
import type { CID } from 'multiformats/cid'
import { GuildError } from '../../base/errors.ts'
import { inOrder } from '../../content/ahead.ts'
import type { BlockSink, BlockSource } from '../../content/block.ts'
import { importFile } from '../../content/unixfs/file.ts'
import { listDirectory } from '../../content/unixfs/list.ts'
import { type Profile, profiles } from '../../content/unixfs/profiles.ts'
import { readFile } from '../../content/unixfs/read.ts'
import { type ContentStat, resolvePath, splitPath, statContent } from '../../content/unixfs/resolve.ts'
import { parseCid } from '../../wire/cid.ts'
import type { Tell } from './add-path.ts'
import { hashes } from './hashes.ts'
import { sourceOf } from './session-source.ts'
import type {
  AddOptions,
  Blocks,
  Deposit,
  FetchOptions,
  FetchSession,
  FileEntry,
  FilePath,
  FileStat,
  Files,
  GetFileOptions,
  Got,
  ReadOptions,
} from './types.ts'

export class NodeFiles implements Files {
  readonly blocks: Blocks

  constructor(blocks: Blocks) {
    this.blocks = blocks
  }

  async add(source: Parameters<Files['add']>[0], options: AddOptions = {}): Promise<CID> {
    const profile = profileOf(options.profile)
    const { wrap = false, mode = false, mtime = false } = options
    if (wrap && typeof source !== 'string') throw invalid('wrap: bytes have no name to keep')
    return await this.#deposited(options, async (sink, tell) => {
      if (typeof source !== 'string') {
        const built = await importFile(source, sink, profile, {
          signal: options.signal,
          onProgress: bytes => tell('', bytes),
        })
        return built.cid
      }
      const { addPath } = await import('./add-path.ts')
      return await addPath(source, sink, profile, { ...options, wrap, mode, mtime }, tell)
    })
  }

  async *cat(path: FilePath, options: ReadOptions = {}): AsyncGenerator<Uint8Array> {
    const { offset, length, signal } = options
    const session = this.blocks.session(options)
    try {
      const source = sourceOf(session, options.signal)
      const cid = await resolve(source, path, signal)
      yield* readFile(source, cid, { offset, length, signal })
    } finally {
      await session.close()
    }
  }

  async *ls(path: FilePath, options: FetchOptions = {}): AsyncGenerator<FileEntry> {
    const { signal } = options
    const session = this.blocks.session(options)
    try {
      const source = sourceOf(session, options.signal)
      const root = await resolve(source, path, signal)
      const stat = await statContent(source, root, { signal })
      if (kindOf(stat) !== 'directory') {
        const name = typeof path === 'string' ? (splitPath(path).at(-1) ?? '') : ''
        yield { name, ...entryOf(stat) }
        return
      }
      let page: Named[] = []
      const described = async function* (): AsyncGenerator<FileEntry> {
        const look = async (one: Named): Promise<{ one: Named; stat: ContentStat }> => ({
          one,
          stat: await statContent(source, one.cid, { signal }),
        })
        for await (const { one, stat } of inOrder(page, look)) yield { name: one.name, ...entryOf(stat) }
        page = []
      }
      for await (const { name, cid } of listDirectory(source, root, { signal })) {
        page.push({ name, cid })
        if (page.length >= PAGE) yield* described()
      }
      yield* described()
    } finally {
      await session.close()
    }
  }

  async stat(path: FilePath, options: FetchOptions = {}): Promise<FileStat> {
    const { signal } = options
    return await this.#fetching(options, async source => {
      const stat = await statContent(source, await resolve(source, path, signal), { signal })
      const { mtime } = stat
      return {
        ...entryOf(stat),
        mode: stat.mode,
        mtime: mtime && mtime.seconds + mtime.nanoseconds / 1e9,
        target: stat.target,
      }
    })
  }

  async get(path: FilePath, out: string, options: GetFileOptions = {}): Promise<Got> {
    const session = this.blocks.session(options)
    try {
      const source = sourceOf(session, options.signal)
      const cid = await resolve(source, path, options.signal)
      const { getTree } = await import('./get-tree.ts')
      const { bytes } = await getTree(source, cid, out, options)
      return { cid, bytes, ...(await session.close()) }
    } finally {
      await session.close()
    }
  }

  async *exportCar(roots: readonly CID[], options: FetchOptions = {}): AsyncGenerator<Uint8Array> {
    const session = this.blocks.session(options)
    try {
      const { exportCar } = await import('../../content/car/write.ts')
      yield* exportCar(sourceOf(session, options.signal), roots, { signal: options.signal })
    } finally {
      await session.close()
    }
  }

  async importCar(
    car: AsyncIterable<Uint8Array>,
    options: Pick<AddOptions, 'pin' | 'announce' | 'signal'> = {},
  ): Promise<{ roots: readonly CID[]; blocks: number; bytes: number }> {
    const { pin = true, announce = true, signal } = options
    const { importCar } = await import('../../content/car/import.ts')
    const deposit = await this.blocks.deposit({ announce, signal, verified: true, undo: true })
    const sink = {
      put: async (cid: CID, bytes: Uint8Array): Promise<CID> => {
        await deposit.put(cid, bytes)
        return cid
      },
      // What is to be taken back the deposit takes back.
      has: () => false,
      delete: () => {},
    }
    try {
      const { roots } = await importCar(car, sink, { signal, hashes })
      if (pin) for (const root of roots) deposit.pin(root)
      return { roots, ...(await deposit.end()) }
    } finally {
      await deposit.abort()
    }
  }

  async #fetching<T>(
    options: FetchOptions,
    use: (source: BlockSource, session: FetchSession) => Promise<T>,
  ): Promise<T> {
    const session = this.blocks.session(options)
    try {
      return await use(sourceOf(session, options.signal), session)
    } finally {
      await session.close()
    }
  }

  async #deposited(options: AddOptions, make: (sink: BlockSink, tell: Tell) => Promise<CID>): Promise<CID> {
    const { pin = true, announce = true, signal, onProgress } = options
    const deposit: Deposit = await this.blocks.deposit({ announce, signal, verified: true })
    let [blocks, bytes] = [0, 0]
    let last: { path: string; of: number | undefined } = { path: '', of: undefined }
    const tell: Tell = (path, more, of) => {
      bytes += more
      last = { path, of }
      onProgress?.({ path, bytes, of, blocks })
    }
    const sink: BlockSink = {
      async put(cid, block) {
        blocks++
        await deposit.put(cid, block)
        return cid
      },
    }
    try {
      const cid = await make(sink, tell)
      if (pin) deposit.pin(cid)
      await deposit.end()
      onProgress?.({ ...last, bytes, blocks })
      return cid
    } finally {
      await deposit.abort()
    }
  }
}

interface Named {
  readonly name: string
  readonly cid: CID
}

/** Entries whose first blocks are asked for together. */
const PAGE = 256

function profileOf(name: AddOptions['profile'] = 'kubo-v1'): Profile {
  if (!Object.hasOwn(profiles, name)) throw invalid(`profile: there is ${Object.keys(profiles).join(', ')}`)
  return profiles[name]
}

async function resolve(source: BlockSource, path: FilePath, signal: AbortSignal | undefined): Promise<CID> {
  if (typeof path !== 'string') return path
  const [root = '', ...rest] = path.split('/')
  return await resolvePath(source, parseCid(root), splitPath(rest.join('/')), { signal })
}

function kindOf({ type }: ContentStat): FileStat['type'] {
  switch (type) {
    case 'file':
    case 'raw':
      return 'file'
    case 'directory':
    case 'shard':
      return 'directory'
    case 'symlink':
      return 'symlink'
    default:
      return 'other'
  }
}

function entryOf(stat: ContentStat): { cid: CID; type: FileStat['type']; size: number | undefined } {
  const type = kindOf(stat)
  return { cid: stat.cid, type, size: type === 'directory' ? undefined : stat.size }
}

function invalid(detail: string): GuildError {
  return new GuildError('GH_OPTION_INVALID', detail)
}
