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
  const listens = (transport: string): Address | undefined => {
    const port = transport === 'udp' ? udpPort : tcpPort
    return port === 0 ? undefined : { ...address, transport, port }
  }
  return {
    link,
    peerKey: identityKey,
    peerId: proved.peerId,
    name,
    staticKey: proved.staticKey,
    address,
    listenAddress: listens(address.transport),
    otherAddress: listens(address.transport === 'udp' ? 'tcp' : 'udp'),
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
