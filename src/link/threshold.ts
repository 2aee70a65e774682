/**
 * Those at the door: inbound connections and half-open handshakes, which have proved nothing yet.
 *
 * A stranger costs a socket for five seconds, a half-open handshake keys for ten. So few may wait from one place, and so many in
 * all; when the door is full the one that has waited longest goes, never the newest, so
 * that a crowd of idlers does not keep an honest peer out. From this machine only the total
 * counts: a whole swarm may start on it at once.
 *
 * Floor: link. Faults: HS-03, HS-18, P3.
 */
import { hostKind } from '../wire/address.ts'
import { parseIp } from '../wire/ip.ts'

export const defaults = {
  /** About 16 MiB of sockets and handshakes. */
  total: 1_024,
  /** From one IPv4 address or one IPv6 /56. */
  perPlace: 8,
} as const

export class Threshold {
  /** Key of a connection → its place, in the order they came. */
  readonly #waiting = new Map<number, string>()
  readonly #perPlace = new Map<string, number>()
  readonly #limits: { readonly total: number; readonly perPlace: number }

  constructor(limits: { readonly total: number; readonly perPlace: number } = defaults) {
    this.#limits = limits
  }

  get size(): number {
    return this.#waiting.size
  }

  /** One more waits. Returns the key of the one that has to go for it, if any. */
  enter(key: number, host: string): number | undefined {
    const place = placeOf(host)
    const crowded = place !== '' && (this.#perPlace.get(place) ?? 0) >= this.#limits.perPlace
    const gone = crowded
      ? this.#first(one => one === place)
      : this.#waiting.size >= this.#limits.total
        ? this.#first(() => true)
        : undefined
    if (gone !== undefined) this.leave(gone)
    this.#waiting.set(key, place)
    this.#perPlace.set(place, (this.#perPlace.get(place) ?? 0) + 1)
    return gone
  }

  /** It proved who it is, or it is gone. */
  leave(key: number): void {
    const place = this.#waiting.get(key)
    if (place === undefined) return
    this.#waiting.delete(key)
    const left = this.#perPlace.get(place)! - 1
    if (left === 0) this.#perPlace.delete(place)
    else this.#perPlace.set(place, left)
  }

  #first(matches: (place: string) => boolean): number | undefined {
    for (const [key, place] of this.#waiting) if (matches(place)) return key
    return undefined
  }
}

/** An IPv4 address, or the /56 of an IPv6 one; nothing for loopback. */
export function placeOf(host: string): string {
  if (hostKind(host) === 'loopback') return ''
  const bytes = parseIp(host)
  return bytes?.length === 16 ? `v6 ${bytes.subarray(0, 7).join('.')}` : host
}
