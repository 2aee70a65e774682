/**
 * The first blocks of what comes next in a tree, asked for before they are taken.
 *
 *   taken next ─▶ a ─┬─ a/1 a/2 …     in the open folders, the innermost first, and in the next few folders
 *                 b ─┴─ b/1 b/2 …     among it, and in the first few of those
 *                 c   d   e …
 *
 * So a tree of many small folders costs no round trip a folder. Of small files the first block is the whole.
 *
 * Page: protocol/block.md · Floor: content.
 */
import type { CID } from 'multiformats/cid'
import { quiet } from '../ahead.ts'
import type { UnixLink, UnixNode } from './node.ts'

/** Entries of a folder that are asked for ahead. */
export const FIRSTS_AHEAD = 16
/** Folders among what comes whose entries are asked for as well. */
const FOLDERS_AHEAD = 4
/** What came and was not taken yet holds no more than this when something is asked for in a folder that is not open. */
const BYTES_AHEAD = 8 * 1024 * 1024

/** An entry of a folder. */
export interface Coming {
  readonly link: UnixLink
  /** Its first block, once it was asked for. */
  node: Promise<UnixNode> | undefined
  /** Of a folder that is here, its first entries. */
  below: readonly Coming[]
}

export type Asked = Coming & { readonly node: Promise<UnixNode> }

export class FirstBlocks {
  readonly #load: (cid: CID) => Promise<UnixNode>
  readonly #most: number
  readonly #open: readonly { readonly next: readonly Coming[] }[]
  /** Asked for and not taken: how many, and the bytes of those that are here. */
  #asked = 0
  #bytes = 0

  /** At most so many blocks are asked for in folders that are not open. `open`: from the root to the innermost. */
  constructor(
    load: (cid: CID) => Promise<UnixNode>,
    most: number,
    open: readonly { readonly next: readonly Coming[] }[],
  ) {
    this.#load = load
    this.#most = most
    this.#open = open
  }

  /** An entry of an open folder. It may have been asked for before the folder was opened. */
  ask(one: Coming): Asked {
    one.node ??= this.#come(one)
    return one as Asked
  }

  async take(one: Asked): Promise<UnixNode> {
    const node = await one.node
    this.#asked--
    this.#bytes -= node.data.length
    this.#askAhead()
    return node
  }

  #come(one: Coming): Promise<UnixNode> {
    this.#asked++
    const here = async (): Promise<UnixNode> => {
      const node = await this.#load(one.link.cid)
      this.#bytes += node.data.length
      one.below = firstsOf(node)
      this.#askAhead()
      return node
    }
    return quiet(here())
  }

  #askAhead(): void {
    for (let i = this.#open.length - 1; i >= 0; i--) this.#askWithin(this.#open[i]!.next)
  }

  /** The nearest first. */
  #askWithin(line: readonly Coming[]): void {
    let folders = 0
    for (const one of line) {
      if (this.#asked >= this.#most || this.#bytes > BYTES_AHEAD) return
      if (one.node === undefined) one.node = this.#come(one)
      else if (one.below.length > 0 && folders++ < FOLDERS_AHEAD) this.#askWithin(one.below)
    }
  }
}

export function comingOf(link: UnixLink): Coming {
  return { link, node: undefined, below: [] }
}

/** A shard's are looked up when it is opened. */
function firstsOf({ type, links }: UnixNode): readonly Coming[] {
  return type === 'directory' ? links.slice(0, FIRSTS_AHEAD).map(comingOf) : []
}
