/**
 * Four ways to show a node that is watched.
 *
 *   screen   a terminal: the peers with their speed, the last events, redrawn each tick
 *   line     --line: one line, written over itself
 *   log      a pipe: one line a tick
 *   json     --json: one object a tick, and each event
 *
 * Floor: cli. Faults: CL-02, CL-03.
 */
import { type NodeMessage, type NodeStatus, visible } from '../api.ts'
import { json, jsonLine } from '../json-lines.ts'
import type { Output } from '../output.ts'
import { clock, hostAndPort, peerName, shortId, textLines } from '../text-lines.ts'
import { columnsOf, cut, fit } from './columns.ts'
import { bytes, chart, type Meter, uptime } from './meter.ts'
import type { Line, Screen, Terminal } from './screen.ts'

export interface View {
  tick(status: NodeStatus, meter: Meter, at: Date): void
  event(message: NodeMessage | { readonly dropped: number }, at: Date): void
  close(): void
}

/** Lines of events kept for a screen of any height. */
const EVENTS_KEPT = 200

export function screenView(screen: Screen): View {
  let events: string[] = []
  let last: readonly [NodeStatus, Meter, Date] | undefined
  const draw = () => {
    if (last !== undefined) screen.draw(screenLines(...last, events, screen))
  }
  return {
    tick(...look) {
      last = look
      draw()
    },
    event(message, at) {
      const lines =
        'dropped' in message
          ? [`[${clock(at)}] ${message.dropped} events were too many to show`]
          : textLines(message, { at, maxPeers: last?.[0].maxPeers ?? 0, colour: false })
      events = [...events, ...lines].slice(-EVENTS_KEPT)
      draw()
    },
    close: () => screen.leave(),
  }
}

export function lineView(terminal: Terminal): View {
  let width = 0
  return {
    tick(status, meter) {
      const line = cut(summary(status, meter), (terminal.columns ?? 80) - 1)
      terminal.write(`\r${fit(line, Math.max(width, columnsOf(line)))}`)
      width = columnsOf(line)
    },
    event() {},
    close() {
      if (width > 0) terminal.write('\n')
    },
  }
}

export function logView(output: Output): View {
  return {
    tick: (status, meter, at) => output.line(`[${clock(at)}] ${summary(status, meter)}`),
    event() {},
    close() {},
  }
}

export function jsonView(output: Output): View {
  return {
    tick(status, meter, at) {
      const { in: bytesInPerSecond, out: bytesOutPerSecond } = meter.speed()
      const { peerId, name, addresses, uptimeSeconds, peers, stats } = status
      output.line(
        json({
          event: 'tick',
          peerId,
          name,
          addresses,
          uptimeSeconds,
          peers,
          stats,
          bytesInPerSecond,
          bytesOutPerSecond,
          time: at.toISOString(),
        }),
      )
    },
    event(message, at) {
      if ('dropped' in message) output.line(json({ event: 'dropped', ...message, time: at.toISOString() }))
      else output.line(jsonLine(message, at))
    },
    close() {},
  }
}

/** One line: connected, sent, received, queue. */
export function summary({ peers, maxPeers, stats }: NodeStatus, meter: Meter): string {
  const speed = meter.speed()
  return [
    `connected ${peers.length}/${maxPeers}`,
    `sent ${bytes(stats.bytes_out)} (${bytes(speed.out)}/s)`,
    `received ${bytes(stats.bytes_in)} (${bytes(speed.in)}/s)`,
    `queue ${stats.want_list_size}`,
  ].join(', ')
}

/** The whole screen. Exported for its test. */
export function screenLines(
  status: NodeStatus,
  meter: Meter,
  at: Date,
  events: readonly string[],
  { columns, rows }: { readonly columns: number; readonly rows: number },
): Line[] {
  const title = ` ${visible(status.name, 64)}  ${shortId(status.peerId)}  port ${status.port}  up ${uptime(status.uptimeSeconds)}`
  const table = peerLines(status, meter)
  // Peers get what they need, but never all of it; events get the rest, the last line is ours.
  const room = rows - 5
  const shown = Math.min(table.length, Math.max(2, room - Math.min(events.length, Math.floor(room / 2))))
  const hidden = table.length - shown
  const lines: Line[] = [
    { text: fit(cut(title, columns - 10), columns - 9) + clock(at), style: 'reverse' },
    { text: ` ${summary(status, meter)}  ${chart(meter.speed().history)}` },
    { text: '' },
    ...table.slice(0, hidden > 0 ? shown - 1 : shown),
    ...(hidden > 0 ? [{ text: ` … and ${hidden + 1} more`, style: 'dim' as const }] : []),
    { text: '' },
  ]
  const left = Math.max(0, rows - 1 - lines.length)
  lines.push(...(left === 0 ? [] : events.slice(-left)).map(text => ({ text: ` ${text}` })))
  while (lines.length < rows - 1) lines.push({ text: '' })
  return [...lines.slice(0, rows - 1), { text: ' q or Ctrl-C leaves; the node goes on', style: 'dim' }]
}

function peerLines({ peers }: NodeStatus, meter: Meter): Line[] {
  if (peers.length === 0) return [{ text: ' nobody is connected', style: 'dim' }]
  const head = ['NAME', 'PEERID', 'ADDRESS', 'WAY', 'RTT', 'IN/s', 'OUT/s', 'TRAFFIC']
  const rows = peers.map(peer => {
    const speed = meter.speed(peer.peerId)
    return [
      cut(peerName(peer), 20),
      shortId(peer.peerId),
      cut(hostAndPort(peer.address), 28),
      `${peer.direction}${peer.transport === 'tcp' ? '' : ` ${visible(peer.transport, 16)}`}`,
      peer.rttMs === undefined ? '-' : `${peer.rttMs.toFixed(1)} ms`,
      bytes(speed.in),
      bytes(speed.out),
      chart(speed.history),
    ]
  })
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map(cells => columnsOf(cells[column]!))))
  const right = new Set([4, 5, 6])
  const row = (cells: readonly string[]) =>
    ` ${cells
      .map((cell, column) => {
        const space = ' '.repeat(widths[column]! - columnsOf(cell))
        return right.has(column) ? space + cell : cell + space
      })
      .join('  ')
      .trimEnd()}`
  return [{ text: row(head), style: 'bold' }, ...rows.map(cells => ({ text: row(cells) }))]
}
