/**
 * Bodies of requests: read up to a maximum, all of them together within one purse of memory.
 *
 *   Content-Length above the maximum ─▶ 413 at once
 *   more bytes than the maximum      ─▶ 413, and what still comes is thrown away for a while
 *   no more bytes                    ─▶ 408 at the deadline of the request
 *   500 bodies that come slowly      ─▶ 503 for those the purse has no room for (spec: TR-02, TR-03)
 *
 * An answer that leaves before its request has come in whole would be lost if the connection were
 * cut at once, for the system then tells the other side to forget it. So what still comes is read
 * and dropped, a second and a megabyte at most; then the connection ends.
 *
 * Floor: http.
 */
import type { IncomingMessage } from 'node:http'
import { concat } from '../base/bytes.ts'
import { later, Refusal } from './answer.ts'

/** Bytes of bodies that have not come in whole yet, all connections together. */
const PURSE_MAX = 32 * 1024 * 1024
const LINGER_MS = 1_000
const LINGER_BYTES = 1024 * 1024

export class Bodies {
  #held = 0

  read(message: IncomingMessage, most: number): Promise<Uint8Array> {
    const announced = Number(message.headers['content-length'] ?? 0)
    if (announced > most) return Promise.reject(tooLarge(most))
    return new Promise((resolve, reject) => {
      const parts: Uint8Array[] = []
      let length = 0
      const stop = (outcome: () => void): void => {
        this.#held -= length
        message.off('data', take).off('end', ended).off('close', cut).off('error', cut)
        outcome()
      }
      const take = (part: Uint8Array): void => {
        length += part.length
        this.#held += part.length
        if (length > most) return stop(() => reject(tooLarge(most)))
        if (this.#held > PURSE_MAX)
          return stop(() => reject(later(503, 'busy', 'too many requests are coming in', 1)))
        parts.push(part)
      }
      const ended = (): void => stop(() => resolve(concat(...parts)))
      const cut = (): void => stop(() => reject(new Refusal(400, 'body', 'the body was cut off')))
      message.on('data', take).on('end', ended).on('close', cut).on('error', cut)
    })
  }
}

/** Reads on for a while behind an answer whose request has not come in whole. */
export function linger(message: IncomingMessage): void {
  if (message.complete) return
  const { socket } = message
  const timer = setTimeout(() => socket.destroy(), LINGER_MS)
  let left = LINGER_BYTES
  message.on('data', (part: Uint8Array) => {
    left -= part.length
    if (left < 0) socket.destroy()
  })
  message.on('close', () => clearTimeout(timer)).on('error', () => {})
  message.resume()
}

function tooLarge(most: number): Refusal {
  return new Refusal(413, 'large', `the body has more than ${most} bytes`)
}
