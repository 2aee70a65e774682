/**
 * Every error this library throws, and the codes callers may rely on.
 *
 * A code is a promise: its spelling and meaning survive minor releases, the
 * message does not. Match on `code`, not on `instanceof` (two copies of the
 * library may share a process) and never on text.
 *
 * Floor: base. Page: protocol/errors.md (generated from `codes`).
 */
export const codes = {
  GH_WIRE_SHORT: 'bytes ended inside a field',
  GH_WIRE_LONG: 'bytes were left over',
  GH_WIRE_LENGTH: 'a length is above its maximum',
  GH_WIRE_RESERVED: 'a reserved bit or byte was not zero',
  GH_WIRE_VALUE: 'a field holds a value it may not have',
  GH_WIRE_VARINT: 'a variable-length integer is malformed',
  GH_WIRE_TEXT: 'a text field is not valid UTF-8',
  GH_WIRE_FRAME: 'an unknown or misplaced frame',
  GH_CBOR_VALUE: 'a value that dag-cbor cannot say',
  GH_STATE_EVENT: 'an event arrived that this state does not accept',
  GH_NOISE_KEY: 'a key is malformed or of low order',
  GH_NOISE_OPEN: 'sealed bytes did not open',
  GH_NOISE_NONCE: 'a cipher reached its last nonce',
  GH_HANDSHAKE_TIMEOUT: 'the handshake took too long',
  GH_HANDSHAKE_CLOSED: 'closed during the handshake',
  GH_HANDSHAKE_FAILED: 'the handshake failed',
  GH_HANDSHAKE_IDENTITY: 'the peer is not who was expected',
  GH_HANDSHAKE_SELF: 'this address leads back to this node',
  GH_HANDSHAKE_VERSION: 'no common protocol version',
  GH_HANDSHAKE_SWARM: 'closed before message 2: wrong swarm key, or not a guild-home node',
  GH_REFUSED_MAX_PEERS: 'the peer is full',
  GH_REFUSED_DUPLICATE: 'already connected to this peer',
  GH_REFUSED_DENIED: 'the peer does not admit this node',
  GH_LINK_PROTOCOL: 'the peer broke the protocol',
  GH_LINK_BUDGET: 'the peer sent more cheap frames than it may',
  GH_LINK_FLOW: 'the peer sent past its credit',
  GH_LINK_FINAL_SIZE: 'two different ends were claimed for one stream',
  GH_LINK_STREAMS: 'the peer opened more streams than it may',
  GH_LINK_SILENT: 'nothing was heard for too long',
  GH_LINK_CLOSED: 'the link is closed',
  GH_LINK_REPLACED: 'another link to the same peer took its place',
  GH_STREAM_RESET: 'the stream was reset by the peer',
  GH_STREAM_STOPPED: 'the peer stopped reading this stream',
  GH_STREAM_PROTOCOL_UNKNOWN: 'the peer has no handler for this protocol',
  GH_STREAM_LIMIT: 'a stream limit was reached',
  GH_STREAM_TOO_LARGE: 'a message is larger than its maximum',
  GH_DIAL_REFUSED: 'nobody answers at this address',
  GH_DIAL_TIMEOUT: 'the address did not answer in time',
  GH_DIAL_UNREACHABLE: 'the address cannot be reached',
  GH_DIAL_NAME: 'the host name does not resolve',
  GH_DIAL_FAILED: 'dialling failed',
  GH_LISTEN_IN_USE: 'the port is in use',
  GH_LISTEN_FAILED: 'listening failed',
  GH_DISCOVERY_FAILED: 'peers on the local network cannot be looked for',
  GH_TRACKER_FAILED: 'a tracker cannot be used',
  GH_TRACKER_REFUSED: 'a tracker refused',
  GH_PATH_MISSING: 'nothing is at this path',
  GH_PATH_UNSAFE: 'a name or path that could lead elsewhere',
  GH_PEER_UNKNOWN: 'no such peer is connected',
  GH_PEER_AMBIGUOUS: 'more than one peer fits',
  GH_NODE_STATE: 'the node is not in a state for this',
  GH_OPTION_INVALID: 'an option is invalid',
  GH_ADDRESS_INVALID: 'an address is malformed',
  GH_PEER_ID_INVALID: 'a peer id is malformed',
  GH_BLOCK_INVALID: 'bytes are not what the codec of their CID says',
  GH_BLOCK_MISMATCH: 'bytes do not hash to their CID',
  GH_BLOCK_MISSING: 'block not found',
  GH_BLOCK_TOO_LARGE: 'a block is larger than its maximum',
  GH_CAR_INVALID: 'a CAR file is malformed',
  GH_BLOCK_NO_PEERS: 'no connected peers to request block from',
  GH_BLOCK_NOT_FOUND: 'block not found on any connected peer',
  GH_CID_INVALID: 'a CID is malformed',
  GH_CID_UNSUPPORTED: 'a CID is of a kind that is not taken',
  GH_BLOCK_PINNED: 'the block is pinned',
  GH_PIN_MISSING: 'there is no such pin',
  GH_KEY_INVALID: 'a key file is malformed',
  GH_KEY_MISSING: 'a key file does not exist',
  GH_KEY_PERMISSIONS: 'a key file can be read by others',
  GH_KEY_ROTATING: 'a rotation of the swarm key is under way',
  GH_STORE_LOCKED: 'the data directory is in use by another node',
  GH_STORE_FAILED: 'a file or directory cannot be used',
  GH_STORE_DAMAGED: 'a damaged file was set aside',
  GH_STORE_FULL: 'the block store has used up its quota',
  GH_STORE_NEWER: 'the store was written by a newer guild-home',
  GH_STORE_NATIVE_MISSING: 'better-sqlite3 is not installed',
  GH_LOG_TOO_LARGE: 'a log entry is larger than its maximum',
  GH_LOG_ENTRY: 'a log entry is not what it claims to be',
  GH_LOG_GAP: 'the entry before this one is missing',
  GH_LOG_FORK: 'an author wrote two entries with one number',
  GH_LOG_DAMAGED: 'an entry in the log is damaged',
  GH_SYNC_TOO_LARGE: 'message/request too large',
  GH_SYNC_REFUSED: 'the peer did not take the entries',
  GH_SYNC_SILENT: 'the peer did not answer in time',
  GH_CONTROL_ABSENT: 'no node runs on this data directory',
  GH_CONTROL_FAILED: 'the control socket cannot be used',
  GH_CONTROL_REQUEST: 'a control request is malformed',
  GH_MESSAGE_TOO_LARGE: 'a message is larger than its maximum',
  GH_ABORTED: 'aborted by the caller',
  GH_SIMULATION_STUCK: 'the simulation cannot go on',
  GH_UNIXFS_INVALID: 'a file or folder made of blocks is malformed',
  GH_INTERNAL: 'a fault inside guild-home',
} as const satisfies Record<`GH_${string}`, string>

export type ErrorCode = keyof typeof codes

export class GuildError extends Error {
  override readonly name: string = 'GuildError'
  readonly code: ErrorCode
  /** What the message says beyond the code's own words. */
  readonly detail: string
  constructor(code: ErrorCode, detail?: string, options?: ErrorOptions) {
    super(detail === undefined || detail === '' ? codes[code] : `${codes[code]}: ${detail}`, options)
    this.code = code
    this.detail = detail ?? ''
  }
}

/** The bytes were wrong. The one error a decoder may let out (spec: ERR-1). */
export class WireError extends GuildError {
  override readonly name: string = 'WireError'
  /** The field being read, as the protocol page names it. */
  readonly field: string
  /** Where the field begins, in bytes from the start of what was decoded. */
  readonly offset: number
  constructor(code: ErrorCode, field: string, offset: number, detail = '') {
    super(code, `${field} at byte ${offset}${detail === '' ? '' : ` (${detail})`}`)
    this.field = field
    this.offset = offset
  }
}

/** Some harden the language itself, and leave no say in this. */
const mayBeBrief = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit')?.writable === true

/**
 * What `work` gives or throws; an error made meanwhile has no stack. For what any stranger may cause as often as he
 * likes: the stacks of two errors cost three times what it takes to find that something does not open (P2, P5).
 */
export function withoutStack<T>(work: () => T): T {
  const depth = Error.stackTraceLimit
  if (mayBeBrief) Error.stackTraceLimit = 0
  try {
    return work()
  } finally {
    if (mayBeBrief) Error.stackTraceLimit = depth
  }
}

/** Wraps anything thrown into a GuildError, keeping one that already is. */
export function asGuildError(error: unknown, code: ErrorCode = 'GH_INTERNAL'): GuildError {
  if (error instanceof GuildError) return error
  if (error instanceof Error) return new GuildError(code, error.message, { cause: error })
  return new GuildError(code, String(error))
}
