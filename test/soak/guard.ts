/**
 * Ends what the soak started, should the soak itself end without doing so, by kill -9 perhaps.
 *
 * It is told each process by its id, as it starts and as it ends. The channel to its parent closes
 * with the parent, whatever ended that: then those that are left are killed, stopped ones too, and the
 * folder is removed.
 */
import { rmSync } from 'node:fs'

export type Guarded = { readonly folder: string } | { readonly started: number } | { readonly ended: number }

const running = new Set<number>()
let folder: string | undefined

process.on('message', (told: Guarded) => {
  if ('folder' in told) folder = told.folder
  else if ('started' in told) running.add(told.started)
  else running.delete(told.ended)
})
// It has a session of its own, where no Ctrl-C and no kill of a group reaches it; this is for other ways.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
process.once('disconnect', () => {
  for (const pid of running)
    try {
      process.kill(pid, 'SIGKILL')
    } catch {} // it went by itself
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
})
