/**
 * node:tls, version 1.3, both sides showing a certificate the other has pinned; no resumption.
 */
import { once } from 'node:events'
import { connect, createSecureContext, createServer } from 'node:tls'
import { identity } from './certificate.mjs'
import { listening, overConnections, wireOfSocket } from './connections.mjs'

/** The same on both sides: whoever starts the processes hands it to them. */
const told = process.env.PEERS_TLS
/** @type {ReturnType<typeof identity>} */
const shared = told === undefined ? identity() : JSON.parse(told)
const both = {
  key: shared.key,
  cert: shared.certificate,
  ca: [shared.certificate],
  minVersion: /** @type {const} */ ('TLSv1.3'),
  requestCert: true,
  rejectUnauthorized: true,
}

/** Made once: keys and certificates are slow to read. */
const secureContext = createSecureContext(both)

export const way = overConnections({
  listen: accept =>
    listening(createServer({ ...both, noDelay: true }, socket => accept(wireOfSocket(socket)))),
  async connect(port) {
    // Pinned as it is, so its name says nothing.
    const checkServerIdentity = () => undefined
    const socket = connect({ host: '127.0.0.1', port, secureContext, checkServerIdentity })
    socket.setNoDelay(true)
    await once(socket, 'secureConnect')
    return wireOfSocket(socket)
  },
})
