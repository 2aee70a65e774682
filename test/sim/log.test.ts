/** P23: logs of whole nodes converge. `npm run sim -- --case=log --seeds=200` has more seeds. */
import t from 'tap'
import { play } from '../../src/testing/index.ts'
import { logCases } from './log.ts'

t.setTimeout(120_000)

const titles: Record<string, string> = {
  log: 'LG-10 five logs in partitions, crashes, clock jumps and old copies: the same within 10 s of peace',
  'log-restored':
    'LG-05 LG-06 a log put back to an old copy goes on: a fork, reported everywhere, both sides kept',
  'log-relayed': 'entries reach those that are not linked to their author through the others, at once',
}

for (const told of logCases)
  t.test(`P23 ${titles[told.name]}`, async t => {
    const { hash } = await play(told, 1)
    t.ok(hash)
    if (told.name === 'log') t.equal((await play(told, 1)).hash, hash, 'the same twice')
  })
