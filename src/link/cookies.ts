/**
 * Cookies: how a responder in doubt lets the initiator prove that it is there now.
 *
 *   over ordered bytes   16 random bytes, of this connection, which lasts ten seconds at most
 *   in datagrams         +------------------+------------------------------------------+
 *                        | time, ms mod 2^32| HMAC(secret, host ‖ port ‖ time), 16 B   |
 *                        +------------------+------------------------------------------+
 *
 * Of datagrams nothing is remembered between the two messages: whoever asks can be anybody, and a memory
 * of who asked is what a flood would fill. A secret serves for as long as a cookie lives, and one
 * lifetime more to check those it made last.
 *
 * Refuses: a cookie of another address, of another node, older than 120 s, or of a time to come (HS-20).
 * Page: protocol/handshake.md (spec: HAND-6, HAND-21) · Floor: link.
 */
import { concat, equalConstantTime, utf8 } from '../base/bytes.ts'
import type { Millis } from '../base/machine.ts'
import type { Endpoint, NoiseSuite, Random } from '../base/ports.ts'
import { ByteReader } from '../base/reader.ts'
import { ByteWriter } from '../base/writer.ts'
import { limits } from '../wire/limits.ts'

/** 128 bits: enough not to be guessed, and the unit stays smaller than any message 1 (spec: HAND-8). */
const COOKIE_LENGTH = 16
const SECRET_LENGTH = 32
const TIME_LENGTH = 4

/** What a responder asks for, and takes. */
export interface CookiePolicy {
  issue(now: Millis): Uint8Array
  /** False for none, and for any that is not ours. */
  proved(cookie: Uint8Array, now: Millis): boolean
}

/** Of one connection. (spec: HS-20) */
export class ConnectionCookie implements CookiePolicy {
  readonly #random: Random
  #cookie: Uint8Array | undefined

  constructor(random: Random) {
    this.#random = random
  }

  issue(): Uint8Array {
    this.#cookie ??= this.#random.bytes(COOKIE_LENGTH)
    return this.#cookie
  }

  proved(cookie: Uint8Array): boolean {
    return this.#cookie !== undefined && equalConstantTime(cookie, this.#cookie)
  }
}

/** Of a node, for all who ask in datagrams. */
export class AddressCookies {
  readonly #suite: NoiseSuite
  readonly #random: Random
  #secret: Uint8Array
  #before: Uint8Array | undefined
  #since: Millis

  constructor(suite: NoiseSuite, random: Random, now: Millis) {
    this.#suite = suite
    this.#random = random
    this.#secret = random.bytes(SECRET_LENGTH)
    this.#since = now
  }

  /** For those at this address. */
  of(from: Endpoint): CookiePolicy {
    return {
      issue: now => {
        this.#turn(now)
        const time = new ByteWriter(TIME_LENGTH).u32(Math.floor(now) % 2 ** 32).view()
        return concat(time, this.#mac(this.#secret, from, time))
      },
      proved: (cookie, now) => {
        if (cookie.length !== TIME_LENGTH + COOKIE_LENGTH) return false
        this.#turn(now)
        const r = new ByteReader(cookie)
        const time = r.take(TIME_LENGTH, 'time')
        const mac = r.rest('mac')
        // Modulo 2^32 a time to come has an age of many days.
        const age = (Math.floor(now) - new ByteReader(time).u32('time')) % 2 ** 32
        if ((age < 0 ? age + 2 ** 32 : age) >= limits.freshness) return false // spec: HS-20
        for (const secret of [this.#secret, this.#before])
          if (secret !== undefined && equalConstantTime(this.#mac(secret, from, time), mac)) return true
        return false
      },
    }
  }

  #mac(secret: Uint8Array, { host, port }: Endpoint, time: Uint8Array): Uint8Array {
    const place = new ByteWriter(64).prefixed(utf8(host)).u16(port).view()
    return this.#suite.hmac(secret, place, time).subarray(0, COOKIE_LENGTH)
  }

  #turn(now: Millis): void {
    const age = now - this.#since
    if (age < limits.freshness) return
    // After two lifetimes without a word nothing the old one made is still good.
    this.#before = age < 2 * limits.freshness ? this.#secret : undefined
    this.#secret = this.#random.bytes(SECRET_LENGTH)
    this.#since = now
  }
}
