/**
 * What the options mean to membership: how many, how often, and whom.
 *
 * Deny goes before allow; an empty allow list means every member of the swarm.
 *
 * Floor: node. Features: B19.
 */
import type { MembershipOptions } from '../membership/parts.ts'
import type { Config } from './config.ts'

type Policy = Pick<
  MembershipOptions,
  | 'announce'
  | 'maxPeers'
  | 'admits'
  | 'interval'
  | 'peerTimeout'
  | 'discoveryInterval'
  | 'maintenanceInterval'
>

export function policyOf(config: Config): Policy {
  const { announce, maxPeers, interval, peerTimeout, discoveryInterval, maintenanceInterval } = config
  const trusted = new Set(config.allow)
  const barred = new Set(config.deny)
  const admits = (peerId: string): boolean =>
    !barred.has(peerId) && (trusted.size === 0 || trusted.has(peerId))
  return { announce, maxPeers, admits, interval, peerTimeout, discoveryInterval, maintenanceInterval }
}
