/**
 * A process of its own for the tests of the store: reads one JSON command a line, answers each
 * with one JSON line. `at` is a moment in wall time to start at, so that several of them race.
 */

import { randomBytes } from 'node:crypto'
import { createInterface } from 'node:readline'
import { toHex } from '../../src/base/bytes.ts'
import { GuildError } from '../../src/base/errors.ts'
import { openDataDir } from '../../src/store/data-dir.ts'
import { loadIdentityKey, loadSwarmKey } from '../../src/store/key-files.ts'
import { takeLock } from '../../src/store/lock.ts'

const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)), fraction: () => 0.5 }
/** Not cryptography: any function of the seed does for a file. */
const suite = {
  identity: (seed: Uint8Array) => ({ publicKey: seed.map(byte => byte ^ 0xff), sign: () => seed }),
}
let held: { release(): void }[] = []

// biome-ignore lint/suspicious/noExplicitAny: commands of a test
async function obey(command: any): Promise<unknown> {
  while (Date.now() < (command.at ?? 0)) {
    // Spin: a timer would be too coarse for a race.
  }
  switch (command.do) {
    case 'lock': {
      const outcome = await takeLock({
        path: command.path,
        role: command.role ?? 'run',
        patience: command.patience ?? 0,
      })
      if (!('lock' in outcome)) return { holder: outcome.holder ?? null }
      held.push(outcome.lock)
      return { won: true }
    }
    case 'open': {
      const dir = await openDataDir({ role: 'run', ...command.options })
      held.push(dir)
      return { path: dir.path, slot: dir.slot }
    }
    case 'swarm': {
      const { psk, created } = await loadSwarmKey({ random, env: command.env })
      return { key: toHex(psk), created }
    }
    case 'identity': {
      const { seed, created } = await loadIdentityKey({ random, suite, path: command.path, create: true })
      return { key: toHex(seed), created }
    }
    case 'release':
      for (const one of held) one.release()
      held = []
      return {}
    case 'exit':
      process.exit(0)
  }
  return {}
}

createInterface({ input: process.stdin }).on('line', async line => {
  let answer: unknown
  try {
    answer = await obey(JSON.parse(line))
  } catch (error) {
    answer =
      error instanceof GuildError ? { code: error.code, message: error.message } : { message: String(error) }
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`)
})
