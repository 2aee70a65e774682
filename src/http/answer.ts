/**
 * What a handler is asked and what it answers: HTTP without its sockets.
 *
 * Handlers get a request whose head was checked, read its body when they want it, and return an
 * answer; throwing a Refusal is another way to answer. So a route is tested without a network.
 *
 * Floor: http.
 */
import { encodeTrackerFault } from '../wire/tracker.ts'

export interface Request {
  readonly method: string
  /** As it stands in the request line, before the question mark. */
  readonly path: string
  readonly query: URLSearchParams
  header(name: string): string | undefined
  /** Who asks, as one place: an IPv4 address or an IPv6 /56. */
  readonly place: string
  /** The address of who asks. */
  readonly client: string
  /** All of the body. Throws a Refusal 413 above `most` bytes, 408 when it takes too long. */
  body(most: number): Promise<Uint8Array>
}

export interface Answer {
  readonly status: number
  readonly type?: string
  readonly body?: Uint8Array
  readonly headers?: Readonly<Record<string, string>>
  /** The connection ends behind it. */
  readonly last?: boolean
}

export type Handler = (request: Request) => Answer | Promise<Answer>

export const JSON_TYPE = 'application/json; charset=utf-8'

export function ok(body: Uint8Array): Answer {
  return { status: 200, type: JSON_TYPE, body }
}

/** A no in JSON: one word for programs, one sentence for people. */
export class Refusal extends Error {
  readonly answer: Answer
  constructor(status: number, code: string, why: string, more: Pick<Answer, 'headers' | 'last'> = {}) {
    super(why)
    this.answer = { status, type: JSON_TYPE, body: encodeTrackerFault({ code, error: why }), ...more }
  }
}

/** Come again in so many seconds. */
export function later(status: 429 | 503, code: string, why: string, seconds: number, last = false): Refusal {
  return new Refusal(status, code, why, {
    headers: { 'retry-after': String(Math.max(1, Math.ceil(seconds))) },
    ...(last ? { last } : {}),
  })
}
