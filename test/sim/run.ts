/** `npm run sim`: see runner.ts. */
import { cases } from './cases.ts'
import { largeCases } from './large.ts'
import { nodeCases } from './nodes.ts'
import { runCases } from './runner.ts'

const failed = await runCases(process.argv.slice(2), [...cases, ...nodeCases, ...largeCases], text =>
  console.log(text),
)
process.exitCode = failed === 0 ? 0 : 1
