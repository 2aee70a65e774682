/**
 * A write into the store of this node.
 *
 *   put … put … ─▶ durable, many at a time, under a lease      end ─▶ pinned ─▶ told ─▶ lease released
 *                                                              abort ─▶ lease released
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

/** Given to the store together: durable each is only at the end, and a sync for each would cost a disk's turn. */
const BATCH = 128
const BATCH_BYTES = 2 * 1024 * 1024
/** Bytes that are being written at once. */
const PENDING = 8 * 1024 * 1024

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
  /** Put, and not yet given to the store. */
  #batch: { readonly cid: CID; readonly bytes: Uint8Array }[] = []
  #batched = 0
  /** Bytes on their way into the store. */
  #pending = 0
  #blocks = 0
  #bytes = 0

  constructor(store: BlockStore, peers: PeerBlocks | undefined, options: DepositOptions) {
    this.#store = store
    this.#peers = peers
    this.#options = options
    this.#lease = store.lease()
  }

  async put(cid: CID, bytes: Uint8Array): Promise<void> {
    this.#refuse()
    if (this.#over) throw new GuildError('GH_NODE_STATE', 'put: this write is over')
    this.#blocks++
    this.#bytes += bytes.length
    if (isIdentity(cid)) return
    this.#batch.push({ cid, bytes })
    this.#batched += bytes.length
    if (this.#batch.length >= BATCH || this.#batched >= BATCH_BYTES) this.#flush()
    while (this.#underway.size > 0 && this.#pending > PENDING) await Promise.race(this.#underway)
    this.#refuse()
  }

  pin(cid: CID): void {
    this.#pins.push(cid)
  }

  async end(): Promise<{ blocks: number; bytes: number }> {
    const { signal, announce = true } = this.#options
    this.#flush()
    await Promise.all(this.#underway)
    this.#refuse()
    for (const cid of this.#pins) await this.#store.pins.add(cid, { recursive: true, signal })
    this.#over = true
    this.#lease.release()
    if (announce) for (const cid of this.#pins) this.#peers?.announce?.(cid)
    return { blocks: this.#blocks, bytes: this.#bytes }
  }

  async abort(): Promise<void> {
    if (this.#over) return
    this.#over = true
    this.#batch = []
    await Promise.allSettled(this.#underway)
    this.#lease.release()
    for (const cid of this.#fresh.splice(0)) await this.#store.delete(cid).catch(() => {})
  }

  /** All of a batch in one turn: the store makes one commit of it. */
  #flush(): void {
    for (const { cid, bytes } of this.#batch) {
      this.#pending += bytes.length
      const written: Promise<void> = this.#write(cid, bytes)
        .catch(error => {
          this.#failed ??= { error: asGuildError(error) }
        })
        .finally(() => {
          this.#pending -= bytes.length
          this.#underway.delete(written)
        })
      this.#underway.add(written)
    }
    this.#batch = []
    this.#batched = 0
  }

  #refuse(): void {
    if (this.#failed !== undefined) throw this.#failed.error
  }

  async #write(cid: CID, bytes: Uint8Array): Promise<void> {
    const { verified = false, undo = false, signal } = this.#options
    if (undo && (await this.#store.size(cid)) === undefined) this.#fresh.push(cid)
    await this.#store.put(cid, bytes, { verified, lease: this.#lease, signal })
    this.#peers?.arrived?.(cid, bytes.length)
  }
}
