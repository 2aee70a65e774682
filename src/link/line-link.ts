/**
 * A guest's connection: the control messages of the line voice over ordered bytes.
 *
 *   waiting ──hello──▶ open ──end──▶ ended
 *      └──────end───────────────────────▲     refused, malformed, late, silent, gone
 *
 *   guest                        gateway
 *     │── bob:Bob ──────────────────▶│   within a minute
 *     │◀───── 12D3KooW…:alice ───────│   or DUPLICATE, or MAX_PEERS, and the end
 *     │── REQUEST_PEERS ────────────▶│
 *     │◀─────── PEERS:10.0.0.2:7001 ─│
 *     │◀──────────────────── PING ───│   every so often; any line answers it
 *
 * There is no proof of anything in it: whoever reaches the port is a guest. So the first line
 * must be right or the connection ends: a web page that makes a browser post to this port
 * begins with `POST / HTTP/1.1`, and comes no further (spec: LINE-4).
 *
 * What waits to be sent is bounded by bytes: a guest that does not read misses lines, and is told how
 * many. Lines in are paid from a budget: first they are left out, then the guest is.
 *
 * Refuses: see `wire/line.ts`; ids that look like a PeerId; more than `perSecond` lines.
 * Page: protocol/line.md (spec: LINE-7, LINE-9, LINE-10, LINE-12) · Floor: link. Faults: CL-02, CL-03.
 */
import { Budget } from '../base/budget.ts'
import { utf8 } from '../base/bytes.ts'
import { asGuildError, type GuildError, WireError } from '../base/errors.ts'
import { earlier, type Machine, type Millis, type Tick, tick } from '../base/machine.ts'
import type { Random } from '../base/ports.ts'
import { next, type StateOf } from '../base/states.ts'
import { visible } from '../base/text.ts'
import { Liveness } from '../membership/liveness.ts'
import {
  type ControlMessage,
  decodeFirstLine,
  decodeLine,
  encodeLine,
  type LineRefusal,
  shownChat,
} from '../wire/line.ts'
import { LineReader } from './line-reader.ts'
import {
  admittedWords,
  greetingWords,
  heardWords,
  helpWords,
  type LineFacts,
  notices,
  refusedWords,
  toldWords,
} from './line-words.ts'

export const lineLink = {
  hello: { waiting: 'open' },
  end: { waiting: 'ended', open: 'ended' },
} as const

export const defaults = {
  /** For the first line: a person types it. */
  firstLine: 60_000,
  /** Lines in, a second and at once: more than anybody types, enough to paste a page. */
  perSecond: 50,
  burst: 500,
  /** Lines left out in a row before the guest is. */
  patience: 500,
  /** Bytes that wait to be sent, and bytes the system may hold before more are given to it. */
  queued: 64 * 1024,
  buffered: 64 * 1024,
  /** Until a full system is asked again. */
  retry: 200,
  /** Between two complaints of one kind. */
  quiet: 5_000,
} as const

export type LineInput =
  | Tick
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'flush' }
  /** Somebody else's words; `line` is their `chatLine`, made once for all guests. */
  | { readonly kind: 'tell'; readonly line: Uint8Array; readonly from: string }
  /** Asks at once whether the guest is there: somebody came with the same id. */
  | { readonly kind: 'probe' }
  | { readonly kind: 'close'; readonly reason: string; readonly refusal?: LineRefusal }
  | { readonly kind: 'carrier-closed'; readonly error: Error | undefined }

export type LineOutput =
  | { readonly kind: 'write'; readonly chunks: readonly Uint8Array[] }
  /** Half-close, or drop at once. */
  | { readonly kind: 'end-carrier'; readonly abruptly: boolean }
  | { readonly kind: 'chat'; readonly text: string }
  | { readonly kind: 'debug'; readonly message: string }
  /** `silent`: nothing was heard for `patience`. Told of guests that were let in. */
  | { readonly kind: 'ended'; readonly reason: string; readonly silent: boolean }

export interface LineLinkOptions {
  readonly random: Random
  /** Between PINGs. */
  readonly interval: Millis
  /** Silence after which the guest is gone. */
  readonly patience: Millis
  /** Explain each line. */
  readonly teach: boolean
  readonly facts: () => LineFacts
  /** May this guest come in? Called once; undefined lets it in. */
  readonly admit: (id: string, name: string) => LineRefusal | undefined
  /** Line ports of others, for the guest. */
  readonly peers: () => readonly string[]
  /** Bytes the system holds for this guest. */
  readonly buffered: () => number
}

/** Chat as every guest reads it. */
export function chatLine(name: string, text: string): Uint8Array {
  return encodeLine(shownChat(name, text))
}

export class LineLink implements Machine<LineInput, LineOutput> {
  readonly #options: LineLinkOptions
  readonly #reader = new LineReader()
  readonly #budget: Budget
  readonly #out: LineOutput[] = []
  #state: StateOf<typeof lineLink> = 'waiting'
  #liveness: Liveness | undefined
  #nonce: Uint8Array | undefined
  readonly #firstLineBy: Millis
  #queue: Uint8Array[] = []
  #queued = 0
  /** Lines that found no place in the queue since the last notice, and in all. */
  #missed = 0
  dropped = 0
  #retryAt: Millis | undefined
  #over = 0
  #quietUntil = Number.NEGATIVE_INFINITY
  id = ''
  name = ''

  constructor(options: LineLinkOptions, now: Millis) {
    this.#options = options
    this.#budget = new Budget(defaults.perSecond, defaults.burst, now)
    this.#firstLineBy = now + defaults.firstLine
    if (options.teach) this.#words(greetingWords(options.facts()))
  }

  get open(): boolean {
    return this.#state === 'open'
  }

  get rtt(): Millis | undefined {
    return this.#liveness?.rtt
  }

  get wantsFlush(): boolean {
    return this.#queued > 0 && this.#state !== 'ended' && this.#retryAt === undefined
  }

  handle(input: LineInput, now: Millis): void {
    if (this.#state === 'ended') return
    switch (input.kind) {
      case 'bytes':
        return this.#bytes(input.bytes, now)
      case 'flush':
        return this.#flush(now)
      case 'tell':
        if (!this.open || !this.#push(input.line)) return
        if (this.#options.teach) this.#words(toldWords('CHAT', this.#options.facts(), input.from))
        return
      case 'probe':
        this.#liveness?.hurry(now)
        return this.#live(now)
      case 'close':
        if (input.refusal !== undefined) this.#refuse(input.refusal)
        return this.#end(input.reason)
      case 'carrier-closed':
        return this.#end(input.error === undefined ? 'goodbye' : `connection lost: ${input.error.message}`)
      case 'tick':
        if (this.#state === 'waiting' && now >= this.#firstLineBy) return this.#end('no first line')
        this.#live(now)
        // Nobody else knows that there is something to send now.
        if (this.#retryAt === undefined || now >= this.#retryAt) this.#flush(now)
        return
    }
  }

  poll(): LineOutput | undefined {
    return this.#out.shift()
  }

  deadline(): Millis | undefined {
    if (this.#state === 'ended') return undefined
    const by = this.#state === 'waiting' ? this.#firstLineBy : this.#liveness!.deadline()
    return earlier(by, this.#retryAt)
  }

  #bytes(bytes: Uint8Array, now: Millis): void {
    try {
      this.#reader.take(bytes, line => {
        this.#line(line, now)
        return this.#state !== 'ended'
      })
    } catch (error) {
      this.#broken(asGuildError(error))
    }
  }

  #line(line: Uint8Array, now: Millis): void {
    if (!this.#budget.spend(1, now)) {
      this.#over++
      if (now >= this.#quietUntil) {
        this.#quietUntil = now + defaults.quiet
        this.#words([notices.tooFast(defaults.perSecond)])
      }
      if (this.#over > defaults.patience) this.#end('too many lines')
      return
    }
    this.#over = 0
    this.#liveness?.heard(now)
    if (this.#state === 'waiting') return this.#first(decodeFirstLine(line), now)
    try {
      this.#heard(decodeLine(line), now)
    } catch (error) {
      // A slip in PEERS is no reason to throw a person out; what is no text is no person.
      if (!(error instanceof WireError) || error.code !== 'GH_WIRE_VALUE') throw error
      this.#words([notices.malformed(error.message)])
    }
  }

  #first(message: ControlMessage, now: Millis): void {
    const { facts, admit, teach, random, interval, patience } = this.#options
    if (message.message === 'HELP') return this.#words(helpWords(facts()))
    if (message.message !== 'HELLO') return this.#end('not a hello')
    const { id } = message
    // spec: LINE-3: nobody takes the look of a node
    if (/^(?:12d3koo|16uiu2|qm[1-9a-z]{8}|k51q|k2k4|bafz)/i.test(id))
      throw new WireError('GH_WIRE_VALUE', 'id', 0, 'an id may not look like a PeerId')
    const name = message.name === undefined || message.name.trim() === '' ? id : message.name
    const refusal = admit(id, name)
    if (refusal !== undefined) {
      this.#refuse(refusal)
      return this.#end(refusal)
    }
    this.id = id
    this.name = name
    this.#state = next(lineLink, this.#state, 'hello')
    this.#liveness = new Liveness({ interval, patience, random, wait: interval }, now)
    const { name: gateway, peerId } = facts()
    this.#say({ message: 'HELLO', id: peerId, name: visible(gateway) })
    if (teach) this.#words(admittedWords(facts(), id))
  }

  #heard(message: ControlMessage, now: Millis): void {
    const { facts, teach, peers } = this.#options
    switch (message.message) {
      case 'PING':
        this.#debug(`Received PING from ${this.name}`)
        this.#say({ message: 'PONG' })
        break
      case 'PONG':
        this.#debug(`Received PONG from ${this.name}`)
        if (this.#nonce !== undefined) this.#liveness!.handle({ kind: 'pong', nonce: this.#nonce }, now)
        this.#nonce = undefined
        break
      case 'REQUEST_PEERS':
        this.#debug(`Received REQUEST_PEERS from ${this.name}`)
        this.#say({ message: 'PEERS', addresses: peers() })
        break
      case 'PEERS':
        this.#debug(`Received PEERS: ${message.addresses.join(', ')} from ${this.name}`)
        break
      case 'CHAT':
        if (message.text.trim() === '') return
        this.#out.push({ kind: 'chat', text: message.text })
        break
      case 'HELP':
        return this.#words(helpWords(facts()))
      default:
        return this.#words([notices.refusal])
    }
    if (teach) this.#words(heardWords(message, facts()))
  }

  /** Bytes that are no line of ours. */
  #broken(error: GuildError): void {
    this.#words([notices.malformed(error.message)])
    this.#end(error.message)
  }

  #live(now: Millis): void {
    const liveness = this.#liveness
    if (liveness === undefined) return
    liveness.handle(tick, now)
    for (let output = liveness.poll(); output !== undefined; output = liveness.poll()) {
      if (output.kind === 'gone') return this.#end('timeout', true)
      if (output.kind !== 'ping') continue
      this.#nonce = output.nonce
      this.#say({ message: 'PING' })
      this.#debug(`Sent PING to ${this.name}`)
      if (this.#options.teach) this.#words(toldWords('PING', this.#options.facts()))
    }
  }

  #refuse(reason: LineRefusal): void {
    this.#say({ message: 'REFUSED', reason })
    if (this.#options.teach) this.#words(refusedWords(reason))
  }

  #end(reason: string, silent = false): void {
    const wasOpen = this.open
    this.#state = next(lineLink, this.#state, 'end')
    if (this.#queued > 0) this.#write()
    this.#out.push({ kind: 'end-carrier', abruptly: silent })
    if (wasOpen) this.#out.push({ kind: 'ended', reason, silent })
  }

  #say(message: ControlMessage): void {
    this.#push(encodeLine(message))
  }

  #words(lines: readonly string[]): void {
    for (const line of lines) this.#push(utf8(`${line}\n`))
  }

  #debug(message: string): void {
    this.#out.push({ kind: 'debug', message })
  }

  /** False: no place, and the guest misses it. */
  #push(line: Uint8Array): boolean {
    if (this.#queued + line.length > defaults.queued) {
      this.#missed++
      this.dropped++
      return false
    }
    this.#queue.push(line)
    this.#queued += line.length
    return true
  }

  #flush(now: Millis): void {
    this.#retryAt = undefined
    if (this.#queued === 0 || this.#state === 'ended') return
    if (this.#options.buffered() >= defaults.buffered) this.#retryAt = now + defaults.retry
    else this.#write()
  }

  #write(): void {
    const chunks = this.#queue
    this.#queue = []
    this.#queued = 0
    if (this.#missed > 0) chunks.push(utf8(`${notices.tooSlow(this.#missed)}\n`))
    this.#missed = 0
    this.#out.push({ kind: 'write', chunks })
  }
}
