#!/usr/bin/env node
import { createRequire } from 'node:module'

/**
 * Starts the command line, or says plainly why it cannot: an old Node, or a
 * checkout that was not built. Written so that an old Node can read it.
 */
const [major, minor] = process.versions.node.split('.').map(Number)

if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`guild-home: Node 20.19 or newer is needed, this is ${process.versions.node}\n`)
  process.exitCode = 1
} else {
  const main = '../dist/src/cli/main.js'
  try {
    createRequire(import.meta.url)(main) // twice as fast as import(), which then finds it loaded
  } catch {
    // import() fails in the same way, and is told below
  }
  import(main).then(
    ({ runProcess }) => runProcess(),
    error => {
      const missing = error.code === 'ERR_MODULE_NOT_FOUND'
      process.stderr.write(
        missing
          ? 'guild-home: not built, or packages are missing; run npm ci\n'
          : `guild-home: ${error.stack ?? error}\n`,
      )
      process.exitCode = 1
    },
  )
}
