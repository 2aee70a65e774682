/**
 * The obvious recent set: a list of keys and times, oldest first.
 */
export class NaiveRecent {
  #seen: { key: string; at: number }[] = []
  readonly #limit: number
  readonly #lifetime: number

  constructor(limit: number, lifetime: number) {
    this.#limit = limit
    this.#lifetime = lifetime
  }

  has(key: string, now: number): boolean {
    return this.#seen.some(entry => entry.key === key && now - entry.at < this.#lifetime)
  }

  add(key: string, now: number): boolean {
    this.#seen = this.#seen.filter(entry => now - entry.at < this.#lifetime)
    if (this.has(key, now)) return false
    this.#seen = [...this.#seen, { key, at: now }].slice(-this.#limit)
    return true
  }

  full(now: number): boolean {
    return this.#seen.filter(entry => now - entry.at < this.#lifetime).length >= this.#limit
  }
}
