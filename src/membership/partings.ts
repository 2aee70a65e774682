/**
 * Why a link ended, in words, and how soon its peer is worth a dial.
 *
 *   goodbye                       after 5 s
 *   disconnected by a person      at the other end: after minutes; here: not at all
 *   broke the protocol, too much  after 30 s
 *   anything else                 after a second, doubling
 *   silence for the second time   after a minute: perhaps the path works one way only (PT-13)
 *
 * Details come from the peer and are escaped where they are shown.
 * Floor: membership. Page: protocol/membership.md (spec: MEM-10).
 */
import { codes, type ErrorCode } from '../base/errors.ts'
import type { Millis } from '../base/machine.ts'
import { type CloseCode, closeCodes } from '../wire/registry.ts'
import { defaults } from './defaults.ts'
import type { MembershipInput } from './messages.ts'

export interface Parting {
  readonly reason: string
  /** Least wait before the next dial; undefined: the common back-off. */
  readonly wait?: Millis
  /** It counts as a failure when the link was short-lived. */
  readonly orderly: boolean
  /** One side heard nothing of the other. */
  readonly silent?: boolean
}

export type Down = Extract<MembershipInput, { kind: 'down' }>

/** Ends of our own making. */
export const partings = {
  silent: { reason: 'timeout', orderly: false, silent: true },
  /** Of a drained link; seen only when the link that was kept never came. */
  drained: { reason: 'connection lost', orderly: false },
  stopped: { reason: 'this node stopped', orderly: true },
  disconnected: { reason: 'disconnected', wait: defaults.slowPace, orderly: true },
  yielded: { reason: 'gave its place to a node without links', wait: defaults.backoffMax, orderly: true },
  flooded: { reason: codes.GH_LINK_BUDGET, wait: defaults.backoffMax, orderly: false },
} as const satisfies Record<string, Parting>

const waits: Partial<Record<CloseCode, Millis>> = {
  [closeCodes.GOODBYE]: defaults.goodbyeWait,
  [closeCodes.DISCONNECTED]: defaults.slowPace,
  // Another process has our identity: dialling at once would only take turns with it.
  [closeCodes.REPLACED]: defaults.backoffMax,
}

const words: Partial<Record<CloseCode, string>> = {
  [closeCodes.GOODBYE]: 'goodbye',
  [closeCodes.DISCONNECTED]: 'disconnected by the peer',
  [closeCodes.REPLACED]: 'another process with this identity took its place',
  [closeCodes.IDLE]: 'the peer heard nothing from here for too long',
}

const ours: readonly ErrorCode[] = [
  'GH_LINK_PROTOCOL',
  'GH_LINK_BUDGET',
  'GH_LINK_FLOW',
  'GH_LINK_FINAL_SIZE',
  'GH_LINK_STREAMS',
]

export function partingOf(down: Down): Parting {
  const told = down.goodbye ? closeCodes.GOODBYE : down.byPeer ? down.closeCode : undefined
  if (told !== undefined) {
    const code = told as CloseCode
    const plain = words[code]
    const reason = plain ?? withDetail(`closed by the peer with code ${told}`, down.detail)
    const silent = code === closeCodes.IDLE
    return { reason, wait: waits[code] ?? defaults.backoffMax, orderly: plain !== undefined, silent }
  }
  if (down.code === 'GH_LINK_SILENT') return partings.silent
  if (down.code !== undefined && ours.includes(down.code))
    return { reason: withDetail(codes[down.code], down.detail), wait: defaults.backoffMax, orderly: false }
  return { reason: withDetail('connection lost', down.detail), orderly: false }
}

function withDetail(reason: string, detail: string): string {
  return detail === '' ? reason : `${reason}: ${detail}`
}
