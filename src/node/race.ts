/**
 * One dial by several ways: the first has a head start, and one of them wins.
 *
 *   tcp ──┬──────────────── message 2 ─▶ wins: message 3 leaves
 *         └ 250 ms ─▶ udp ─────── message 2 ─▶ lost: it goes no further
 *
 * Where TCP connected within its head start the machine is there, and its node perhaps busy: a second
 * handshake would make it busier, so the other way then waits for two seconds.
 * A way that comes to nothing lets the next one start at once. Where a node answered with a refusal, the
 * others would only be refused later: that ends the race (decision 13). A machine that says "nobody
 * listens here" speaks of that way alone; the others then have as long as it took it to say so, twice, and
 * a little, for an answer to a datagram comes as fast as that or never. What won at an address goes first
 * there next time.
 *
 * Floor: node. Page: protocol/membership.md (spec: MEM-15).
 */
import type { GuildError } from '../base/errors.ts'
import type { Millis } from '../base/machine.ts'
import type { Drive } from '../runtime/drive.ts'

/** What the first way has before the second one starts. */
export const HEAD_START: Millis = 250
/** What it has once it is connected: only a node that is very busy, or something between, takes longer to answer. */
export const CONNECTED_START: Millis = 2_000
/** A timer later than this tells that our own loop was held up, and an answer may lie unread. */
const LATE: Millis = 50

/** Failures after which another way may still lead there: nothing was heard … */
const silent: ReadonlySet<string> = new Set(['GH_DIAL_TIMEOUT', 'GH_DIAL_FAILED', 'GH_HANDSHAKE_TIMEOUT'])
/** … or a machine said no, and no node. */
const barred: ReadonlySet<string> = new Set(['GH_DIAL_REFUSED', 'GH_DIAL_UNREACHABLE'])
/** A busy node has this long to answer another way, whatever the path. */
const ANSWER_LEAST: Millis = 50

export interface RaceOptions {
  /** Names of transports, best first. */
  readonly ways: readonly string[]
  readonly drive: Drive
  /** Begins one: it then tells `joined`, `lost` or `wins`. */
  readonly start: (way: string, race: Race) => void
  /** Calls off what a way began. */
  readonly callOff: (runner: number) => void
  /** All came to nothing. */
  readonly failed: (error: GuildError, peerId: string | undefined) => void
}

export class Race {
  readonly #options: RaceOptions
  readonly #runners = new Map<number, string>()
  #next = 0
  /** Ways that have begun and have no runner yet. */
  #starting = 0
  #winner: number | undefined
  #over = false
  #cancel: (() => void) | undefined
  readonly #began: Millis
  /** Why the first way failed that says more than silence; else the last one for which there was time. */
  #why: GuildError | undefined
  #patience: (() => void) | undefined

  constructor(options: RaceOptions) {
    this.#options = options
    this.#began = options.drive.now()
    this.#startNext()
  }

  /** A way has a connection, which may win or be lost. False: it comes too late. */
  joined(runner: number, way: string): boolean {
    if (this.#over || this.#winner !== undefined) return false
    this.#runners.set(runner, way)
    if (way !== 'udp' && this.#cancel !== undefined) this.#nextAfter(CONNECTED_START)
    return true
  }

  /** A way has begun all it can; with an error, it came to nothing. */
  started(way: string, error?: GuildError): void {
    this.#starting--
    if (error !== undefined) this.#came(way, error, undefined)
  }

  /** The peer answered this one first. */
  wins(runner: number): boolean {
    if (this.#over || !this.#runners.has(runner)) return false
    if (this.#winner !== undefined) return this.#winner === runner
    this.#winner = runner
    this.#cancel?.()
    this.#patience?.()
    for (const other of this.#runners.keys()) if (other !== runner) this.#options.callOff(other)
    return true
  }

  /** Which way won. */
  get way(): string | undefined {
    return this.#winner === undefined ? undefined : this.#runners.get(this.#winner)
  }

  lost(runner: number, error: GuildError, peerId: string | undefined): void {
    const won = this.#winner === runner
    const way = this.#runners.get(runner)
    if (way === undefined) return
    this.#runners.delete(runner)
    if (this.#over) return
    if (won) this.#fail(error, peerId)
    else this.#came(way, error, peerId)
  }

  #came(way: string, error: GuildError, peerId: string | undefined): void {
    if (this.#over || this.#winner !== undefined) return
    const said = barred.has(error.code)
    if (!said && !silent.has(error.code)) return this.#fail(error, peerId)
    if (this.#why === undefined || !(barred.has(this.#why.code) || error.code === 'GH_DIAL_TIMEOUT'))
      this.#why = error
    if (this.#next < this.#options.ways.length) this.#startNext()
    else if (this.#runners.size === 0 && this.#starting === 0) return this.#fail(this.#why, peerId)
    // Of a datagram nobody far away says that it leads nowhere.
    if (!said || way === 'udp' || this.#patience !== undefined) return
    const { drive } = this.#options
    const wait = 2 * (drive.now() - this.#began) + ANSWER_LEAST
    this.#patience = drive.after(wait, () => this.#fail(this.#why!, undefined))
  }

  #fail(error: GuildError, peerId: string | undefined): void {
    this.#over = true
    this.#cancel?.()
    this.#patience?.()
    for (const other of this.#runners.keys()) this.#options.callOff(other)
    this.#options.failed(error, peerId)
  }

  #startNext(): void {
    const { ways, start } = this.#options
    this.#cancel?.()
    this.#cancel = undefined
    const way = ways[this.#next++]
    if (way === undefined || this.#over) return
    if (this.#next < ways.length) this.#nextAfter(HEAD_START)
    this.#starting++
    start(way, this)
  }

  #nextAfter(wait: Millis): void {
    const { drive } = this.#options
    const due = drive.now() + wait
    this.#cancel?.()
    this.#cancel = drive.after(wait, () => {
      if (drive.now() > due + LATE) this.#nextAfter(HEAD_START)
      else this.#startNext()
    })
  }
}
