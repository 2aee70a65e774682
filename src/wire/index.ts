/**
 * `guild-home/wire`: every byte that crosses the network, for programs that want to
 * read or write it without a node.
 *
 * Encoders append to a ByteWriter or return bytes; decoders read from a ByteReader or
 * from bytes, and throw a WireError or nothing. `explainFrames` and `formatNotes` turn
 * bytes into text a person can follow.
 *
 * Page: protocol/README.md · Floor: wire.
 */
export { type ErrorCode, GuildError, WireError } from '../base/errors.ts'
export { ByteReader, type Note } from '../base/reader.ts'
export { ByteWriter } from '../base/writer.ts'
export * from './address.ts'
export * from './bitswap.ts'
export * from './cid.ts'
export * from './dag-cbor.ts'
export * from './dag-cbor-write.ts'
export * from './dag-json.ts'
export * from './explain.ts'
export * from './frames/ack.ts'
export * from './frames/admission.ts'
export * from './frames/chat.ts'
export * from './frames/connection-id.ts'
export * from './frames/control.ts'
export * from './frames/datagram.ts'
export * from './frames/index.ts'
export * from './frames/path.ts'
export * from './frames/peers.ts'
export * from './frames/ping.ts'
export * from './frames/stream.ts'
export * from './frames/stream-control.ts'
export * from './handshake-datagram.ts'
export * from './hello.ts'
export * from './limits.ts'
export * from './line.ts'
export * from './log-entry.ts'
export * from './mdns.ts'
export * from './message-1.ts'
export * from './multiaddr.ts'
export * from './packet.ts'
export * from './parameters.ts'
export * from './peer-id.ts'
export * from './private-key.ts'
export * from './registry.ts'
export * from './stream-header.ts'
export * from './swarm-key.ts'
export * from './sync.ts'
export * from './sync-protocols.ts'
export * from './tracker.ts'
export * from './tracker-url.ts'
