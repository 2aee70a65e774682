/**
 * A write into the store of this node.
 *
 *   put … put … ─▶ durable one by one, under a lease      end ─▶ pinned ─▶ told ─▶ lease released
 *                                                         abort ─▶ lease released
 *
 * Without the lease a collection could take the first blocks of a file before its root is pinned.
 *
 * Floor: node.
 */
import type { CID } from 'multiformats/cid'
import { asGuildError, GuildError } from '../../base/errors.ts'
import type { BlockStore, Lease } from '../../store/blocks/types.ts'
import { isIdentity } from '../../wire/cid.ts'
import type { Deposit, DepositOptions, PeerBlocks } from './types.ts'

export class LocalDeposit implements Deposit {
  readonly #store: BlockStore
  readonly #peers: PeerBlocks | undefined
  readonly #options: DepositOptions
  readonly #lease: Lease
  readonly #pins: CID[] = []
  readonly #underway = new Set<Promise<unknown>>()
  /** What was not here before; kept where it may have to be undone. */
  readonly #fresh: CID[] = []
  #failed: { readonly error: GuildError } | undefined
  #over = false
  #blocks = 0
  #bytes = 0

  constructor(store: BlockStore, peers: PeerBlocks | undefined, options: DepositOptions) {
    this.#store = store
    this.#peers = peers
    this.#options = options
    this.#lease = store.lease()
  }

  async put(cid: CID, bytes: Uint8Array): Promise<void> {
    if (this.#failed !== undefined) throw this.#failed.error
    if (this.#over) throw new GuildError('GH_NODE_STATE', 'put: this write is over')
    this.#blocks++
    this.#bytes += bytes.length
    if (isIdentity(cid)) return
    const written = this.#write(cid, bytes)
    this.#underway.add(written)
    try {
      await written
    } catch (error) {
      this.#failed ??= { error: asGuildError(error) }
      throw this.#failed.error
    } finally {
      this.#underway.delete(written)
    }
  }

  pin(cid: CID): void {
    this.#pins.push(cid)
  }

  async end(): Promise<{ blocks: number; bytes: number }> {
    const { signal, announce = true } = this.#options
    await Promise.all(this.#underway)
    if (this.#failed !== undefined) throw this.#failed.error
    for (const cid of this.#pins) await this.#store.pins.add(cid, { recursive: true, signal })
    this.#over = true
    this.#lease.release()
    if (announce) for (const cid of this.#pins) this.#peers?.announce?.(cid)
    return { blocks: this.#blocks, bytes: this.#bytes }
  }

  async abort(): Promise<void> {
    if (this.#over) return
    this.#over = true
    await Promise.allSettled(this.#underway)
    this.#lease.release()
    for (const cid of this.#fresh.splice(0)) await this.#store.delete(cid).catch(() => {})
  }

  async #write(cid: CID, bytes: Uint8Array): Promise<void> {
    const { verified = false, undo = false, signal } = this.#options
    if (undo && (await this.#store.size(cid)) === undefined) this.#fresh.push(cid)
    await this.#store.put(cid, bytes, { verified, lease: this.#lease, signal })
    this.#peers?.arrived?.(cid, bytes.length)
  }
}
