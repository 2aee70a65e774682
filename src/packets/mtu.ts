/**
 * How large a datagram may be on this path: tried, one size at a time, from small to large.
 *
 *   1,200 ─▶ 1,372 ─▶ 1,452 ─▶ 1,472 ─▶ 8,952 ─▶ … ─▶ the ceiling
 *     ▲                 │ lost: the search rests, 600 s, at the last size that came through
 *     └── large ones vanish, small ones arrive: a black hole, back to 1,200
 *
 * Upward and never twice, because the system cannot be told not to fragment: once it has learned
 * from a router that a datagram was too large, it cuts the next such datagram up, and a probe of a size
 * that was refused before would come through in pieces. So the first size that is lost ends the search,
 * until the system has forgotten (Linux: 600 s). For the same reason nothing above the interface's own MTU is
 * tried: see `ceilingOf`. Where no router stands in between (loopback) a lost probe was bad luck, and a
 * size has three attempts.
 *
 *   state     searching ──lost──▶ resting ──600 s──▶ searching
 *   doubted   3 losses of large datagrams in a row, nothing large acknowledged: small ones from now on.
 *             A small one comes through: the size is asked again, once. Lost: a black hole. Acked: no doubt left.
 *
 * Refuses: nothing below 1,200, ever: a link without that is no link (RFC 9000 section 14).
 * Page: protocol/paths.md (spec: PATH-11, PATH-12, PATH-13; RFC 8899; RFC 9000 sections 14.2 to 14.4)
 * Faults: UQ-20 · Floor: packets.
 */
import type { Millis } from '../base/machine.ts'
import { limits } from '../wire/limits.ts'

/** Every path takes this: the size that handshakes prove (RFC 9000 section 14). */
export const BASE_SIZE: number = limits.datagramLeast

/**
 * Payloads of UDP: behind tunnels (1,420 with IPv6 inside), Ethernet with IPv6 and IPv4, jumbo frames with
 * both, then doubling for loopback.
 */
const LADDER: readonly number[] = [1_372, 1_452, 1_472, 8_952, 8_972, 16_384, 32_768]

/** RFC 8899 section 5.1.1; also how long Linux remembers a path MTU. */
const RAISE_AFTER = 600_000
/** RFC 8899 section 5.1.2, MAX_PROBES. */
const ATTEMPTS_WITHOUT_ROUTERS = 3
/** Loss events of large datagrams in a row before they are doubted. */
const DOUBT = 3

/** The largest payload of one UDP datagram of that family over an interface with this MTU. */
export function ceilingOf(family: 4 | 6, interfaceMtu = 1_500): number {
  return Math.min(interfaceMtu, 65_535) - (family === 4 ? 28 : 48)
}

/** IPv4's largest UDP payload, and what loopback's MTU of 65,536 takes with an IPv6 header. */
export const loopbackCeiling: Readonly<Record<4 | 6, number>> = { 4: limits.datagram, 6: 65_487 }

export interface MtuOptions {
  /** The largest size to try: `ceilingOf` the interface, `loopbackCeiling`, or what the peer takes. */
  readonly ceiling: number
  /** No router between us and the peer: loopback. */
  readonly direct?: boolean
}

export class MtuSearch {
  readonly #ladder: readonly number[]
  readonly #attempts: number
  /** The largest size that came through whole. */
  #proven = BASE_SIZE
  /** The size to try after it: looked at before every packet. */
  #next: number | undefined
  /** A probe in flight. */
  #probing: number | undefined
  #failed = 0
  /** No search before. */
  #restsUntil: Millis = Number.NEGATIVE_INFINITY
  /** Loss events since a large datagram was acknowledged. */
  #losses = 0
  #doubted = false
  /** The doubted size is to be asked once more, or is being asked. */
  #recheck: 'due' | 'asked' | undefined
  /** How often a black hole was found. */
  holes = 0

  constructor({ ceiling, direct = false }: MtuOptions) {
    const sizes = LADDER.filter(size => size < ceiling)
    this.#ladder = ceiling > BASE_SIZE ? [...sizes, ceiling] : []
    this.#next = this.#ladder[0]
    this.#attempts = direct ? ATTEMPTS_WITHOUT_ROUTERS : 1
  }

  /** Bytes of the largest datagram to send now, 1,200 or more. */
  get size(): number {
    return this.#doubted ? BASE_SIZE : this.#proven
  }

  /** A size to try now, by a packet with PROBE and PADDING; asked for, it counts as on its way. */
  probe(now: Millis): number | undefined {
    if (this.#probing !== undefined) return undefined
    if (this.#recheck === 'due') {
      this.#recheck = 'asked'
      this.#probing = this.#proven
    } else if (!this.#doubted && now >= this.#restsUntil) {
      this.#probing = this.#next
    }
    return this.#probing
  }

  /** The probe of this size was acknowledged. */
  acked(size: number): void {
    if (size !== this.#probing) return
    this.#probing = undefined
    this.#failed = 0
    this.#prove(Math.max(this.#proven, size))
    this.#trust()
  }

  /** The probe of this size was lost: no congestion. */
  lost(size: number, now: Millis): void {
    if (size !== this.#probing) return
    this.#probing = undefined
    if (this.#recheck === 'asked') {
      // Small ones arrive, this one twice not.
      this.holes++
      this.#prove(BASE_SIZE)
      this.#rest(now)
      this.#trust()
    } else if (size > this.#proven && ++this.#failed >= this.#attempts) this.#rest(now)
  }

  /** The largest datagram among those just acknowledged, probes apart. Called for each ACK: cheap. */
  delivered(size: number): void {
    if (size > BASE_SIZE) {
      if (this.#losses > 0 || this.#doubted) this.#trust()
    } else if (this.#doubted && this.#recheck === undefined) this.#recheck = 'due'
  }

  /** Packets were lost at once; the largest of them had this size, probes apart. */
  dropped(size: number): void {
    if (size > BASE_SIZE && ++this.#losses >= DOUBT) this.#doubted = true
  }

  #trust(): void {
    this.#losses = 0
    this.#doubted = false
    this.#recheck = undefined
  }

  #prove(size: number): void {
    this.#proven = size
    this.#next = this.#ladder.find(one => one > size)
  }

  #rest(now: Millis): void {
    this.#failed = 0
    this.#restsUntil = now + RAISE_AFTER
  }
}
