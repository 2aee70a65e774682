/**
 * Rounds in which every way has its turn, so that a slow moment of the machine meets all alike; the
 * first, which warms up, is dropped.
 *
 * @import { Figure } from './types.ts'
 */
import { median, ways } from './report/figures.mjs'

const [BASE = ''] = ways

/**
 * Every way once in a round, each round beginning with another of them.
 *
 * @template T
 * @param {readonly string[]} names
 * @param {number} rounds
 * @param {(way: string) => Promise<T>} pass
 * @param {number} [dropped] rounds that only warm up
 * @returns {Promise<Map<string, T[]>>}
 */
export async function inTurn(names, rounds, pass, dropped = 1) {
  /** @type {Map<string, T[]>} */
  const passes = new Map(names.map(name => [name, []]))
  for (let round = 0; round < rounds + dropped; round++)
    for (let i = 0; i < names.length; i++) {
      const name = /** @type {string} */ (names[(i + round) % names.length])
      const made = await pass(name)
      if (round >= dropped) passes.get(name)?.push(made)
    }
  return passes
}

/**
 * Medians, and the ratio of each to that of the first way.
 *
 * @template T
 * @param {string} measure
 * @param {Map<string, T[]>} passes
 * @param {(pass: T) => number} figure
 * @returns {Figure[]}
 */
export function figures(measure, passes, figure) {
  const base = median((passes.get(BASE) ?? []).map(figure))
  return [...passes].map(([way, all]) => {
    const value = median(all.map(figure))
    return { measure, way, value: short(value), ratio: base > 0 ? short(value / base) : null }
  })
}

/** @param {number} value */
function short(value) {
  return Number(value.toPrecision(3))
}
