/**
 * What a link is on either carrier: how it opens, what its frames mean, how it ends.
 *
 *   handshake ─▶ proved ─▶ open ─▶ closing ─▶ closed        the responder
 *   handshake ─▶ awaiting ─▶ open ─▶ …                      the initiator, until ACCEPTED
 *
 * `link.ts` puts it on records, `packet-link.ts` on packets. Whole frames go out by direct call to the
 * layers above.
 *
 * Refuses: any frame before ACCEPTED or REFUSED (initiator), cheap frames beyond a
 * budget (FR-04), a peer that does not read what it asked for.
 *
 * Page: protocol/handshake.md · Floor: link.
 */
import { Budget } from '../base/budget.ts'
import { asGuildError, GuildError } from '../base/errors.ts'
import type { Machine, Millis } from '../base/machine.ts'
import { ByteWriter } from '../base/writer.ts'
import type { Figures } from '../packets/figures.ts'
import { encodeAccepted, encodeDrain, encodeRefused } from '../wire/frames/admission.ts'
import type { FrameSink, LinkFrames } from '../wire/frames/index.ts'
import { encodePeers, type PeerEntry } from '../wire/frames/peers.ts'
import { encodePong } from '../wire/frames/ping.ts'
import { limits } from '../wire/limits.ts'
import { type CloseCode, closeCodes, frameTypes, type Refusal } from '../wire/registry.ts'
import { beforeOpen } from './before-open.ts'
import type { Proved, Stage } from './handshake.ts'
import { notOurs } from './initiator.ts'
import { closeCodeOf, errorOfCloseCode, errorOfRefusal, type LinkEnd } from './link-end.ts'
import { type Carried, defaults, type LinkInput, type LinkOptions, type LinkOutput } from './link-io.ts'
import { RecordSender } from './records.ts'

export type LinkState = 'handshake' | 'proved' | 'awaiting' | 'refused' | 'open' | 'closing' | 'closed'

export type CoreOptions = Pick<LinkOptions, 'carry' | 'enough' | 'dial'>

/** Of all links: what is written here is copied before anybody else writes. */
const scratch = new ByteWriter(4_096)

export abstract class LinkCore implements Machine<LinkInput, LinkOutput>, LinkFrames {
  bytesIn = 0
  /** Records or packets that opened. */
  unitsIn = 0
  bytesOut = 0
  /** Chat frames this peer was too slow for. */
  dropped = 0
  /** Its end was told. */
  ended = false
  /** Bytes wait for `more`: give no others before. */
  held = false
  protected readonly options: CoreOptions
  protected readonly outputs: LinkOutput[] = []
  protected state: LinkState = 'handshake'
  protected stage: Stage = 'connected'
  protected timeout: Millis | undefined
  protected proven: Proved | undefined
  protected sink: FrameSink
  protected carried: Carried | undefined
  protected moreToSend = false
  protected now: Millis
  readonly #cheap: Budget
  #refusal: { reason: Refusal; detail: string; entries: readonly PeerEntry[] } | undefined
  #closeCode: number | undefined

  constructor(options: CoreOptions, now: Millis) {
    this.options = options
    this.now = now
    this.sink = beforeOpen(this, entries => {
      if (this.#refusal === undefined) throw new GuildError('GH_LINK_PROTOCOL', 'PEERS came before ACCEPTED')
      this.#refusal.entries = entries
    })
    this.#cheap = new Budget(defaults.cheapPerSecond, defaults.cheapBurst, now)
  }

  /** So much of control waits to leave that chat gives way (spec: CHAT-6). */
  protected abstract readonly crowded: boolean
  /** Is there anything a `flush` would send? */
  abstract readonly wantsFlush: boolean
  /** Control frames wait: they leave whatever the rate of the streams. */
  abstract readonly controlWaits: boolean
  protected abstract take(input: LinkInput, now: Millis): void
  /** Puts a control frame in line; false when the line is full. */
  protected abstract enqueue(frame: Uint8Array): boolean
  /** Says CLOSE as the last word, and waits for it to be on its way; false where nobody can be told. */
  protected abstract sayClose(code: CloseCode): boolean
  protected abstract putDatagram(bytes: Uint8Array): void
  /** The carrier is not needed any more. */
  protected abstract endCarrier(abruptly: boolean, latest: Millis): void
  /** Whom the handshake has shown, as far as it came. */
  protected abstract readonly peerId: string | undefined

  get open(): boolean {
    return this.state === 'open'
  }

  /** The round trip, where the carrier measures it. */
  get rtt(): Millis | undefined {
    return undefined
  }

  /** How the path does; undefined for a link in records, which leaves that to the system. */
  get figures(): Figures | undefined {
    return undefined
  }

  /** The layer above has frames for `fill`. */
  streamsWaiting(): void {
    this.moreToSend = true
  }

  /** Queues one control frame. A droppable one (chat) gives way when the peer reads slowly. */
  send(encode: (w: ByteWriter) => void, droppable = false): void {
    if (this.state !== 'open') return
    if (droppable && this.crowded) {
      this.dropped++
      return
    }
    this.queue(encode)
  }

  /**
   * Sends bytes once, in no order, with no word of whether they came: at most 1,100, or GH_WIRE_LENGTH.
   * False: the link is not open. Copied; where the peer or the path is slow, some are dropped unsaid.
   */
  sendDatagram(bytes: Uint8Array): boolean {
    if (bytes.length > limits.datagramFrame)
      throw new GuildError('GH_WIRE_LENGTH', `a datagram of ${bytes.length} bytes`)
    if (this.state !== 'open') return false
    this.putDatagram(bytes)
    return true
  }

  handle(input: LinkInput, now: Millis): void {
    if (this.state === 'closed') return
    this.now = now
    try {
      this.take(input, now)
    } catch (error) {
      this.fail(asGuildError(error))
    }
  }

  poll(): LinkOutput | undefined {
    return this.outputs.shift()
  }

  deadline(): Millis | undefined {
    return this.timeout
  }

  /** The inputs that mean the same on every carrier. True when it was one of them. */
  protected command(input: LinkInput): boolean {
    switch (input.kind) {
      case 'admit':
        if (this.state !== 'proved') return true
        this.#enterOpen()
        this.queue(w => encodeAccepted(w, input.observed))
        return true
      case 'refuse':
        if (this.state !== 'proved') return true
        this.queue(w => encodeRefused(w, input.reason, input.detail))
        this.queue(w => encodePeers(w, input.entries))
        this.closing(closeCodes.DISCONNECTED, errorOfRefusal(input.reason, input.detail), 'local')
        return true
      case 'drain':
        this.send(encodeDrain)
        return true
      case 'close':
        if (this.state !== 'closing') this.closing(input.code, input.error, 'local')
        return true
      default:
        return false
    }
  }

  #enterOpen(observed?: Uint8Array): void {
    this.state = 'open'
    this.stage = 'open'
    this.timeout = undefined
    const carried = this.options.carry(this.proven!, observed)
    this.carried = carried
    this.sink = { link: this, streams: carried.streams, mesh: carried.mesh }
    this.opening(carried)
  }

  /** The layers above stand. */
  protected opening(_carried: Carried): void {}

  /** Data pays with flow control; every other frame is cheap to send and pays here (spec: TYPE-5). */
  protected charge(type: number | undefined, now: Millis): void {
    const data = type === frameTypes.STREAM.type || type === frameTypes.STREAM_FIN.type
    if (!data && !this.#cheap.spend(1, now)) throw new GuildError('GH_LINK_BUDGET')
  }

  // Frames in

  padding(): void {}
  ignored(_type: number, _length: number): void {}
  abstract rekey(): void

  ping(nonce: Uint8Array): void {
    const echo = nonce.slice()
    this.queue(w => encodePong(w, echo)) // spec: PING-1
  }

  pong(nonce: Uint8Array): void {
    this.outputs.push({ kind: 'pong', nonce: nonce.slice() })
  }

  accepted(observed: Uint8Array): void {
    if (this.state !== 'awaiting') throw new GuildError('GH_LINK_PROTOCOL', 'ACCEPTED in an open link')
    this.#enterOpen(observed.slice())
  }

  refused(reason: Refusal, detail: string): void {
    if (this.state !== 'awaiting') throw new GuildError('GH_LINK_PROTOCOL', 'REFUSED in an open link')
    this.state = 'refused'
    this.#refusal = { reason, detail, entries: [] }
  }

  drain(): void {
    this.outputs.push({ kind: 'drain' })
  }

  datagram(bytes: Uint8Array): void {
    this.carried!.datagram?.(bytes)
  }

  close(code: number, detail: string): void {
    const refusal = this.#refusal
    if (refusal !== undefined) {
      this.outputs.push({
        kind: 'refused',
        peerId: this.proven!.peerId,
        reason: refusal.reason,
        entries: refusal.entries,
      })
      return this.end('remote', errorOfRefusal(refusal.reason, refusal.detail))
    }
    this.#closeCode = code
    this.end('remote', errorOfCloseCode(code, detail))
  }

  // Frames out

  protected queue(encode: (w: ByteWriter) => void): void {
    const w = scratch.reset()
    encode(w)
    if (w.length > RecordSender.room(limits.recordLeast))
      throw new GuildError('GH_INTERNAL', `a control frame of ${w.length} bytes`)
    if (!this.enqueue(w.copy())) throw new GuildError('GH_LINK_BUDGET', 'the peer does not read its answers')
  }

  // Ends

  /** The peer made a mistake, or we did. Once open it is told the kind, never the details. */
  protected fail(error: GuildError): void {
    if (this.state === 'open' || this.state === 'proved') {
      return this.closing(closeCodeOf(error), error, error.code === 'GH_INTERNAL' ? 'local' : 'protocol')
    }
    // Before message 2 nothing is proved: whoever it is gets no byte, and is counted.
    const stranger = this.options.dial === undefined && this.stage === 'connected'
    const noise = error.code === 'GH_WIRE_LENGTH' && this.stage === 'message 1'
    this.end('handshake', noise ? notOurs(error.message) : error, stranger, stranger)
  }

  protected closing(code: CloseCode, error: GuildError, by: LinkEnd['by']): void {
    this.#closeCode = code
    let said = false
    try {
      said = this.sayClose(code)
    } catch {} // the line is full: it ends without a word
    if (!said) this.#closeCode = undefined
    this.end(by, error, !said)
  }

  protected end(by: LinkEnd['by'], error: GuildError, abruptly = false, stranger = false): void {
    // A handshake that failed has no longer to close than it had to succeed (P3).
    const latest = (by === 'handshake' && this.timeout) || Number.POSITIVE_INFINITY
    this.held = false // and what was, is not read any more
    this.timeout = undefined
    this.state = abruptly ? 'closed' : 'closing'
    // As far as it came: ending the carrier forgets who it was.
    const end: LinkEnd = { by, error, stage: this.stage, closeCode: this.#closeCode, peerId: this.peerId }
    if (!this.ended) this.over(end)
    this.endCarrier(abruptly, latest)
    if (this.ended) return
    this.ended = true
    this.outputs.push({ kind: 'ended', end, stranger })
  }

  /** Its end is told. */
  protected over(_end: LinkEnd): void {}
}
