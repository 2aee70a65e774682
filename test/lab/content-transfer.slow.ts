/** The short form of `npm run transfer`: processes with stores on disk, good ones and bad ones. */
import t from 'tap'
import { contentTransfer, MEMORY_MOST } from './content-transfer.ts'

t.test('a file from four processes, of which one lies, one stalls and one is killed half way', async t => {
  const outcome = await contentTransfer({ case: 'four', transport: 'tcp', mebibytes: 12, most: 60_000 })
  t.ok(outcome.same, 'SHA-256')
  t.notOk('liar' in outcome.from || 'staller' in outcome.from, JSON.stringify(outcome.from))
  t.ok(outcome.duplicateShare < 0.1)
  for (const [role, peak] of Object.entries(outcome.peaks)) t.ok(peak < MEMORY_MOST, `${role}: ${peak} MiB`)
})
