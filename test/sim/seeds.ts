/** Plays a scenario with many seeds, for tests. */
import { play } from '../../src/testing/index.ts'
import { nodeCases } from './nodes.ts'

/** Runs seeds 1 to `count`; the hashes, in order. What fails is reported, and thrown on. */
export async function hashes(
  t: { comment(text: string): unknown },
  name: string,
  count: number,
): Promise<string[]> {
  const told = nodeCases.find(one => one.name === name)!
  const all: string[] = []
  let events = 0
  const start = performance.now()
  for (let seed = 1; seed <= count; seed++) {
    const outcome = await play(told, seed)
    all.push(outcome.hash)
    events += outcome.events
  }
  t.comment(`${name}: ${count} seeds, ${events} events, ${Math.round(performance.now() - start)} ms`)
  return all
}
