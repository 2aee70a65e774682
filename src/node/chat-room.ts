/**
 * The chat core with its surroundings: the links of the mesh below, events above.
 *
 * Floor: node.
 */
import type { Membership } from '../membership/membership.ts'
import {
  Chat,
  type ChatInput,
  type ChatLink,
  type ChatMessage,
  type ChatOptions,
} from '../protocols/chat/chat.ts'
import type { Drive, Driven } from '../runtime/drive.ts'
import type { ChatFrame } from '../wire/frames/chat.ts'

export interface ChatRoomOptions {
  readonly drive: Drive
  readonly chat: Omit<ChatOptions, 'links'>
  readonly membership: Membership
  readonly send: (link: number, chat: ChatFrame) => void
  readonly shown: (message: ChatMessage) => void
}

export class ChatRoom {
  /** Messages refused for their signature or their number. */
  dropped = 0
  readonly #membership: Membership
  readonly #chat: Driven<ChatInput>
  #known: readonly ChatLink[] = []
  #revision = -1

  constructor({ drive, chat, membership, send, shown }: ChatRoomOptions) {
    this.#membership = membership
    this.#chat = drive.run(new Chat({ ...chat, links: () => this.#links() }), output => {
      if (output.kind === 'send') for (const link of output.links) send(link, output.chat)
      else if (output.kind === 'message') shown(output.message)
      else this.dropped++
    })
  }

  say(text: string, wall: number, as?: { line: string; name: string }): void {
    this.#chat.feed({ kind: 'say', text, wall, as })
  }

  heard(link: number, chat: ChatFrame): void {
    this.#chat.feed({ kind: 'heard', link, chat })
  }

  gone(link: number): void {
    this.#chat.feed({ kind: 'gone', link })
  }

  /**
   * Every linked peer; `partial` where a copy of ours may be the only one it gets. Asked for with
   * each message heard, so it is made anew only when membership has changed.
   */
  #links(): readonly ChatLink[] {
    const { revision } = this.#membership
    if (revision === this.#revision) return this.#known
    const { partial } = this.#membership
    const missing = new Set(this.#membership.partialLinks())
    this.#revision = revision
    this.#known = this.#membership
      .peers()
      .map(({ link }) => ({ link, partial: partial || missing.has(link) }))
    return this.#known
  }
}
