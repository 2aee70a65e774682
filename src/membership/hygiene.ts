/**
 * Which told addresses may be dialled? What a peer says is a claim, not a place.
 *
 *   host told        believed when                                      else
 *   ---------------------------------------------------------------------------------
 *   public           always
 *   private          we have such an interface, or the teller is
 *                    reached through one                                dropped
 *   loopback         the teller is reached over loopback                teller's host
 *   link-local       the teller is on that link                         dropped
 *   a name           the teller speaks of itself                        dropped
 *   multicast, unspecified, port 0, our own                             dropped
 *
 * Without these rules a member could point every node of a mesh at a victim, or at
 * services inside the networks of others (spec: PT-02). A loopback address from
 * afar is what its teller sees of a neighbour on its own machine, so the teller's
 * host takes its place (C12). A name could stand for anything once it is looked up.
 *
 * Floor: membership. Page: protocol/membership.md (spec: ADDR-3, PEERS-2).
 */
import { type Address, addressKey, hostKind } from '../wire/address.ts'

export interface Surroundings {
  /** Where the teller is, as we see it. */
  readonly teller: Address
  /** The teller speaks of itself. */
  readonly ofItself: boolean
  /** Our own listening addresses. */
  readonly own: readonly Address[]
}

/** The address to dial, or undefined when it must not be dialled. */
export function believable(told: Address, around: Surroundings): Address | undefined {
  if (told.port < 1 || told.port > 65_535) return undefined
  const address = settle(told, around)
  if (address === undefined) return undefined
  return keysOf(around.own).has(addressKey(address)) ? undefined : address
}

/** Our own addresses are asked for with every one that is told, and seldom change. */
const keys = new WeakMap<readonly Address[], ReadonlySet<string>>()

/** The keys of a list that is not changed any more. */
export function keysOf(own: readonly Address[]): ReadonlySet<string> {
  let known = keys.get(own)
  if (known === undefined) {
    known = new Set(own.map(addressKey))
    keys.set(own, known)
  }
  return known
}

/** Could this be dialled at all? For addresses from persons, files and the LAN. */
export function dialable(address: Address): boolean {
  const kind = hostKind(address.host)
  return address.port >= 1 && address.port <= 65_535 && kind !== 'multicast' && kind !== 'unspecified'
}

function settle(told: Address, { teller, ofItself, own }: Surroundings): Address | undefined {
  const near = hostKind(teller.host)
  switch (hostKind(told.host)) {
    case 'public':
      return told
    case 'private': {
      const here = near === 'private' || near === 'loopback'
      return here || own.some(({ host }) => hostKind(host) === 'private') ? told : undefined
    }
    case 'loopback':
      return near === 'loopback' ? told : { ...told, host: teller.host }
    case 'linkLocal':
      return near === 'linkLocal' ? { ...told, host: bare(told.host) + zone(teller.host) } : undefined
    case 'name':
      return ofItself ? told : undefined
    default:
      return undefined
  }
}

function bare(host: string): string {
  return host.split('%', 1)[0]!
}

/** `%eth0` of `fe80::1%eth0`: the link on this machine. */
function zone(host: string): string {
  const percent = host.indexOf('%')
  return percent < 0 ? '' : host.slice(percent)
}
