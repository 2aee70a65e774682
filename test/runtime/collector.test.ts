/** The collector, tuned: in processes of their own, for it is a whole process that is tuned. */
import { execFileSync } from 'node:child_process'
import t from 'tap'
import { growthOf } from '../../src/runtime/collector.ts'

const MIB = 1024 * 1024

t.test(
  'a small heap may grow by 48 MiB, five times itself at most, and a large one as V8 has it',
  async t => {
    t.equal(growthOf(1 * MIB), 400)
    t.equal(growthOf(12 * MIB), 400)
    t.equal(growthOf(24 * MIB), 200)
    t.equal(growthOf(47 * MIB), 102)
    t.equal(growthOf(48 * MIB), 0)
    t.equal(growthOf(1_000 * MIB), 0)
  },
)

t.test('a tuned process marks its heap about half as often while bytes pass, until it is let go', async t => {
  const plain = marks('')
  const tuned = marks('tuneCollector()')
  t.ok(plain >= 15, `${plain} marks as V8 has it`)
  t.ok(tuned * 3 < plain * 2, `${tuned} marks, ${plain} untuned`)
  const released = marks('tuneCollector(); tuneCollector()()')
  t.ok(released * 3 > plain * 2, `${released} marks after it was let go`)
})

/** How often a process marked its heap of some 12 MB while ciphers made 800 MB and as much was kept for a while. */
function marks(first: string): number {
  const collector = JSON.stringify(new URL('../../src/runtime/collector.js', import.meta.url).href)
  const program = `
    import { createCipheriv } from 'node:crypto'
    import { PerformanceObserver } from 'node:perf_hooks'
    import { setImmediate } from 'node:timers/promises'
    import { tuneCollector } from ${collector}
    let marks = 0
    new PerformanceObserver(seen => {
      for (const { detail } of seen.getEntries()) if (detail.kind === 4) marks++
    }).observe({ entryTypes: ['gc'] })
    globalThis.heap = Array.from({ length: 100_000 }, (_, i) => ({ i, text: String(i) }))
    ${first}
    const piece = Buffer.alloc(65_000)
    let kept = []
    for (let i = 0; i < 12_000; i++) {
      createCipheriv('chacha20-poly1305', Buffer.alloc(32), Buffer.alloc(12), { authTagLength: 16 }).update(piece)
      if (i % 4 !== 0) continue
      if (kept.push(Buffer.allocUnsafeSlow(262_144)) === 100) kept = []
      await setImmediate()
    }
    await setImmediate()
    console.log(marks)
  `
  const args = ['--input-type=module', '-e', program]
  return Number(execFileSync(process.execPath, args, { encoding: 'utf8', timeout: 60_000 }))
}
