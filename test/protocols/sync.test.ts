/** The machines of sync, without a network: proof, pages, pulling, pushing, answering. */
import t from 'tap'
import { equal, toHex } from '../../src/base/bytes.ts'
import { ByteWriter } from '../../src/base/writer.ts'
import { nativeSuite as suite } from '../../src/crypto/native.ts'
import { Answering, defaults as answering } from '../../src/protocols/sync/answering.ts'
import { cutPage } from '../../src/protocols/sync/page.ts'
import { Proof, prove } from '../../src/protocols/sync/proof.ts'
import { Pulling, type PullingOutput, defaults as pulling } from '../../src/protocols/sync/pulling.ts'
import { Pushing, type PushingOutput } from '../../src/protocols/sync/pushing.ts'
import { systemRandom } from '../../src/runtime/system.ts'
import { MemoryLog } from '../../src/store/log/memory.ts'
import { Author } from '../../src/testing/index.ts'
import * as wire from '../../src/wire/index.ts'
import { sharedJson } from '../support/shared.ts'

const hash = (...parts: Uint8Array[]): Uint8Array => suite.hash(...parts)
const logOf = (...groups: readonly (readonly wire.LogEntry[])[]): MemoryLog => {
  const log = new MemoryLog(systemRandom)
  for (const group of groups) log.insert(group)
  return log
}
/** A group of so many, the last one signed. */
const group = (author: Author, count: number): wire.LogEntry[] =>
  Array.from({ length: count }, (_, i) => author.say(i, { signed: i === count - 1 }))
const outputs = <T>(machine: { poll(): T | undefined }): T[] => {
  const all: T[] = []
  for (let one = machine.poll(); one !== undefined; one = machine.poll()) all.push(one)
  return all
}
const epoch = new Uint8Array(16).fill(5)

t.test('CBOR-1 CBOR-2 dag-cbor: what the specification refuses is refused', async t => {
  const cases = sharedJson('vectors/ipld/dag-cbor-strict-written-here.json')?.reject as {
    name: string
    hex: string
  }[]
  if (cases === undefined) return t.comment('the shared vectors are not beside this checkout')
  for (const { name, hex } of cases)
    t.throws(() => wire.decodeCbor(new Uint8Array(Buffer.from(hex, 'hex'))), { name: 'WireError' }, name)
})

t.test('CBOR-1 dag-cbor: RFC 8949 examples of its part come back byte for byte', async t => {
  const all = sharedJson('vectors/ipld/cbor-rfc8949-appendix_a.json') as {
    hex: string
    roundtrip: boolean
    decoded?: unknown
  }[]
  if (all === undefined) return t.comment('the shared vectors are not beside this checkout')
  let same = 0
  for (const { hex, decoded } of all) {
    const bytes = new Uint8Array(Buffer.from(hex, 'hex'))
    let value: wire.CborValue
    try {
      value = wire.decodeCbor(bytes)
    } catch {
      continue
    }
    t.equal(toHex(wire.encodeCbor(value)), hex)
    if (typeof decoded === 'number' && typeof value === 'number') t.equal(value, decoded)
    same++
  }
  t.ok(same > 30, `${same} of ${all.length}`)
})

t.test('dag-cbor: what has no form is refused, and `__proto__` is a key', async t => {
  for (const value of [
    undefined,
    Number.NaN,
    1 / 0,
    () => {},
    new Date(),
    '\ud800',
    { '\udfff': 1 },
    [undefined],
    2n ** 64n,
  ])
    t.throws(() => wire.encodeCbor(value), { code: 'GH_CBOR_VALUE' }, String(value))
  const circle: unknown[] = []
  circle.push(circle)
  t.throws(() => wire.encodeCbor(circle), { code: 'GH_CBOR_VALUE' })
  const back = wire.decodeCbor(wire.encodeCbor(JSON.parse('{"__proto__":1}'))) as object
  t.strictSame(Object.keys(back), ['__proto__'])
  t.strictSame(wire.toJson(wire.decodeCbor(wire.encodeCbor({ b: new Uint8Array([1, 2]), n: 2n ** 60n }))), {
    b: { '/': { bytes: 'AQI' } },
    n: '1152921504606846976',
  })
})

t.test('LOG-1 LOG-2 an id binds all that is signed, behind the domain', async t => {
  const entry = new Author(suite, 1).say('x')
  const signed = Buffer.from(wire.entrySignedBytes(entry))
  t.ok(signed.toString('latin1').startsWith('guild-home log entry v1'))
  t.ok(equal(suite.hash(signed), entry.id))
  t.ok(suite.verify(entry.author, signed, entry.signature))
  t.equal(entry.prev, undefined, 'and the first has none before it')
  t.notOk(suite.verify(entry.author, signed.subarray('guild-home log entry v1'.length), entry.signature))
})

t.test('LOG-3 LOG-4 a chain is proved by the signature at its end, whoever carried it', async t => {
  const [a, b] = [new Author(suite, 1), new Author(suite, 2)]
  const [one, two] = [group(a, 3), group(b, 2)]
  const mixed = [one[0]!, two[0]!, one[1]!, two[1]!, one[2]!]
  t.strictSame(
    prove(suite, mixed).map(({ signature }) => signature.length),
    [0, 0, 0, 64, 64],
  )
  const tampered = { ...one[1]!, id: new Uint8Array(32) }
  const code = 'GH_LOG_ENTRY'
  t.throws(() => prove(suite, [one[0]!, tampered, one[2]!]), { code }, 'LG-07 an id that is not the hash')
  t.throws(() => prove(suite, one.slice(0, 2)), { code }, 'the end is not signed')
  const c = new Author(suite, 3)
  const lone = c.say(1)
  const stolen = { ...lone, signature: one[2]!.signature }
  t.throws(() => prove(suite, [stolen]), { code }, 'LG-07 a wrong signature')
  const next = c.say(2)
  t.strictSame(
    prove(suite, [stolen, next]).map(({ signature }) => signature.length),
    [0, 64],
    'a wrong one that nothing hangs on is not kept',
  )
  t.strictSame(
    wire.decodeEntry(prove(suite, [stolen, next])[0]!.bytes).id,
    lone.id,
    'and the entry is the same',
  )
})

t.test('LOG-4 P15 a page with a signature in each entry is proved in steps', async t => {
  const entries = Array.from({ length: 120 }, (_, i) => new Author(suite, i + 1).say(i))
  const proof = new Proof(suite, entries)
  let steps = 1
  while (proof.step() === undefined) steps++
  t.equal(steps, 5)
})

t.test('SYNC-5 a page ends where all of it is proved', async t => {
  const [a, b] = [new Author(suite, 1), new Author(suite, 2)]
  const log = logOf(group(a, 3), group(b, 1), group(a, 2))
  const cut = (after: number, limit: number) => cutPage(log, after, hash, { limit })
  t.match(cut(0, 1), { next: 3, entries: { length: 3 } }, 'a group that is larger comes whole')
  t.match(cut(0, 3), { next: 3, entries: { length: 3 } })
  t.match(cut(0, 4), { next: 4, entries: { length: 4 } })
  t.match(cut(0, 5), { next: 4, entries: { length: 4 } }, 'half a group does not')
  t.match(cut(0, 6), { next: 6, entries: { length: 6 } })
  t.match(cut(6, 6), { next: 6, entries: { length: 0 }, last: undefined })
  t.match(cutPage(log, 0, hash, { limit: 100, bytes: 1 }), { next: 3 }, 'bytes bound it too')
  for (let at = 0; at < 6; ) {
    const page = cut(at, 2)
    prove(
      suite,
      page.entries.map(bytes => wire.decodeEntry(bytes)),
    )
    at = page.next
  }
})

/** A puller and an answerer, told of each other by hand. */
function pair(
  far: MemoryLog,
  near: MemoryLog,
  { limit, live = false }: { limit?: number; live?: boolean } = {},
) {
  let back = 0
  const asked = new Answering({ log: far, hash, self: new Author(suite, 1).key, wentBack: () => back++ })
  const pull = new Pulling({
    place: near.place('far'),
    limit,
    live,
    have: () => near.tips(512),
    has: head => near.has(head),
  })
  const pulls: wire.SyncPull[] = []
  const batches: wire.SyncBatch[] = []
  const kinds: string[] = []
  const run = (now = 0): void => {
    for (let busy = true; busy; ) {
      busy = false
      for (const output of outputs<PullingOutput>(pull)) {
        busy = true
        kinds.push(output.kind)
        if (output.kind === 'send') {
          const sent = wire.decodeSyncPull(output.pull)
          pulls.push(sent)
          asked.handle({ kind: 'pull', pull: sent }, now)
        } else if (output.kind === 'store') {
          near.insert(prove(suite, output.entries), { peerId: 'far', place: output.place })
          pull.handle({ kind: 'stored' }, now)
        } else if (output.kind === 'move') near.setPlace('far', output.place)
        else if (output.kind === 'failed') throw output.error
      }
      for (const bytes of outputs(asked)) {
        busy = true
        const batch = wire.decodeSyncBatch(bytes)
        batches.push(batch)
        pull.handle({ kind: 'batch', batch }, now)
      }
    }
  }
  pull.handle({ kind: 'begin' }, 0)
  run()
  return { pull, asked, pulls, batches, kinds, run, wentBack: () => back }
}

t.test('a pull reads to the end, and the next one has nothing to read', async t => {
  const a = new Author(suite, 1)
  const far = logOf(...Array.from({ length: 10 }, () => group(a, 5)))
  const near = logOf()
  const first = pair(far, near, { limit: 10 })
  t.equal(near.head, 50)
  t.equal(first.pulls.length, 5)
  t.equal(first.kinds.at(-1), 'caughtUp')
  const second = pair(far, near, { limit: 10 })
  t.equal(second.batches.length, 1)
  t.strictSame(second.batches[0]!.entries, [])
  t.equal(second.pulls[0]!.cursor, 50)
})

t.test('LG-04 SYNC-3 a cursor past the head: unknown, and all over again without a double', async t => {
  const a = new Author(suite, 1)
  const groups = [group(a, 3), group(a, 3)]
  const near = logOf()
  pair(logOf(...groups), near)
  const back = logOf(groups[0]!)
  near.setPlace('far', { cursor: 6, epoch: back.epoch, after: groups[1]![2]!.id })
  const { batches, pulls, wentBack } = pair(back, near)
  t.equal(batches[0]!.unknown, true)
  t.strictSame(batches[0]!.entries, [])
  t.equal(pulls[1]!.cursor, 0)
  t.equal(wentBack(), 1, 'it learns that it went back')
  t.equal(near.head, 6, 'nothing invented, nothing lost')
})

t.test(
  'LOG-5 LG-05 SYNC-3 a log that went back and on again is found out by the entry at the cursor',
  async t => {
    const a = new Author(suite, 1)
    const one = group(a, 1)
    const [left, right] = [a.say('as it was'), a.at(one[0]).say('otherwise')]
    const far = logOf(one, [left])
    const near = logOf()
    pair(far, near)
    const other = logOf(one, [right])
    const place = near.place('far')!
    near.setPlace('far', { ...place, epoch: other.epoch })
    const { batches } = pair(other, near)
    t.equal(batches[0]!.unknown, true)
    t.equal(near.head, 3, 'both sides are kept')
    t.equal(near.forks().length, 1)
  },
)

t.test(
  'SYNC-4 LG-08 a limit of 0, below it, or of 2^53 is taken for the nearest that makes sense',
  async t => {
    const a = new Author(suite, 1)
    const far = logOf(...Array.from({ length: 30 }, () => group(a, 1)))
    const ask = (limitHex: string): wire.SyncBatch => {
      const pull = new ByteWriter()
      const hexOf = Buffer.from(
        wire.encodeSyncPull({ cursor: 0, epoch: new Uint8Array(0), limit: 9 }),
      ).toString('hex')
      pull.raw(new Uint8Array(Buffer.from(hexOf.replace('656c696d697409', `656c696d6974${limitHex}`), 'hex')))
      const asked = new Answering({ log: far, hash, self: a.key, wentBack() {} })
      asked.handle({ kind: 'pull', pull: wire.decodeSyncPull(pull.view()) }, 0)
      return wire.decodeSyncBatch(asked.poll()!)
    }
    t.equal(ask('00').entries.length, 1)
    t.equal(ask('20').entries.length, 1, 'minus one')
    t.equal(ask('1b0020000000000000').entries.length, 30)
    t.equal(ask('1bffffffffffffffff').entries.length, 30)
  },
)

t.test('SYNC-7 what is here already is not sent again', async t => {
  const [a, b] = [new Author(suite, 1), new Author(suite, 2)]
  const [ofA, ofB] = [group(a, 20), group(b, 3)]
  const far = logOf(ofA, ofB)
  const near = logOf(ofA)
  const { batches } = pair(far, near)
  t.equal(
    batches.reduce((sum, { entries }) => sum + entries.length, 0),
    3,
  )
  t.equal(near.head, 23)
})

t.test('SYNC-8 a pull that waits: own entries at once, those of others by their heads', async t => {
  const [self, other] = [new Author(suite, 1), new Author(suite, 2)]
  const far = logOf(group(self, 2))
  const near = logOf()
  const { asked, batches, pulls, run } = pair(far, near, { live: true })
  t.equal(pulls.at(-1)!.wait, true)
  far.insert([self.say('mine')])
  asked.handle({ kind: 'grown' }, 10)
  run(10)
  t.equal(near.head, 3, 'at once')
  const theirs = other.say('theirs')
  far.insert([theirs])
  asked.handle({ kind: 'grown' }, 20)
  run(20)
  t.equal(asked.deadline(), 20 + answering.gather)
  asked.handle({ kind: 'tick' }, 20 + answering.gather)
  run()
  t.equal(batches.at(-2)!.heads!.length, 1)
  t.equal(near.head, 4, 'it was missing, so it was asked for')
  const known = other.say('known')
  near.insert([known])
  far.insert([known])
  asked.handle({ kind: 'grown' }, 500)
  asked.handle({ kind: 'tick' }, 500 + answering.gather)
  run()
  t.strictSame(batches.at(-1)!.heads?.length, 1)
  t.equal(near.place('far')!.cursor, 5, 'the cursor moved, and nothing was sent')
})

t.test('SYNC-6 what no honest peer answers ends the pull', async t => {
  const batch = (fields: Partial<wire.SyncBatch>): wire.SyncBatch => ({
    entries: [],
    nextCursor: 5,
    epoch,
    more: false,
    ...fields,
  })
  const answer = (fields: Partial<wire.SyncBatch>): string | undefined => {
    const pull = new Pulling({
      place: { cursor: 5, epoch, after: undefined },
      live: false,
      have: () => [],
      has: () => false,
    })
    pull.handle({ kind: 'begin' }, 0)
    outputs(pull)
    pull.handle({ kind: 'batch', batch: batch(fields) }, 1)
    const last = outputs<PullingOutput>(pull).find(({ kind }) => kind === 'failed')
    return last?.kind === 'failed' ? last.error.code : undefined
  }
  t.equal(answer({}), undefined)
  t.equal(answer({ nextCursor: 4 }), 'GH_LINK_PROTOCOL')
  t.equal(answer({ more: true }), 'GH_LINK_PROTOCOL', 'more, and no further')
  t.equal(answer({ entries: group(new Author(suite, 1), 1) }), 'GH_LINK_PROTOCOL')
  const unknown = new Pulling({ place: undefined, live: false, have: () => [], has: () => false })
  unknown.handle({ kind: 'begin' }, 0)
  unknown.handle({ kind: 'batch', batch: batch({ unknown: true }) }, 0)
  t.equal(outputs<PullingOutput>(unknown).at(-1)?.kind, 'failed', 'nobody does not know the beginning')
  const silent = new Pulling({ place: undefined, live: false, have: () => [], has: () => false })
  silent.handle({ kind: 'begin' }, 0)
  silent.handle({ kind: 'tick' }, pulling.patience)
  t.match(outputs<PullingOutput>(silent).at(-1), { kind: 'failed', error: { code: 'GH_SYNC_SILENT' } })
})

t.test('SYNC-9 too large: half the limit, down to one, then an error', async t => {
  const pull = new Pulling({ place: undefined, limit: 5, live: false, have: () => [], has: () => false })
  pull.handle({ kind: 'begin' }, 0)
  const limits: number[] = []
  for (let i = 0; i < 3; i++) {
    outputs(pull)
    pull.handle({ kind: 'tooLarge' }, 0)
    t.equal(pull.poll()?.kind, i < 2 ? 'reopen' : 'failed')
    limits.push(pull.limit)
    pull.handle({ kind: 'begin' }, 0)
  }
  t.strictSame(limits, [2, 1, 1])
})

t.test('SYNC-10 a push brings own entries only, and starts over with a peer that lost them', async t => {
  const [self, other] = [new Author(suite, 1), new Author(suite, 2)]
  const log = logOf(group(self, 3), group(other, 2), group(self, 2))
  const pushing = (from: number, limit = 100): Pushing =>
    new Pushing({ readOwn: (after, count) => log.readOf(self.key, after, count), from, limit, hash })
  const push = pushing(0, 3)
  push.handle({ kind: 'begin' }, 0)
  const sent: number[] = []
  for (let output = push.poll(); output !== undefined; output = push.poll()) {
    if (output.kind !== 'send') continue
    const entries = wire.decodeEntriesPush(output.push)
    t.ok(entries.every(({ author }) => equal(author, self.key)))
    sent.push(...entries.map(({ authorSeq }) => authorSeq))
    push.handle({ kind: 'ack', ack: { ok: true } }, 0)
  }
  t.strictSame(sent, [1, 2, 3, 4, 5])
  const again = pushing(5)
  again.handle({ kind: 'begin' }, 0)
  t.strictSame(outputs<PushingOutput>(again), [{ kind: 'done' }], 'nothing is brought twice')
  const lost = pushing(3)
  lost.handle({ kind: 'begin' }, 0)
  outputs(lost)
  lost.handle({ kind: 'ack', ack: { ok: false, reason: 'GH_LOG_GAP' } }, 0)
  const first = outputs<PushingOutput>(lost)[0]!
  t.equal(first.kind === 'send' && wire.decodeEntriesPush(first.push).length, 5, 'from the first on')
  lost.handle({ kind: 'ack', ack: { ok: false, reason: 'no' } }, 0)
  t.match(outputs<PushingOutput>(lost)[0], { kind: 'failed', error: { code: 'GH_SYNC_REFUSED' } })
})

t.test('SYNC-1 SYNC-2 the caps count encoded bytes: one below, at, and one above', async t => {
  /** A message of just so many bytes, filled up by a field nobody knows. */
  const filled = (fields: readonly (readonly [string, Uint8Array])[], size: number): Uint8Array => {
    const make = (length: number): Uint8Array => {
      const w = new ByteWriter(size + 64)
      const all = [...fields, ['zzzzzzzzzzzz', undefined] as const]
      wire.writeHead(w, wire.cborKinds.MAP, all.length)
      for (const [key, value] of all) {
        wire.writeText(w, key)
        if (value === undefined) wire.writeBytes(w, new Uint8Array(length))
        else w.raw(value)
      }
      return w.view()
    }
    const around = make(size - 200).length - (size - 200)
    return make(size - around)
  }
  const [zero, yes, none] = [Uint8Array.of(0), Uint8Array.of(0xf5), Uint8Array.of(0x80)]
  const epochBytes = wire.encodeCbor(epoch)
  const messages: readonly (readonly [
    number,
    readonly (readonly [string, Uint8Array])[],
    (bytes: Uint8Array) => unknown,
  ])[] = [
    [
      64 * 1024,
      [
        ['epoch', epochBytes],
        ['limit', zero],
        ['cursor', zero],
      ],
      bytes => wire.decodeSyncPull(bytes),
    ],
    [
      32 * 1024 * 1024,
      [
        ['more', yes],
        ['epoch', epochBytes],
        ['entries', none],
        ['next_cursor', zero],
      ],
      bytes => wire.decodeSyncBatch(bytes),
    ],
    [16 * 1024 * 1024, [['entries', none]], bytes => wire.decodeEntriesPush(bytes)],
    [64 * 1024, [['ok', yes]], bytes => wire.decodePushAck(bytes)],
  ]
  for (const [cap, fields, decode] of messages) {
    for (const size of [cap - 1, cap]) {
      const bytes = filled(fields, size)
      t.equal(bytes.length, size)
      t.doesNotThrow(() => decode(bytes), `${size} of ${cap}`)
    }
    t.throws(() => decode(filled(fields, cap + 1)), { code: 'GH_WIRE_LENGTH' }, `${cap + 1}`)
  }
})

t.test('LOG-6 an entry of 1 MiB is taken, one byte more is not', async t => {
  const author = new Author(suite, 1)
  const most = 1024 * 1024 - 5 // a head of five bytes
  t.equal(wire.decodeEntry(author.say(new Uint8Array(most)).bytes).payload.length, 1024 * 1024)
  t.throws(() => author.say(new Uint8Array(most + 1)), { code: 'GH_LOG_TOO_LARGE' })
})
