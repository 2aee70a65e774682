/**
 * A tracker: peers say where they are, and ask who else is there.
 *
 *   POST /api/v1/peers/register ─▶ token ─▶ body ─▶ signature ─▶ table ─▶ disk ─▶ 200
 *                                   401      400       403        429
 *   GET  /api/v1/peers[?user_id=] ─▶ token ─▶ rows of the table
 *   GET  /metrics                 ─▶ token ─▶ figures
 *   GET  /healthz                 ─▶ 200, for a load balancer
 *
 * It lists what it is told and never dials any of it (spec: TRACKER-5). Several trackers stand side
 * by side and know nothing of each other: peers tell them all.
 *
 * A disk that fails does not stop it: who registers is told so for as long as this process lives,
 * and the fault is said once.
 *
 * Floor: http. Page: protocol/tracker.md. Faults: TR-01, TR-03, TR-05, TR-07.
 */

import { utf8 } from '../../base/bytes.ts'
import { WireError } from '../../base/errors.ts'
import type { RegistrationShelf } from '../../index.ts'
import {
  decodeProof,
  decodeRegistration,
  encodePeerList,
  encodeRegistered,
  PEERS_PATH,
  type Proof,
  REGISTER_PATH,
  type Registration,
  SIGNATURE_HEADER,
  signedRegistration,
  trackerLimits,
} from '../../wire/tracker.ts'
import { type Answer, later, ok, Refusal, type Request } from '../answer.ts'
import { Counter, METRICS_TYPE, type Metric, openMetrics } from '../metrics.ts'
import { Kept } from './kept.ts'
import { type Admission, type KeptRow, Table, type TableLimits, tableLimits } from './table.ts'
import { refuseToken, type TokenCheck, tokenCheck } from './token.ts'

export interface TrackerOptions {
  /** Seconds a registration stands. */
  readonly ttlSec: number
  readonly token?: string | undefined
  /** Take registrations that nobody signed: for curl, and for peers of other makes. */
  readonly allowUnsigned?: boolean
  /** Where rows outlive a restart; absent: nowhere. */
  readonly shelf?: RegistrationShelf | undefined
  readonly isSignedBy: (peerId: string, message: Uint8Array, signature: Uint8Array) => boolean
  /** Milliseconds on a clock that only goes forward, and since 1970. */
  readonly now: () => number
  readonly wall: () => number
  readonly onFault?: (error: unknown) => void
  readonly limits?: TableLimits
  /** Open connections, for the figures. */
  readonly connections?: () => number
}

/** Seconds after which a place may be free again, at most. */
const ROOM_AGAIN = 60

export class Tracker {
  readonly #options: TrackerOptions
  readonly #table: Table
  readonly #allows: TokenCheck
  readonly #kept: Kept
  readonly #startedAt: number
  readonly #outcomes = new Counter()
  readonly #statuses = new Counter()
  /** Lists that were asked for since the table last changed, by user; '' stands for everybody. */
  readonly #lists = new Map<string, Uint8Array>()

  constructor(options: TrackerOptions) {
    this.#options = options
    const { ttlSec, token, limits = tableLimits, now, shelf, onFault } = options
    this.#table = new Table(ttlSec * 1000, limits)
    this.#allows = tokenCheck(token)
    this.#startedAt = now()
    this.#kept = new Kept(shelf, error => onFault?.(error))
    for (const row of this.#kept.load(limits.rows)) this.#table.restore(row, now())
  }

  /** Rows that stand. */
  get size(): number {
    return this.#table.size
  }

  /** Drops what has passed. To be called once a second or so. */
  sweep(): void {
    const gone = this.#table.expire(this.#options.now())
    if (gone.length === 0) return
    this.#lists.clear()
    this.#kept.remove(gone)
  }

  /** A request was answered. */
  count(status: number): void {
    this.#statuses.add(String(status))
  }

  /** Writes what waits, and closes the file. */
  close(): void {
    this.#kept.close()
  }

  readonly handle = async (request: Request): Promise<Answer> => {
    const route = routes[request.path]
    if (route === 'health') return allow(request, ['GET', 'HEAD'], () => ok(utf8('{"ok":true}')))
    if (!this.#allows(request.header('authorization'))) throw refuseToken()
    switch (route) {
      case 'register':
        return await allow(request, ['POST'], () => this.#register(request))
      case 'peers':
        return await allow(request, ['GET', 'HEAD'], () => this.#list(request))
      case 'metrics':
        return await allow(request, ['GET', 'HEAD'], () => ({
          status: 200,
          type: METRICS_TYPE,
          body: utf8(openMetrics(this.#metrics())),
        }))
      default:
        throw new Refusal(404, 'path', 'there is nothing here')
    }
  }

  async #register(request: Request): Promise<Answer> {
    // A form, or no type at all, is what a page may send without asking (spec: TR-05).
    if (!/^application\/json(?:;|$)/i.test(request.header('content-type') ?? ''))
      throw new Refusal(415, 'type', 'send application/json')
    const body = await request.body(trackerLimits.body)
    const registration = reading(() => decodeRegistration(body))
    const proof = this.#proof(request, registration, body)
    const row: KeptRow = {
      ...registration,
      place: request.place,
      seen: this.#options.wall(),
      ...(proof === undefined ? {} : { signedAt: proof.time }),
    }
    this.sweep()
    const admission = this.#table.admit(row, this.#options.now())
    this.#outcomes.add(admission)
    if (admission !== 'taken') throw refuseRow(admission)
    this.#lists.clear()
    await this.#kept.put(row)
    return ok(encodeRegistered(this.#options.ttlSec))
  }

  /** Who signed, when; undefined where nobody has to. */
  #proof(request: Request, { peerId }: Registration, body: Uint8Array): Proof | undefined {
    const { allowUnsigned, isSignedBy, wall } = this.#options
    const header = request.header(SIGNATURE_HEADER)
    if (header === undefined) {
      if (allowUnsigned) return undefined
      throw new Refusal(
        403,
        'signature',
        `sign the registration with the peer's own key: ${SIGNATURE_HEADER}`,
      )
    }
    const proof = reading(() => decodeProof(header))
    if (!isSignedBy(peerId, signedRegistration(proof.time, body), proof.signature))
      throw new Refusal(403, 'signature', 'the signature is not that of peer_id over this body')
    if (Math.abs(proof.time - wall()) > trackerLimits.clock)
      throw new Refusal(
        403,
        'clock',
        `the clock of this peer is off by more than ${trackerLimits.clock / 1000} s`,
      )
    return proof
  }

  #list(request: Request): Answer {
    const user = request.query.get('user_id') ?? ''
    if (Buffer.byteLength(user) > trackerLimits.text)
      throw new Refusal(400, 'query', `user_id has more than ${trackerLimits.text} bytes`)
    this.sweep()
    let list = this.#lists.get(user)
    if (list === undefined) {
      list = encodePeerList(this.#table.list(user === '' ? undefined : user))
      // Asking for users that are not there must not fill this table.
      if (this.#lists.size < 64) this.#lists.set(user, list)
    }
    return ok(list)
  }

  #metrics(): Metric[] {
    const { now, connections } = this.#options
    const gauge = (name: string, help: string, value: number): Metric => ({
      name: `guild_tracker_${name}`,
      kind: 'gauge',
      help,
      samples: [{ value }],
    })
    return [
      gauge('peers', 'Peers registered now.', this.#table.size),
      gauge('places', 'Addresses that they registered from.', this.#table.places),
      gauge('connections', 'Open connections.', connections?.() ?? 0),
      gauge('uptime_seconds', 'Since the start.', (now() - this.#startedAt) / 1000),
      {
        name: 'guild_tracker_registrations',
        kind: 'counter',
        help: 'Registrations that were well formed and allowed, by outcome.',
        samples: this.#outcomes.samples('outcome'),
      },
      {
        name: 'guild_tracker_requests',
        kind: 'counter',
        help: 'Requests by status.',
        samples: this.#statuses.samples('status'),
      },
      {
        name: 'guild_tracker_store_failures',
        kind: 'counter',
        help: 'Rows that the disk did not take.',
        samples: [{ value: this.#kept.failures }],
      },
    ]
  }
}

const routes: Readonly<Record<string, 'register' | 'peers' | 'metrics' | 'health' | undefined>> =
  Object.assign(Object.create(null), {
    [REGISTER_PATH]: 'register',
    [PEERS_PATH]: 'peers',
    '/metrics': 'metrics',
    '/healthz': 'health',
  })

function allow<T>({ method }: Request, methods: readonly string[], work: () => T): T {
  if (methods.includes(method)) return work()
  const list = methods.join(', ')
  throw new Refusal(405, 'method', `use ${list}`, { headers: { allow: list } })
}

/** What a decoder refuses is 400, with the field and why. */
function reading<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    throw new Refusal(400, 'body', error.detail.replace(/^(\S+) at byte 0 \((.*)\)$/s, '$1: $2'))
  }
}

function refuseRow(admission: Exclude<Admission, 'taken'>): Refusal {
  switch (admission) {
    case 'stale':
      return new Refusal(403, 'stale', 'the peer has signed a later registration')
    case 'unsigned':
      return new Refusal(403, 'signature', 'this peer is registered by its signature; sign this one too')
    case 'full':
      return later(429, 'full', 'the tracker is full', ROOM_AGAIN)
    case 'crowded':
      return later(429, 'crowded', 'too many peers are registered from this address', ROOM_AGAIN)
  }
}
