/**
 * The near end of a channel: does what the parent asks, one thing at a time, and ends with it.
 *
 * @param {Readonly<Record<string, (...args: any[]) => unknown>>} tasks
 */
export function answer(tasks) {
  process.once('disconnect', () => process.exit(0))
  process.on('message', async (/** @type {{ task: string, args: unknown[] }} */ { task, args }) => {
    try {
      process.send?.({ result: await tasks[task]?.(...args) })
    } catch (error) {
      process.send?.({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    }
  })
  process.send?.({ result: 'ready' })
}

/** CPU seconds of this process so far, its resident set, and the most that it was; in bytes. */
export function cpu() {
  const { user, system } = process.cpuUsage()
  const { maxRSS } = process.resourceUsage()
  return { seconds: (user + system) / 1e6, rss: process.memoryUsage.rss(), peak: maxRSS * 1024 }
}

/** Milliseconds on the clock that all processes of a machine share. */
export function now() {
  return Number(process.hrtime.bigint()) / 1e6
}
