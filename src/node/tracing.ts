/**
 * Whether anybody watches the links of a node, and who.
 *
 * Floor: node. Page: protocol/observability.md.
 */
import type { Millis } from '../base/machine.ts'
import { channelSink, somebodyListens } from './diagnostics.ts'
import type { Qlog } from './qlog.ts'
import { LinkTrace, type TraceLink } from './trace.ts'

export class Tracing {
  readonly #node: string
  readonly #qlog: Qlog | undefined

  constructor(node: string, qlog: Qlog | undefined) {
    this.#node = node
    this.#qlog = qlog
  }

  /** For a link that begins; undefined when nobody watches. */
  begin(link: Omit<TraceLink, 'node' | 'peer'>, now: Millis): LinkTrace | undefined {
    const file = this.#qlog?.sink()
    if (file === undefined && !somebodyListens()) return undefined
    const trace = this.#trace(link, file === undefined ? [channelSink] : [channelSink, file])
    trace.begun(now)
    return trace
  }

  /** For one that has none: somebody may have begun to listen. */
  later(link: () => Omit<TraceLink, 'node' | 'peer'>): LinkTrace | undefined {
    return somebodyListens() ? this.#trace(link(), [channelSink]) : undefined
  }

  #trace(
    link: Omit<TraceLink, 'node' | 'peer'>,
    sinks: ConstructorParameters<typeof LinkTrace>[1],
  ): LinkTrace {
    return new LinkTrace({ node: this.#node, ...link }, sinks)
  }
}
