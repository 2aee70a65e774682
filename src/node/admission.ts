/**
 * Allow and deny lists: whom a node admits and dials.
 *
 * Deny goes before allow; an empty allow list means every member of the swarm.
 *
 * Floor: node. Features: B19.
 */
import type { Config } from './config.ts'

export function admissionOf({ allow, deny }: Pick<Config, 'allow' | 'deny'>): (peerId: string) => boolean {
  const trusted = new Set(allow)
  const barred = new Set(deny)
  return peerId => !barred.has(peerId) && (trusted.size === 0 || trusted.has(peerId))
}
