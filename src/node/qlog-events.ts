/**
 * Events in qlog's words (draft-ietf-quic-qlog-main-schema and -quic-events, version 0.3).
 *
 *   TraceEvent ─▶ QlogEvents ─▶ { time, name: 'transport:packet_sent', data: { header, raw, frames } } …
 *
 * qlog is the language of QUIC's tools: where a thing of ours is one of QUIC's it takes that name, and where it
 * is not (CONTROL) its own. Of figures only those are written that changed.
 *
 * Floor: node. Page: protocol/observability.md (spec: OBS-3).
 */
import type { Millis } from '../base/machine.ts'
import type { Figures } from '../packets/figures.ts'
import type { FrameNote } from '../packets/frame-notes.ts'
import { closeCodes } from '../wire/registry.ts'
import type { TraceEvent, TraceLink } from './trace.ts'

export interface QlogEvent {
  /** Milliseconds since the first event. */
  readonly time: number
  readonly name: string
  readonly data: Readonly<Record<string, unknown>>
}

type Own = Omit<QlogEvent, 'time'>

/** Of datagrams, `length` counts it. */
const UDP_HEADER = 8

/** Of one link. */
export class QlogEvents {
  readonly #origin: Millis
  #metrics: Record<string, number> = {}
  #phase: string | undefined
  #mtu: number | undefined
  /** Key changes of either direction, and the phase of the newest packet of each. */
  readonly #keys = {
    sent: { phase: 0, changes: 0, newest: -1 },
    received: { phase: 0, changes: 0, newest: -1 },
  }

  constructor(origin: Millis) {
    this.#origin = origin
  }

  /** None, one or several. */
  of(event: TraceEvent): QlogEvent[] {
    const time = this.time(event.time)
    return this.#translate(event).map(one => ({ time, ...one }))
  }

  /** To the microsecond. */
  time(now: Millis): number {
    return rounded(now - this.#origin)
  }

  #translate(event: TraceEvent): Own[] {
    switch (event.kind) {
      case 'packet-sent': {
        const { number, keyPhase, size, frames, mtuProbe } = event
        const data = { ...packet(number, keyPhase, size), frames: frames.map(frameOf) }
        const probe = mtuProbe ? { is_mtu_probe_packet: true } : {}
        return [
          ...this.#keyUpdate('sent', event),
          { name: 'transport:packet_sent', data: { ...data, ...probe } },
        ]
      }
      case 'packet-received': {
        const { number, keyPhase, size, frames } = event
        const data = { ...packet(number, keyPhase, size), frames: frames.map(frameOf) }
        return [...this.#keyUpdate('received', event), { name: 'transport:packet_received', data }]
      }
      case 'packet-dropped':
        return [
          {
            name: 'transport:packet_dropped',
            data: { raw: { length: event.size }, trigger: dropTriggers[event.reason] },
          },
        ]
      case 'packet-lost': {
        const header = { packet_type: '1RTT', packet_number: event.number }
        const probe = event.mtuProbe ? { is_mtu_probe_packet: true } : {}
        const trigger = event.reason === 'time' ? 'time_threshold' : 'reordering_threshold'
        return [{ name: 'recovery:packet_lost', data: { header, ...probe, trigger } }]
      }
      case 'metrics':
        return this.#figures(event.figures)
      case 'path': {
        const { from, to } = event
        const [dst_ip, dst_port] = [to.host, to.port]
        return [
          {
            name: 'connectivity:path_updated',
            data: { dst_ip, dst_port, old_dst_ip: from.host, old_dst_port: from.port },
          },
        ]
      }
      case 'handshake':
        return handshake(event)
      case 'ended':
        return [{ name: 'connectivity:connection_closed', data: closed(event) }]
    }
  }

  #figures(figures: Figures): Own[] {
    const out: Own[] = []
    const metrics = metricsOf(figures)
    const changed = Object.entries(metrics).filter(([key, value]) => this.#metrics[key] !== value)
    this.#metrics = metrics
    if (changed.length > 0) out.push({ name: 'recovery:metrics_updated', data: Object.fromEntries(changed) })
    const { phase, mtu } = figures
    if (phase !== this.#phase) {
      const old = this.#phase === undefined ? {} : { old: this.#phase }
      out.push({ name: 'recovery:congestion_state_updated', data: { ...old, new: phase } })
      this.#phase = phase
    }
    if (mtu !== this.#mtu) {
      const old = this.#mtu === undefined ? {} : { old: this.#mtu }
      out.push({ name: 'recovery:mtu_updated', data: { ...old, new: mtu, mtu } })
      this.#mtu = mtu
    }
    return out
  }

  /** Only the newest packet tells: an old one may come late, under the key before. */
  #keyUpdate(
    which: 'sent' | 'received',
    event: TraceEvent & { readonly kind: 'packet-sent' | 'packet-received' },
  ): Own[] {
    const key = this.#keys[which]
    const { number, keyPhase, link } = event
    if (number <= key.newest) return []
    key.newest = number
    if (keyPhase === key.phase) return []
    key.phase = keyPhase
    key.changes++
    const ours = which === 'sent'
    const key_type = ours === (link.direction === 'out') ? 'client_1rtt_secret' : 'server_1rtt_secret'
    const trigger = ours ? 'local_update' : 'remote_update'
    return [{ name: 'security:key_updated', data: { key_type, generation: key.changes, trigger } }]
  }
}

function packet(number: number, keyPhase: number, length: number): Record<string, unknown> {
  return {
    header: { packet_type: '1RTT', packet_number: number, key_phase_bit: keyPhase === 1 },
    raw: { length },
  }
}

const dropTriggers: Record<(TraceEvent & { kind: 'packet-dropped' })['reason'], string> = {
  invalid: 'header_parse_error',
  duplicate: 'duplicate',
  'key unavailable': 'key_unavailable',
  seal: 'payload_decrypt_error',
  'too early': 'unexpected_packet',
  busy: 'dos_prevention',
}

function metricsOf(figures: Figures): Record<string, number> {
  const { rttMs, leastRttMs, latestRttMs, rttVarianceMs, ptoCount, window, inFlight } = figures
  const { pacingRate, slowStartThreshold } = figures
  return {
    ...(rttMs !== undefined && { smoothed_rtt: rounded(rttMs) }),
    ...(leastRttMs !== undefined && { min_rtt: rounded(leastRttMs) }),
    ...(latestRttMs !== undefined && { latest_rtt: rounded(latestRttMs) }),
    ...(rttVarianceMs !== undefined && { rtt_variance: rounded(rttVarianceMs) }),
    pto_count: ptoCount,
    congestion_window: window,
    bytes_in_flight: inFlight,
    ...(slowStartThreshold !== undefined && { ssthresh: slowStartThreshold }),
    ...(pacingRate !== undefined && { pacing_rate: 8 * pacingRate }),
  }
}

function handshake(event: TraceEvent & { kind: 'handshake' }): Own[] {
  switch (event.step) {
    case 'begun':
      return [{ name: 'connectivity:connection_started', data: started(event.link) }]
    case 'proved':
      return [{ name: 'connectivity:connection_state_updated', data: { new: 'handshake_confirmed' } }]
    case 'sent':
    case 'received':
      return [
        {
          name: `transport:datagrams_${event.step}`,
          data: { count: 1, raw: [{ length: event.size + UDP_HEADER, payload_length: event.size }] },
        },
      ]
  }
}

function started({ local, remote }: TraceLink): Record<string, unknown> {
  return {
    ip_version: remote.host.includes(':') ? 'v6' : 'v4',
    src_ip: local?.host ?? '',
    dst_ip: remote.host,
    ...(local && { src_port: local.port }),
    dst_port: remote.port,
  }
}

function closed(event: TraceEvent & { kind: 'ended' }): Record<string, unknown> {
  const { by, code, closeCode } = event
  const owner = by === 'remote' ? 'remote' : 'local'
  const application = closeCode === undefined ? {} : { application_code: closeCode }
  return { owner, ...application, reason: code, trigger: closeTrigger(event) }
}

function closeTrigger({ by, code, closeCode }: TraceEvent & { kind: 'ended' }): string {
  if (by === 'silence') return 'idle_timeout'
  if (code === 'GH_HANDSHAKE_TIMEOUT') return 'handshake_timeout'
  if (by === 'handshake' || by === 'protocol' || by === 'transport') return 'error'
  return closeCode === closeCodes.GOODBYE || closeCode === closeCodes.DISCONNECTED ? 'clean' : 'application'
}

/** The frame in qlog's words. */
function frameOf(note: FrameNote): Record<string, unknown> {
  switch (note.type) {
    case 'PADDING':
      return { frame_type: 'padding', length: note.length, payload_length: note.length }
    case 'ACK':
      return {
        frame_type: 'ack',
        ack_delay: rounded(note.delayMs),
        acked_ranges: note.ranges
          .map(([first, last]) => (first === last ? [first] : [first, last]))
          .reverse(),
      }
    case 'PROBE':
      return { frame_type: 'ping' }
    case 'CONTROL':
      return { frame_type: 'control', offset: note.offset, length: note.length }
    case 'STREAM': {
      const { stream, offset, length, fin } = note
      return { frame_type: 'stream', stream_id: stream, offset, length, ...(fin && { fin }) }
    }
    case 'RESET_STREAM':
      return {
        frame_type: 'reset_stream',
        stream_id: note.stream,
        error_code: note.code,
        final_size: note.finalSize,
      }
    case 'STOP_SENDING':
      return { frame_type: 'stop_sending', stream_id: note.stream, error_code: note.code }
    case 'MAX_DATA':
      return { frame_type: 'max_data', maximum: note.maximum }
    case 'MAX_STREAM_DATA':
      return { frame_type: 'max_stream_data', stream_id: note.stream, maximum: note.maximum }
    case 'MAX_STREAMS':
      return { frame_type: 'max_streams', stream_type: 'bidirectional', maximum: note.maximum }
    case 'PATH_CHALLENGE':
      return { frame_type: 'path_challenge' }
    case 'PATH_RESPONSE':
      return { frame_type: 'path_response' }
    case 'NEW_CONNECTION_ID':
      return {
        frame_type: 'new_connection_id',
        sequence_number: note.sequence,
        retire_prior_to: note.retirePriorTo,
        connection_id_length: note.id.length / 2,
        connection_id: note.id,
      }
    case 'RETIRE_CONNECTION_ID':
      return { frame_type: 'retire_connection_id', sequence_number: note.sequence }
    case 'DATAGRAM':
      return { frame_type: 'datagram', length: note.length }
    case 'CLOSE':
      return { frame_type: 'connection_close', error_space: 'application', error_code: note.code }
    case 'UNKNOWN':
      return { frame_type: 'unknown', raw_frame_type: note.number, raw_length: note.length }
    case 'MORE':
      return { frame_type: 'more', length: note.length }
  }
}

function rounded(millis: Millis): number {
  return Math.round(millis * 1000) / 1000
}
