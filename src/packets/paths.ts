/**
 * Where the peer is, and whether it is really there: prove first, then move.
 *
 *   a newer packet comes from another address      current ──────── data ────────▶ (goes on)
 *                                                     │ └─ PATH_CHALLENGE ──▶ still there?
 *                                                  candidate ─ PATH_CHALLENGE ▶ at most 3 x what came from it
 *   PATH_RESPONSE, and nothing newer from the old  candidate becomes current; the old one is forgotten
 *   address since
 *   PATH_RESPONSE, something newer from nowhere    the same, once the old address was asked in vain
 *   that is proved
 *
 * Whoever sends a captured packet on from an address of his own cannot draw the link there: the
 * challenge goes both ways, the peer answers at the old address with a packet that is newer, and only
 * an address that sent the newest one is moved to. QUIC moves at once and proves afterwards; here data stays
 * for one round trip where it was, which is where it would be lost anyway.
 *
 * Refuses: bytes to an unproved address beyond three times what came from it; more than four paths.
 * Page: protocol/paths.md (spec: PATH-7, PATH-8, PATH-9, PATH-10, PATH-19; RFC 9000 sections 8.1, 8.2, 9), states/path.mmd
 * Faults: UQ-09, UQ-10, UQ-11, P8, P12 · Floor: packets.
 */
import { copy, equal } from '../base/bytes.ts'
import { earlier, type Millis } from '../base/machine.ts'
import type { Endpoint, Random } from '../base/ports.ts'
import { BoundedQueue } from '../base/queue.ts'
import { next, type StateOf } from '../base/states.ts'
import { BASE_SIZE } from './mtu.ts'

export const path = {
  challenge: { unproved: 'asked', proved: 'checked' },
  response: { asked: 'proved', checked: 'proved' },
  silence: { unproved: 'forgotten', asked: 'forgotten', proved: 'forgotten', checked: 'proved' },
  left: { unproved: 'forgotten', asked: 'forgotten', proved: 'forgotten', checked: 'forgotten' },
} as const

export type PathState = StateOf<typeof path>

/** One address of the peer. Shared with the caller, changed here only. */
export interface Path {
  /** Grows with each move: what `SentPacket.path` holds. */
  readonly id: number
  readonly remote: Endpoint
  readonly state: PathState
}

export type PathOutput =
  | {
      /** A packet of its own goes to `path`, beside the ordinary ones. */
      readonly kind: 'send'
      readonly path: Path
      readonly challenge: Uint8Array | undefined
      readonly response: Uint8Array | undefined
      /** With PROBE in it: at the path in use an answer shows that it still is (RFC 9000 section 9.3.3). */
      readonly probe: boolean
      /** The size of the datagram: 1,200 with PADDING, or as much as it needs and `most` allows. */
      readonly padTo: number
      readonly most: number
    }
  | {
      /** `current` is another one now: a fresh connection id, a fresh MTU search. */
      readonly kind: 'moved'
      readonly from: Endpoint
      readonly to: Endpoint
      /** Another host, not only another port: congestion control and RTT begin again (RFC 9000 section 9.4). */
      readonly reset: boolean
    }

export interface PathsOptions {
  readonly remote: Endpoint
  /** The handshake proved it. Default true. */
  readonly proved?: boolean
  readonly random: Pick<Random, 'bytes'>
  readonly pto: () => Millis
}

/** RFC 9000 section 8.1. */
const AMPLIFICATION = 3
const MOST_PATHS = 4
/** Challenges of one path that may still be answered, and answers that wait to be sent. */
const OUTSTANDING = 4
/** A packet with a challenge and a response: head 17, frames 9 and 9, PROBE 1, tag 16. */
const LEAST_ROOM = 52
/** PTO of a path whose RTT nobody measured: three times 333 ms (RFC 9002 section 6.2.2). */
const FIRST_PTO = 999

interface Entry extends Path {
  id: number
  state: PathState
  /** Bytes that may go there before it is proved. */
  credit: number
  challenges: Uint8Array[]
  /** When the next challenge goes out, and the wait after it. */
  askAt: Millis | undefined
  wait: Millis
  /** When it is forgotten, or no longer asked. */
  until: Millis
  readonly responses: BoundedQueue<Uint8Array>
}

export class Paths {
  readonly #random: Pick<Random, 'bytes'>
  readonly #pto: () => Millis
  readonly #entries: Entry[] = []
  #current: Entry
  /** Where the newest packet came from that was more than a trial. */
  #newest: Entry
  #ids = 0
  readonly #moves = new BoundedQueue<PathOutput>(MOST_PATHS)

  constructor({ remote, proved = true, random, pto }: PathsOptions, now: Millis) {
    this.#random = random
    this.#pto = pto
    this.#current = this.#add(remote, now)
    this.#newest = this.#current
    if (proved) this.#current.state = 'proved'
  }

  get current(): Path {
    return this.#current
  }

  /** How many addresses are known, the current one included. */
  get size(): number {
    return this.#entries.length
  }

  /** A new packet that opened came from here, `bytes` long. Before its frames are read. */
  heard(from: Endpoint, bytes: number, now: Millis): Path {
    const entry = this.#find(from) ?? this.#add(from, now)
    if (!isProved(entry)) entry.credit += AMPLIFICATION * bytes
    return entry
  }

  /** It held PATH_CHALLENGE, which is answered where it came from. */
  challenged(at: Path, data: Uint8Array): void {
    this.#entryOf(at)?.responses.push(copy(data))
  }

  /** It held PATH_RESPONSE, which proves the path that asked, wherever it came from. */
  answered(data: Uint8Array, now: Millis): void {
    const entry = this.#entries.find(one => one.challenges.some(sent => equal(sent, data)))
    if (entry === undefined) return
    entry.state = next(path, entry.state, 'response')
    entry.challenges = []
    entry.askAt = undefined
    entry.until = now + this.#life()
    if (entry === this.#newest && entry !== this.#current) this.#move(entry)
  }

  /** It is the newest packet so far, and held other frames than a trial does. After its frames are read. */
  arrived(at: Path, now: Millis): void {
    const entry = this.#entryOf(at)
    if (entry === undefined) return
    this.#newest = entry
    if (entry === this.#current) return
    if (isProved(entry)) this.#move(entry)
    else if (entry.state === 'unproved') {
      this.#ask(entry, now)
      this.check(now)
    }
  }

  /**
   * It came later than one with a greater number, and held other frames than a trial does. While somebody else's
   * address is being asked, this one is too: the peer may have moved just when its newest packet was sent on
   * from elsewhere (spec: PATH-17).
   */
  strayed(at: Path, now: Millis): void {
    const entry = this.#entryOf(at)
    if (entry?.state === 'unproved' && this.#newest !== this.#current) this.#ask(entry, now)
  }

  /** Asks whether the peer is still at the current address. */
  check(now: Millis): void {
    if (this.#current.askAt === undefined) this.#ask(this.#current, now)
  }

  /** How many bytes may go to this path now. */
  room(at: Path): number {
    const entry = this.#entryOf(at)
    if (entry === undefined) return 0
    return isProved(entry) ? Number.POSITIVE_INFINITY : entry.credit
  }

  /** A datagram of so many bytes went to this path. */
  sent(at: Path, bytes: number): void {
    const entry = this.#entryOf(at)
    if (entry !== undefined && !isProved(entry)) entry.credit -= bytes
  }

  /** What is to be done. Call `sent` for a 'send' before asking again. */
  poll(now: Millis): PathOutput | undefined {
    const elsewhere = this.#whereItAnswers(now)
    if (elsewhere !== undefined) this.#move(elsewhere)
    const moved = this.#moves.shift()
    if (moved !== undefined) return moved
    for (const entry of this.#entries) {
      if (!this.#wantsToSend(entry, now)) continue
      const response = entry.responses.shift()
      const challenge = isDue(entry, now) ? this.#challenge(entry, now) : undefined
      const most = Math.min(this.room(entry), BASE_SIZE)
      const probe = response !== undefined && entry === this.#current
      const padTo = most === BASE_SIZE ? BASE_SIZE : 0
      return { kind: 'send', path: entry, challenge, response, probe, padTo, most }
    }
    return undefined
  }

  deadline(): Millis | undefined {
    let first: Millis | undefined
    for (const entry of this.#entries) {
      // Without credit it waits for the peer's next packet, not for a time.
      if (this.room(entry) >= LEAST_ROOM) first = earlier(first, entry.askAt)
      if (entry !== this.#current || entry.askAt !== undefined) first = earlier(first, entry.until)
    }
    return first
  }

  /** Forgets addresses that did not answer, or answered and were not moved to. */
  expire(now: Millis): void {
    for (const entry of [...this.#entries]) {
      if (entry.until > now) continue
      if (entry !== this.#current) this.#forget(entry, 'silence')
      else if (entry.askAt !== undefined) {
        // Nothing better is known. If nobody is there, the idle timeout ends it.
        if (entry.state === 'checked') entry.state = next(path, entry.state, 'silence')
        entry.askAt = undefined
        entry.challenges = []
      }
    }
  }

  /**
   * Where it was it was asked in vain, and the newest packet came from somewhere unproved: another address, where it
   * answered, is where it is (spec: PATH-19).
   */
  #whereItAnswers(now: Millis): Entry | undefined {
    const current = this.#current
    if (current.challenges.length === 0 || !isDue(current, now) || this.#newest === current) return undefined
    return this.#entries.findLast(one => one !== current && isProved(one))
  }

  #ask(entry: Entry, now: Millis): void {
    if (entry.state === 'unproved' || entry.state === 'proved')
      entry.state = next(path, entry.state, 'challenge')
    entry.askAt = now
    entry.wait = this.#pto()
    entry.until = now + this.#life()
  }

  #challenge(entry: Entry, now: Millis): Uint8Array {
    const data = this.#random.bytes(8)
    entry.challenges.push(data)
    if (entry.challenges.length > OUTSTANDING) entry.challenges.shift()
    entry.askAt = now + entry.wait
    entry.wait *= 2
    return data
  }

  #wantsToSend(entry: Entry, now: Millis): boolean {
    return (entry.responses.length > 0 || isDue(entry, now)) && this.room(entry) >= LEAST_ROOM
  }

  #move(to: Entry): void {
    const from = this.#current
    this.#current = to
    to.id = ++this.#ids
    const reset = from.remote.host !== to.remote.host
    this.#moves.push({ kind: 'moved', from: from.remote, to: to.remote, reset })
    this.#forget(from, 'left')
  }

  /** How long an address is tried (RFC 9000 section 8.2.4). */
  #life(): Millis {
    return 3 * Math.max(this.#pto(), FIRST_PTO)
  }

  #add(remote: Endpoint, now: Millis): Entry {
    if (this.#entries.length >= MOST_PATHS) this.#forget(this.#leastWanted(), 'left')
    const entry: Entry = {
      id: ++this.#ids,
      remote: { host: remote.host, port: remote.port },
      state: 'unproved',
      credit: 0,
      challenges: [],
      askAt: undefined,
      wait: 0,
      until: now + this.#life(),
      responses: new BoundedQueue(OUTSTANDING),
    }
    this.#entries.push(entry)
    return entry
  }

  /** The oldest one that is not in use, and rather one that was never asked. */
  #leastWanted(): Entry {
    const others = this.#entries.filter(one => one !== this.#current)
    return others.find(one => one.state === 'unproved') ?? others[0]!
  }

  #forget(entry: Entry, why: 'silence' | 'left'): void {
    // An answered one may be asked again; it is then let go of all the same.
    entry.state = next(path, entry.state, entry.state === 'checked' ? 'left' : why)
    this.#entries.splice(this.#entries.indexOf(entry), 1)
    if (this.#newest === entry) this.#newest = this.#current
  }

  #find(remote: Endpoint): Entry | undefined {
    const current = this.#current.remote
    if (current.port === remote.port && current.host === remote.host) return this.#current
    return this.#entries.find(one => one.remote.port === remote.port && one.remote.host === remote.host)
  }

  #entryOf(at: Path): Entry | undefined {
    return at === this.#current ? this.#current : this.#entries.find(one => one === at)
  }
}

function isProved({ state }: Entry): boolean {
  return state === 'proved' || state === 'checked'
}

function isDue({ askAt }: Entry, now: Millis): boolean {
  return askAt !== undefined && askAt <= now
}
