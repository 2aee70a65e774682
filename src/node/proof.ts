/**
 * What a handshake and its pipe show of a peer, in membership's words.
 *
 * Floor: node.
 */
import type { Pipe } from '../base/ports.ts'
import type { Proved } from '../link/handshake.ts'
import type { Proof } from '../membership/messages.ts'
import { type Address, encodeAddress } from '../wire/address.ts'

export function proofOf(pipe: Pipe, link: number, proved: Proved): Proof {
  const address = remoteOf(pipe)
  const { identityKey, name, tcpPort, linkCount } = proved.hello
  return {
    link,
    peerKey: identityKey,
    peerId: proved.peerId,
    name,
    staticKey: proved.staticKey,
    address,
    listenAddress: tcpPort === 0 ? undefined : { ...address, port: tcpPort },
    linkCount,
  }
}

/** How we see the other end, as ACCEPTED tells it. */
export function observedAddress(pipe: Pipe): Uint8Array {
  return encodeAddress(remoteOf(pipe))
}

function remoteOf(pipe: Pipe): Address {
  return { transport: pipe.transport, host: pipe.remote.host, port: pipe.remote.port }
}
