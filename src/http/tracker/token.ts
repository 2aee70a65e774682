/**
 * The token of a tracker: one word that its users share, compared without a clock's help.
 *
 * Both sides are hashed under a key that this process made for itself, so what is compared has one
 * length whatever was sent, and how long it takes says nothing about where they differ.
 *
 * Floor: http. Page: protocol/tracker.md (spec: TRACKER-6). Faults: TR-01, TR-10.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { Refusal } from '../answer.ts'

/** Longer ones are looked at to their first kilobyte, and are wrong. */
const SEEN_MAX = 1_024

export type TokenCheck = (authorization: string | undefined) => boolean

/** With no token everybody may. `equal` compares in a time that depends on the lengths alone. */
export function tokenCheck(
  token: string | undefined,
  equal: (a: Uint8Array, b: Uint8Array) => boolean = timingSafeEqual,
): TokenCheck {
  if (token === undefined) return () => true
  const key = randomBytes(32)
  const digest = (text: string): Buffer => createHmac('sha256', key).update(text.slice(0, SEEN_MAX)).digest()
  const wanted = digest(token)
  return authorization => {
    const given = /^bearer +/i.test(authorization ?? '') ? authorization!.replace(/^bearer +/i, '') : ''
    return equal(digest(given), wanted)
  }
}

export function refuseToken(): Refusal {
  return new Refusal(401, 'token', 'the token is missing or wrong', {
    headers: { 'www-authenticate': 'Bearer realm="guild-home tracker"' },
  })
}
