/** The process that is killed: `child.js <case> <folder> <seed>`. */
import { writeSync } from 'node:fs'
import { SeededRandom } from '../../src/testing/random.ts'
import { cases } from './cases.ts'

const [name, folder, seed] = process.argv.slice(2) as [string, string, string]
// Into the pipe before it returns: what was told is told, whatever happens next.
const tell = (line: string): void => void writeSync(1, `${line}\n`)
const chosen = cases.find(one => one.name === name)!
if (chosen.late !== true) tell('begun')
await chosen.work(folder, new SeededRandom(seed), tell)
