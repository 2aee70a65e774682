/**
 * Rounds: the raw socket, then guild-home, and again, so that a slow moment of the machine
 * meets both alike.
 *
 * Floor: cli.
 */
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import type { FarSide } from './far-side.ts'

/** How long a measurement takes. */
export interface Effort {
  readonly rounds: number
  /** Of one pass over one of the two ways. */
  readonly milliseconds: number
}

/** One pass over one of the two ways. */
export interface Pass {
  readonly seconds: number
  readonly count: number
  /** CPU seconds of this process, which sends, and of the other, which receives. */
  readonly sender: number
  readonly receiver: number
}

/** Runs both ways in turn; the first round warms up and is dropped. */
export async function alternate<T>(
  rounds: number,
  raw: () => Promise<T>,
  guild: () => Promise<T>,
): Promise<{ raw: T[]; guild: T[] }> {
  const passes: { raw: T[]; guild: T[] } = { raw: [], guild: [] }
  for (let round = 0; round <= rounds; round++) {
    const [a, b] = [await raw(), await guild()]
    if (round === 0) continue
    passes.raw.push(a)
    passes.guild.push(b)
  }
  return passes
}

/** Times `work`, which answers how much it did, with the CPU time of both processes. */
export async function timed(far: FarSide, work: () => Promise<number>): Promise<Pass> {
  const before = await far.cpu()
  const begun = performance.now()
  const count = await work()
  const seconds = (performance.now() - begun) / 1000
  const after = await far.cpu()
  return { seconds, count, sender: after.here - before.here, receiver: after.there - before.there }
}

/** Writes until the time is over, then ends and returns what the other side says it got. */
export async function fill(
  pipe: Duplex,
  milliseconds: number,
  write: () => boolean,
  drained: () => Promise<unknown> = () => once(pipe, 'drain'),
): Promise<string> {
  const answer = textOf(pipe)
  const until = performance.now() + milliseconds
  for (;;) {
    // The clock is asked once a while: it costs as much as a small message.
    let more = true
    for (let i = 0; more && i < 64; i++) more = write()
    if (performance.now() >= until) break
    if (!more) await drained()
  }
  pipe.end()
  return answer
}

function textOf(pipe: Duplex): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    pipe.on('data', (bytes: Uint8Array) => {
      text += Buffer.from(bytes).toString()
    })
    pipe.on('end', () => resolve(text))
    pipe.on('error', reject)
    pipe.on('close', () => reject(new Error('the other side of the measurement went away')))
  })
}
