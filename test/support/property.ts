/**
 * Runs a property from a known seed, so that a failure can be had again.
 *
 * `GUILD_SEED` draws other cases, `GUILD_RUNS` multiplies how many. fast-check makes
 * inputs small by default: give byte arrays `size: 'max'` beside their `maxLength`.
 */
import fc from 'fast-check'

const seed = Number(process.env.GUILD_SEED ?? 20_260_101)
const factor = Number(process.env.GUILD_RUNS ?? 1)

export function check<T>(property: fc.IRawProperty<T>, runs = 200): void {
  fc.assert(property, { seed, numRuns: Math.ceil(runs * factor) } as fc.Parameters<T>)
}
