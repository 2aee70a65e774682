/**
 * Trackers beside the mesh: this node registers with each, looks others up, and remembers them.
 *
 *   rounds ─ ask ─▶ signed registration, or a list ─▶ HTTP ─▶ what came of it ─▶ rounds
 *      │                                     └─▶ mesh.learn, peer_book
 *      └─ recall ─▶ peer_book ─▶ mesh.learn
 *
 * Composition only: when to ask is the machine's, how is discovery's, what may be dialled is
 * membership's. Does not wait for anything at the start; a disk that has no room for the
 * book costs the book and nothing else.
 *
 * Floor: node. Page: protocol/tracker.md (spec: TRACKER-9, TRACKER-11). Faults: TR-10, TR-11.
 */
import { hostname } from 'node:os'
import { join } from 'node:path'
import { asGuildError, codes, GuildError } from '../base/errors.ts'
import type { AskHttp, Identity, Runtime } from '../base/ports.ts'
import { lookup, register, TrackerError } from '../discovery/tracker.ts'
import type { Try } from '../protocols/tracker/call.ts'
import {
  type Failure,
  type TrackerInput,
  type TrackerOutput,
  TrackerRounds,
  type What,
} from '../protocols/tracker/rounds.ts'
import type { Driven } from '../runtime/drive.ts'
import type { Sqlite } from '../store/sqlite.ts'
import type { ToldPeer, TrackerCache } from '../store/tracker-cache.ts'
import { hostKind, parseAddress } from '../wire/address.ts'
import { encodeRegistration, type ListedPeer, signedRegistration } from '../wire/tracker.ts'
import type { Config } from './config.ts'
import type { Happenings } from './emitter.ts'
import type { Mesh } from './mesh.ts'
import { takenAddresses, toldAddresses } from './tracker-addresses.ts'

export interface TrackerSurroundings {
  readonly config: Config
  readonly runtime: Runtime
  readonly mesh: Mesh
  readonly happenings: Happenings
  /** Absolute path, where there is a data directory. */
  readonly dataDir: string | undefined
  /** 32 bytes. */
  readonly identitySeed: Uint8Array
}

interface Place {
  readonly url: string
  /** As it stands in the URL. */
  readonly host: string
  /** For people: host and port. */
  readonly name: string
  readonly token: string | undefined
  /** The body that was last taken there. */
  registered: string
}

/** A companion of the mesh (`companions.ts`). */
export class Trackers {
  readonly #around: TrackerSurroundings
  readonly #places: readonly Place[]
  readonly #identity: Identity
  readonly #abort = new AbortController()
  readonly #rounds: TrackerRounds
  #driven: Driven<TrackerInput> | undefined
  /** From our wall clock to that of a tracker that said ours is wrong, in milliseconds. */
  #skew = 0
  /** What each tracker told last. */
  readonly #lists: (readonly ToldPeer[])[]
  #fromBook: readonly ToldPeer[] = []
  /** Why each told nothing, when it did not. */
  readonly #failures: (GuildError | undefined)[]
  /** Those who wait for a list, and the trackers that have said nothing since, yes or no. */
  readonly #seekers = new Set<{ readonly silent: Set<number>; readonly found: () => void }>()
  #recalling: Promise<void> | undefined
  #book: Promise<{ readonly db: Sqlite; readonly cache: TrackerCache } | undefined> | undefined
  readonly #changed = (): void => this.#tellAddresses()

  constructor(around: TrackerSurroundings) {
    this.#around = around
    const { config, runtime, identitySeed } = around
    this.#lists = config.trackers.map(() => [])
    this.#failures = config.trackers.map(() => undefined)
    this.#rounds = new TrackerRounds({
      trackers: config.trackers.length,
      interval: config.discoveryInterval,
      random: runtime.random,
    })
    this.#identity = runtime.suite.identity(identitySeed)
    this.#places = config.trackers.map(url => {
      const { hostname: host, host: name } = new URL(url)
      return { url, host: host.replace(/^\[|\]$/g, ''), name, token: config.trackerToken, registered: '' }
    })
  }

  async start(): Promise<void> {
    const { mesh, happenings } = this.#around
    const driven = mesh.drive.run(this.#rounds, output => this.#obey(output))
    this.#driven = driven
    happenings.on('peer-connected', this.#changed)
    // Once the start is done and has been told.
    mesh.drive.after(0, () => {
      driven.feed({ kind: 'start' })
      this.#tellAddresses()
    })
  }

  /** Whom the trackers tell of; where none tells of anybody, whom they told of before. Asks anew, and waits for the first that tells of some. */
  async find(signal: AbortSignal | undefined): Promise<{ told: ToldPeer[]; remembered: boolean }> {
    const stopped = this.#abort.signal
    const either = signal === undefined ? stopped : AbortSignal.any([signal, stopped])
    await new Promise<void>((resolve, reject) => {
      const end = (outcome: () => void) => (): void => {
        this.#seekers.delete(seeker)
        either.removeEventListener('abort', aborted)
        outcome()
      }
      const aborted = end(() => reject(new GuildError('GH_ABORTED', 'lookup', { cause: either.reason })))
      this.#driven?.feed({ kind: 'look' })
      const seeker = { silent: this.#rounds.awaited, found: end(resolve) }
      if (either.aborted) return aborted()
      if (seeker.silent.size === 0) return resolve() // all are down, and were asked not long ago
      either.addEventListener('abort', aborted, { once: true })
      this.#seekers.add(seeker)
    })
    await this.#recalling
    const lists = this.#lists.flat()
    const remembered = lists.length === 0
    const told = remembered ? this.#fromBook : lists
    const [failure] = this.#failures
    if (told.length === 0 && failure !== undefined && this.#failures.every(one => one !== undefined))
      throw failure
    return { told: [...new Map(told.map(one => [one.peerId, one])).values()], remembered }
  }

  async stop(): Promise<void> {
    this.#around.happenings.off('peer-connected', this.#changed)
    this.#driven?.feed({ kind: 'stop' })
    this.#driven?.stop()
    this.#abort.abort(new GuildError('GH_NODE_STATE', 'the node stops'))
    const book = await this.#book
    book?.db.close()
  }

  #obey(output: TrackerOutput): void {
    switch (output.kind) {
      case 'ask':
        return void this.#ask(output.tracker, output.what, output.how)
      case 'recall':
        this.#recalling = this.#recall()
        return
      case 'down': {
        const { code, detail } = output.failure
        const message = `${codes[code]}: ${detail}`
        return this.#around.happenings.emit({ event: 'error', code, message })
      }
      case 'back':
        this.#debug(() => `tracker ${this.#places[output.tracker]!.url} answers again`)
    }
  }

  async #ask(tracker: number, what: What, { attempt, connect, whole }: Try): Promise<void> {
    const { runtime } = this.#around
    const place = this.#places[tracker]!
    this.#debug(
      () => `Asked tracker ${place.name} to ${what === 'register' ? what : 'list peers'} (try ${attempt})`,
    )
    const { askHttp } = runtime.network
    const timing = { connect, whole, signal: this.#abort.signal }
    try {
      if (askHttp === undefined)
        throw new TrackerError('GH_TRACKER_FAILED', `${place.url}: this runtime has no HTTP`, {
          transient: false,
        })
      if (what === 'register') await this.#register(askHttp, place, tracker, timing)
      else await this.#lookup(askHttp, place, tracker, timing)
    } catch (error) {
      if (this.#abort.signal.aborted) return
      this.#driven?.feed({ kind: 'failed', tracker, what, failure: this.#failure(error) })
      if (what !== 'lookup') return
      this.#failures[tracker] = asGuildError(error, 'GH_TRACKER_FAILED')
      await this.#heard(tracker)
    }
  }

  async #register(
    askHttp: AskHttp,
    place: Place,
    tracker: number,
    timing: { connect: number; whole: number; signal: AbortSignal },
  ): Promise<void> {
    const { runtime, config, mesh } = this.#around
    const { userId, deviceId } = config
    const addrs = this.#addresses(place)
    const body = encodeRegistration({
      peerId: mesh.peerId,
      addrs,
      meta: {
        device_id: deviceId ?? mesh.peerId,
        hostname: hostname().slice(0, 64),
        ...(userId === undefined ? {} : { user_id: userId }),
      },
    })
    const wall = runtime.clock.wall()
    const time = wall + this.#skew
    const signature = this.#identity.sign(signedRegistration(time, body))
    const ttl = await register(askHttp, place, body, { time, signature }, timing, wall)
    place.registered = addrs.join()
    this.#driven?.feed({ kind: 'registered', tracker, ttl })
    this.#tellAddresses()
  }

  async #lookup(
    askHttp: AskHttp,
    place: Place,
    tracker: number,
    timing: { connect: number; whole: number; signal: AbortSignal },
  ): Promise<void> {
    const { runtime, config, mesh } = this.#around
    const { peers, remote } = await lookup(askHttp, place, config.userId, timing, runtime.clock.wall())
    if (this.#abort.signal.aborted) return
    const others = peers
      .filter(one => this.#isOther(one))
      .map(({ peerId, addrs, meta }) => ({ peerId, addrs, userId: meta.user_id }))
    this.#lists[tracker] = others
    this.#failures[tracker] = undefined
    this.#learn(others, place.url, place.name, remote)
    this.#driven?.feed({ kind: 'listed', tracker, others: others.length })
    await this.#heard(tracker)
    await this.#keep(others)
    if (mesh.membership.linkCount === 0)
      this.#debug(() => `Tracker ${place.name} told of ${others.length} peers`)
  }

  /** A list with somebody in it is enough; else all trackers have to have said something, and the book. */
  async #heard(tracker: number): Promise<void> {
    await this.#recalling
    for (const { silent, found } of [...this.#seekers]) {
      silent.delete(tracker)
      if (silent.size === 0 || this.#lists[tracker]!.length > 0) found()
    }
  }

  /** A tracker that lists nodes of others all the same is not followed there. */
  #isOther({ peerId, meta }: ListedPeer): boolean {
    const { mesh, config } = this.#around
    return peerId !== mesh.peerId && (config.userId === undefined || meta.user_id === config.userId)
  }

  #learn(
    peers: readonly Pick<ListedPeer, 'peerId' | 'addrs'>[],
    from: string,
    name: string,
    host: string,
  ): void {
    const { mesh, happenings, runtime } = this.#around
    const before = mesh.membership.knownCount
    const { direct } = takenAddresses(
      shuffled(peers, () => runtime.random.fraction()),
      {
        trackerHost: host,
        own: mesh.addresses.map(one => parseAddress(one)),
      },
    )
    mesh.learn(direct, 'tracker', { name: from, host })
    const known = mesh.membership.knownCount
    if (known > before)
      happenings.emit({
        event: 'peers-discovered',
        from,
        name: `tracker ${name}`,
        count: known - before,
        known,
      })
  }

  #tellAddresses(): void {
    const counts = this.#places.map(place => this.#addresses(place))
    const changed = counts.some((addrs, i) => addrs.join() !== this.#places[i]!.registered)
    if (changed) this.#driven?.feed({ kind: 'addresses', count: Math.max(...counts.map(one => one.length)) })
  }

  #addresses({ host }: Place): string[] {
    const { mesh, config } = this.#around
    const own = {
      peerId: mesh.peerId,
      announce: config.announce,
      listening: mesh.addresses.map(one => parseAddress(one)),
      observed: [...mesh.observed].map(one => parseAddress(one)),
      ports: mesh.ports,
    }
    return config.hosts === undefined && config.announce.length === 0 ? [] : toldAddresses(own, host)
  }

  #failure(error: unknown): Failure {
    if (!(error instanceof TrackerError))
      return { transient: false, code: 'GH_TRACKER_FAILED', detail: asGuildError(error).message }
    const { code, detail, transient, retryAfter, clock } = error
    const failure = { code: code as Failure['code'], detail, retryAfter }
    if (clock === undefined) return { ...failure, transient }
    const skew = clock - this.#around.runtime.clock.wall()
    const better = Math.abs(skew - this.#skew) > 60_000
    this.#skew = skew
    return { ...failure, transient: better }
  }

  async #keep(peers: readonly ToldPeer[]): Promise<void> {
    if (peers.length === 0) return
    const book = await this.#openBook()
    try {
      if (!this.#abort.signal.aborted) book?.cache.keep(peers, this.#around.runtime.clock.wall())
    } catch (error) {
      this.#around.mesh.fault(asGuildError(error, 'GH_STORE_FAILED'))
    }
  }

  async #recall(): Promise<void> {
    const { runtime, config, mesh } = this.#around
    const book = await this.#openBook()
    if (book === undefined || this.#abort.signal.aborted) return
    try {
      const peers = book.cache
        .recall(config.userId, runtime.clock.wall())
        .filter(one => one.peerId !== mesh.peerId)
      this.#debug(() => `No tracker tells of peers; ${peers.length} are known from before`)
      this.#fromBook = peers
      // They were told by trackers that were as near, or as far, as those of today.
      const near = this.#places.some(({ host }) => hostKind(host) === 'loopback' || host === 'localhost')
      this.#learn(peers, 'peer_book', 'book', near ? '127.0.0.1' : '10.0.0.1')
    } catch (error) {
      mesh.fault(asGuildError(error, 'GH_STORE_FAILED'))
    }
  }

  /** Once; undefined where there is no place for it, or none could be had, which was said. */
  #openBook(): Promise<{ readonly db: Sqlite; readonly cache: TrackerCache } | undefined> {
    this.#book ??= this.#open()
    return this.#book
  }

  async #open(): Promise<{ readonly db: Sqlite; readonly cache: TrackerCache } | undefined> {
    const { config, dataDir, mesh } = this.#around
    const path = config.dbPath ?? (dataDir === undefined ? undefined : join(dataDir, 'guild.db'))
    if (path === undefined) return undefined
    try {
      const [{ openGuildDb }, { TrackerCache }] = await Promise.all([
        import('../store/guild-db.ts'),
        import('../store/tracker-cache.ts'),
      ])
      const db = await openGuildDb(path)
      return { db, cache: new TrackerCache(db) }
    } catch (error) {
      mesh.fault(asGuildError(error, 'GH_STORE_FAILED'))
      return undefined
    }
  }

  #debug(text: () => string): void {
    const { happenings } = this.#around
    if (happenings.wanted('debug')) happenings.emit({ event: 'debug', message: text() })
  }
}

/** In an order of chance: of a list that is too long everybody takes another part. */
function shuffled<T>(list: readonly T[], fraction: () => number): T[] {
  const out = [...list]
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(fraction() * (i + 1))
    ;[out[i], out[j]] = [out[j]!, out[i]!]
  }
  return out
}
