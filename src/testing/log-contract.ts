/**
 * What every log must do, as checks that run over any of them.
 *
 *   for (const { title, run } of logContract('sqlite', makeBench)) t.test(title, run)
 *
 * A bench makes a log, and opens it again as after a crash: nothing is closed before.
 *
 * Floor: testing.
 */
import { deepStrictEqual, equal, ok, throws } from 'node:assert/strict'
import { toHex } from '../base/bytes.ts'
import type { Suite } from '../base/ports.ts'
import type { LogRow, LogStore } from '../store/log/types.ts'
import { encodeCbor } from '../wire/dag-cbor-write.ts'
import { idOfEntry, type LogEntry, makeEntry } from '../wire/log-entry.ts'

export interface LogBench {
  readonly suite: Suite
  /** The log: on the first call a new one, then the same one opened again, as a process would that was killed. */
  open(): Promise<LogStore>
  /** Ends what is open. */
  end(): Promise<void>
}

export interface LogCheck {
  readonly title: string
  readonly run: () => Promise<void>
}

export function logContract(name: string, makeBench: () => Promise<LogBench>): LogCheck[] {
  return Object.entries(checks).map(([title, check]) => ({
    title: `${name}: ${title}`,
    run: async () => {
      const bench = await makeBench()
      try {
        await check(bench)
      } finally {
        await bench.end()
      }
    },
  }))
}

/** An author whose entries a test makes; forks are made by going back with `at`. */
export class Author {
  readonly key: Uint8Array
  readonly #suite: Suite
  readonly #identity: ReturnType<Suite['identity']>
  #prev: Uint8Array | undefined
  #seq = 0

  constructor(suite: Suite, seed: number) {
    this.#suite = suite
    this.#identity = suite.identity(new Uint8Array(32).fill(seed))
    this.key = this.#identity.publicKey
  }

  /** The next entry, signed. */
  say(value: unknown, { signed = true, timestamp = 1_767_225_600_000 } = {}): LogEntry {
    const content = {
      prev: this.#prev,
      author: this.key,
      payload: encodeCbor(value),
      userId: 'user',
      deviceId: 'device',
      timestamp,
      authorSeq: ++this.#seq,
    }
    const sign = signed ? (message: Uint8Array) => this.#identity.sign(message) : undefined
    const entry = makeEntry(content, { hash: (...parts) => this.#suite.hash(...parts), sign })
    this.#prev = entry.id
    return entry
  }

  /** The next entry follows this one. */
  at(entry: LogEntry | undefined): this {
    this.#prev = entry?.id
    this.#seq = entry?.authorSeq ?? 0
    return this
  }
}

const epochA = new Uint8Array(16).fill(0xa)
const placeAt = (cursor: number) => ({ cursor, epoch: epochA, after: new Uint8Array(32).fill(cursor & 255) })
const idsOf = (rows: readonly LogRow[]): string[] => rows.map(({ bytes }) => hex(idOfEntry(bytes)))
const hex = toHex

const checks: Readonly<Record<string, (bench: LogBench) => Promise<void>>> = {
  'keeps entries in the order they came, and gives them back byte for byte': async bench => {
    const log = await bench.open()
    const [a, b] = [new Author(bench.suite, 1), new Author(bench.suite, 2)]
    const entries = [a.say('one'), b.say({ two: 2 }), a.say([3]), b.say(null)]
    deepStrictEqual(log.insert(entries.slice(0, 3)), { fresh: 3, forks: [] })
    deepStrictEqual(log.insert(entries.slice(3)), { fresh: 1, forks: [] })
    equal(log.head, 4)
    const rows = log.read(0, 10)
    deepStrictEqual(
      rows.map(({ ingestSeq, authorSeq }) => [ingestSeq, authorSeq]),
      [
        [1, 1],
        [2, 1],
        [3, 2],
        [4, 2],
      ],
    )
    for (const [at, { bytes }] of rows.entries()) deepStrictEqual(bytes, entries[at]!.bytes)
    deepStrictEqual(idsOf(log.read(1, 2)), [hex(entries[1]!.id), hex(entries[2]!.id)])
    deepStrictEqual(log.read(4, 10), [])
    deepStrictEqual(idsOf(log.readOf(a.key, 0, 10)), [hex(entries[0]!.id), hex(entries[2]!.id)])
    deepStrictEqual(idsOf(log.readOf(a.key, 1, 10)), [hex(entries[2]!.id)])
    equal(log.tip(a.key)?.authorSeq, 2)
    deepStrictEqual(log.tip(b.key)?.id, Uint8Array.from(entries[3]!.id))
    equal(log.tip(new Uint8Array(32)), undefined)
  },

  'knows what it has: nothing is stored twice': async bench => {
    const log = await bench.open()
    const a = new Author(bench.suite, 1)
    const entries = [a.say(1), a.say(2), a.say(3)]
    log.insert(entries)
    deepStrictEqual(log.insert(entries), { fresh: 0, forks: [] })
    deepStrictEqual(log.insert([...entries, a.say(4)]), { fresh: 1, forks: [] })
    equal(log.head, 4)
    ok(log.has(entries[1]!))
    ok(!log.has({ ...entries[1]!, authorSeq: 3 }))
    const covered = log.covered([entries[2]!, { author: a.key, authorSeq: 9, id: new Uint8Array(32) }])
    deepStrictEqual([...covered.values()], [3])
  },

  'LG-07 a gap, and a prev that is not the entry before: refused, and nothing of it is kept': async bench => {
    const log = await bench.open()
    const [a, b] = [new Author(bench.suite, 1), new Author(bench.suite, 2)]
    const [one, two, three] = [a.say(1), a.say(2), a.say(3)]
    const other = b.say('b')
    throws(() => log.insert([other, one, three]), { code: 'GH_LOG_GAP' })
    throws(() => log.insert([other, two]), { code: 'GH_LOG_GAP' })
    equal(log.head, 0)
    equal(log.tip(a.key), undefined)
    equal(log.tip(b.key), undefined)
    log.insert([one])
    throws(() => log.insert([other, three]), { code: 'GH_LOG_GAP' })
    const stranger = a.at({ ...one, id: new Uint8Array(32).fill(9) }).say('on nothing')
    throws(() => log.insert([stranger]), { code: 'GH_LOG_GAP' })
    equal(log.head, 1)
    deepStrictEqual(log.insert([two, three, other]), { fresh: 3, forks: [] })
  },

  'LG-06 two entries with one number: both kept, the author flagged once, others untouched': async bench => {
    const log = await bench.open()
    const [a, b] = [new Author(bench.suite, 1), new Author(bench.suite, 2)]
    const [one, two] = [a.say(1), a.say(2)]
    const two2 = a.at(one).say('two, otherwise')
    const three2 = a.say('on the other side')
    const honest = b.say('honest')
    log.insert([one, two, honest])
    const { fresh, forks } = log.insert([two2, three2])
    equal(fresh, 2)
    deepStrictEqual(
      forks.map(({ authorSeq, first, second }) => [authorSeq, hex(first), hex(second)]),
      [[2, hex(two.id), hex(two2.id)]],
    )
    deepStrictEqual(log.insert([two2, three2]), { fresh: 0, forks: [] })
    equal(log.head, 5)
    equal(log.tip(a.key)?.forked, true)
    deepStrictEqual(log.tip(a.key)?.id, Uint8Array.from(three2.id))
    equal(log.tip(b.key)?.forked, false)
    const three = a.at(two).say('on the first side')
    equal(log.insert([three]).fresh, 1, 'both sides go on')
    deepStrictEqual([...log.covered([three2, honest]).values()], [1], 'of a forked author nothing is covered')
    const again = await bench.open()
    equal(again.forks().length, 2)
    deepStrictEqual(again.forks()[0]?.author, a.key)
    equal(again.tip(a.key)?.forked, true)
    equal(again.head, 6)
  },

  'LG-06 whoever gets both sides in another order reports the same fork and has the same tip':
    async bench => {
      const log = await bench.open()
      const a = new Author(bench.suite, 1)
      const one = a.say(1)
      const sides = [a.at(one).say('x'), a.at(one).say('y')]
      log.insert([one, ...sides])
      const lowest = sides.map(({ id }) => hex(id)).sort()[0]
      equal(hex(log.tip(a.key)!.id), lowest)
      equal(log.forks().length, 1)
    },

  'LG-01 what insert returned from is there after a crash, the cursor with it': async bench => {
    const log = await bench.open()
    const a = new Author(bench.suite, 1)
    const entries = [a.say(1), a.say(2)]
    log.insert(entries, { peerId: 'peer', place: placeAt(7) })
    const { epoch } = log
    const again = await bench.open()
    equal(again.head, 2)
    deepStrictEqual(again.epoch, epoch)
    deepStrictEqual(again.place('peer'), placeAt(7))
    deepStrictEqual(again.tip(a.key)?.id, Uint8Array.from(entries[1]!.id))
    equal(again.insert([a.say(3)]).fresh, 1)
  },

  'cursors are by peer, and stay at an insert that fails': async bench => {
    const log = await bench.open()
    const a = new Author(bench.suite, 1)
    a.say(1)
    equal(log.place('p'), undefined)
    log.setPlace('p', placeAt(3))
    throws(() => log.insert([a.say(2)], { peerId: 'p', place: placeAt(4) }), { code: 'GH_LOG_GAP' })
    deepStrictEqual(log.place('p'), placeAt(3))
    log.setPlace('p', { cursor: 0, epoch: epochA, after: undefined })
    deepStrictEqual((await bench.open()).place('p'), { cursor: 0, epoch: epochA, after: undefined })
    equal(log.pushed('p'), 0)
    log.setPushed('p', 12)
    equal((await bench.open()).pushed('p'), 12)
  },

  'rows kept under an address become the peer’s, once': async bench => {
    const log = await bench.open()
    const address = '/ip4/127.0.0.1/tcp/8845'
    log.setPlace(address, placeAt(9))
    log.setPushed(address, 4)
    log.adopt(address, 'peer')
    deepStrictEqual(log.place('peer'), placeAt(9))
    equal(log.pushed('peer'), 4)
    equal(log.place(address), undefined)
    log.setPlace('peer', placeAt(20))
    log.setPlace(address, placeAt(1))
    log.adopt(address, 'peer')
    deepStrictEqual(log.place('peer'), placeAt(20), 'what is known by the key stands')
    equal((await bench.open()).place(address), undefined)
  },

  'LG-05 a new epoch is another one, and stays': async bench => {
    const log = await bench.open()
    const before = Uint8Array.from(log.epoch)
    equal(before.length, 16)
    log.renewEpoch()
    ok(hex(log.epoch) !== hex(before))
    deepStrictEqual((await bench.open()).epoch, log.epoch)
  },

  'tips: of all authors, the newest first, as many as asked for': async bench => {
    const log = await bench.open()
    const authors = [1, 2, 3].map(seed => new Author(bench.suite, seed))
    for (const author of authors) log.insert([author.say('hello')])
    deepStrictEqual(
      log.tips(2).map(tip => hex(tip.author)),
      [hex(authors[2]!.key), hex(authors[1]!.key)],
    )
    equal((await bench.open()).tips(10).length, 3)
  },
}
