/**
 * libp2p 3 with TCP, Noise and yamux, nothing else: no identify, no DHT, no relay, no pings, and
 * the limits of its connection manager lifted, which would slow connections down by design.
 *
 * Its `onDrain()` promise is made once and never renewed: behind the first drain it resolves at
 * once, and a sender that trusts it fills the memory. So 'drain' events are waited for here, as
 * long as `writableNeedsDrain` is set.
 *
 * @import { Pipe, Way } from '../types.ts'
 * @import { Libp2p, Stream } from '@libp2p/interface'
 */
import './with-resolvers.mjs'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { cutter, framed } from './framed.mjs'

const protocols = { bulk: '/peers/bulk/1', messages: '/peers/messages/1', echo: '/peers/echo/1' }
const MANY = 100_000
const TRIES = 10

/** @param {boolean} listens @returns {Promise<Libp2p>} */
const create = (listens, start = true) =>
  createLibp2p({
    start,
    addresses: { listen: listens ? ['/ip4/127.0.0.1/tcp/0'] : [] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
    connectionManager: {
      maxConnections: MANY,
      maxIncomingPendingConnections: MANY,
      inboundConnectionThreshold: MANY,
    },
  })

/** @type {Way} */
export const way = {
  async far(take) {
    const node = await create(true)
    await node.handle(protocols.bulk, stream => {
      stream.addEventListener('message', ({ data }) => take(data.byteLength))
    })
    await node.handle(protocols.messages, stream => onMessage(stream, message => take(message.length)))
    await node.handle(protocols.echo, stream => onMessage(stream, message => stream.send(framed(message))))
    return { address: String(node.getMultiaddrs()[0]) }
  },
  async near(address) {
    const there = multiaddr(String(address))
    const node = await create(false)
    return {
      async dial(task, take) {
        const stream = await node.dialProtocol(there, protocols[task])
        if (take !== undefined) onMessage(stream, take)
        return pipeOf(stream)
      },
      // Dials of one node to one address are joined into one, so each lane has a node of its own.
      async shaker(lanes) {
        const nodes = await Promise.all(Array.from({ length: lanes }, () => create(false)))
        return {
          async shake(lane) {
            const connection = await nodes[lane]?.dial(there)
            connection?.abort(new Error('done'))
          },
          close: async () => void (await Promise.all(nodes.map(node => node.stop()))),
        }
      },
    }
  },
  async mesh(count) {
    const nodes = await Promise.all(Array.from({ length: count }, () => create(true, false)))
    return {
      async form() {
        await Promise.all(nodes.map(node => node.start()))
        await Promise.all(
          nodes.flatMap((node, at) => nodes.slice(0, at).map(to => dialled(node, to.getMultiaddrs()[0]))),
        )
      },
      close: async () => void (await Promise.all(nodes.map(node => node.stop()))),
    }
  },
}

/**
 * @param {Libp2p} node
 * @param {import('@multiformats/multiaddr').Multiaddr | undefined} to
 */
async function dialled(node, to) {
  if (to === undefined) throw new Error('a node without an address')
  for (let left = TRIES; ; left--)
    try {
      return await node.dial(to)
    } catch (error) {
      if (left === 0) throw error
    }
}

/**
 * @param {Stream} stream
 * @param {(message: Uint8Array) => void} take
 */
function onMessage(stream, take) {
  const cut = cutter(take)
  stream.addEventListener('message', ({ data }) => {
    if (data instanceof Uint8Array) cut(data)
    else for (const bytes of data) cut(bytes)
  })
}

/** @param {Stream} stream @returns {Pipe} */
function pipeOf(stream) {
  return {
    write: bytes => stream.send(bytes),
    send: message => stream.send(framed(message)),
    drained: () =>
      new Promise((resolve, reject) => {
        if (!stream.writableNeedsDrain) return resolve(undefined)
        stream.addEventListener('drain', () => resolve(undefined), { once: true })
        stream.addEventListener('close', () => reject(new Error('the stream was closed')), { once: true })
      }),
    queued: () => stream.writeBufferLength,
    close: () => stream.abort(new Error('done')),
  }
}
