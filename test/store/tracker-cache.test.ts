/** The table of whom trackers told, and the rows of a tracker itself. */
import { join } from 'node:path'
import t from 'tap'
import { openGuildDb } from '../../src/store/guild-db.ts'
import { openRegistrations } from '../../src/store/registrations.ts'
import { RETENTION, TrackerCache } from '../../src/store/tracker-cache.ts'

const now = 1_790_000_000_000
const peer = (peerId: string, userId?: string, port = 1) => ({
  peerId,
  userId,
  addrs: [`/ip4/192.0.2.7/tcp/${port}`],
})

t.test(
  'BOOK-6 rows of the last seven days, of one user where one is asked for, the latest first',
  async t => {
    const path = join(t.testdir(), 'guild.db')
    const db = await openGuildDb(path)
    const cache = new TrackerCache(db)
    cache.keep([peer('a', 'ann'), peer('b', 'bob'), peer('c')], now)
    cache.keep([peer('d', 'ann', 9)], now + 1_000)
    const ids = (userId: string | undefined, at: number): string[] =>
      cache.recall(userId, at).map(({ peerId }) => peerId)
    t.strictSame(ids(undefined, now + 2_000), ['d', 'a', 'b', 'c'])
    t.strictSame(ids('ann', now + 2_000), ['d', 'a'])
    t.strictSame(ids('nobody', now), [])
    t.strictSame(ids(undefined, now + RETENTION), ['d', 'a', 'b', 'c'], 'to the last moment')
    t.strictSame(ids(undefined, now + RETENTION + 1), ['d'], 'and no longer')
    t.strictSame(ids(undefined, now - 1e9), ['d', 'a', 'b', 'c'], 'a clock that goes back loses nothing')
    db.close()
    const again = await openGuildDb(path)
    t.strictSame(new TrackerCache(again).recall('ann', now)[0], peer('d', 'ann', 9), 'over a restart')
    new TrackerCache(again).keep([peer('e')], now + RETENTION + 500)
    const rows = again.prepare('SELECT peer_id FROM peer_book ORDER BY peer_id').all()
    t.strictSame(rows, [{ peer_id: 'd' }, { peer_id: 'e' }], 'what is too old goes')
    again.close()
  },
)

t.test('BOOK-6 what has not changed is written once an hour, and a thousand rows are kept', async t => {
  const db = await openGuildDb(join(t.testdir(), 'guild.db'))
  t.teardown(() => db.close())
  const cache = new TrackerCache(db)
  t.equal(cache.keep([peer('a'), peer('b')], now), 2)
  t.equal(cache.keep([peer('a'), peer('b', undefined, 7)], now + 30_000), 1, 'what has changed')
  t.equal(cache.keep([peer('a'), peer('b', undefined, 7)], now + 3_599_999), 0)
  t.equal(cache.keep([peer('a')], now + 3_600_000), 1)
  for (let i = 0; i < 3; i++)
    cache.keep(
      Array.from({ length: 700 }, (_, at) => peer(`${i}-${at}`)),
      now + 4_000_000 + i,
    )
  const all = cache.recall(undefined, now + 5_000_000)
  t.equal(all.length, 1_000)
  t.match(all[0]!.peerId, /^2-/)
})

t.test('BOOK-6 rows of another hand are left out', async t => {
  const db = await openGuildDb(join(t.testdir(), 'guild.db'))
  t.teardown(() => db.close())
  const put = db.prepare('INSERT INTO peer_book (peer_id, addrs, heard_at) VALUES (?, ?, ?)')
  for (const [i, addrs] of ['{', '[]', '[7]', '{"a":1}', '["/ip4/192.0.2.7/tcp/1", 9]'].entries())
    put.run(String(i), addrs, now)
  t.strictSame(new TrackerCache(db).recall(undefined, now), [
    { peerId: '4', userId: undefined, addrs: ['/ip4/192.0.2.7/tcp/1'] },
  ])
})

t.test('TRACKER-4 rows of a tracker: written, replaced, removed, and there again', async t => {
  const path = join(t.testdir(), 'rows', 'tracker.db')
  const shelf = await openRegistrations(path)
  await Promise.all(Array.from({ length: 2_500 }, (_, i) => shelf.put(`${i}`, `row ${i}`)))
  await shelf.put('0', 'newer')
  await shelf.remove(Array.from({ length: 2_497 }, (_, i) => `${i + 1}`))
  shelf.close()
  await t.rejects(shelf.put('x', 'y'), { code: 'GH_STORE_FAILED' })
  const again = await openRegistrations(path)
  t.strictSame(again.all(), ['row 2498', 'row 2499', 'newer'], 'the one written last stands last')
  again.close()
})
