/**
 * guild-home, the library.
 *
 * Floor: index.
 */
export { codes, type ErrorCode, GuildError } from './base/errors.ts'
export type { Runtime } from './base/ports.ts'
export { visible } from './base/text.ts'
export { cidOf } from './node/blocks/cid-of.ts'
export type { BitswapStats, BlockInfo, NodeBitswap } from './node/blocks/node-bitswap.ts'
export { type OpenBlocksOptions, type OpenedBlocks, openBlocks } from './node/blocks/open-blocks.ts'
export type {
  AddOptions,
  AddProgress,
  Blocks,
  Blockstore,
  CID,
  Deposit,
  DepositOptions,
  FetchFigures,
  FetchOptions,
  FetchSession,
  FileEntry,
  FilePath,
  FileStat,
  Files,
  GetFileOptions,
  GetProgress,
  Got,
  Pin,
  Pins,
  Progress,
  ProgressOptions,
  ReadOptions,
  StoreFigures,
} from './node/blocks/types.ts'
export {
  ControlClient,
  type ControlOptions,
  type LogQuery,
  openControl,
  type SyncRequest,
} from './node/control-client.ts'
export type { Exchange, WantedBlock, WantOptions } from './node/exchange.ts'
export type { ExchangeSession, GetOptions, SessionOptions } from './node/exchange-session.ts'
export type { AnyBlockstore, ExchangeStore } from './node/exchange-store.ts'
export {
  type DataDir,
  defaultSwarmKeyPath,
  encodeSwarmKey,
  finishSwarmKeyRotation,
  loadIdentityKey,
  loadPreviousSwarmKey,
  loadSwarmKey,
  openDataDir,
  rotateSwarmKey,
  swarmKeyFingerprint,
} from './node/files.ts'
export {
  createNode,
  type GuildNode,
  type RequestOptions,
  type WaitOptions,
} from './node/guild-node.ts'
export type { GuildStream } from './node/guild-stream.ts'
export { type LogRow, logRow, type PeerOutcome } from './node/log/control-log.ts'
export type { NodeLog } from './node/log/lazy-log.ts'
export type { EntriesOptions, LogFork, LogRecord, SyncOptions, SyncResult } from './node/log/types.ts'
export type { NodeOptions } from './node/options.ts'
export { lan, test, wan } from './node/presets.ts'
export { isSignedBy, openRegistrations, type RegistrationShelf } from './node/registrations.ts'
export type { StreamHandler } from './node/streams.ts'
export type { TraceEvent, TraceKind, TraceLink } from './node/trace.ts'
export type { TrackedPeer } from './node/tracked-peers.ts'
export type {
  Direction,
  EventName,
  EventOf,
  NetworkInfo,
  NodeMessage,
  NodeStats,
  NodeStatus,
  PacketInfo,
  PeerInfo,
} from './node/types.ts'
export type { BitswapFigures, LedgerFigures, SessionFigures } from './protocols/bitswap/messages.ts'
export { tuneCollector } from './runtime/collector.ts'
export type { Fork, Inserted, LogStore, PullPlace, Tip } from './store/log/types.ts'
