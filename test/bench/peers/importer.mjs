/**
 * The importer of the js ecosystem, as an oracle: the CID it gives a tree by each of our profiles.
 *
 * A tree is a list of `{ path, content?, link?, mode?, mtime? }`, folders by their paths alone, below one
 * root that has the empty path. `mtime` is `{ seconds, nanoseconds }`.
 */
import { importer } from 'ipfs-unixfs-importer'

/** Keeps nothing: only CIDs are asked for. */
const store = { put: (/** @type {import('multiformats/cid').CID} */ cid) => cid }

/**
 * @typedef {object} Entry
 * @property {string} path
 * @property {Uint8Array} [content]
 * @property {string} [link]
 * @property {number} [mode]
 * @property {{ seconds: number, nanoseconds: number }} [mtime]
 */

/**
 * @param {readonly Entry[]} tree
 * @param {'kubo-v1' | import('ipfs-unixfs-importer').CIDProfile} profile
 * @returns {Promise<string>}
 */
export async function theirCid(tree, profile) {
  const root = tree.find(({ path }) => path === '')
  const entries = tree.map(({ path, content, link, mode, mtime }) => ({
    path: path === '' ? 'root' : `root/${path}`,
    ...(content === undefined ? {} : { content: [content] }),
    ...(link === undefined ? {} : { symlink: true, link }),
    ...(mode === undefined ? {} : { mode }),
    ...(mtime === undefined
      ? {}
      : {
          mtime: {
            secs: BigInt(mtime.seconds),
            ...(mtime.nanoseconds > 0 ? { nsecs: mtime.nanoseconds } : {}),
          },
        }),
  }))
  const options = profile === 'kubo-v1' ? {} : { profile }
  /** @type {import('ipfs-unixfs-importer').ImportResult | undefined} */
  let last
  for await (const entry of importer(entries, store, options))
    if (entry.path === 'root' || root === undefined) last = entry
  if (last === undefined) throw new Error('nothing was imported')
  return String(last.cid)
}
