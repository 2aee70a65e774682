/**
 * What was said, to whom it must come, and where it came: each word once, nowhere else.
 *
 *   said ─▶ open ── came, came … ──▶ due ─▶ judged: whole, excused, or a fault
 *
 * Owed is a word to everybody who was linked to the speaker when it was said. Excused is who ended
 * before it was due, and whose speaker did: what was on its way then may be lost.
 */

/** Milliseconds after which a word is judged: longer than a pause. */
export const DUE = 20_000

/** One life of one process. */
export interface Being {
  readonly name: string
  /** It lives, and nobody has told it to end. */
  readonly alive: boolean
}

interface Word<B> {
  readonly speaker: B
  readonly owed: ReadonlySet<B>
  readonly came: Map<B, number>
  readonly at: number
}

export class Ledger<B extends Being> {
  readonly faults: string[] = []
  said = 0
  delivered = 0
  excused = 0
  readonly #open = new Map<string, Word<B>>()
  /** Words that were judged: a late copy of one is a fault, and said as such. */
  readonly #judged = new Set<string>()

  /** Before it is said: a copy may come before the speaker says that it spoke. */
  announce(text: string, speaker: B, at: number): void {
    this.#open.set(text, { speaker, owed: new Set(), came: new Map(), at })
    this.said++
  }

  /** It was said, and these must get it. */
  owe(text: string, to: Iterable<B>): void {
    const word = this.#open.get(text)
    if (word !== undefined) this.#open.set(text, { ...word, owed: new Set(to) })
  }

  /** It was not said after all. Copies of it may come none the less. */
  withdraw(text: string): void {
    this.owe(text, [])
    this.excused++
  }

  came(text: string, to: B): void {
    const word = this.#open.get(text)
    if (word === undefined) {
      const late = this.#judged.has(text) ? 'late, or again' : 'and nobody said it'
      this.faults.push(`${to.name} was shown "${text}", ${late}`)
      return
    }
    const times = (word.came.get(to) ?? 0) + 1
    word.came.set(to, times)
    this.delivered++
    if (times > 1) this.faults.push(`${to.name} was shown "${text}" ${times} times`)
    if (to === word.speaker) this.faults.push(`${to.name} was shown its own "${text}"`)
  }

  /** Judges what is due. Call it once more with `Infinity` in the end. */
  judge(now: number): void {
    for (const [text, word] of this.#open) {
      if (now - word.at < DUE) return
      this.#open.delete(text)
      this.#judged.add(text)
      for (const one of word.owed) {
        if (word.came.has(one)) continue
        if (!one.alive || !word.speaker.alive) this.excused++
        else this.faults.push(`"${text}" of ${word.speaker.name} never came to ${one.name}`)
      }
    }
  }

  get open(): number {
    return this.#open.size
  }
}
