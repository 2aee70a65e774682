/**
 * Two questions to a tracker, and what its answers mean.
 *
 *   200 that makes sense    the answer
 *   408, 429, 5xx, silence  a failure that another try may mend, after Retry-After where it is given
 *   3xx                     a failure: redirects are not followed
 *   other 4xx               a no that is meant, with the tracker's own words
 *   anything else           a failure: this is no tracker
 *
 * Floor: discovery. Page: protocol/tracker.md (spec: TRACKER-10). Faults: TR-10, TR-11.
 */
import { GuildError, WireError } from '../base/errors.ts'
import type { AskHttp, HttpAsk, HttpReply } from '../base/ports.ts'
import { visible } from '../base/text.ts'
import {
  decodePeerList,
  decodeRegistered,
  decodeTrackerFault,
  encodeProof,
  type ListedPeer,
  PEERS_PATH,
  type Proof,
  REGISTER_PATH,
  SIGNATURE_HEADER,
  trackerLimits,
} from '../wire/tracker.ts'

export interface TrackerPlace {
  readonly url: string
  readonly token?: string | undefined
}

export type Timing = Pick<HttpAsk, 'connect' | 'whole' | 'signal'>

export class TrackerError extends GuildError {
  readonly transient: boolean
  /** Milliseconds. */
  readonly retryAfter: number | undefined
  /** The tracker's time, where it says that ours is wrong: milliseconds since 1970. */
  readonly clock: number | undefined
  constructor(
    code: 'GH_TRACKER_FAILED' | 'GH_TRACKER_REFUSED',
    detail: string,
    more: {
      transient: boolean
      retryAfter?: number | undefined
      clock?: number | undefined
      cause?: unknown
    },
  ) {
    super(code, detail, { cause: more.cause })
    this.transient = more.transient
    this.retryAfter = more.retryAfter
    this.clock = more.clock
  }
}

/** Registers what `body` says; answers for how many milliseconds that stands. Rejects with a TrackerError. */
export async function register(
  ask: AskHttp,
  place: TrackerPlace,
  body: Uint8Array,
  proof: Proof,
  timing: Timing,
  wall: number,
): Promise<number> {
  const headers = { 'content-type': 'application/json', [SIGNATURE_HEADER]: encodeProof(proof) }
  const reply = await put(ask, place, { method: 'POST', path: REGISTER_PATH, headers, body }, timing, wall)
  return 1000 * sense(place, () => decodeRegistered(reply.body))
}

export interface Listed {
  readonly peers: readonly ListedPeer[]
  /** The tracker's own address, as the connection had it. */
  readonly remote: string
}

/** Who is registered: with this user, or everybody. Rejects with a TrackerError. */
export async function lookup(
  ask: AskHttp,
  place: TrackerPlace,
  userId: string | undefined,
  timing: Timing,
  wall: number,
): Promise<Listed> {
  const query = userId === undefined ? '' : `?user_id=${encodeURIComponent(userId)}`
  const reply = await put(
    ask,
    place,
    { method: 'GET', path: `${PEERS_PATH}${query}`, headers: {} },
    timing,
    wall,
  )
  const { peers } = sense(place, () => decodePeerList(reply.body))
  return { peers, remote: reply.remote }
}

interface Question {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array
}

async function put(
  ask: AskHttp,
  { url, token }: TrackerPlace,
  { path, headers, ...question }: Question,
  timing: Timing,
  wall: number,
): Promise<HttpReply> {
  let reply: HttpReply
  try {
    reply = await ask({
      ...question,
      ...timing,
      url: `${url}${path}`,
      headers: {
        accept: 'application/json',
        ...headers,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      most: trackerLimits.list,
    })
  } catch (error) {
    const detail = error instanceof GuildError ? error.detail : String(error)
    throw new TrackerError('GH_TRACKER_FAILED', `${url}: ${detail}`, { transient: true, cause: error })
  }
  if (reply.status === 200) return reply
  throw refusal(url, token, reply, wall)
}

function refusal(url: string, token: string | undefined, reply: HttpReply, wall: number): TrackerError {
  const { status } = reply
  const fault = decodeTrackerFault(reply.body)
  const words = fault === undefined ? '' : `: ${visible(fault.error, 200)}`
  const retryAfter = retryAfterOf(reply.header('retry-after'), wall)
  if (status === 408 || status === 429 || status >= 500)
    return new TrackerError('GH_TRACKER_FAILED', `${url} answered ${status}${words}`, {
      transient: true,
      retryAfter,
    })
  if (status < 400) {
    const why = status >= 300 ? ', and redirects are not followed' : ', which no tracker does'
    return new TrackerError('GH_TRACKER_FAILED', `${url} answered ${status}${why}`, { transient: false })
  }
  const hint =
    status !== 401 ? '' : token === undefined ? '; give it with --tracker-token' : '; check --tracker-token'
  const clock = fault?.code === 'clock' ? timeOf(reply.header('date')) : undefined
  return new TrackerError('GH_TRACKER_REFUSED', `${url} answered ${status}${words}${hint}`, {
    transient: false,
    clock,
  })
}

function sense<T>({ url }: TrackerPlace, decode: () => T): T {
  try {
    return decode()
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    const detail = `${url} answered what no tracker does: ${error.field}`
    throw new TrackerError('GH_TRACKER_FAILED', detail, { transient: false, cause: error })
  }
}

/** Milliseconds: `120`, or a date. */
function retryAfterOf(text: string | undefined, wall: number): number | undefined {
  if (text === undefined) return undefined
  if (/^\d{1,9}$/.test(text)) return 1000 * Number(text)
  const at = timeOf(text)
  return at === undefined ? undefined : Math.max(0, at - wall)
}

function timeOf(text: string | undefined): number | undefined {
  const at = Date.parse(text ?? '')
  return Number.isNaN(at) ? undefined : at
}
