/**
 * Modules of `run`, read at once.
 *
 *   import()     each file opened by the thread pool, each module linked in a turn of its own
 *   require()    the same modules, one after the other, in half the time
 *
 * A node is some 150 small modules. Node 20.19 and later load ES modules by `require` too, into
 * the same cache: the `import()` that follows finds them there. So this is a matter of time
 * only. What fails here fails again, and is told, where it is imported; a module that is missing from
 * the list is loaded when its turn comes.
 *
 * Floor: cli.
 */
import { createRequire } from 'node:module'

const paths = [
  './commands/run.js',
  '../index.js',
  '../runtime/system.js',
  '../crypto/native.js',
  '../transport/tcp.js',
  '../store/data-dir.js',
  '../node/control-socket.js',
  '../node/peerbook.js',
]

export function loadRunAtOnce(): void {
  const load = createRequire(import.meta.url)
  try {
    for (const path of paths) load(path)
  } catch {
    // An older way of loading, or a fault in a module: `import()` knows.
  }
}
