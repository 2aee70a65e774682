/**
 * guild-home as this checkout has it, built: TCP, XXpsk0 Noise with swarm key and identities on
 * both sides, streams with credit. The mesh knows one address; the others are told all.
 *
 * @import { Way } from '../types.ts'
 */
import { randomBytes } from 'node:crypto'

/** What programs import. It is made of `dist/src`, which has the types. */
const library = new URL('../../../../dist/library/index.js', import.meta.url)
const { createNode } = /** @type {typeof import('../../../../dist/src/index.js')} */ (
  await import(library.href)
)

const protocols = { bulk: '/peers/bulk/1', messages: '/peers/messages/1', echo: '/peers/echo/1' }
/** @typedef {{ peerId: string, address: string, swarmKey: string }} Address */

/** @type {Way} */
export const way = {
  async far(take) {
    const swarmKey = randomBytes(32)
    const node = await createNode({ host: '127.0.0.1', swarmKey, maxPeers: 1_000 })
    node.handle(protocols.bulk, stream => void stream.on('data', bytes => take(bytes.length)))
    node.handle(protocols.messages, stream => stream.receive(message => take(message.length)))
    node.handle(protocols.echo, stream => stream.receive(message => void stream.send(message)))
    await node.start()
    return {
      address: { peerId: node.peerId, address: node.addresses[0], swarmKey: swarmKey.toString('hex') },
    }
  },
  async near(told) {
    const { peerId, address, swarmKey: hex } = /** @type {Address} */ (told)
    const swarmKey = Buffer.from(hex, 'hex')
    const started = async () => {
      const node = await createNode({ host: false, swarmKey, maxPeers: 1_000 })
      await node.start()
      return node
    }
    /** @type {ReturnType<typeof started> | undefined} */
    let first
    return {
      async dial(task, onMessage) {
        first ??= started().then(async node => {
          await node.connect(address)
          return node
        })
        const stream = await (await first).open(peerId, protocols[task])
        if (onMessage !== undefined) stream.receive(onMessage).catch(() => {})
        return {
          write: bytes => stream.write(bytes),
          send: message => stream.send(message),
          drained: () => stream.drained(),
          queued: () => stream.writableLength,
          close: () => void stream.destroy(),
        }
      },
      async shaker(lanes) {
        const nodes = await Promise.all(Array.from({ length: lanes }, started))
        return {
          async shake(lane) {
            await nodes[lane]?.connect(address)
            nodes[lane]?.disconnect(peerId)
          },
          close: async () => void (await Promise.all(nodes.map(node => node.stop()))),
        }
      },
    }
  },
  async mesh(count) {
    const swarmKey = randomBytes(32)
    const common = { host: '127.0.0.1', swarmKey, maxPeers: count }
    const first = await createNode(common)
    await first.start()
    const bootstrap = first.addresses.slice(0, 1)
    const later = await Promise.all(
      Array.from({ length: count - 1 }, () => createNode({ ...common, bootstrap })),
    )
    const nodes = [first, ...later]
    return {
      async form() {
        let missing = count
        const whole = new Promise(resolve => {
          for (const node of nodes)
            node.on('peer-connected', ({ peers }) => {
              if (peers === count - 1 && --missing === 0) resolve(undefined)
            })
        })
        await Promise.all(later.map(node => node.start()))
        await whole
      },
      close: async () => void (await Promise.all(nodes.map(node => node.stop()))),
    }
  },
}
