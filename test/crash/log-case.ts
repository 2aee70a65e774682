/**
 * Two logs on disk, one that is written and one that reads it over a link on loopback.
 *
 *   log          both die in the same moment
 *   log-reader   the one that reads dies; the other's log is in memory and the same in each life
 *
 *   said <id>          an append was acknowledged
 *   at <cursor>        the reader's cursor was there, and on disk
 *
 * Afterwards: all that was said is in the log, once, in an unbroken chain; up to its cursor the
 * reader has all of the other's entries; the cursor has not gone back; the next sync brings the rest.
 */
import { join } from 'node:path'
import { toHex } from '../../src/base/bytes.ts'
import { nativeSuite } from '../../src/crypto/native.ts'
import { createNode, type GuildNode } from '../../src/index.ts'
import { readRow } from '../../src/protocols/sync/page.ts'
import { systemRandom } from '../../src/runtime/system.ts'
import { emptyImage, MemoryLog } from '../../src/store/log/memory.ts'
import { openLog } from '../../src/store/log/sqlite-log.ts'
import type { LogStore } from '../../src/store/log/types.ts'
import { Author } from '../../src/testing/index.ts'
import type { SeededRandom } from '../../src/testing/random.ts'
import { peerIdFromKey } from '../../src/wire/peer-id.ts'
import type { CrashCase } from './cases.ts'

const swarmKey = new Uint8Array(32).fill(7)
const seedOf = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)
const writerKey = new Author(nativeSuite, 1).key
const STEADY = 6_000

function nodeAt(
  seed: number,
  options: { dbPath?: string; logStore?: LogStore; host: string | false },
): Promise<GuildNode> {
  return createNode({
    identityKey: seedOf(seed),
    swarmKey,
    mdns: false,
    transport: ['tcp'],
    liveLog: seed === 1,
    ...options,
  })
}

export const logCase: CrashCase = {
  name: 'log',
  late: true,

  async work(folder, dice, tell) {
    const writer = await nodeAt(1, { dbPath: join(folder, 'far.db'), host: '127.0.0.1' })
    await writer.start()
    const say = async (): Promise<never> => {
      for (;;) {
        const count = dice.between(1, 40)
        const said = await Promise.all(
          Array.from({ length: count }, () => writer.log.append({ text: 'x'.repeat(dice.below(300)) })),
        )
        for (const { id } of said) tell(`said ${id}`)
      }
    }
    await Promise.all([say(), read(folder, dice, tell, writer.addresses[0]!)])
  },

  async check(folder, told) {
    const faults: string[] = []
    const far = await openLog({ path: join(folder, 'far.db'), random: systemRandom })
    const ids = idsOf(far, faults)
    const all = new Set(ids)
    if (all.size !== ids.length) faults.push('an entry is there twice')
    for (const line of told)
      if (line.startsWith('said ') && !all.has(line.slice(5)))
        faults.push(`${line.slice(5, 13)}… was acknowledged and is lost`)
    await checkReader(folder, ids, far, told, faults)
    far.close()
    return faults
  },
}

export const logReaderCase: CrashCase = {
  name: 'log-reader',
  late: true,

  async work(folder, dice, tell) {
    const writer = await nodeAt(1, { logStore: steady(), host: '127.0.0.1' })
    await writer.start()
    await read(folder, dice, tell, writer.addresses[0]!)
  },

  async check(folder, told) {
    const faults: string[] = []
    const far = steady()
    await checkReader(folder, idsOf(far, faults), far, told, faults)
    return faults
  },
}

let made: MemoryLog | undefined

/** The same entries and the same epoch in each life. */
function steady(): MemoryLog {
  if (made !== undefined) return made
  const image = emptyImage({ bytes: length => new Uint8Array(length).fill(9), fraction: () => 0 })
  made = new MemoryLog(systemRandom, image)
  const author = new Author(nativeSuite, 1)
  for (let at = 0; at < STEADY; at += 20)
    made.insert(Array.from({ length: 20 }, (_, i) => author.say(at + i, { signed: i === 19 })))
  return made
}

async function read(
  folder: string,
  dice: SeededRandom,
  tell: (line: string) => void,
  address: string,
): Promise<never> {
  const store = await openLog({ path: join(folder, 'near.db'), random: systemRandom })
  const reader = await nodeAt(2, { logStore: store, host: false })
  await reader.start()
  const peer = (await reader.connect(address)).peerId
  tell('begun')
  reader.on('log-entries', () => tell(`at ${store.place(peer)?.cursor ?? 0}`))
  for (;;) {
    await reader.log.sync({ peers: [address], limit: dice.between(1, 100) })
    tell(`at ${store.place(peer)?.cursor ?? 0}`)
    await new Promise(resolve => setTimeout(resolve, dice.below(5)))
  }
}

function idsOf(log: LogStore, faults: string[]): string[] {
  const ids: string[] = []
  let prev: string | undefined
  for (let at = 0; ; ) {
    const rows = log.read(at, 1_000)
    if (rows.length === 0) return ids
    for (const row of rows) {
      const entry = readRow(row, (...parts) => nativeSuite.hash(...parts))
      if (prev !== (entry.prev && toHex(entry.prev)))
        faults.push(`number ${entry.authorSeq} follows another entry`)
      prev = toHex(entry.id)
      ids.push(prev)
    }
    at = rows.at(-1)!.ingestSeq
  }
}

/** A reader's log is a beginning of the other's, up to its cursor at least. */
async function checkReader(
  folder: string,
  ids: readonly string[],
  far: LogStore,
  told: readonly string[],
  faults: string[],
): Promise<void> {
  const near = await openLog({ path: join(folder, 'near.db'), random: systemRandom })
  const has = idsOf(near, faults)
  for (const [at, id] of has.entries())
    if (ids[at] !== id) faults.push(`the reader's entry ${at + 1} is not the writer's`)
  const places = told.filter(line => line.startsWith('at ')).map(line => Number(line.slice(3)))
  const cursor = near.place(peerIdFromKey(writerKey))?.cursor ?? 0
  if (cursor > has.length) faults.push(`cursor ${cursor} with ${has.length} entries`)
  if (cursor < Math.max(0, ...places)) faults.push(`cursor ${cursor} was at ${Math.max(0, ...places)}`)
  if (far.head < has.length) faults.push('the reader has entries that nobody wrote')
  near.close()
}
