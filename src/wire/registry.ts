/**
 * Every number that means something on the wire. Append-only.
 *
 * A number is never reused and never changes its meaning (spec: REG-1); a test compares this
 * file with `protocol/registry.json`, where additions pass and changes fail.
 *
 * Frame types are QUIC integers. 0x00 to 0x3f are critical: an unknown one
 * closes the link. 0x40 and above are ignorable: each carries its length, and
 * an unknown one is skipped.
 *
 * Floor: wire. Page: protocol/registry.md.
 */

/** The protocol version spoken here; message 1 lists the ones a node can speak. */
export const VERSION = 1

/**
 * `carrier`: where a frame may travel. On the wrong carrier it closes the link.
 * `inControl`: in packets it stands inside CONTROL, in order, and never beside it.
 */
export const frameTypes = {
  PADDING: { type: 0x00, carrier: 'both' },
  PING: { type: 0x01, carrier: 'both', inControl: true },
  PONG: { type: 0x02, carrier: 'both', inControl: true },
  // In records on resumable links only, of which there are none yet: today a record with ACK closes.
  ACK: { type: 0x03, carrier: 'both' },
  RESET_STREAM: { type: 0x04, carrier: 'both' },
  STOP_SENDING: { type: 0x05, carrier: 'both' },
  CONTROL: { type: 0x06, carrier: 'packet' },
  PROBE: { type: 0x07, carrier: 'packet' },
  STREAM: { type: 0x08, carrier: 'both' },
  STREAM_FIN: { type: 0x09, carrier: 'both' },
  PATH_CHALLENGE: { type: 0x0a, carrier: 'packet' },
  PATH_RESPONSE: { type: 0x0b, carrier: 'packet' },
  NEW_CONNECTION_ID: { type: 0x0c, carrier: 'packet' },
  RETIRE_CONNECTION_ID: { type: 0x0d, carrier: 'packet' },
  DATAGRAM: { type: 0x0e, carrier: 'both' },
  MAX_DATA: { type: 0x10, carrier: 'both' },
  MAX_STREAM_DATA: { type: 0x11, carrier: 'both' },
  MAX_STREAMS: { type: 0x12, carrier: 'both' },
  REQUEST_PEERS: { type: 0x18, carrier: 'both', inControl: true },
  PEERS: { type: 0x19, carrier: 'both', inControl: true },
  CHAT: { type: 0x1a, carrier: 'both', inControl: true },
  MESH: { type: 0x1b, carrier: 'both', inControl: true },
  ACCEPTED: { type: 0x20, carrier: 'both', inControl: true },
  REFUSED: { type: 0x21, carrier: 'both', inControl: true },
  DRAIN: { type: 0x22, carrier: 'both', inControl: true },
  CLOSE: { type: 0x23, carrier: 'both' },
  REKEY: { type: 0x24, carrier: 'record' },
} as const

export const FIRST_IGNORABLE_FRAME = 0x40

/** The clear first byte of what a responder sends during a handshake. */
export const responderUnits = { MESSAGE_2: 0x02, COOKIE: 0x03, VERSION_REFUSAL: 0x04 } as const

/** The clear first byte of a handshake datagram. 0x40 to 0x7f are packets; any other is silence. */
export const handshakeDatagrams = { MESSAGE_1: 0x01, RESPONDER_UNIT: 0x02, MESSAGE_3: 0x03 } as const

/** Parameters a node tells about itself: in message 1 and in HELLO. Unknown ones are ignored. */
export const parameters = {
  MAX_RECORD: 0x01,
  STREAM_WINDOW: 0x02,
  LINK_WINDOW: 0x03,
  MAX_STREAMS: 0x04,
  /** Of a link in packets: ms without a word after which it is over. */
  IDLE_TIMEOUT: 0x05,
} as const

/** Why a proved peer is not admitted (REFUSED). */
export const refusals = { MAX_PEERS: 0x01, DUPLICATE: 0x02, DENIED: 0x03, SELF: 0x04 } as const

/** Why a link ends (CLOSE) or a stream is cut (RESET_STREAM, STOP_SENDING). */
export const closeCodes = {
  GOODBYE: 0x00,
  INTERNAL: 0x01,
  PROTOCOL: 0x02,
  FLOW_CONTROL: 0x03,
  STREAM_LIMIT: 0x04,
  FINAL_SIZE: 0x05,
  FRAME: 0x06,
  BUDGET: 0x07,
  REPLACED: 0x08,
  DISCONNECTED: 0x09,
  IDLE: 0x0a,
} as const

export const streamCodes = {
  CANCELLED: 0x00,
  INTERNAL: 0x01,
  PROTOCOL_UNKNOWN: 0x02,
  TOO_LARGE: 0x03,
  LIMIT: 0x04,
  PROTOCOL: 0x05,
} as const

/** What a block's bytes mean: the codec of a CID. Others are carried, and nobody looks into them. */
export const contentCodecs = { RAW: 0x55, DAG_PB: 0x70, DAG_CBOR: 0x71, LIBP2P_KEY: 0x72 } as const

/** What a block is named by: the hash of a CID. Others are refused. */
export const contentHashes = { IDENTITY: 0x00, SHA2_256: 0x12, SHA2_512: 0x13, BLAKE3: 0x1e } as const

export type FrameName = keyof typeof frameTypes
export type CloseCode = (typeof closeCodes)[keyof typeof closeCodes]
export type StreamCode = (typeof streamCodes)[keyof typeof streamCodes]
export type Refusal = keyof typeof refusals
