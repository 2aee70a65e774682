/**
 * What is measured of links whatever carries them: round trips, and links made.
 *
 * Floor: cli.
 */
import type { Duplex } from 'node:stream'
import { createNode } from '../../index.ts'
import { type FarSide, optionsOf } from './far-side.ts'
import { MESSAGE_BYTES } from './tasks.ts'

/** Links in the making at any time. */
export const AT_ONCE = 32
/** Dials of a link that is refused because the one before it has not ended over there. */
const TRIES = 50
/** Of handshakes, in passes. */
const WARM_UP = 3

/** Thousands of trips: of a few hundred, the slowest hundredth would be six, and the first are those of cold code. */
export function trips(pipe: Duplex, milliseconds: number): Promise<number[]> {
  const question = Buffer.alloc(MESSAGE_BYTES, 1)
  const until = performance.now() + milliseconds
  return new Promise((resolve, reject) => {
    const times: number[] = []
    let missing = MESSAGE_BYTES
    let asked = performance.now()
    const onData = (bytes: Uint8Array): void => {
      missing -= bytes.length
      if (missing > 0) return
      const now = performance.now()
      times.push((now - asked) * 1000)
      if (now >= until) {
        pipe.off('data', onData)
        pipe.off('close', onClose)
        return resolve(times)
      }
      missing = MESSAGE_BYTES
      asked = performance.now()
      pipe.write(question)
    }
    const onClose = (): void => reject(new Error('the other side of the measurement went away'))
    pipe.on('data', onData)
    pipe.on('close', onClose)
    pipe.resume()
    pipe.write(question)
  })
}

/** Calls `work` with what makes a link to the far side and ends it, by one of 32 nodes. */
export async function withDiallers<T>(
  far: FarSide,
  milliseconds: number,
  work: (link: (lane: number) => Promise<void>) => Promise<T>,
): Promise<T> {
  const nodes = await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      const node = await createNode({ host: false, swarmKey: far.swarmKey, ...optionsOf(far.carried) })
      await node.start()
      return node
    }),
  )
  const link = async (lane: number): Promise<void> => {
    const node = nodes[lane]!
    for (let tries = TRIES; ; tries--) {
      try {
        const { peerId } = await node.connect(far.address)
        return node.disconnect(peerId)
      } catch (error) {
        // Over datagrams the last link's CLOSE may still be on its way; then this one is refused.
        if (tries === 0 || (error as { code?: unknown }).code !== 'GH_REFUSED_DUPLICATE') throw error
      }
    }
  }
  try {
    // What is told is the rate of a node that runs: its code has been compiled.
    await repeat(WARM_UP * milliseconds, link)
    return await work(link)
  } finally {
    await Promise.all(nodes.map(node => node.stop()))
  }
}

/** Does the work in 32 lanes until the time is over; how often it was done. */
export async function repeat(milliseconds: number, work: (lane: number) => Promise<void>): Promise<number> {
  let count = 0
  const until = performance.now() + milliseconds
  await Promise.all(
    Array.from({ length: AT_ONCE }, async (_, lane) => {
      while (performance.now() < until) {
        await work(lane)
        count++
      }
    }),
  )
  return count
}
