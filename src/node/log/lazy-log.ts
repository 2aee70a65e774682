/**
 * `node.log`: the log, from its first use on.
 *
 *   absent ── append, entries, tail, sync; a peer asks; the file is there ─▶ opening ─▶ open ─▶ closed
 *
 * A node whose log nobody uses loads no database. One that has a place for a log answers for it as soon as a peer
 * asks: from then on it keeps the same log as everybody (an embedded node without a place keeps one in memory
 * once its program asks for it, and answers nobody before).
 *
 * Floor: node. Page: README.md
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { asGuildError, GuildError } from '../../base/errors.ts'
import type { Runtime } from '../../base/ports.ts'
import { ENTRIES_PUSH_PROTOCOL, SYNC_PULL_PROTOCOL } from '../../wire/sync-protocols.ts'
import type { Config } from '../config.ts'
import type { Happenings } from '../emitter.ts'
import type { GuildStream } from '../guild-stream.ts'
import type { Mesh } from '../mesh.ts'
import { serve } from '../streams.ts'
import type { GuildLog } from './guild-log.ts'
import type { EntriesOptions, LogFork, LogRecord, SyncOptions, SyncResult } from './types.ts'

export interface LazyLogOptions {
  readonly config: Config
  readonly mesh: Mesh
  readonly runtime: Runtime
  readonly happenings: Happenings
  readonly identitySeed: Uint8Array
  /** Absolute, where there is one. */
  readonly dataDir: string | undefined
}

const loaded: { opener?: typeof import('./open-log.ts') } = {}

/** Loads what a simulated node needs when it opens its log. */
export async function loadLog(): Promise<void> {
  loaded.opener ??= await import('./open-log.ts')
}

export class NodeLog {
  readonly #options: LazyLogOptions
  readonly #path: string | undefined
  #opening: Promise<GuildLog> | undefined
  #open: GuildLog | undefined
  #closed = false

  /** Use `node.log`. */
  constructor(options: LazyLogOptions) {
    this.#options = options
    const { config, dataDir, mesh } = options
    this.#path = config.dbPath ?? (dataDir === undefined ? undefined : join(dataDir, 'guild.db'))
    if (!config.liveLog || (config.logStore === undefined && this.#path === undefined)) return
    this.#handle(mesh)
  }

  /** Opens the log of a node that has used one before. */
  async start(): Promise<void> {
    const { config } = this.#options
    if (!config.liveLog) return
    if (config.logStore !== undefined || (this.#path !== undefined && existsSync(this.#path)))
      await this.#ready().catch(error => this.#options.mesh.fault(asGuildError(error)))
  }

  /**
   * Adds a value: what JSON knows, bytes, CIDs; at most 1 MiB. Resolves once it is durable. What is
   * appended in one turn of the event loop is committed together.
   * Rejects with GH_LOG_TOO_LARGE, GH_CBOR_VALUE, GH_STORE_*.
   */
  append(value: unknown): Promise<LogRecord> {
    return this.#open?.append(value) ?? this.#ready().then(log => log.append(value))
  }

  /** What is in it now, in the order it came here. */
  async *entries(options: EntriesOptions = {}): AsyncGenerator<LogRecord, void> {
    yield* (await this.#ready()).entries(options)
  }

  /** What comes from now on, or from `after`; until the loop is left or the signal aborts it. */
  async *tail(options: EntriesOptions = {}): AsyncGenerator<LogRecord, void> {
    yield* (await this.#ready()).tail(options)
  }

  /** Reads each peer's log to its end, and with `push` brings it ours. */
  async sync(options: SyncOptions = {}): Promise<SyncResult[]> {
    return (await this.#ready()).sync(options)
  }

  /** Entries in it. */
  async head(): Promise<number> {
    return (await this.#ready()).head
  }

  /** Authors that said two things under one number, each with the proof. */
  async forks(): Promise<LogFork[]> {
    return (await this.#ready()).forks()
  }

  async stop(): Promise<void> {
    this.#closed = true
    const open = await this.#opening?.catch(() => undefined)
    open?.close()
  }

  #ready(): Promise<GuildLog> {
    if (this.#closed) return Promise.reject(new GuildError('GH_NODE_STATE', 'log: the node is stopped'))
    this.#opening ??= this.#load().catch(error => {
      this.#opening = undefined // the next call tries again
      throw error
    })
    return this.#opening
  }

  async #load(): Promise<GuildLog> {
    const { openGuildLog } = loaded.opener ?? (await import('./open-log.ts'))
    const { config, mesh, runtime, happenings, identitySeed } = this.#options
    this.#open = await openGuildLog({
      store: config.logStore,
      path: this.#path,
      random: runtime.random,
      mesh,
      runtime,
      happenings,
      identity: runtime.suite.identity(identitySeed),
      userId: config.userId ?? '',
      deviceId: config.deviceId ?? mesh.peerId,
      live: config.liveLog,
    })
    return this.#open
  }

  #handle(mesh: Mesh): void {
    const answer = (what: 'pull' | 'push') => async (stream: GuildStream) => {
      try {
        await (this.#open ?? (await this.#ready())).serve(stream, what)
      } catch (error) {
        const fault = asGuildError(error)
        stream.destroy(fault)
        mesh.fault(fault)
      }
    }
    serve(mesh, SYNC_PULL_PROTOCOL, answer('pull'))
    serve(mesh, ENTRIES_PUSH_PROTOCOL, answer('push'))
  }
}
