/**
 * One reaction a round trip: which losses belong together, and whether all of them were mistaken.
 *
 *   loss of 7 ─▶ episode up to 20, the last one sent ─▶ losses of 9, 12 are part of it
 *                ─▶ 7, 9 and 12 arrive after all: nothing was lost, take the reaction back
 *
 * Whatever was in flight at the first loss was sent before the reaction could show, so
 * its losses ask for no second one (RFC 9002 section 7.3.2). A path that reorders makes losses that are none;
 * when every one of an episode has arrived the reaction is undone (RFC 9438 section 4.9).
 *
 * Page: protocol/congestion.md (spec: CC-2, CC-7) · Floor: packets.
 */
export class LossEpisode {
  /** Number of the last packet whose loss belongs to it; -1 before the first episode. */
  #end = -1
  #begin = 0
  /** Losses of it that have not turned out to be mistaken. */
  #standing = 0

  /** Notes a loss. True: it begins an episode, so react. */
  lost(number: number, largestSent: number): boolean {
    const begins = number > this.#end
    if (begins) {
      this.#begin = number
      this.#end = largestSent
      this.#standing = 0
    }
    this.#standing++
    return begins
  }

  /** Sent before the reaction: acknowledging it grows nothing. */
  covers(number: number): boolean {
    return number <= this.#end
  }

  /** A lost packet has arrived. True: it was the last one standing, so take the reaction back. */
  spurious(number: number): boolean {
    if (number < this.#begin || number > this.#end || this.#standing === 0) return false
    this.#standing--
    return this.#standing === 0
  }

  /** What happened cannot be taken back any more. */
  settle(): void {
    this.#standing = 0
  }
}
