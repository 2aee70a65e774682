/**
 * hypercore 11: a core of blocks of 64 KiB for the file, replicated over node:net with secret-stream; its store on each
 * side. The whole range is asked for at once, in order, and written block by block. It keeps no blocks in memory alone.
 *
 * @import { FileWay } from '../types.ts'
 */
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import SecretStream from '@hyperswarm/secret-stream'
import Hypercore from 'hypercore'
import { listening } from '../ways/connections.mjs'

const BLOCK = 64 * 1024
/** Blocks of one append. */
const TOGETHER = 64

/** @type {FileWay} */
export const files = {
  async hold(file, folder) {
    const core = new Hypercore(folder)
    await core.ready()
    /** @type {Uint8Array[]} */
    const waiting = []
    for await (const piece of createReadStream(file, { highWaterMark: BLOCK })) {
      waiting.push(piece)
      if (waiting.length === TOGETHER) await core.append(waiting.splice(0))
    }
    await core.append(waiting)
    const { port, close } = await listening(
      createServer({ noDelay: true }, socket => void core.replicate(secret(false, socket))),
    )
    return {
      told: { port, key: Buffer.from(core.key).toString('hex') },
      async close() {
        close()
        await core.close()
      },
    }
  },
  async getter(told, folder, out) {
    const { port, key } = /** @type {{ port: number, key: string }} */ (told)
    const core = new Hypercore(folder, Buffer.from(key, 'hex'))
    await core.ready()
    const socket = connect({ host: '127.0.0.1', port, noDelay: true })
    await once(socket, 'connect')
    const stream = secret(true, socket)
    core.replicate(stream)
    if (!(await stream.opened)) throw new Error('the secret stream did not open')
    return {
      async get() {
        await core.update({ wait: true })
        const { length } = core
        const range = core.download({ start: 0, end: length, linear: true })
        const handle = await open(out, 'wx')
        try {
          for (let at = 0; at < length; at++) await handle.writeFile(await core.get(at))
        } finally {
          await handle.close()
        }
        await range.done()
      },
      async close() {
        stream.destroy()
        await core.close()
      },
    }
  },
}

/**
 * @param {boolean} isInitiator
 * @param {import('node:net').Socket} socket
 */
function secret(isInitiator, socket) {
  const stream = new SecretStream(isInitiator, socket)
  stream.on('error', () => stream.destroy())
  return stream
}
