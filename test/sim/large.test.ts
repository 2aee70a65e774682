/** Decision 14 with whole nodes: more of them than one may have peers. `npm run check` starts them all at once too, and `npm run sim` has larger ones. */
import t from 'tap'
import { largeCases } from './large.ts'
import { runCases } from './runner.ts'

for (const name of ['crowd-25'])
  t.test(`decision 14 ${name}: 25 nodes of 20 peers, all chat to all, once and in order`, async t => {
    const lines: string[] = []
    t.equal(
      (await runCases([`--case=${name}`], largeCases, line => lines.push(line))).failed,
      0,
      lines.join('\n'),
    )
    t.equal(lines.length, 1)
  })
