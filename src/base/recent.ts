/**
 * A bounded memory of things seen lately: replayed handshakes, repeated chat.
 *
 * Remembers at most `limit` keys for `lifetime` each; insertion order is age,
 * so forgetting is a walk from the front. When full the oldest goes, and `full`
 * tells a caller for whom forgetting early would be unsafe.
 *
 * Floor: base.
 */
import type { Millis } from './machine.ts'

export class RecentSet {
  readonly #seen = new Map<string, Millis>()
  readonly #limit: number
  readonly #lifetime: Millis

  constructor(limit: number, lifetime: Millis) {
    this.#limit = limit
    this.#lifetime = lifetime
  }

  get size(): number {
    return this.#seen.size
  }

  has(key: string, now: Millis): boolean {
    const at = this.#seen.get(key)
    return at !== undefined && now - at < this.#lifetime
  }

  /** True when the key was not known. A key seen again keeps its first time. */
  add(key: string, now: Millis): boolean {
    this.#forget(now)
    if (this.#seen.has(key)) return false
    if (this.#seen.size >= this.#limit) this.#seen.delete(this.#seen.keys().next().value!)
    this.#seen.set(key, now)
    return true
  }

  /** Would adding one more forget something that is still of interest? */
  full(now: Millis): boolean {
    this.#forget(now)
    return this.#seen.size >= this.#limit
  }

  #forget(now: Millis): void {
    for (const [key, at] of this.#seen) {
      if (now - at < this.#lifetime) return
      this.#seen.delete(key)
    }
  }
}
