/**
 * node:net: what the machine gives. A file is read, sent, hashed and written, as `cp` would; blocks are
 * asked for in one list and hashed one by one. No encryption, no identity, no store.
 *
 * @import { BlockWay, FileWay } from '../types.ts'
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { listening } from '../ways/connections.mjs'

const PIECE = 256 * 1024
/** What asks for the file; a block is asked for by its number, in as many bytes. */
const ASKED = 4

/** @type {FileWay} */
export const files = {
  async hold(file) {
    const { port, close } = await served(socket => {
      socket.on('data', () => createReadStream(file, { highWaterMark: PIECE }).pipe(socket, { end: false }))
    })
    const hash = createHash('sha256')
    for await (const piece of createReadStream(file)) hash.update(piece)
    return { told: { port, size: (await stat(file)).size, sha256: hash.digest('hex') }, close }
  },
  async getter(told, _, out) {
    const { port, size, sha256 } = /** @type {{ port: number, size: number, sha256: string }} */ (told)
    const socket = await connected(port)
    return {
      async get() {
        const hash = createHash('sha256')
        const file = createWriteStream(out, { highWaterMark: 4 * PIECE })
        let came = 0
        const all = new Promise((resolve, reject) => {
          file.on('error', reject)
          socket.on('close', () => reject(new Error('the connection broke')))
          socket.on('data', bytes => {
            hash.update(bytes)
            came += bytes.length
            if (!file.write(bytes)) {
              socket.pause()
              file.once('drain', () => socket.resume())
            }
            if (came === size) file.end(() => resolve(undefined))
          })
        })
        socket.write(Buffer.alloc(ASKED))
        await all
        if (hash.digest('hex') !== sha256) throw new Error('what came is not what was held')
      },
      close: async () => void socket.destroy(),
    }
  },
}

/** @type {BlockWay} */
export const blocks = {
  async hold(held) {
    const { port, close } = await served(socket => {
      /** @type {Buffer} */
      let rest = Buffer.alloc(0)
      socket.on('data', bytes => {
        rest = Buffer.concat([rest, bytes])
        let at = 0
        socket.cork()
        for (; rest.length - at >= ASKED; at += ASKED) socket.write(held[rest.readUInt32BE(at)] ?? '')
        socket.uncork()
        rest = rest.subarray(at)
      })
    })
    return { told: { port, size: held[0]?.length, digests: held.map(digestOf) }, close }
  },
  async getter(told) {
    const { port, size, digests } = /** @type {{ port: number, size: number, digests: string[] }} */ (told)
    const socket = await connected(port)
    return {
      async get() {
        /** @type {Uint8Array[]} */
        const got = []
        let block = Buffer.allocUnsafeSlow(size)
        let filled = 0
        const all = new Promise((resolve, reject) => {
          socket.on('close', () => reject(new Error('the connection broke')))
          socket.on('data', bytes => {
            for (let at = 0; at < bytes.length; ) {
              const length = bytes.copy(block, filled, at)
              filled += length
              at += length
              if (filled < size) continue
              if (digestOf(block) !== digests[got.length]) return reject(new Error('a wrong block'))
              got.push(block)
              if (got.length === digests.length) return resolve(undefined)
              block = Buffer.allocUnsafeSlow(size)
              filled = 0
            }
          })
        })
        const asked = Buffer.alloc(ASKED * digests.length)
        for (const at of digests.keys()) asked.writeUInt32BE(at, ASKED * at)
        socket.write(asked)
        await all
        return got
      },
      close: async () => void socket.destroy(),
    }
  },
}

/** @param {(socket: import('node:net').Socket) => void} serve */
async function served(serve) {
  const { port, close } = await listening(
    createServer({ noDelay: true }, socket => {
      socket.on('error', () => socket.destroy())
      serve(socket)
    }),
  )
  return { port, close: async () => close() }
}

/** @param {number} port */
async function connected(port) {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true })
  await once(socket, 'connect')
  socket.on('error', () => socket.destroy())
  return socket
}

/** @param {Uint8Array} block */
function digestOf(block) {
  return createHash('sha256').update(block).digest('hex')
}
