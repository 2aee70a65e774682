/**
 * The limits that are part of the protocol: both sides count on them.
 *
 * What a node merely prefers (how many peers, how often to ping) is a default of
 * the machine that uses it. Sizes are bytes, times milliseconds.
 *
 * Floor: wire. Page: protocol/limits.md.
 */
export const limits = {
  /** The Noise limit for one message; our 2-byte record length says the same. */
  record: 65_535,
  /** What fits into one record beside its 16-byte tag: 65,535 - 16. */
  recordPlaintext: 65_519,
  /** The smallest record a node may ask others to keep to: every control frame fits into it. */
  recordLeast: 32_768,
  /** A handshake message: the largest real one is below 1,000; nothing is allocated above this (HAND-4). */
  handshakeMessage: 1_200,
  /** A person's name for a node, in UTF-8. */
  name: 64,
  /** The id a person gives at a line port, in UTF-8. */
  lineId: 32,
  /** A protocol id such as `/guild/echo/1`, in UTF-8. */
  protocolId: 128,
  /** Explanation inside REFUSED and CLOSE. */
  detail: 256,
  /** One multiaddr in bytes: a DNS name of 253 and some components. */
  address: 320,
  /** Addresses of one peer in PEERS. */
  addressesPerPeer: 8,
  /** Hosts in one mDNS announcement: what fits beside a full name. */
  announcedHosts: 4,
  /** Entries of one PEERS frame (P19). */
  peersPerFrame: 50,
  /** All entries of one PEERS frame together. A teller stops before it, so that the frame fits any record. */
  peersBytes: 16_384,
  /** A chat text, in UTF-8: a page, not a file. */
  chatText: 16_384,
  /** One line at a line port with its LF: a chat text of 16,384 and 256 for what stands before it. */
  line: 16_640,
  /** Ignorable frames above this are refused even though nobody reads them. */
  ignorableFrame: 16_384,
  /** The longest cookie taken; ours have 16 (decision 3). */
  cookie: 32,
  /** Every path takes datagrams of this size, or carries no link (RFC 9000 §14); message 1 has just this. */
  datagramLeast: 1_200,
  /** The largest payload of UDP over IPv4: 65,535 - 20 - 8. */
  datagram: 65_507,
  /** A connection id, always: 6 random bytes and 6 of a MAC that only its node can make. */
  connectionId: 12,
  /** Connection ids one side may have given out and not yet seen retired. */
  connectionIds: 4,
  /** The token that makes a stateless reset true. */
  resetToken: 16,
  /** Ranges read from one ACK; more are refused by their count (UQ-14). */
  ackRanges: 256,
  /** Ranges written into one ACK, the newest ones. */
  ackRangesWritten: 64,
  /** An acknowledgement waits no longer than this (RFC 9000 §13.2.1). */
  ackDelay: 25,
  /** What one DATAGRAM holds, on every carrier: it fits the smallest packet. */
  datagramFrame: 1_100,
  /** Bytes of CONTROL sent ahead of the first one that is not acknowledged. */
  controlAhead: 65_536,
  /** One frame inside CONTROL. */
  controlFrame: 32_768,
  /** Parameters in one list. */
  parameters: 32,
  /** Freshness of message 1: how far two wall clocks may differ. */
  freshness: 120_000,
  /** Lists and maps inside each other, in dag-cbor. */
  cborDepth: 64,
  /** What one log entry carries, in bytes of dag-cbor: a page of history, not a file; a file is linked. */
  logPayload: 1024 * 1024,
  /** A device id or user id in a log entry, in UTF-8. */
  logName: 256,
  /** Entries that one signature vouches for: those an author commits at once. */
  logGroup: 1_024,
  /** Their bytes together, so that each message of sync takes a group with room to spare. */
  logGroupBytes: 4 * 1024 * 1024,
  /** Entries in one SyncBatch or EntriesPush. */
  syncEntries: 4_096,
  /** Authors named in one `have` or `heads`: 512 of 80 bytes fit a SyncPull twice. */
  syncHeads: 512,
  /** Each message of sync, encoded: what is asked, what is answered, what is brought, and the word for it. */
  syncPull: 64 * 1024,
  syncBatch: 32 * 1024 * 1024,
  entriesPush: 16 * 1024 * 1024,
  pushAck: 64 * 1024,
  /** Streams one side may have open at once, unless the other grants more. */
  streams: 256,
  /** First flow-control window of a stream, and the most it may grow to. */
  streamWindow: 256 * 1024,
  streamWindowMax: 16 * 1024 * 1024,
  /** Least flow-control window of a link. */
  linkWindow: 4 * 1024 * 1024,
  /** One block of content, in bytes: what every bitswap takes. */
  block: 2 * 1024 * 1024,
  /** The least digest that names a block: a shorter one could be made to fit other bytes (CONTENT-2). */
  cidDigestLeast: 20,
  /** Bytes that a CID may hold instead of their hash (CONTENT-3). */
  cidIdentity: 128,
  /** One CID in bytes: version, codec of 9, hash, length of 2, digest of 128: 1 + 9 + 1 + 2 + 128. */
  cid: 141,
  /** One CID as text: 141 bytes in base32 behind one letter are 227. */
  cidText: 227,
  /** One bitswap message, its head and its blocks. */
  bitswapMessage: 4 * 1024 * 1024,
  /** The head of one: 1,024 wants with CIDs of the usual 36 bytes are a sixth of it. A teller stops before it. */
  bitswapHead: 262_144,
  /** Wants, presences or blocks of one message, and wants that are kept of one peer (BX-03). */
  bitswapEntries: 1_024,
  /** The largest priority: 2^31 - 1, as bitswap has it. */
  bitswapPriority: 2_147_483_647,
  /** Rekey after this many sealed bytes or this long, whichever comes first (decision 16). */
  rekeyBytes: 2 ** 30,
  rekeyAfter: 120_000,
} as const
