/**
 * A session: wants that belong together, so that who had one of them likely has the next.
 *
 * Who is in `providers` is asked straight away, without being asked first whether it has the
 * block; a session thus learns its providers with its first want and splits the rest over them.
 * What came from whom is counted here.
 *
 * Floor: protocols.
 */
import { defaults } from './defaults.ts'
import type { SessionFigures } from './messages.ts'
import type { Provider } from './provider.ts'

const NEW_SHARE = 1 / 8

interface Source {
  blocks: number
  bytes: number
}

export class Session {
  readonly id: number
  /** Keys of what it waits for. */
  readonly wants = new Set<string>()
  /** Had a block of this session, and how often it had not. */
  readonly providers = new Map<Provider, { hits: number; misses: number }>()
  /** Wants that everybody was asked for, answers still to come. */
  searching = 0
  /** Wants that were asked of somebody so far. */
  asked = 0
  readonly #sources = new Map<string, Source>()
  #blocks = 0
  #bytes = 0
  #duplicateBlocks = 0
  #duplicateBytes = 0
  /** Mean size of its blocks. */
  #size: number = defaults.blockGuess

  constructor(id: number) {
    this.id = id
  }

  /** What the next block is taken for. */
  get blockSize(): number {
    return Math.ceil(this.#size)
  }

  has(provider: Provider): void {
    const known = this.providers.get(provider)
    if (known === undefined) this.providers.set(provider, { hits: 1, misses: 0 })
    else known.hits++
  }

  /** Below one in ten it is no provider of this session any more, until it says HAVE. */
  lacks(provider: Provider): void {
    const known = this.providers.get(provider)
    if (known === undefined) return
    known.misses++
    if (known.misses > 8 && known.misses > 9 * known.hits) this.providers.delete(provider)
  }

  /** From 1 (always has it) down to 0.1. */
  likelihood(provider: Provider): number {
    const known = this.providers.get(provider)
    return known === undefined ? 0 : Math.max(0.1, known.hits / (known.hits + known.misses))
  }

  came(provider: Provider, bytes: number): void {
    let source = this.#sources.get(provider.id)
    if (source === undefined) {
      source = { blocks: 0, bytes: 0 }
      this.#sources.set(provider.id, source)
    }
    source.blocks++
    source.bytes += bytes
    this.#size = this.#blocks === 0 ? bytes : this.#size + NEW_SHARE * (bytes - this.#size)
    this.#blocks++
    this.#bytes += bytes
  }

  twice(bytes: number): void {
    this.#duplicateBlocks++
    this.#duplicateBytes += bytes
  }

  figures(): SessionFigures {
    return {
      sources: [...this.#sources].map(([peerId, { blocks, bytes }]) => ({ peerId, blocks, bytes })),
      blocks: this.#blocks,
      bytes: this.#bytes,
      duplicateBlocks: this.#duplicateBlocks,
      duplicateBytes: this.#duplicateBytes,
    }
  }
}
