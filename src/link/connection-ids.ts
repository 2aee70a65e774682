/**
 * The connection ids of a node, and the tokens that end a link whose state is lost.
 *
 *   +------------------+----------------------------------------+
 *   | random, 6 bytes  | HMAC(key, "id" ‖ random), first 6      |      a connection id
 *   +------------------+----------------------------------------+
 *   HMAC(key, "reset" ‖ id), first 16                                 its stateless reset token
 *
 * The MAC lets a node that knows nothing more say whether it once issued an id: only such a packet
 * is answered with a reset, a stranger's never (decision 17). Under one key for the life of the
 * identity a node that has crashed can still end the links its peers believe in.
 *
 * Refuses: nothing; it says no.
 * Page: protocol/paths.md (spec: PATH-1, PATH-2; RFC 9000 sections 5.1 and 10.3.2) · Faults: UQ-15 · Floor: link.
 */
import { concat, equalConstantTime, utf8 } from '../base/bytes.ts'
import type { NoiseSuite, Random } from '../base/ports.ts'
import { limits } from '../wire/limits.ts'

const RANDOM = 6
const forId = utf8('id')
const forReset = utf8('reset')

export class ConnectionIds {
  readonly #suite: Pick<NoiseSuite, 'hmac'>
  readonly #key: Uint8Array
  readonly #random: Pick<Random, 'bytes'>

  /** `key`: 32 secret bytes, of which a copy is kept. */
  constructor(suite: Pick<NoiseSuite, 'hmac'>, key: Uint8Array, random: Pick<Random, 'bytes'>) {
    this.#suite = suite
    this.#key = new Uint8Array(key)
    this.#random = random
  }

  /** A new id of 12 bytes. With six random ones two of 10,000 ids are alike once in five million times. */
  mint(): Uint8Array {
    const random = this.#random.bytes(RANDOM)
    return concat(random, this.#mac(random))
  }

  /** Was it issued under this key? */
  ours(id: Uint8Array): boolean {
    if (id.length !== limits.connectionId) return false
    return equalConstantTime(this.#mac(id.subarray(0, RANDOM)), id.subarray(RANDOM))
  }

  /** The 16 bytes that end a link at whoever sends to `id`. */
  token(id: Uint8Array): Uint8Array {
    return this.#suite.hmac(this.#key, forReset, id).slice(0, limits.resetToken)
  }

  #mac(random: Uint8Array): Uint8Array {
    return this.#suite.hmac(this.#key, forId, random).subarray(0, limits.connectionId - RANDOM)
  }
}
