/**
 * Rows of the table on a shelf, and back: JSON, checked again when it is read.
 *
 * A disk may be full, or the file of another hand: what cannot be written is counted and said once,
 * what cannot be read is left out.
 *
 * Floor: http. Page: protocol/tracker.md (spec: TRACKER-4).
 */

import { utf8 } from '../../base/bytes.ts'
import type { RegistrationShelf } from '../../index.ts'
import { decodeRegistration } from '../../wire/tracker.ts'
import type { KeptRow } from './table.ts'

export class Kept {
  readonly #shelf: RegistrationShelf | undefined
  readonly #onFault: (error: unknown) => void
  #complained = false
  failures = 0

  constructor(shelf: RegistrationShelf | undefined, onFault: (error: unknown) => void) {
    this.#shelf = shelf
    this.#onFault = onFault
  }

  /** At most so many, the ones written last. */
  load(most: number): KeptRow[] {
    const rows = this.#shelf?.all() ?? []
    return rows.slice(-most).flatMap(text => decodeKeptRow(text) ?? [])
  }

  /** Resolves when it is durable, or cannot be. */
  async put(row: KeptRow): Promise<void> {
    await this.#try(async shelf => await shelf.put(row.peerId, encodeKeptRow(row)))
  }

  remove(peerIds: readonly string[]): void {
    void this.#try(async shelf => await shelf.remove(peerIds))
  }

  close(): void {
    this.#shelf?.close()
  }

  async #try(work: (shelf: RegistrationShelf) => Promise<void>): Promise<void> {
    if (this.#shelf === undefined) return
    try {
      await work(this.#shelf)
      this.#complained = false
    } catch (error) {
      this.failures++
      if (!this.#complained) this.#onFault(error)
      this.#complained = true
    }
  }
}

export function encodeKeptRow({ peerId, addrs, meta, place, seen, signedAt }: KeptRow): string {
  return JSON.stringify({ peer_id: peerId, addrs, meta, place, seen, signed_at: signedAt })
}

/** Undefined when it makes no sense. */
export function decodeKeptRow(text: string): KeptRow | undefined {
  try {
    const registration = decodeRegistration(utf8(text))
    const { place, seen, signed_at: signedAt } = JSON.parse(text)
    if (typeof place !== 'string' || !Number.isSafeInteger(seen)) return undefined
    if (signedAt !== undefined && !Number.isSafeInteger(signedAt)) return undefined
    // JSON has a zero below zero, which is none to us.
    return {
      ...registration,
      place,
      seen: seen + 0,
      ...(signedAt === undefined ? {} : { signedAt: signedAt + 0 }),
    }
  } catch {
    return undefined
  }
}
