/** The programs behind `npm run soak`, `sim` and the like: how to call them, and a clear word about what they do not take. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { root } from '../support/root.ts'

for (const program of ['soak/run', 'sim/run', 'mutants/run'])
  t.test(`${program} tells how it is called, and what it does not take`, async t => {
    const run = (flag: string) =>
      spawnSync(process.execPath, [join(root, 'dist/test', `${program}.js`), flag], { encoding: 'utf8' })
    const help = run('--help')
    t.equal(help.status, 0, help.stderr)
    t.match(help.stdout, /npm run \w+ -- --\w+/)
    t.notMatch(help.stdout, /^ \*/m, 'no stars of the comment')
    const wrong = run('--nonsense')
    t.equal(wrong.status, 2)
    t.match(wrong.stderr, /'--nonsense'\nIt takes --\w+.*; --help says more\.\n$/)
  })
