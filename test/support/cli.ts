/**
 * The command line on streams of a test, before a library that is not there.
 *
 * The fake node records what it is told and emits what a test tells it to; the real
 * one has tests of its own.
 */
import { EventEmitter, once } from 'node:events'
import { PassThrough } from 'node:stream'
import { type ErrorCode, GuildError } from '../../src/base/errors.ts'
import type { Api, Blocks, CliControl, CliNode, Contents, NodeOptions, PeerInfo } from '../../src/cli/api.ts'
import type { ExitCode } from '../../src/cli/exit-codes.ts'
import { main } from '../../src/cli/main.ts'
import type { TrackedPeer } from '../../src/index.ts'
import { cidOf } from '../../src/index.ts'

/** A home directory that is not there. */
export const nowhere = '/nonexistent/home'
export const noon = new Date(2026, 0, 31, 15, 4, 32)
export const bobId = '12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq'

export const bob: PeerInfo = {
  peerId: bobId,
  name: 'bob',
  address: `/ip4/127.0.0.1/tcp/8002/p2p/${bobId}`,
  transport: 'tcp',
  direction: 'out',
  rttMs: 0.42,
  bytesIn: 10,
  bytesOut: 20,
  carrier: 'records',
  packets: undefined,
}

/** Blocks and files that nobody may ask for. */
export function noContents<T extends object>(): T {
  return new Proxy({} as T, {
    get(_, name) {
      throw new Error(`${String(name)}: no contents here`)
    },
  })
}
const never = (): never => {
  throw new Error('a fake has no log')
}
const noLog = { append: never, entries: never, head: never, sync: never }

export class FakeNode extends EventEmitter implements CliNode {
  readonly peerId = bobId
  readonly port = 8001
  readonly blocks = noContents<Blocks>()
  readonly addresses: string[] = []
  readonly log: CliNode['log'] = noLog
  readonly maxPeers: number
  peers: PeerInfo[] = []
  readonly told: string[] = []
  readonly options: NodeOptions
  /** What `start`, `stop` and `connect` do; a code is thrown. */
  readonly faults: { start?: ErrorCode; connect?: ErrorCode; hangs?: 'start' | 'stop' | 'connect' }

  constructor(options: NodeOptions, faults: FakeNode['faults']) {
    super()
    this.options = options
    this.maxPeers = options.maxPeers ?? 20
    this.faults = faults
  }

  async start(options: { signal?: AbortSignal } = {}): Promise<void> {
    this.told.push('start')
    if (this.faults.start !== undefined) throw new GuildError(this.faults.start, '8001')
    if (this.faults.hangs === 'start') await untilAborted(options.signal)
    if (this.options.host === false) return
    const { name = 'peer-8001' } = this.options
    this.emit('system-start', {
      event: 'system-start',
      peerId: this.peerId,
      name,
      port: 8001,
      addresses: [`/ip4/127.0.0.1/tcp/8001/p2p/${this.peerId}`],
    })
  }

  async stop(): Promise<void> {
    this.told.push('stop')
    if (this.faults.hangs === 'stop') await new Promise(() => {})
  }

  broadcast(text: string): void {
    if (Buffer.byteLength(text) > 16_384) throw new GuildError('GH_MESSAGE_TOO_LARGE')
    this.told.push(`broadcast ${text}`)
    this.emit('told')
  }

  discover(): void {
    this.told.push('discover')
  }

  async send(to: string, text: string): Promise<PeerInfo> {
    this.told.push(`send ${to} ${text}`)
    return bob
  }

  async lookup(): Promise<readonly TrackedPeer[]> {
    this.told.push('lookup')
    return [{ peerId: bobId, addresses: [bob.address], remembered: false }]
  }

  async reach(addresses: readonly string[]): Promise<PeerInfo> {
    this.told.push(`reach ${addresses.join()}`)
    return bob
  }

  async connect(address: string, options: { signal?: AbortSignal } = {}): Promise<PeerInfo> {
    this.told.push(`connect ${address}`)
    if (this.faults.connect !== undefined) throw new GuildError(this.faults.connect, address)
    if (this.faults.hangs === 'connect') await untilAborted(options.signal)
    return bob
  }
}

export interface Started {
  /** The node, once the command has made it. */
  readonly node: Promise<FakeNode>
  readonly code: Promise<ExitCode>
  readonly stdin: PassThrough
  readonly stdout: PassThrough & { isTTY?: boolean }
  readonly signals: EventEmitter
  /** What the library was asked for, in order. */
  readonly calls: string[]
  /** Codes given to `exit` at once. */
  readonly exits: number[]
  out(): string
  err(): string
  /** Resolves when standard output holds this. */
  shows(text: string): Promise<void>
  /** Moves the clock, in milliseconds. */
  later(by: number): void
}

export interface Scene {
  readonly env?: Readonly<Record<string, string>>
  readonly faults?: FakeNode['faults']
  /** The user's own swarm key is not there yet. */
  readonly fresh?: boolean
  readonly slot?: number
  /** The key before, while a rotation lasts. */
  readonly previous?: Uint8Array
  readonly terminal?: boolean
  readonly identity?: 'missing'
  /** A node runs on the directory, and this is its control socket. */
  readonly control?: CliControl
  /** What is in the store, where no node runs. */
  readonly contents?: Contents
}

/** Starts `guild-home <args>`. */
export function start(args: readonly string[], scene: Scene = {}): Started {
  const stdin = Object.assign(new PassThrough(), { isTTY: scene.terminal ?? false })
  const stdout = Object.assign(new PassThrough(), { isTTY: scene.terminal ?? false })
  const stderr = new PassThrough()
  const signals = new EventEmitter()
  const [out, err] = [collect(stdout), collect(stderr)]
  const exits: number[] = []
  let now = noon.getTime()
  const { api, calls, node } = fakeApi(scene)
  const code = main({
    args,
    // Never the file of whoever runs the tests.
    env: { HOME: nowhere, ...scene.env },
    stdin,
    stdout,
    stderr,
    signals,
    now: () => new Date(now),
    exit: exit => void exits.push(exit),
    loadApi: async () => api,
  })
  return {
    node,
    code,
    stdin,
    stdout,
    signals,
    calls,
    exits,
    out,
    err,
    later: by => {
      now += by
    },
    async shows(text) {
      while (!out().includes(text)) await once(stdout, 'data')
    },
  }
}

/** Runs a command to its end. */
export async function command(
  args: readonly string[],
  scene: Scene = {},
): Promise<{ code: ExitCode; out: string; err: string; calls: readonly string[] }> {
  const { code, out, err, calls } = start(args, scene)
  return { code: await code, out: out(), err: err(), calls }
}

function fakeApi(scene: Scene): { api: Api; calls: string[]; node: Promise<FakeNode> } {
  const calls: string[] = []
  let fresh = scene.fresh ?? false
  let made: (node: FakeNode) => void
  const node = new Promise<FakeNode>(resolve => {
    made = resolve
  })
  const api: Api = {
    logRow: never,
    async createNode(options) {
      calls.push('createNode')
      const created = new FakeNode(options, scene.faults ?? {})
      made(created)
      return created
    },
    async openControl({ dataDir, port }) {
      calls.push(`openControl ${dataDir ?? '(default)'} ${port ?? '-'}`)
      if (scene.control === undefined) throw new GuildError('GH_CONTROL_ABSENT', './data')
      return scene.control
    },
    async cidOf(bytes, options) {
      return await cidOf(bytes, options)
    },
    async openBlocks({ dataDir, peers }) {
      calls.push(`openBlocks ${dataDir.path}${peers === undefined ? ' offline' : ''}`)
      if (scene.contents === undefined) throw new GuildError('GH_STORE_NATIVE_MISSING')
      return scene.contents
    },
    async openDataDir({ path, port, role }) {
      calls.push(`openDataDir ${path ?? '(default)'} ${port ?? '-'} ${role}`)
      return {
        path: path ?? './data',
        slot: scene.slot ?? 1,
        rememberPort: remembered => void calls.push(`rememberPort ${remembered}`),
        release: async () => void calls.push('release'),
      }
    },
    async loadSwarmKey({ path = '/home/x/swarm.key', create }) {
      calls.push(`loadSwarmKey ${path} ${create}`)
      if (fresh && !create) throw new GuildError('GH_KEY_MISSING', path)
      const created = fresh
      fresh = false
      return { psk: new Uint8Array(32), path, created }
    },
    loadPreviousSwarmKey: async () => scene.previous,
    async rotateSwarmKey({ path = '/home/x/swarm.key' } = {}) {
      calls.push(`rotateSwarmKey ${path}`)
      const psk = new Uint8Array(32)
      return { path, previousPath: `${path}.previous`, psk, previous: psk }
    },
    async finishSwarmKeyRotation({ path = '/home/x/swarm.key' } = {}) {
      calls.push(`finishSwarmKeyRotation ${path}`)
      const removed = scene.previous !== undefined
      return { path, previousPath: `${path}.previous`, psk: new Uint8Array(32), removed }
    },
    async loadIdentityKey({ path, create }) {
      calls.push(`loadIdentityKey ${path} ${create}`)
      if (scene.identity === 'missing' && !create) throw new GuildError('GH_KEY_MISSING', path)
      return { seed: new Uint8Array(32) }
    },
    swarmKeyFingerprint: async () => 'f00d',
    openRegistrations: async path => {
      calls.push(`registrations ${path}`)
      return { all: () => [], put: async () => {}, remove: async () => {}, close() {} }
    },
    isSignedBy: () => false,
    encodeSwarmKey: () => '/key/swarm/psk/1.0.0/\n/base16/\n00\n',
  }
  return { api, calls, node }
}

function collect(stream: PassThrough): () => string {
  let text = ''
  stream.on('data', bytes => {
    text += String(bytes)
  })
  return () => text
}

async function untilAborted(signal: AbortSignal | undefined): Promise<never> {
  if (signal?.aborted !== true) await once(signal!, 'abort')
  throw new GuildError('GH_ABORTED')
}
