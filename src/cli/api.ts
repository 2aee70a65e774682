/**
 * The seam between the command line and the library: everything the CLI takes from it.
 *
 * The interfaces name only what the commands use, so that tests hand in a fake node
 * of thirty lines. The library itself is loaded by `loadApi`, when a command needs
 * a node: help, version and typing errors never wait for it.
 *
 * Floor: cli, and the only file of it that looks below, but for `cid-words.ts`: not every command needs CIDs.
 */
import type { ErrorCode } from '../base/errors.ts'
import type {
  Blocks,
  ControlClient,
  DataDir,
  EventName,
  EventOf,
  Files,
  finishSwarmKeyRotation,
  LogRecord,
  LogRow,
  NodeLog,
  NodeMessage,
  NodeOptions,
  NodeStatus,
  PeerInfo,
  RegistrationShelf,
  rotateSwarmKey,
  TrackedPeer,
} from '../index.ts'
import type { CID } from '../wire/cid.ts'

export { type ErrorCode, GuildError } from '../base/errors.ts'
export { visible } from '../base/text.ts'
export type {
  AddProgress,
  Blocks,
  DataDir,
  EventName,
  EventOf,
  FileStat,
  Files,
  finishSwarmKeyRotation,
  LogRow,
  NodeMessage,
  NodeOptions,
  NodeStatus,
  PacketInfo,
  PeerInfo,
  Progress,
  RegistrationShelf,
  rotateSwarmKey,
  SyncResult,
} from '../index.ts'
export { parseAddress } from '../wire/address.ts'
export type { CID } from '../wire/cid.ts'
export { parseBootstrap } from '../wire/dnsaddr.ts'
export { limits } from '../wire/limits.ts'
export { isPeerId } from '../wire/peer-id.ts'
export { isToken, parseTrackerUrl } from '../wire/tracker-url.ts'

/** Blocks and files, wherever they are. */
export interface Contents {
  readonly blocks: Blocks
  readonly files: Files
  close(): Promise<void>
}

/** What the commands use of a GuildNode. */
export interface CliNode {
  readonly blocks: Blocks
  readonly peerId: string
  /** Where it listens; 0 before `start`. */
  readonly port: number
  readonly peers: readonly PeerInfo[]
  readonly maxPeers: number
  readonly addresses: readonly string[]
  readonly log: Pick<NodeLog, 'append' | 'entries' | 'head' | 'sync'>
  on<Name extends EventName>(event: Name, listener: (payload: EventOf<Name>) => void): unknown
  start(options?: { signal?: AbortSignal }): Promise<void>
  stop(): Promise<void>
  broadcast(text: string): void
  send(
    to: string,
    text: string,
    options?: { signal?: AbortSignal },
  ): Promise<{ readonly peerId: string; readonly name: string }>
  connect(address: string, options?: { signal?: AbortSignal }): Promise<PeerInfo>
  discover(): void
  lookup(options?: { signal?: AbortSignal }): Promise<readonly TrackedPeer[]>
  reach(addresses: readonly string[], options?: { peerId?: string; signal?: AbortSignal }): Promise<PeerInfo>
}

/** What the commands use of a ControlClient: the node that runs already. */
export interface CliControl extends Contents {
  status(options?: { signal?: AbortSignal }): Promise<NodeStatus>
  connect(address: string, options?: { signal?: AbortSignal }): Promise<PeerInfo>
  broadcast(text: string, options?: { signal?: AbortSignal }): Promise<number>
  send(
    text: string,
    options: { to: string; signal?: AbortSignal },
  ): Promise<{ readonly peerId: string; readonly name: string }>
  readonly logAppend: ControlClient['logAppend']
  readonly logEntries: ControlClient['logEntries']
  readonly sync: ControlClient['sync']
  events(options?: { signal?: AbortSignal }): AsyncIterable<NodeMessage | { readonly dropped: number }>
}

export interface SwarmKeyFile {
  readonly psk: Uint8Array
  readonly path: string
  /** This call made it. */
  readonly created: boolean
}

export interface Api {
  /** An entry with its data as JSON. */
  logRow(record: LogRecord): LogRow
  createNode(options: NodeOptions): Promise<CliNode>
  openDataDir(options: {
    path?: string
    port?: number
    role: 'run' | 'one-shot'
    signal?: AbortSignal
  }): Promise<DataDir>
  openControl(options: { dataDir?: string; port?: number; signal?: AbortSignal }): Promise<CliControl>
  /** The CID of a block, by SHA-256. */
  cidOf(bytes: Uint8Array, options: { codec: 'raw' | 'dag-pb' | 'dag-cbor' }): Promise<CID>
  /** The blocks of a directory that is held, where no node runs on it. `peers` is asked for the first that is not there. */
  openBlocks(options: {
    dataDir: DataDir
    blockQuota?: number
    peers?: (store: NonNullable<NodeOptions['store']>) => Promise<Blocks>
  }): Promise<Contents>
  /** With no path, the user's own key. Throws GH_KEY_MISSING when it is not there and not to be made. */
  loadSwarmKey(options: { path?: string; create: boolean }): Promise<SwarmKeyFile>
  /** The key before, while a rotation lasts. */
  loadPreviousSwarmKey(options: { path?: string }): Promise<Uint8Array | undefined>
  readonly rotateSwarmKey: typeof rotateSwarmKey
  readonly finishSwarmKeyRotation: typeof finishSwarmKeyRotation
  loadIdentityKey(options: { path: string; create: boolean }): Promise<{ seed: Uint8Array }>
  swarmKeyFingerprint(psk: Uint8Array): Promise<string>
  encodeSwarmKey(psk: Uint8Array): string
  openRegistrations(path: string): Promise<RegistrationShelf>
  isSignedBy(peerId: string, message: Uint8Array, signature: Uint8Array): boolean
}

/** The library, and the process tuned for it: it is the command's own. */
export async function loadApi(): Promise<Api> {
  const library = await import('../index.ts')
  library.tuneCollector()
  return library
}

/** The code of an error of this library. By its `code`, not `instanceof`: two copies may share a process. */
export function codeOf(error: unknown): ErrorCode | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code
  return typeof code === 'string' && code.startsWith('GH_') ? (code as ErrorCode) : undefined
}
