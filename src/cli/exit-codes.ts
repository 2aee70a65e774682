/**
 * How a command ended, as a number for scripts and a sentence for people.
 *
 *   0 done   1 failed   2 usage   3 not found   4 timed out   5 refused   130 cut by Ctrl-C
 *
 * The map is total: a new error code does not compile until it has its row.
 *
 * Page: README.md · Floor: cli. Faults: CL-03, CL-04.
 */
import { codeOf, type ErrorCode, visible } from './api.ts'
import { json } from './json-lines.ts'
import type { Output } from './output.ts'
import { UsageError } from './usage.ts'

export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  timedOut: 4,
  refused: 5,
  interrupted: 130,
  /** A second SIGTERM. */
  terminated: 143,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

const { failed, usage, notFound, timedOut, refused, interrupted } = exitCodes

export const exitCodeOf: Readonly<Record<ErrorCode, ExitCode>> = {
  GH_WIRE_SHORT: failed,
  GH_WIRE_LONG: failed,
  GH_WIRE_LENGTH: failed,
  GH_WIRE_RESERVED: failed,
  GH_WIRE_VALUE: failed,
  GH_WIRE_VARINT: failed,
  GH_WIRE_TEXT: failed,
  GH_WIRE_FRAME: failed,
  GH_CBOR_VALUE: usage,
  GH_STATE_EVENT: failed,
  GH_NOISE_KEY: failed,
  GH_NOISE_OPEN: failed,
  GH_NOISE_NONCE: failed,
  GH_HANDSHAKE_TIMEOUT: timedOut,
  GH_HANDSHAKE_CLOSED: refused,
  GH_HANDSHAKE_FAILED: refused,
  GH_HANDSHAKE_IDENTITY: refused,
  GH_HANDSHAKE_SELF: refused,
  GH_HANDSHAKE_VERSION: refused,
  GH_HANDSHAKE_SWARM: refused,
  GH_REFUSED_MAX_PEERS: refused,
  GH_REFUSED_DUPLICATE: refused,
  GH_REFUSED_DENIED: refused,
  GH_LINK_PROTOCOL: failed,
  GH_LINK_BUDGET: failed,
  GH_LINK_FLOW: failed,
  GH_LINK_FINAL_SIZE: failed,
  GH_LINK_STREAMS: failed,
  GH_LINK_SILENT: timedOut,
  GH_LINK_CLOSED: failed,
  GH_LINK_REPLACED: failed,
  GH_STREAM_RESET: failed,
  GH_STREAM_STOPPED: failed,
  GH_STREAM_PROTOCOL_UNKNOWN: notFound,
  GH_STREAM_LIMIT: refused,
  GH_STREAM_TOO_LARGE: refused,
  GH_DIAL_REFUSED: failed,
  GH_DIAL_TIMEOUT: timedOut,
  GH_DIAL_UNREACHABLE: failed,
  GH_DIAL_NAME: notFound,
  GH_DIAL_FAILED: failed,
  GH_LISTEN_IN_USE: failed,
  GH_LISTEN_FAILED: failed,
  GH_DISCOVERY_FAILED: failed,
  GH_TRACKER_FAILED: failed,
  GH_TRACKER_REFUSED: refused,
  GH_PATH_MISSING: notFound,
  GH_PATH_UNSAFE: refused,
  GH_PEER_UNKNOWN: notFound,
  GH_PEER_AMBIGUOUS: usage,
  GH_NODE_STATE: failed,
  GH_OPTION_INVALID: usage,
  GH_ADDRESS_INVALID: usage,
  GH_PEER_ID_INVALID: usage,
  GH_BLOCK_INVALID: failed,
  GH_BLOCK_MISMATCH: failed,
  GH_BLOCK_MISSING: notFound,
  GH_BLOCK_TOO_LARGE: refused,
  GH_CAR_INVALID: failed,
  GH_BLOCK_NO_PEERS: notFound,
  GH_BLOCK_NOT_FOUND: notFound,
  GH_CID_INVALID: usage,
  GH_CID_UNSUPPORTED: usage,
  GH_BLOCK_PINNED: refused,
  GH_PIN_MISSING: notFound,
  GH_KEY_INVALID: refused,
  GH_KEY_MISSING: notFound,
  GH_KEY_PERMISSIONS: refused,
  GH_KEY_ROTATING: refused,
  GH_LOG_TOO_LARGE: usage,
  GH_LOG_ENTRY: failed,
  GH_LOG_GAP: failed,
  GH_LOG_FORK: failed,
  GH_LOG_DAMAGED: failed,
  GH_SYNC_TOO_LARGE: refused,
  GH_SYNC_REFUSED: refused,
  GH_SYNC_SILENT: timedOut,
  GH_STORE_LOCKED: refused,
  GH_STORE_FAILED: failed,
  GH_STORE_DAMAGED: failed,
  GH_STORE_FULL: failed,
  GH_STORE_NEWER: failed,
  GH_STORE_NATIVE_MISSING: failed,
  GH_CONTROL_ABSENT: notFound,
  GH_CONTROL_FAILED: failed,
  GH_CONTROL_REQUEST: failed,
  GH_MESSAGE_TOO_LARGE: refused,
  GH_ABORTED: interrupted,
  GH_SIMULATION_STUCK: failed,
  GH_UNIXFS_INVALID: failed,
  GH_INTERNAL: failed,
}

/** What to try next, where one thing is likely. */
const remedies: Partial<Record<ErrorCode, string>> = {
  GH_HANDSHAKE_TIMEOUT:
    'check the address, or raise --connect-timeout; over UDP, where nobody says no, also compare swarm-key fingerprints',
  GH_HANDSHAKE_FAILED:
    'check host and port; if a guild-home node is there, something on the way alters bytes',
  GH_HANDSHAKE_SWARM: "compare 'guild-home swarm-key fingerprint' on both machines",
  GH_HANDSHAKE_IDENTITY: 'another node answers at this address; ask its owner for its PeerId',
  GH_HANDSHAKE_SELF: 'this is your own node; give the address of another',
  GH_HANDSHAKE_VERSION: 'bring both sides to the same version of guild-home',
  GH_REFUSED_MAX_PEERS: 'try another peer, or raise --max-peers there',
  GH_REFUSED_DENIED: 'ask the owner of that node to admit your PeerId',
  GH_DIAL_REFUSED: 'check host and port, and that the node runs',
  GH_DIAL_TIMEOUT: 'check the address and firewalls in between, or raise --connect-timeout',
  GH_DIAL_UNREACHABLE: 'check your network, and that the address belongs to it',
  GH_DIAL_NAME: 'check the spelling of the host name',
  GH_BLOCK_NO_PEERS: "link to somebody first: 'guild-home connect <address>', or give --bootstrap",
  GH_BLOCK_NOT_FOUND: 'link to whoever added it; a node that is away cannot answer',
  GH_BLOCK_MISSING: 'leave --offline away to ask the peers, or link to whoever added it',
  GH_PATH_MISSING: 'check the path; of a CID: guild-home ls <cid>',
  GH_PIN_MISSING: 'see what is pinned: guild-home pin ls',
  GH_PATH_UNSAFE: 'look at it without writing it: guild-home ls <cid>',
  GH_LISTEN_IN_USE: 'give another --port, or 0 for any free one',
  GH_BLOCK_PINNED: 'remove the pin first: guild-home pin rm',
  GH_KEY_INVALID: 'restore the file from where it came; guild-home never repairs a key',
  GH_KEY_MISSING: 'check the path; keys named by hand are never made silently',
  GH_KEY_ROTATING: 'when every node has the new key: guild-home swarm-key rotate --finish',
  GH_TRACKER_FAILED: 'check --trackers, and that the tracker runs',
  GH_TRACKER_REFUSED: 'check --tracker-token with whoever runs the tracker',
  GH_PEER_UNKNOWN: 'see who is there: guild-home peers',
  GH_PEER_AMBIGUOUS: 'give the PeerId, or more of it',
  GH_CONTROL_ABSENT: "start one with 'guild-home run', or name its place with --data-dir or --port",
  GH_CONTROL_FAILED: 'run the command as the user that runs the node; restart the node if its socket is gone',
  GH_LOG_DAMAGED: 'restore the database from a copy, or move it away and sync again',
  GH_SYNC_TOO_LARGE: 'give a smaller --limit',
  GH_STORE_DAMAGED: 'nothing; look into the file that was set aside if you want to know why',
  GH_STORE_FULL: 'remove pins and collect what nobody needs, or give a larger quota',
  GH_STORE_NEWER: 'update guild-home here, or give another --data-dir',
  GH_STORE_NATIVE_MISSING: 'npm install better-sqlite3; everything but the store works without it',
  GH_STORE_FAILED: 'check space and permissions there, or give another --data-dir',
}

/** Says what went wrong, once: on stderr for people, as an event with `--json`. */
export function report(
  error: unknown,
  output: Output,
  how: { json: boolean; debug: boolean; at: Date },
): ExitCode {
  if (error instanceof UsageError) {
    output.trouble(`guild-home: ${visible(error.message)}`)
    return usage
  }
  const code = codeOf(error)
  const message = error instanceof Error ? error.message : String(error)
  const ended = code === undefined ? failed : (exitCodeOf[code] ?? failed)
  if (ended === interrupted) return ended
  if (how.json)
    output.line(json({ event: 'error', code: code ?? 'GH_INTERNAL', message, time: how.at.toISOString() }))
  output.trouble(`guild-home: ${visible(message)}${code === undefined ? '' : ` (${code})`}`)
  const remedy = code === undefined ? undefined : remedies[code]
  if (remedy !== undefined) output.trouble(`  ${remedy}`)
  if (how.debug && error instanceof Error && error.stack !== undefined)
    for (const line of error.stack.split('\n').slice(1)) output.trouble(visible(line))
  else if (code === undefined || code === 'GH_INTERNAL')
    output.trouble('  this looks like a fault of guild-home; run again with --debug for its trace')
  return ended
}
