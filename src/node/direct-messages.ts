/**
 * Messages to one peer: sent and acknowledged on a stream each, shown as chat is.
 *
 * Floor: node. Page: protocol/control.md.
 */
import { Budget } from '../base/budget.ts'
import { GuildError } from '../base/errors.ts'
import type { Runtime } from '../base/ports.ts'
import {
  decodeDirect,
  encodeDirect,
  MESSAGE_MAX,
  MESSAGE_PROTOCOL,
  SHOWN,
} from '../protocols/message/message.ts'
import { recipientOf } from '../protocols/message/recipient.ts'
import type { Happenings } from './emitter.ts'
import type { GuildStream } from './guild-stream.ts'
import type { Mesh } from './mesh.ts'
import { openStream, serve } from './streams.ts'
import type { PeerInfo } from './types.ts'

export const defaults = {
  /** For the whole of one message and its acknowledgement, in milliseconds, on either side (spec: MESSAGE-2). */
  patience: 10_000,
  /** From one peer, as chat is bounded. */
  perSecond: 200,
  burst: 400,
} as const

/** Peers whose budgets are kept; beyond it the oldest begins anew. */
const BUDGETS_MAX = 1_024

export interface DirectMessagesOptions {
  readonly mesh: Mesh
  readonly runtime: Runtime
  readonly happenings: Happenings
}

export class DirectMessages {
  readonly #options: DirectMessagesOptions
  readonly #budgets = new Map<string, Budget>()

  constructor(options: DirectMessagesOptions) {
    this.#options = options
    serve(options.mesh, MESSAGE_PROTOCOL, stream => this.#receive(stream))
  }

  /** Resolves when the peer says that it showed the message. `to` as in `recipientOf`. */
  async send(to: string, text: string, signal?: AbortSignal): Promise<PeerInfo> {
    const { mesh, runtime } = this.#options
    const peer = recipientOf(mesh.peers(), to)
    const message = encodeDirect(runtime.random.bytes(16), runtime.clock.wall(), text)
    if (signal?.aborted) throw new GuildError('GH_ABORTED', 'send', { cause: signal.reason })
    const stream = openStream(mesh, peer.peerId, MESSAGE_PROTOCOL, undefined)
    const aborted = (): void =>
      void stream.destroy(new GuildError('GH_ABORTED', 'send', { cause: signal?.reason }))
    signal?.addEventListener('abort', aborted, { once: true })
    const cancel = this.#limit(stream)
    try {
      stream.send(message)
      stream.end()
      for await (const bytes of stream as AsyncIterable<Uint8Array>) if (bytes[0] === SHOWN) return peer
      throw new GuildError('GH_STREAM_RESET', 'it ended without an acknowledgement')
    } finally {
      cancel()
      signal?.removeEventListener('abort', aborted)
    }
  }

  async #receive(stream: GuildStream): Promise<void> {
    const { mesh, happenings } = this.#options
    const { peerId } = stream
    const cancel = this.#limit(stream)
    let count = 0
    try {
      await stream.receive(
        bytes => {
          if (count++ > 0 || !this.#mayShow(peerId)) throw new GuildError('GH_STREAM_LIMIT', MESSAGE_PROTOCOL)
          const { id, timestamp, text } = decodeDirect(bytes)
          const name = mesh.peers().find(peer => peer.peerId === peerId)?.name ?? ''
          happenings.emit({
            event: 'chat-message',
            id,
            from: peerId,
            to: mesh.peerId,
            name,
            message: text,
            timestamp,
          })
        },
        { maxBytes: MESSAGE_MAX },
      )
      stream.end(count === 1 ? Uint8Array.of(SHOWN) : undefined)
    } finally {
      cancel()
    }
  }

  #limit(stream: GuildStream): () => void {
    return this.#options.mesh.drive.after(defaults.patience, () => {
      stream.destroy(new GuildError('GH_LINK_SILENT', `no acknowledgement in ${defaults.patience / 1000} s`))
    })
  }

  #mayShow(peerId: string): boolean {
    const now = this.#options.mesh.drive.now()
    let budget = this.#budgets.get(peerId)
    if (budget === undefined) {
      const [oldest] = this.#budgets.keys()
      if (this.#budgets.size >= BUDGETS_MAX) this.#budgets.delete(oldest!)
      budget = new Budget(defaults.perSecond, defaults.burst, now)
      this.#budgets.set(peerId, budget)
    }
    return budget.spend(1, now)
  }
}
