/**
 * Every block below some roots, each once, without recursion.
 *
 *   depth     a block, then all below its first link, then below its second …      as CARs are written
 *   breadth   the roots, then all they link to, then what those link to …          near things first
 *
 * Memory is bounded, whatever the DAG. Of each CID seen 16 bytes stay (visited.ts). Links that wait
 * are at most about 131,072: a block whose turn is far off forgets its links and is read again when
 * its turn comes, so that 100,000 levels of 50,000 links each cost no more than their names. In
 * breadth, what does not fit into the queue is walked in depth at once. Blocks asked for ahead are
 * at most 32 MiB.
 *
 * Identity CIDs are followed and not handed out: they are no blocks of their own.
 * Refuses blocks that do not decode, and missing ones unless somebody wants to hear of them.
 * Page: protocol/block.md (spec: BLOCK-6) · Faults: BX-08 · Floor: content.
 */
import type { CID } from 'multiformats/cid'
import { GuildError } from '../base/errors.ts'
import { blockKey, isIdentity } from '../wire/cid.ts'
import { follow, quiet, WINDOW } from './ahead.ts'
import { type Abortable, type Block, type BlockSource, readBlock, refuseAborted } from './block.ts'
import { linksOf } from './codecs.ts'
import { pause } from './puts.ts'
import { Visited } from './visited.ts'

export interface WalkOptions extends Abortable {
  readonly order?: 'depth' | 'breadth' | undefined
  /** Blocks asked for ahead of the one that is read. Default 32. */
  readonly prefetch?: number | undefined
  /** Is told of a block that is missing, which then is passed over with all below it. */
  readonly onMissing?: ((cid: CID) => void) | undefined
  /** Links in memory that wait for their turn. Default 131,072. */
  readonly linksWaiting?: number | undefined
  /** Shared by walks that shall not see a block twice. */
  readonly visited?: Visited | undefined
}

const LINKS_WAITING = 131_072
const BYTES_AHEAD = 32 * 1024 * 1024
/** How many of the blocks above the one that is read may ask ahead, and for how much each. */
const FRAMES_AHEAD = 4
const EACH_AHEAD = 2

export async function* walk(
  source: BlockSource,
  roots: readonly CID[],
  options: WalkOptions = {},
): AsyncGenerator<Block> {
  const stop = follow(options.signal)
  try {
    const walking = new Walking(source, options, stop.signal)
    yield* options.order === 'breadth' ? walking.breadth(roots) : walking.depth(roots)
  } finally {
    stop.now()
  }
}

interface Frame {
  /** Whose links these are; none for the roots. */
  readonly cid: CID | undefined
  /** Undefined when they were forgotten. */
  links: readonly CID[] | undefined
  at: number
  ahead: number
}

class Walking {
  readonly #source: BlockSource
  readonly #options: WalkOptions
  readonly #signal: AbortSignal
  readonly #visited: Visited
  readonly #window: number
  readonly #mostWaiting: number
  readonly #asked = new Map<string, Promise<Uint8Array>>()
  #bytesHeld = 0

  constructor(source: BlockSource, options: WalkOptions, signal: AbortSignal) {
    this.#source = source
    this.#options = options
    this.#signal = signal
    this.#visited = options.visited ?? new Visited()
    this.#window = Math.max(1, options.prefetch ?? WINDOW)
    this.#mostWaiting = options.linksWaiting ?? LINKS_WAITING
  }

  async *depth(roots: readonly CID[]): AsyncGenerator<Block> {
    const frames: Frame[] = [frameOf(undefined, roots)]
    let waiting = roots.length
    let kept = 0 // frames below this one have forgotten their links
    while (frames.length > 0) {
      const top = frames.at(-1)!
      if (top.links === undefined) {
        top.links = linksOf(top.cid!, await readBlock(this.#source, top.cid!, { signal: this.#signal }))
        top.ahead = top.at
        waiting += top.links.length
        kept = Math.min(kept, frames.length - 1)
      }
      const cid = top.links[top.at]
      if (cid === undefined) {
        waiting -= top.links.length
        frames.pop()
        kept = Math.min(kept, frames.length)
        continue
      }
      this.#askAhead(frames)
      top.at++
      const block = await this.#visit(cid)
      if (block === undefined) continue
      if (!isIdentity(cid)) yield block
      const links = linksOf(cid, block.bytes)
      if (links.length === 0) continue
      if (top.at === top.links.length) {
        // Its last link: nothing of it is needed again, and a chain costs one frame.
        waiting -= top.links.length
        frames.pop()
        kept = Math.min(kept, frames.length)
      }
      frames.push(frameOf(cid, links))
      waiting += links.length
      for (; waiting > this.#mostWaiting && kept < frames.length - 1; kept++) {
        const far = frames[kept]!
        if (far.cid === undefined || far.links === undefined) continue // the roots cannot be read again
        waiting -= far.links.length
        far.links = undefined
      }
    }
  }

  async *breadth(roots: readonly CID[]): AsyncGenerator<Block> {
    let level: CID[] = [...roots]
    while (level.length > 0) {
      const next: CID[] = []
      const frame = frameOf(undefined, level)
      for (; frame.at < level.length; ) {
        this.#askAhead([frame])
        const cid = level[frame.at++]!
        const block = await this.#visit(cid)
        if (block === undefined) continue
        if (!isIdentity(cid)) yield block
        const links = linksOf(cid, block.bytes)
        if (next.length + links.length > this.#mostWaiting) yield* this.depth(links)
        else next.push(...links)
      }
      level = next
    }
  }

  /** The block, or undefined if it was seen before or is missing. */
  async #visit(cid: CID): Promise<Block | undefined> {
    refuseAborted(this.#options.signal)
    if (!isIdentity(cid)) {
      if (cid.multihash.digest.length < 20) await readBlock(this.#source, cid) // refuses it
      if (!this.#visited.add(cid)) return undefined
    }
    const key = keyOf(cid)
    const asked = this.#asked.get(key)
    try {
      const bytes = await (asked ?? readBlock(this.#source, cid, { signal: this.#signal }))
      if (asked !== undefined) this.#bytesHeld -= bytes.length
      await pause(0)
      return { cid, bytes }
    } catch (error) {
      const { onMissing } = this.#options
      if (onMissing === undefined || !(error instanceof GuildError) || error.code !== 'GH_BLOCK_MISSING')
        throw error
      onMissing(cid)
      return undefined
    } finally {
      this.#asked.delete(key)
    }
  }

  /** What comes next in the block that is read, and a little of what comes after it. */
  #askAhead(frames: readonly Frame[]): void {
    for (let i = frames.length - 1; i >= Math.max(0, frames.length - 1 - FRAMES_AHEAD); i--) {
      const frame = frames[i]!
      if (frame.links === undefined) return
      const most = i === frames.length - 1 ? this.#window : EACH_AHEAD
      frame.ahead = Math.max(frame.ahead, frame.at)
      for (; frame.ahead < Math.min(frame.links.length, frame.at + most); frame.ahead++) {
        const cid = frame.links[frame.ahead]!
        if (this.#bytesHeld > BYTES_AHEAD || frame.ahead - frame.at >= most) return
        if (isIdentity(cid) || cid.multihash.digest.length < 20 || this.#visited.has(cid)) continue
        const key = keyOf(cid)
        if (!this.#asked.has(key)) this.#asked.set(key, quiet(this.#fetch(cid)))
      }
    }
  }

  async #fetch(cid: CID): Promise<Uint8Array> {
    const bytes = await readBlock(this.#source, cid, { signal: this.#signal })
    this.#bytesHeld += bytes.length
    return bytes
  }
}

function frameOf(cid: CID | undefined, links: readonly CID[]): Frame {
  return { cid, links, at: 0, ahead: 0 }
}

/** One block read by two codecs is two visits. */
function keyOf(cid: CID): string {
  return `${cid.code} ${blockKey(cid)}`
}
