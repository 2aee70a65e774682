#!/usr/bin/env node
import { statSync } from 'node:fs'

/**
 * Starts the command line, or says plainly why it cannot: an old Node, or a
 * checkout that was not built. Written so that an old Node can read it.
 *
 * The bundle is the same code in fewer files, which Node loads in half the time. A compiler
 * that ran alone and found something new leaves it behind what it was made of: then it is not used.
 */
const [major, minor] = process.versions.node.split('.').map(Number)

if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`guild-home: Node 20.19 or newer is needed, this is ${process.versions.node}\n`)
  process.exitCode = 1
} else {
  const [bundle, plain] = ['../dist/command/cli/main.js', '../dist/src/cli/main.js']
  // The compiler's own record; a package that was unpacked has none.
  const made = '../dist/made.tsbuildinfo'
  const bundled = writtenAt(bundle)
  import(bundled > 0 && bundled >= writtenAt(made) ? bundle : plain).then(
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

/** 0 where there is no such file. */
function writtenAt(path) {
  const stats = statSync(new URL(path, import.meta.url), { throwIfNoEntry: false })
  return stats === undefined ? 0 : stats.mtimeMs
}
