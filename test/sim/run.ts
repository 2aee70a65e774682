/** `npm run sim`: see runner.ts. The crowds take long, and run only when one is named. */
import { cases } from './cases.ts'
import { largeCases } from './large.ts'
import { nodeCases } from './nodes.ts'
import { runCases } from './runner.ts'

const args = process.argv.slice(2)
const crowds = args.some(arg => arg.startsWith('--case=crowd')) ? largeCases : []
const failed = await runCases(args, [...cases, ...nodeCases, ...crowds], text => console.log(text))
process.exitCode = failed === 0 ? 0 : 1
