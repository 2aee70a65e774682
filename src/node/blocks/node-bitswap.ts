/**
 * Blocks by hand, one at a time: what `node.files` is made of, for those who want to see it work.
 *
 *   const cid = await alice.bitswap.provide(utf8('Hello from Alice!'))
 *   const bytes = await bob.bitswap.request(cid)
 *   bob.bitswap.stats()                        // blocks_received: 1
 *
 * Floor: node. Page: README.md.
 */
import { GuildError } from '../../base/errors.ts'
import type { CID } from '../../wire/cid.ts'
import { limits } from '../../wire/limits.ts'
import type { NetworkInfo, NodeStats } from '../types.ts'
import type { BlockStats, NodeContents } from './node-contents.ts'
import type { Wait } from './types.ts'

export interface BitswapStats
  extends Pick<NodeStats, 'blocks_sent' | 'blocks_received' | 'peers_connected' | 'want_list_size'>,
    BlockStats {
  readonly peerId: string
  readonly addresses: readonly string[]
}

export interface BlockInfo {
  readonly cid: CID
  /** Bytes. */
  readonly size: number
  /** It was here before anybody was asked. */
  readonly local: boolean
}

export interface BitswapHost {
  readonly contents: NodeContents
  stats(): NodeStats
  networkInfo(): NetworkInfo
  readonly addresses: readonly string[]
}

export class NodeBitswap {
  /** Bytes of the largest block. Anything larger is a file of many: `node.files.add`. */
  readonly maxBlockSize: number = limits.block
  readonly #host: BitswapHost

  /** Made by the node. */
  constructor(host: BitswapHost) {
    this.#host = host
  }

  /** Keeps a block, tells every peer that it is here, and gives its CID. GH_BLOCK_TOO_LARGE, GH_STORE_*. */
  async provide(bytes: Uint8Array, options: Wait = {}): Promise<CID> {
    const { contents } = this.#host
    const { cidOf } = await import('./cid-of.ts')
    const cid = await cidOf(bytes)
    try {
      await contents.blocks.put(cid, bytes, options)
    } catch (error) {
      throw because('failed to store block', error)
    }
    await contents.provide(cid)
    return cid
  }

  /**
   * A block out of the store, or from the first peer that has it, verified and kept. GH_BLOCK_NO_PEERS ("no
   * connected peers to request block from"), GH_BLOCK_NOT_FOUND ("block not found on any connected peer"),
   * GH_STORE_* ("failed to store received block"). Whatever comes of it, the want-list is as before.
   * In memory the store keeps the very bytes that came: change a copy.
   */
  async request(cid: CID | string, options: Wait = {}): Promise<Uint8Array> {
    const { parseCid } = await import('../../wire/cid.ts')
    const wanted = typeof cid === 'string' ? parseCid(cid) : cid
    try {
      for await (const bytes of this.#host.contents.blocks.get(wanted, options)) return bytes
    } catch (error) {
      throw because('failed to store received block', error)
    }
    throw new GuildError('GH_BLOCK_MISSING', String(wanted))
  }

  /** How large a block is: fetched where it is not here. Errors as `request`. */
  async getBlockInfo(cid: CID | string, options: Wait = {}): Promise<BlockInfo> {
    const { parseCid } = await import('../../wire/cid.ts')
    const wanted = typeof cid === 'string' ? parseCid(cid) : cid
    const size = await this.#host.contents.blocks.size(wanted, options)
    if (size !== undefined) return { cid: wanted, size, local: true }
    return { cid: wanted, size: (await this.request(wanted, options)).length, local: false }
  }

  /** What is larger than one block, in pieces of a block each, with a few mebibytes in memory: `node.files.cat`. */
  requestInChunks(cid: CID | string, options: Wait = {}): AsyncGenerator<Uint8Array> {
    return this.#host.contents.files.cat(cid, options)
  }

  stats(): BitswapStats {
    const { contents, networkInfo, addresses } = this.#host
    const { blocks_sent, blocks_received, peers_connected, want_list_size } = this.#host.stats()
    const { localPeerId } = networkInfo.call(this.#host)
    const ours = contents.stats()
    return {
      peerId: localPeerId,
      addresses,
      blocks_sent,
      blocks_received,
      peers_connected,
      want_list_size,
      blocks_provided: ours.blocks_provided,
      block_bytes_sent: ours.block_bytes_sent,
      block_bytes_received: ours.block_bytes_received,
      duplicate_blocks: ours.duplicate_blocks,
    }
  }

  networkInfo(): NetworkInfo {
    return this.#host.networkInfo()
  }
}

/** The store's own fault, with what was to be done. */
function because(what: string, error: unknown): unknown {
  if (!(error instanceof GuildError) || !error.code.startsWith('GH_STORE_')) return error
  return new GuildError(error.code, `${what}: ${error.detail}`, { cause: error })
}
