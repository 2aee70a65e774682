/** Every scenario with a few seeds, twice, through the runner. `npm run sim` has more. */
import t from 'tap'
import { scenario } from '../../src/testing/index.ts'
import { cases } from './cases.ts'
import { runCases } from './runner.ts'

for (const { name } of cases)
  t.test(`P29 ${name}: ten seeds, each the same twice`, async t => {
    const lines: string[] = []
    const { failed } = await runCases([`--case=${name}`, '--seeds=10', '--twice'], cases, line =>
      lines.push(line),
    )
    t.equal(failed, 0, lines.join('\n'))
    t.equal(lines.length, 10)
  })

t.test('the runner reports failures, unknown names and runs that differ', async t => {
  const lines: string[] = []
  let runs = 0
  const odd = [
    scenario('broken', async () => {
      throw new Error('as told')
    }),
    scenario('different', async sim => sim.note(String(runs++))),
  ]
  t.equal((await runCases(['--seed=0xff', '--case=broken'], odd, line => lines.push(line))).failed, 1)
  t.match(lines.at(-1), /--seed=0x00000000000000ff --case=broken/)
  t.equal((await runCases(['--twice', '--case=different'], odd, line => lines.push(line))).failed, 1)
  t.match(lines.at(-1), /NOT THE SAME TWICE/)
  t.equal((await runCases(['--case=nothing'], odd, line => lines.push(line))).failed, 1)
  t.match(lines.at(-1), /broken, different/)
})
