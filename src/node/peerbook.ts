/**
 * The peerbook beside the mesh: read before the first dial, written when peers come and go.
 *
 *   start   peers.json ─▶ membership                 a damaged one is said, and the node starts
 *   run     peer comes or goes ─▶ 1 s ─▶ save        at most once in 30 s, at least once an hour
 *   stop    save, if anything happened               while the links still stand: they are the anchors
 *
 * A run in which nobody was met leaves the file as it was: a start without a network must
 * not cost the peers of yesterday.
 *
 * Floor: node. Page: protocol/peerbook.md (spec: BOOK-1, BOOK-2). Faults: PT-12.
 */
import { asGuildError } from '../base/errors.ts'
import type { Millis } from '../base/machine.ts'
import type { Clock } from '../base/ports.ts'
import { type BookPeer, type Shelf, shelfAt, shelfIn } from '../store/peerbook.ts'
import type { Happenings } from './emitter.ts'
import type { Mesh } from './mesh.ts'

/** After a change: peers that come together are written together. */
const SETTLE: Millis = 1_000
const LEAST: Millis = 30_000
/** Without a change too, so that after a crash nobody who was linked all week counts as forgotten. */
const MOST: Millis = 3_600_000
/** A disk that hangs does not keep the goodbyes waiting. */
const PATIENCE: Millis = 2_000

export { shelfAt, shelfIn }

export interface PeerbookOptions {
  readonly mesh: Mesh
  readonly happenings: Happenings
  readonly clock: Clock
  readonly shelf: Shelf
}

export class PeerbookCompanion {
  readonly #around: PeerbookOptions
  #loaded = false
  #dirty = false
  #savedAt: Millis = Number.NEGATIVE_INFINITY
  #cancel: (() => void) | undefined
  #saving: Promise<void> | undefined
  /** The disk refused, and it was said. */
  #complained = false
  readonly #changed = (): void => {
    if (this.#dirty) return
    this.#dirty = true
    this.#later(Math.max(SETTLE, this.#savedAt + LEAST - this.#now()))
  }

  constructor(around: PeerbookOptions) {
    this.#around = around
  }

  async start(): Promise<void> {
    const { mesh, happenings, shelf } = this.#around
    const { peers, fault } = await shelf.load()
    if (fault !== undefined) mesh.fault(fault)
    const skew = this.#skew()
    mesh.recall(
      peers.map(({ address, met, reached }) => ({
        address,
        metAt: met - skew,
        ...(reached === undefined ? {} : { reachedAt: reached - skew }),
      })),
    )
    happenings.on('peer-connected', this.#changed)
    happenings.on('peer-disconnected', this.#changed)
    this.#loaded = true
  }

  async stop(): Promise<void> {
    const { mesh, happenings } = this.#around
    happenings.off('peer-connected', this.#changed)
    happenings.off('peer-disconnected', this.#changed)
    this.#cancel?.()
    if (!this.#loaded) return
    this.#loaded = false
    let cancel: (() => void) | undefined
    const patience = new Promise<void>(resolve => {
      cancel = mesh.drive.after(PATIENCE, resolve)
    })
    await Promise.race([this.#finish(), patience])
    cancel?.()
  }

  async #finish(): Promise<void> {
    await this.#saving
    if (this.#dirty || this.#savedAt > Number.NEGATIVE_INFINITY) await this.#save()
  }

  #later(wait: Millis): void {
    this.#cancel?.()
    this.#cancel = this.#around.mesh.drive.after(wait, () => {
      this.#saving ??= this.#save().finally(() => {
        this.#saving = undefined
        if (this.#loaded) this.#later(this.#dirty ? LEAST : MOST)
      })
    })
  }

  async #save(): Promise<void> {
    this.#dirty = false
    this.#savedAt = this.#now()
    try {
      await this.#around.shelf.save(this.#rows())
      this.#complained = false
    } catch (error) {
      this.#dirty = true
      if (!this.#complained) this.#around.mesh.fault(asGuildError(error, 'GH_STORE_FAILED'))
      this.#complained = true
    }
  }

  #rows(): BookPeer[] {
    const skew = this.#skew()
    return this.#around.mesh.membership.remembered(this.#now()).map(({ address, metAt, reachedAt }) => ({
      address,
      met: metAt + skew,
      ...(reachedAt === undefined ? {} : { reached: reachedAt + skew }),
    }))
  }

  /** From our own clock to that of the wall, as they stand now. */
  #skew(): Millis {
    const { clock } = this.#around
    return clock.wall() - clock.now()
  }

  #now(): Millis {
    return this.#around.clock.now()
  }
}
