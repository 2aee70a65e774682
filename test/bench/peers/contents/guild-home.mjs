/**
 * guild-home as this checkout has it, built: TCP, two nodes linked, `files.add` and `files.get` with a data directory
 * each, blocks in memory through a session. Its defaults: chunks of 256 KiB, everything durable in the store.
 *
 * @import { BlockWay, FileWay } from '../types.ts'
 */
import { randomBytes } from 'node:crypto'
import { createNode } from '../../../../dist/src/index.js'
import { parseCid } from '../../../../dist/src/wire/index.js'

/** @typedef {{ address: string, swarmKey: string }} There */

const common = /** @type {const} */ ({ transport: ['tcp'], mdns: false })

/** @type {FileWay} */
export const files = {
  async hold(file, dataDir) {
    const { node, there } = await holder({ dataDir })
    const cid = String(await node.files.add(file))
    return { told: { ...there, cid }, close: () => node.stop() }
  },
  async getter(told, dataDir, out) {
    const { cid, ...there } = /** @type {There & { cid: string }} */ (told)
    const node = await linked(there, { dataDir })
    return {
      get: async () => void (await node.files.get(cid, out)),
      close: () => node.stop(),
    }
  },
}

/** @type {BlockWay} */
export const blocks = {
  async hold(held) {
    const { node, there } = await holder({})
    const names = []
    for (const block of held) names.push(String(await node.bitswap.provide(block)))
    return { told: { ...there, names }, close: () => node.stop() }
  },
  async getter(told) {
    const { names, ...there } = /** @type {There & { names: string[] }} */ (told)
    const cids = names.map(name => parseCid(name))
    const node = await linked(there, {})
    return {
      async get() {
        const session = node.blocks.session()
        try {
          return await Promise.all(cids.map(cid => session.get(cid)))
        } finally {
          await session.close()
        }
      },
      close: () => node.stop(),
    }
  },
}

/** @param {{ dataDir?: string }} options */
async function holder(options) {
  const swarmKey = randomBytes(32)
  const node = await createNode({ ...common, ...options, host: '127.0.0.1', swarmKey })
  await node.start()
  const there = { address: String(node.addresses[0]), swarmKey: swarmKey.toString('hex') }
  return { node, there }
}

/** @param {There} there @param {{ dataDir?: string }} options */
async function linked({ address, swarmKey }, options) {
  const node = await createNode({
    ...common,
    ...options,
    host: false,
    swarmKey: Buffer.from(swarmKey, 'hex'),
  })
  await node.start()
  await node.connect(address)
  return node
}
