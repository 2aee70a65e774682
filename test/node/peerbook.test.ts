import { existsSync, readFileSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import type { Remembered } from '../../src/membership/remembering.ts'
import { Happenings } from '../../src/node/emitter.ts'
import type { Mesh } from '../../src/node/mesh.ts'
import { PeerbookCompanion, shelfAt } from '../../src/node/peerbook.ts'
import { parseAddress } from '../../src/wire/address.ts'
import { peerIdFromKey } from '../../src/wire/peer-id.ts'

const peerId = peerIdFromKey(new Uint8Array(32).fill(1))
const row: Remembered = { address: { ...parseAddress('192.0.2.1:8000'), peerId }, metAt: 0 }
const came = { event: 'peer-connected', peerId, name: 'x', address: '', transport: 'tcp' } as const
const connected = { ...came, direction: 'out', peers: 1, maxPeers: 20 } as const

/** The companion over a mesh of one remembered peer, its clock in our hands. */
function companion(dataDir: string) {
  let now = 0
  let due: { at: number; work: () => void } | undefined
  const after = (wait: number, work: () => void): (() => void) => {
    const entry = { at: now + wait, work }
    due = entry
    return () => {
      if (due === entry) due = undefined
    }
  }
  const mesh = { drive: { after }, recall() {}, fault: t.fail, membership: { remembered: () => [row] } }
  const path = join(dataDir, 'peers.json')
  const happenings = new Happenings()
  const clock = { now: () => now, wall: () => 1_790_000_000_000 + now }
  const book = new PeerbookCompanion({
    mesh: mesh as unknown as Mesh,
    happenings,
    clock,
    shelf: shelfAt(path),
  })
  return {
    book,
    path,
    happen: () => happenings.emit(connected),
    dueAt: () => due?.at,
    /** Goes to when it wants to be woken; answers once the file is there and the next time is set. */
    async wake(): Promise<number> {
      const { at, work } = due!
      due = undefined
      now = at
      work()
      for (let i = 0; i < 10_000 && (due === undefined || !existsSync(path)); i++) await turn()
      return at
    },
    pass: (wait: number) => {
      now += wait
    },
  }
}

t.test('BOOK-1 written a second after a change, at most once in 30 s, at least once an hour', async t => {
  const { book, path, happen, dueAt, wake, pass } = companion(t.testdir())
  await book.start()
  t.equal(dueAt(), undefined, 'nobody came: nothing to write')
  happen()
  happen()
  t.equal(await wake(), 1_000, 'those that come together are written together')
  t.match(readFileSync(path, 'utf8'), peerId)
  t.equal(dueAt(), 3_601_000, 'once an hour without any change')
  pass(5_000)
  happen()
  t.equal(dueAt(), 31_000, '30 s after the one before')
  await wake()
  pass(40_000)
  happen()
  t.equal(dueAt(), 72_000, 'a second later, when the one before is long past')
  unlinkSync(path)
  await book.stop()
  t.match(readFileSync(path, 'utf8'), peerId, 'and at stop')
  t.equal(dueAt(), undefined)
})

t.test('BOOK-1 a run in which nobody was met leaves the file as it was', async t => {
  const first = companion(t.testdir())
  await first.book.start()
  first.happen()
  await first.wake()
  await first.book.stop()
  const before = readFileSync(first.path, 'utf8')
  const { book, path, pass } = companion(join(first.path, '..'))
  await book.start()
  pass(7_200_000)
  await book.stop()
  t.equal(readFileSync(path, 'utf8'), before)
})
