/**
 * What the parts of membership share: figures, tables, and where outputs go.
 *
 * The parts (`links.ts`, `introductions.ts`) are plain objects that act on the
 * same tables; `membership.ts` makes them and routes inputs to them.
 *
 * Floor: membership.
 */
import type { Millis } from '../base/machine.ts'
import type { Random } from '../base/ports.ts'
import type { Address } from '../wire/address.ts'
import type { Dialling } from './dialling.ts'
import type { Emit, MembershipEvent } from './messages.ts'
import type { PeerTable } from './peer-table.ts'

export interface MembershipOptions {
  /** The 32 bytes of our identity key, and the PeerId they make. */
  readonly ownKey: Uint8Array
  readonly ownId: string
  readonly ownName: () => string
  readonly random: Random
  /** Our own listening addresses, as they are now. */
  readonly own?: () => readonly Address[]
  /** What peers should tell others of us, in place of what they see. */
  readonly announce?: readonly Address[]
  /** Allow and deny lists: false for a peer that is neither admitted nor dialled. */
  readonly admits?: (peerId: string) => boolean
  /** Transports this node can dial. Default: tcp. */
  readonly transports?: readonly string[]
  readonly maxPeers?: number
  /** Milliseconds, as everywhere in cores. */
  readonly interval?: Millis
  readonly peerTimeout?: Millis
  readonly discoveryInterval?: Millis
  readonly maintenanceInterval?: Millis
  readonly bookLimit?: number
  /** People at our line port: they take places too. Default: nobody. */
  readonly guests?: Guests
}

/** Who has a place here without being a node. */
export interface Guests {
  count(): number
  /** A node would otherwise be alone: the newest guest goes. False when there is none. */
  makeRoom(): boolean
}

export interface Parts {
  readonly options: Required<MembershipOptions>
  readonly table: PeerTable
  readonly dialling: Dialling
  readonly emit: Emit
  readonly say: (message: MembershipEvent) => void
  /** The text is made only when somebody listens. */
  readonly debug: (text: () => string) => void
  /** Places taken, of `maxPeers`: by linked peers and by guests. */
  readonly taken: () => number
  /** Our numbers of linked or known peers may have changed. */
  readonly changed: (now: Millis) => void
}
