/**
 * The block store's own speed, beside what it stands on, in one run.
 *
 *   npx tsc -p . && node dist/test/bench/blocks.js [--rounds 5] [--json]
 *
 *   store    1,000 puts at once, of 1 KiB and of 256 KiB; then all of it read
 *   files    the same bytes: open, write, fsync, close, rename, side by side as many as the store takes
 *   sqlite   the same bytes as rows, all in one FULL transaction
 *
 * Hashes are not part of it: puts are `verified`, reads `unchecked`; one more row each shows what
 * they cost. Medians of the rounds; every round has a folder of its own.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { open, readFile, rename } from 'node:fs/promises'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { diskBlocks } from '../../src/store/blocks/disk.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import { type Block, meaning, rawBlock } from '../../src/testing/blockstore-parts.ts'
import { optionsOf } from '../support/options.ts'

const values = optionsOf(import.meta.url, {
  rounds: { type: 'string', default: '5' },
  json: { type: 'boolean', default: false },
})
const rounds = Math.max(1, Math.min(50, Math.trunc(Number(values.rounds)) || 5))
const COUNT = 1_000
const SIDE_BY_SIDE = 8

type Row = Record<string, number>
const table: { length: number; row: Row }[] = []
for (const length of [1024, 256 * 1024]) {
  const seen: Row[] = []
  for (let round = 0; round < rounds; round++) {
    const blocks = Array.from({ length: COUNT }, (_, i) => numbered(length, 1_000 * round + i))
    const row: Row = {}
    for (const measure of [ofStore, ofFiles, ofSqlite]) await inFolder(path => measure(path, blocks, row))
    seen.push(row)
  }
  const names = Object.keys(seen[0]!)
  table.push({
    length,
    row: Object.fromEntries(names.map(name => [name, median(seen.map(row => row[name]!))])),
  })
}
if (values.json) console.log(JSON.stringify({ rounds, count: COUNT, load: loadavg()[0], table }))
else
  for (const { length, row } of table) {
    console.log(
      `${COUNT} blocks of ${length} bytes, median of ${rounds} rounds, load ${loadavg()[0]!.toFixed(1)}`,
    )
    for (const [name, ms] of Object.entries(row)) {
      const perSecond = (1_000 * COUNT) / ms
      const rate = `${((perSecond * length) / 2 ** 20).toFixed(0)} MiB/s`
      console.log(
        `  ${name.padEnd(24)} ${ms.toFixed(1).padStart(9)} ms ${perSecond.toFixed(0).padStart(8)}/s ${rate.padStart(12)}`,
      )
    }
  }

async function ofStore(path: string, blocks: readonly Block[], row: Row): Promise<void> {
  const store = await diskBlocks({ ...meaning, path })
  await timed(row, 'store, put', () =>
    Promise.all(blocks.map(({ cid, bytes }) => store.put(cid, bytes, { verified: true }))),
  )
  await timed(row, 'store, put again', () =>
    Promise.all(blocks.map(({ cid, bytes }) => store.put(cid, bytes, { verified: true }))),
  )
  const cids = blocks.map(({ cid }) => cid)
  await timed(row, 'store, read', async () => {
    for await (const _ of store.getMany(cids, { unchecked: true }));
  })
  await timed(row, 'store, read and hashed', async () => {
    for await (const _ of store.getMany(cids));
  })
  await store.close()
  const hashing = await diskBlocks({ ...meaning, path: join(path, 'hashing') })
  await timed(row, 'store, put and hashed', () =>
    Promise.all(blocks.map(({ cid, bytes }) => hashing.put(cid, bytes))),
  )
  await hashing.close()
}

async function ofFiles(path: string, blocks: readonly Block[], row: Row): Promise<void> {
  const write = async (name: string, bytes: Uint8Array): Promise<void> => {
    const file = await open(`${name}.tmp`, 'w')
    await file.write(bytes)
    await file.sync()
    await file.close()
    await rename(`${name}.tmp`, name)
  }
  await timed(row, 'files, written', async () => {
    let next = 0
    const lane = async (): Promise<void> => {
      while (next < blocks.length) {
        const at = next++
        await write(join(path, String(at)), blocks[at]!.bytes)
      }
    }
    await Promise.all(Array.from({ length: SIDE_BY_SIDE }, lane))
    const folder = await open(path, 'r')
    await folder.sync()
    await folder.close()
  })
  await timed(row, 'files, read', async () => {
    for (let at = 0; at < blocks.length; at += SIDE_BY_SIDE)
      await Promise.all(
        blocks.slice(at, at + SIDE_BY_SIDE).map((_, i) => readFile(join(path, String(at + i)))),
      )
  })
  await timed(row, 'files, read in one go', async () => {
    for (const at of blocks.keys()) readFileSync(join(path, String(at)))
  })
}

async function ofSqlite(path: string, blocks: readonly Block[], row: Row): Promise<void> {
  const db = await openSqlite({
    path: join(path, 'raw.db'),
    migrations: ['CREATE TABLE block (number INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, bytes BLOB)'],
  })
  await timed(row, 'sqlite, one transaction', async () =>
    db.transaction(() => {
      for (const { cid, bytes } of blocks)
        db.prepare('INSERT INTO block (hash, bytes) VALUES (?, ?)').run(cid.multihash.bytes, bytes)
    }),
  )
  await timed(row, 'sqlite, read', async () => {
    for (const { cid } of blocks)
      db.prepare('SELECT bytes FROM block WHERE hash = ?').get(cid.multihash.bytes)
  })
  db.close()
}

/** The same bytes with a number in front: 256 MiB of dice would be a measurement of their own. */
function numbered(length: number, number: number): Block {
  const bytes = new Uint8Array(length)
  new DataView(bytes.buffer).setUint32(0, number)
  return rawBlock(bytes)
}

async function timed(row: Row, name: string, work: () => Promise<unknown>): Promise<void> {
  const begun = performance.now()
  await work()
  row[name] = performance.now() - begun
}

async function inFolder(work: (path: string) => Promise<void>): Promise<void> {
  const path = mkdtempSync(join(tmpdir(), 'guild-home-blocks-'))
  mkdirSync(join(path, 'hashing'))
  try {
    await work(path)
  } finally {
    rmSync(path, { recursive: true, force: true })
  }
}

function median(of: readonly number[]): number {
  return [...of].sort((a, b) => a - b)[Math.floor(of.length / 2)]!
}
