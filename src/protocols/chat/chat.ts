/**
 * Chat: signed messages to everybody, passed on where the mesh is not full.
 *
 *   say ─▶ sign ─▶ to every link
 *   heard ─▶ seen before? ─▶ signature good? ─▶ shown, and passed on to links that lack a path
 *
 * In a full mesh the author reaches everybody and nobody forwards. A peer that is not
 * linked to all it knows says so (MESH); to such a one, or by such a one, an unseen
 * message is passed on once. A bounded memory of ids removes doubles. Only good messages
 * enter that memory, so that a forged copy cannot hide the real one. Order holds along each
 * path; what comes round late is shown late (spec: CHAT-2, CHAT-3, CHAT-4).
 *
 * Refuses: bad signatures, our own messages echoed back, more than `perSecond` a link (spec: CHAT-5).
 * Page: protocol/chat.md · Floor: protocols.
 */
import { Budget } from '../../base/budget.ts'
import { equal, toHex, utf8 } from '../../base/bytes.ts'
import { GuildError } from '../../base/errors.ts'
import type { Machine, Millis, Tick, WallMillis } from '../../base/machine.ts'
import type { Identity, Suite } from '../../base/ports.ts'
import { RecentSet } from '../../base/recent.ts'
import { type ChatFrame, chatSignedBytes } from '../../wire/frames/chat.ts'
import { limits } from '../../wire/limits.ts'
import { peerIdFromKey } from '../../wire/peer-id.ts'

export const defaults = {
  /** Ids remembered against doubles, and for how long. */
  remembered: 16_384,
  rememberedFor: 10 * 60_000,
  /**
   * Checking a signature costs 0.15 ms, and all that a peer sent may have to be checked in one turn of the
   * event loop: 45 ms for a burst, and 3 % of a core for a peer that goes on (P15). A lively room of a
   * hundred people says ten messages a second.
   */
  perSecond: 200,
  burst: 300,
  /** To see that a message was here before takes a hash of it, and costs one so-many-th of one that is new. */
  looks: 10,
} as const

export interface ChatMessage {
  /** SHA-256 of the signed bytes, in hex. */
  readonly id: string
  /** A PeerId; of a person at a line port `line:<id>@<PeerId>`. */
  readonly from: string
  readonly name: string
  readonly message: string
  readonly timestamp: WallMillis
}

/** A link as chat sees it. */
export interface ChatLink {
  readonly link: number
  /** It, or we, are not linked to everybody: it may need our copy. */
  readonly partial: boolean
}

export type ChatInput =
  | Tick
  /** `as`: a person at our line port, for whom we vouch. */
  | {
      readonly kind: 'say'
      readonly text: string
      readonly wall: WallMillis
      readonly as?: { readonly line: string; readonly name: string } | undefined
    }
  | { readonly kind: 'heard'; readonly link: number; readonly chat: ChatFrame }
  | { readonly kind: 'gone'; readonly link: number }

export type ChatOutput =
  | { readonly kind: 'send'; readonly links: readonly number[]; readonly chat: ChatFrame }
  | { readonly kind: 'message'; readonly message: ChatMessage }
  | { readonly kind: 'dropped'; readonly link: number; readonly why: string }

export interface ChatOptions {
  readonly suite: Suite
  readonly identity: Identity
  readonly name: () => string
  /** The links of this moment. */
  readonly links: () => readonly ChatLink[]
}

export class Chat implements Machine<ChatInput, ChatOutput> {
  readonly #options: ChatOptions
  readonly #seen = new RecentSet(defaults.remembered, defaults.rememberedFor)
  readonly #budgets = new Map<number, Budget>()
  readonly #outputs: ChatOutput[] = []
  #lastTimestamp = 0

  constructor(options: ChatOptions) {
    this.#options = options
  }

  handle(input: ChatInput, now: Millis): void {
    switch (input.kind) {
      case 'say':
        return this.#say(input, now)
      case 'heard':
        return this.#heard(input.link, input.chat, now)
      case 'gone':
        this.#budgets.delete(input.link)
        return
      case 'tick':
        return
    }
  }

  poll(): ChatOutput | undefined {
    return this.#outputs.shift()
  }

  deadline(): undefined {
    return undefined
  }

  #say({ text, wall, as }: Extract<ChatInput, { kind: 'say' }>, now: Millis): void {
    const { suite, identity, name, links } = this.#options
    checkChatText(text)
    this.#lastTimestamp = Math.max(wall, this.#lastTimestamp + 1)
    const unsigned = {
      from: identity.publicKey,
      timestamp: this.#lastTimestamp,
      line: as?.line ?? '',
      name: as?.name ?? name(),
      text,
    }
    const signed = chatSignedBytes(unsigned)
    const id = toHex(suite.hash(signed))
    this.#seen.add(id, now)
    const chat = { ...unsigned, signature: identity.sign(signed) }
    this.#outputs.push({ kind: 'send', links: links().map(one => one.link), chat })
    // What a guest says is news here too; our own words are not.
    if (as !== undefined) this.#outputs.push({ kind: 'message', message: messageOf(id, chat) })
  }

  #heard(link: number, chat: ChatFrame, now: Millis): void {
    const { suite, identity, links } = this.#options
    let budget = this.#budgets.get(link)
    if (budget === undefined) {
      budget = new Budget(defaults.looks * defaults.perSecond, defaults.looks * defaults.burst, now)
      this.#budgets.set(link, budget)
    }
    const tooMuch = { kind: 'dropped', link, why: 'more chat than a peer may send' } as const
    if (!budget.spend(1, now)) return void this.#outputs.push(tooMuch)
    if (equal(chat.from, identity.publicKey)) return
    const signed = chatSignedBytes(chat)
    const id = toHex(suite.hash(signed))
    if (this.#seen.has(id, now)) return
    if (!budget.spend(defaults.looks - 1, now)) return void this.#outputs.push(tooMuch)
    if (!suite.verify(chat.from, signed, chat.signature)) {
      this.#outputs.push({ kind: 'dropped', link, why: 'a chat message with a bad signature' })
      return
    }
    this.#seen.add(id, now)
    this.#outputs.push({ kind: 'message', message: messageOf(id, chat) })
    const onward = links().filter(one => one.partial && one.link !== link)
    if (onward.length > 0) this.#outputs.push({ kind: 'send', links: onward.map(one => one.link), chat })
  }
}

function messageOf(id: string, { from, line, name, text, timestamp }: ChatFrame): ChatMessage {
  const peerId = peerIdFromKey(from)
  return { id, from: line === '' ? peerId : `line:${line}@${peerId}`, name, message: text, timestamp }
}

/** Refuses a chat text that would not fit a frame, before anything is sent. */
export function checkChatText(text: string): void {
  const length = utf8(text).length
  if (length > limits.chatText)
    throw new GuildError('GH_MESSAGE_TOO_LARGE', `a chat text of ${length} bytes, at most ${limits.chatText}`)
}
