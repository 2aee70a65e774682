/**
 * Links that drain, told to whoever has a stream on them that would not end by itself.
 *
 * Of two links to one peer one drains and closes once it is empty, ten seconds later at worst. What waits for
 * the peer without end moves to the other link, so that the first is empty at once.
 *
 * Floor: node.
 */
import type { Drive } from '../runtime/drive.ts'

export class Drains {
  readonly #drive: Drive
  readonly #listeners = new Set<(peerId: string) => void>()

  constructor(drive: Drive) {
    this.#drive = drive
  }

  /** The returned function ends it. */
  listen(listener: (peerId: string) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Once this turn has ended, when the other link is the one that new streams go over. */
  tell(peerId: string | undefined): void {
    if (peerId === undefined || this.#listeners.size === 0) return
    this.#drive.defer(() => {
      for (const listener of [...this.#listeners]) listener(peerId)
    })
  }
}
