/**
 * Pins, and the collection of what nothing leads to.
 *
 *   mark   every pin, with all it leads to ─▶ bits by number
 *   sweep  page by page: neither marked, nor leased, nor put meanwhile ─▶ taken away
 *
 * While it runs, blocks come and pins want to be added. A pin waits until it is done. What is
 * put, or put again, is seen as it happens and stays. An import holds a lease from before its
 * first block until its pin is durable, so no moment is left in between.
 *
 * Refuses to sweep when a pinned block is missing or damaged: below it might be anything.
 *
 * Floor: store. Faults: BX-08.
 */
import type { CID } from 'multiformats/cid'
import { GuildError } from '../../base/errors.ts'
import { checkCid, formatCid } from '../../wire/cid.ts'
import type { Holds } from './holds.ts'
import { Marks } from './marks.ts'
import type { Kept, PinShelf, Shelf } from './shelf.ts'
import type { Pin, PinOptions, Pins, ProgressOptions } from './types.ts'
import { breathe, refuseAborted } from './waiting.ts'
import { markAll } from './walk.ts'

export interface CollectorOptions {
  readonly links: (cid: CID, bytes: Uint8Array) => readonly CID[]
  readonly read: (cid: CID) => Promise<Uint8Array | undefined>
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>
  readonly wall: () => number
  readonly unpinned: () => void
  readonly holds: Holds
}

const PAGE = 256
const NAME_MAX = 128

export class Collector {
  readonly pins: Pins
  readonly #shelf: Shelf
  readonly #pinShelf: PinShelf
  readonly #options: CollectorOptions

  constructor(shelf: Shelf, pinShelf: PinShelf, options: CollectorOptions) {
    this.#shelf = shelf
    this.#pinShelf = pinShelf
    this.#options = options
    this.pins = {
      add: (cid, how) => this.#pin(cid, how),
      rm: cid => this.#unpin(cid),
      find: async cid => pinShelf.find(cid),
      async *ls() {
        yield* pinShelf.list()
      },
    }
  }

  /** By itself, whatever leads to it. */
  isPinned(cid: CID): boolean {
    return this.#pinShelf.find(cid) !== undefined
  }

  async #pin(cid: CID, options: PinOptions = {}): Promise<Pin> {
    checkCid(cid)
    const { recursive = true, name } = options
    if (name !== undefined && name.length > NAME_MAX)
      throw new GuildError('GH_OPTION_INVALID', `the name of a pin has at most ${NAME_MAX} characters`)
    return await this.#options.inTurn(async () => {
      const before = this.#pinShelf.find(cid)
      if (recursive) await markAll(cid, new Marks(), this.#walking(options))
      else if ((await this.#options.read(cid)) === undefined)
        throw new GuildError('GH_BLOCK_MISSING', formatCid(cid))
      const pin = {
        cid,
        // What was kept with all it leads to is not let go of by pinning less of it.
        recursive: recursive || (before?.recursive ?? false),
        since: before?.since ?? this.#options.wall(),
        ...(name === undefined ? (before?.name === undefined ? {} : { name: before.name }) : { name }),
      }
      await this.#pinShelf.set(pin)
      return pin
    })
  }

  async #unpin(cid: CID): Promise<void> {
    checkCid(cid)
    if (!(await this.#pinShelf.remove(cid))) throw new GuildError('GH_PIN_MISSING', formatCid(cid))
    this.#options.unpinned()
  }

  async collect(options: ProgressOptions = {}): Promise<{ removed: number; bytes: number }> {
    if (!this.#pinShelf.lasting && this.#shelf.mayRot)
      throw new GuildError('GH_OPTION_INVALID', 'the blocks outlive the process and the pins do not')
    const { holds, inTurn } = this.#options
    // From this call on, whatever it must wait for.
    const meanwhile = holds.sweep()
    try {
      return await inTurn(async () => {
        // Whoever collects again and again leaves the others a turn each time.
        await breathe()
        const marks = await this.#mark(options)
        const done = await this.#sweep(
          kept => marks.has(kept.number) || meanwhile.has(kept.number) || holds.has(kept),
          options,
        )
        if (done.removed > 0) await this.#shelf.shrink()
        return done
      })
    } finally {
      holds.swept(meanwhile)
    }
  }

  async #mark(options: ProgressOptions): Promise<Marks> {
    const marks = new Marks()
    let blocks = 0
    for (const pin of this.#pinShelf.list()) {
      refuseAborted(options.signal)
      const before = blocks
      const onProgress = (progress: { blocks: number }): void =>
        options.onProgress?.({ blocks: before + progress.blocks })
      if (pin.recursive) blocks += await markAll(pin.cid, marks, { ...this.#walking(options), onProgress })
      else {
        const kept = await this.#shelf.find(pin.cid)
        if (kept !== undefined && marks.add(kept.number)) blocks++
      }
    }
    return marks
  }

  async #sweep(
    stays: (kept: Kept) => boolean,
    { signal }: ProgressOptions,
  ): Promise<{ removed: number; bytes: number }> {
    let [removed, bytes] = [0, 0]
    for (let after = 0; ; ) {
      refuseAborted(signal)
      const page = await this.#shelf.list(after, PAGE)
      if (page.length === 0) return { removed, bytes }
      for (const gone of await this.#shelf.remove(
        page.filter(kept => !stays(kept)),
        stays,
      )) {
        removed++
        bytes += gone.size
      }
      after = page.at(-1)!.number
      await breathe()
    }
  }

  #walking({ signal, onProgress }: ProgressOptions) {
    const { links, read } = this.#options
    return { find: (cid: CID) => this.#shelf.find(cid), read, links, signal, onProgress }
  }
}
