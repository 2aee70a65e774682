/**
 * The diagnostics channels of a node: anybody in the process may listen, and nobody has to be asked.
 *
 *   import { subscribe } from 'node:diagnostics_channel'
 *   subscribe('guild-home:packet-lost', event => console.log(event))
 *
 * One channel a kind of event. While nobody listens no event is made: what is left is one look at each
 * channel for a datagram that comes. Whoever subscribes hears of the links there are with their next datagram.
 *
 * Floor: node. Page: protocol/observability.md (spec: OBS-4).
 */
import { channel } from 'node:diagnostics_channel'
import type { TraceEvent, TraceKind, TraceSink } from './trace.ts'

const channels = {
  'packet-sent': channel('guild-home:packet-sent'),
  'packet-received': channel('guild-home:packet-received'),
  'packet-dropped': channel('guild-home:packet-dropped'),
  'packet-lost': channel('guild-home:packet-lost'),
  metrics: channel('guild-home:metrics'),
  path: channel('guild-home:path'),
  handshake: channel('guild-home:handshake'),
  ended: channel('guild-home:ended'),
} as const satisfies Record<TraceKind, unknown>

const all = Object.values(channels)

/** Does anybody listen on any of them? Asked for each datagram: cheap. */
export function somebodyListens(): boolean {
  for (const one of all) if (one.hasSubscribers) return true
  return false
}

export const channelSink: TraceSink = {
  wants: kind => channels[kind].hasSubscribers,
  take: (event: TraceEvent) => channels[event.kind].publish(event),
  close() {},
}
