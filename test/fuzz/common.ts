/** What the entries of the registry share: refusals that are no errors, and claims that must hold. */
import { isDeepStrictEqual } from 'node:util'

/** Stands for a decoder that says no by undefined. */
export class Refused extends Error {}
export const refused = (error: unknown): boolean => error instanceof Refused

/** The value, or a refusal where there is none. */
export function given<T>(value: T | undefined): T {
  if (value === undefined) throw new Refused()
  return value
}

/** A claim about what was accepted; where it does not hold the input is a failure. */
export function must(holds: boolean, claim: string): void {
  if (!holds) throw new Error(`does not hold: ${claim}`)
}

/** Work that has no right to fail on what was accepted before. */
export function mustEqual(work: () => unknown, wanted: unknown, claim: string): void {
  let got: unknown
  try {
    got = work()
  } catch (error) {
    throw new Error(`does not hold: ${claim}: ${error}`)
  }
  must(isDeepStrictEqual(got, wanted), claim)
}

const lenient = new TextDecoder('utf-8', { ignoreBOM: true })

/** As text; bytes that are no UTF-8 become half a surrogate pair, which text may hold as well. */
export function asText(input: Uint8Array): string {
  return lenient.decode(input).replaceAll('\ufffd', '\ud800')
}
