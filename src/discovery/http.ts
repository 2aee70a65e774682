/**
 * One question over HTTP or HTTPS, and its answer, within a time and a size.
 *
 *   connect ≤ its time ─▶ send ─▶ head ≤ 16 KiB ─▶ body ≤ `most` ─▶ all of it ≤ the whole time
 *
 * Follows no redirect, keeps no connection, remembers nothing. What is wrong on the way rejects with
 * GH_TRACKER_FAILED and says where it stood; a status is no error here.
 *
 * Floor: discovery. Page: protocol/tracker.md (spec: TRACKER-10). Faults: TR-11.
 */
import { type ClientRequest, type IncomingMessage, request as overHttp } from 'node:http'
import { request as overHttps } from 'node:https'
import { concat } from '../base/bytes.ts'
import { GuildError } from '../base/errors.ts'
import type { AskHttp, HttpAsk, HttpReply } from '../base/ports.ts'

const HEAD_MAX = 16 * 1024

export function httpClient(): AskHttp {
  return ask => new Promise((resolve, reject) => new Question(ask, resolve, reject))
}

class Question {
  readonly #ask: HttpAsk
  readonly #request: ClientRequest
  readonly #timers: NodeJS.Timeout[] = []
  readonly #settle: () => void
  readonly #reject: (error: Error) => void

  constructor(ask: HttpAsk, resolve: (reply: HttpReply) => void, reject: (error: Error) => void) {
    this.#ask = ask
    const { url, method, headers, body, connect, whole, signal } = ask
    const aborted = (): void => this.#fail(new GuildError('GH_ABORTED', method, { cause: signal.reason }))
    this.#settle = () => {
      for (const timer of this.#timers) clearTimeout(timer)
      signal.removeEventListener('abort', aborted)
    }
    this.#reject = reject
    const send = url.startsWith('https:') ? overHttps : overHttp
    this.#request = send(url, {
      method,
      headers: {
        ...headers,
        'user-agent': 'guild-home',
        connection: 'close',
        'content-length': body?.length ?? 0,
      },
      agent: false,
      maxHeaderSize: HEAD_MAX,
      insecureHTTPParser: false,
    })
    this.#request
      .on('error', error => this.#failed(error))
      .on('close', () => this.#failed(new Error('the connection ended early')))
      .on('response', message => this.#read(message, resolve))
    this.#request.on('socket', socket => {
      const connected = setTimeout(() => this.#late('connect', connect), connect)
      this.#timers.push(connected)
      socket.once(url.startsWith('https:') ? 'secureConnect' : 'connect', () => clearTimeout(connected))
    })
    this.#timers.push(setTimeout(() => this.#late('answer', whole), whole))
    signal.addEventListener('abort', aborted, { once: true })
    if (signal.aborted) aborted()
    else this.#request.end(body)
  }

  #read(message: IncomingMessage, resolve: (reply: HttpReply) => void): void {
    const parts: Uint8Array[] = []
    let length = 0
    const remote = message.socket.remoteAddress ?? ''
    message
      .on('error', error => this.#failed(error))
      .on('data', (part: Uint8Array) => {
        length += part.length
        if (length > this.#ask.most)
          this.#failed(new Error(`the answer has more than ${this.#ask.most} bytes`))
        else parts.push(part)
      })
      .on('end', () => {
        if (!message.complete) return this.#failed(new Error('the answer was cut off'))
        this.#settle()
        const header = (name: string): string | undefined => {
          const value = message.headers[name]
          return Array.isArray(value) ? value.join(', ') : value
        }
        resolve({ status: message.statusCode ?? 0, header, body: concat(...parts), remote })
        this.#request.destroy()
      })
  }

  #late(what: string, after: number): void {
    this.#failed(
      new Error(`no ${what === 'connect' ? 'connection' : 'whole answer'} within ${after / 1000} s`),
    )
  }

  #failed(error: Error): void {
    const { code } = error as NodeJS.ErrnoException
    const why = code === undefined ? error.message : (reasons[code] ?? code)
    this.#fail(new GuildError('GH_TRACKER_FAILED', why, { cause: error }))
  }

  #fail(error: GuildError): void {
    this.#settle()
    this.#reject(error) // what comes later changes nothing
    this.#request.destroy()
  }
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there',
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was reset',
  ENOTFOUND: 'the host name does not resolve',
  EAI_AGAIN: 'the host name cannot be looked up now',
  ETIMEDOUT: 'no answer in time',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  HPE_HEADER_OVERFLOW: 'the head of the answer is too large',
  DEPTH_ZERO_SELF_SIGNED_CERT:
    'its certificate is signed by itself; NODE_EXTRA_CA_CERTS names another authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is of an unknown authority',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is of another host',
}
