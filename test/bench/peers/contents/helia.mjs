/**
 * helia 7: bitswap 1.2 over libp2p with TCP, Noise and yamux, two nodes dialled directly; no DHT, no relay, no HTTP
 * gateways. Files through `@helia/unixfs` at its defaults (1 MiB chunks) with a `blockstore-fs` each.
 *
 * It learns from identify who speaks bitswap, so that is on, and a link counts once that is known. A want list of
 * more than 1,024 is cut by the other side, and never asked for again: so many blocks are not wanted at once.
 *
 * @import { BlockWay, FileWay } from '../types.ts'
 */
import '../ways/with-resolvers.mjs'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { withBitswap } from '@helia/bitswap'
import { withLibp2pLight } from '@helia/libp2p'
import { unixfs } from '@helia/unixfs'
import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { FsBlockstore } from 'blockstore-fs'
import { createHeliaLight } from 'helia'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'

const BITSWAP = '/ipfs/bitswap/1.2.0'
const RAW = 0x55
const PIECE = 1024 * 1024
const LINK_MS = 10_000
/** Its 10 s end a message of many blocks on a busy machine, and the blocks are never asked for again. */
const MESSAGE_MS = 60_000
/** Blocks of a file that are wanted at once, its best of 8, 16 and 64; unset, all of them are. */
const AHEAD = 16
/** Blocks in memory that are wanted at once: its best of 1, 16, 64 and 256. */
const LANES = 256

/** @type {FileWay} */
export const files = {
  async hold(file, folder) {
    const node = await started(true, await opened(folder))
    const cid = await unixfs(node).addByteStream(createReadStream(file, { highWaterMark: PIECE }))
    return { told: { address: addressOf(node), cid: String(cid) }, close: () => ended(node) }
  },
  async getter(told, folder, out) {
    const { address, cid } = /** @type {{ address: string, cid: string }} */ (told)
    const node = await linked(address, await opened(folder))
    return {
      async get() {
        const handle = await open(out, 'wx')
        try {
          for await (const bytes of unixfs(node).cat(CID.parse(cid), { blockReadConcurrency: AHEAD }))
            await handle.writeFile(bytes)
        } finally {
          await handle.close()
        }
      },
      close: () => ended(node),
    }
  },
}

/** @type {BlockWay} */
export const blocks = {
  async hold(held) {
    const node = await started(true)
    const names = []
    for (const block of held) {
      const cid = CID.createV1(RAW, await sha256.digest(block))
      await node.blockstore.put(cid, block)
      names.push(String(cid))
    }
    return { told: { address: addressOf(node), names }, close: () => ended(node) }
  },
  async getter(told) {
    const { address, names } = /** @type {{ address: string, names: string[] }} */ (told)
    const node = await linked(address)
    const cids = names.map(name => CID.parse(name))
    return {
      async get() {
        /** @type {Uint8Array[]} */
        const got = []
        let next = 0
        const lane = async () => {
          for (let at = next++; at < cids.length; at = next++)
            got[at] = await gathered(node.blockstore.get(/** @type {CID} */ (cids[at])))
        }
        await Promise.all(Array.from({ length: LANES }, lane))
        return got
      },
      close: () => ended(node),
    }
  },
}

/** @param {string} folder */
async function opened(folder) {
  const store = new FsBlockstore(folder)
  await store.open()
  return store
}

/**
 * @param {boolean} listens
 * @param {FsBlockstore} [blockstore] in memory without one
 */
async function started(listens, blockstore) {
  const light = createHeliaLight(blockstore === undefined ? {} : { blockstore })
  const node = withBitswap(
    withLibp2pLight(light, {
      addresses: { listen: listens ? ['/ip4/127.0.0.1/tcp/0'] : [] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      connectionMonitor: { enabled: false },
      services: { identify: identify() },
    }),
    { messageSendTimeout: MESSAGE_MS, messageReceiveTimeout: MESSAGE_MS },
  )
  await node.start()
  return node
}

/**
 * @param {string} address
 * @param {FsBlockstore} [blockstore]
 */
async function linked(address, blockstore) {
  const node = await started(false, blockstore)
  const { promise, resolve, reject } = Promise.withResolvers()
  // Asked behind bitswap itself, so told behind it.
  await node.libp2p.register(BITSWAP, { onConnect: resolve })
  const late = setTimeout(() => reject(new Error('bitswap was not seen on the other side')), LINK_MS)
  await node.libp2p.dial(multiaddr(address))
  await promise
  clearTimeout(late)
  return node
}

/** @param {Awaited<ReturnType<typeof started>>} node */
async function ended(node) {
  await node.stop()
}

/** @param {Awaited<ReturnType<typeof started>>} node */
function addressOf(node) {
  return String(node.libp2p.getMultiaddrs()[0])
}

/**
 * @param {Iterable<Uint8Array> | AsyncIterable<Uint8Array>} chunks
 * @returns {Promise<Uint8Array>}
 */
async function gathered(chunks) {
  const all = []
  for await (const chunk of chunks) all.push(chunk)
  const [one] = all
  return all.length === 1 && one !== undefined ? one : Buffer.concat(all)
}
