/**
 * Waiting with an end: goodbyes are worth a moment, not a hang.
 *
 * Floor: cli.
 */

/** How long an orderly end may take, in milliseconds; the promise is to be gone within a second. */
export const patience = 900

/** Waits for `work`, but no longer than this; what it does later is its own affair. */
export async function within(milliseconds: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const enough = new Promise<void>(resolve => {
    timer = setTimeout(resolve, milliseconds)
  })
  try {
    await Promise.race([work, enough])
  } finally {
    clearTimeout(timer)
  }
}
