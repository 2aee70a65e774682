/**
 * What every handshake of one node shares: who we are, which swarm, what is fresh.
 *
 * Floor: link.
 */
import type { WallMillis } from '../base/machine.ts'
import type { Identity, KeyPair, Random, Suite } from '../base/ports.ts'
import type { Hello } from '../wire/hello.ts'
import { limits } from '../wire/limits.ts'
import type { Parameters } from '../wire/parameters.ts'
import { parameters } from '../wire/registry.ts'
import type { Freshness } from './freshness.ts'
import type { Swarm } from './swarm.ts'

export interface Self {
  readonly suite: Suite
  readonly random: Random
  readonly identity: Identity
  /** Made fresh at process start, never stored: it says "the same process" (decision 6). */
  readonly staticKey: KeyPair
  /** The swarm; during a key rotation also the other one, the likelier first. */
  readonly swarms: readonly Swarm[]
  readonly freshness: Freshness
  /** What HELLO says of our limits. */
  readonly parameters: Parameters
  wall(): WallMillis
  /** What HELLO tells of us at this moment. */
  hello(): Pick<Hello, 'name' | 'tcpPort' | 'udpPort' | 'linePort' | 'linkCount'>
}

/** What message 1 says of our limits. */
export const message1Parameters: Parameters = new Map([[parameters.MAX_RECORD, limits.record]])
