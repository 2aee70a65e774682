/**
 * Which datagram counters were seen: a sliding window as a ring of bits.
 *
 *        older than the window        the window, `width` counters       not yet seen
 *   ─────────────────────────────┼──────────────────────────────────┼──────────────────
 *            refused             │   refused if its bit is set      ▲   taken, and the
 *                                                               greatest   window moves
 *
 * The ring has one word more than the window: moving on clears whole words ahead of
 * the greatest counter, never bits that still matter. Ask (`isNew`) before opening,
 * note (`mark`) after the seal held: a forged counter must not move the window.
 *
 * Refuses: anything older than the window, anything beyond the last nonce.
 * Page: protocol/packets.md · Vectors: wireguard-replay. Twin: test/twins/replay-window.ts. Floor: noise.
 */
import { GuildError } from '../base/errors.ts'
import { MAX_NONCE } from './cipher-state.ts'

const WORD = 32

export class ReplayWindow {
  /** How many counters, the greatest included, are told apart. */
  readonly width: number
  readonly #words: Uint32Array
  #greatest = -1

  /** 8,192 bits are 1 KiB a link: reordering by 80 ms at 100,000 packets a second. */
  constructor(width = 8192) {
    if (!(width > 0 && width % WORD === 0))
      throw new GuildError('GH_INTERNAL', `a window of ${width} is not a multiple of ${WORD}`)
    this.width = width
    this.#words = new Uint32Array(width / WORD + 1)
  }

  /** The greatest counter noted; -1 before the first. */
  get greatest(): number {
    return this.#greatest
  }

  /** May this counter still be taken? Changes nothing. */
  isNew(counter: number): boolean {
    if (!Number.isSafeInteger(counter) || counter < 0 || counter > MAX_NONCE) return false
    if (counter > this.#greatest) return true
    if (this.#greatest - counter >= this.width) return false
    return (this.#words[this.#slot(counter)]! & bit(counter)) === 0
  }

  /** Notes an authenticated counter. False, and nothing changed, when it was not new. */
  mark(counter: number): boolean {
    if (!this.isNew(counter)) return false
    if (counter > this.#greatest) this.#advance(counter)
    this.#words[this.#slot(counter)]! |= bit(counter)
    return true
  }

  #advance(counter: number): void {
    const from = Math.floor(this.#greatest / WORD)
    const steps = Math.min(Math.floor(counter / WORD) - from, this.#words.length)
    for (let i = 1; i <= steps; i++) this.#words[(from + i + this.#words.length) % this.#words.length] = 0
    this.#greatest = counter
  }

  #slot(counter: number): number {
    return Math.floor(counter / WORD) % this.#words.length
  }
}

function bit(counter: number): number {
  return 1 << (counter % WORD)
}
