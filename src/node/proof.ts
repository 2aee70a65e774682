/**
 * What a handshake and its pipe show of a peer, in membership's words.
 *
 * Floor: node.
 */
import type { Proved } from '../link/handshake.ts'
import type { Proof } from '../membership/messages.ts'
import { type Address, encodeAddress } from '../wire/address.ts'
import type { Carrier } from './carrier.ts'

type Place = Pick<Carrier, 'transport' | 'remote'>

export function proofOf(carrier: Place, link: number, proved: Proved): Proof {
  const address = remoteOf(carrier)
  const { identityKey, name, tcpPort, udpPort, linkCount } = proved.hello
  const port = address.transport === 'udp' ? udpPort : tcpPort
  return {
    link,
    peerKey: identityKey,
    peerId: proved.peerId,
    name,
    staticKey: proved.staticKey,
    address,
    listenAddress: port === 0 ? undefined : { ...address, port },
    linkCount,
  }
}

/** How we see the other end, as ACCEPTED tells it. */
export function observedAddress(carrier: Place): Uint8Array {
  return encodeAddress(remoteOf(carrier))
}

function remoteOf(carrier: Place): Address {
  return { transport: carrier.transport, host: carrier.remote.host, port: carrier.remote.port }
}
