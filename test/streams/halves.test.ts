import t from 'tap'
import { ByteReader } from '../../src/base/reader.ts'
import { accepts, next, type StateTable } from '../../src/base/states.ts'
import { ByteWriter } from '../../src/base/writer.ts'
import { ChunkQueue } from '../../src/streams/chunks.ts'
import { resetError, stoppedError } from '../../src/streams/codes.ts'
import { grantsOf, parametersOf } from '../../src/streams/grants.ts'
import { LinkCredit } from '../../src/streams/link-credit.ts'
import { encodeMessage, MessageReader, writeMessage } from '../../src/streams/messages.ts'
import { PeerIds } from '../../src/streams/peer-ids.ts'
import { ReceiveHalf, receiving } from '../../src/streams/receive-half.ts'
import { Ring, type RingMember } from '../../src/streams/ring.ts'
import { SendHalf, sending } from '../../src/streams/send-half.ts'
import { limits } from '../../src/wire/limits.ts'
import { streamCodes } from '../../src/wire/registry.ts'
import { decodeStreamHeader, encodeStreamHeader, streamHeaderLength } from '../../src/wire/stream-header.ts'
import { codeOf, pattern } from '../support/pair.ts'

t.test('every state and event of both halves is either in the table or refused', async t => {
  const walk = (table: StateTable, states: readonly string[]): string[] => {
    const moves: string[] = []
    for (const event of Object.keys(table))
      for (const state of states) {
        if (accepts(table, state as never, event)) moves.push(`${state} ${event}`)
        else
          t.equal(
            codeOf(() => next(table, state as never, event)),
            'GH_STATE_EVENT',
          )
      }
    return moves
  }
  t.equal(walk(sending, ['ready', 'send', 'dataSent', 'resetSent', 'done']).length, 14)
  t.equal(walk(receiving, ['recv', 'sizeKnown', 'dataReceived', 'dataRead', 'resetRead']).length, 7)
})

t.test('a chunk queue keeps order, packs small pieces and drops what it is told to', async t => {
  for (const largest of [1024, 4096]) {
    const queue = new ChunkQueue(largest)
    const all: number[] = []
    const out: number[] = []
    for (let round = 0; round < 200; round++) {
      for (let k = 0; k <= round % 5; k++) {
        const piece = pattern(1 + ((round * 37 + k * 501) % 3000), round + k)
        all.push(...piece)
        if (k % 2 === 0) queue.append(piece)
        else queue.push(piece)
      }
      for (let k = 0; k < 1 + (round % 4); k++) out.push(...(queue.take(1 + ((round * 113) % 2500)) ?? []))
    }
    for (let piece = queue.take(1e9); piece !== undefined; piece = queue.take(1e9)) out.push(...piece)
    t.equal(queue.bytes, 0)
    t.ok(Buffer.from(out).equals(Buffer.from(all)), `${all.length} bytes, blocks of ${largest}`)
  }
  const queue = new ChunkQueue(4096)
  queue.append(pattern(10))
  queue.push(pattern(10))
  t.equal(queue.clear(), 20)
  t.equal(queue.take(1), undefined)
})

t.test('a view that was taken from a chunk queue never changes', async t => {
  const queue = new ChunkQueue(4096)
  const taken: Uint8Array[] = []
  for (let i = 0; i < 10_000; i++) {
    queue.append(Uint8Array.of(i & 255))
    taken.push(queue.take(10)!)
  }
  t.ok(taken.every((piece, i) => piece.length === 1 && piece[0] === (i & 255)))
  t.ok(new Set(taken.map(piece => piece.buffer)).size <= 10, 'and they share blocks')
})

t.test('a ring turns fairly and forgets who leaves', async t => {
  interface Member extends RingMember<Member> {
    name: string
  }
  const [a, b, c] = ['a', 'b', 'c'].map(
    name => ({ name, after: undefined, before: undefined }) as Member,
  ) as [Member, Member, Member]
  const ring = new Ring<Member>()
  for (const member of [a, b, c, a]) ring.add(member)
  t.equal(ring.size, 3)
  const turns: string[] = []
  for (let i = 0; i < 4; i++) {
    turns.push(ring.head!.name)
    ring.advance()
  }
  t.strictSame(turns, ['a', 'b', 'c', 'a'])
  ring.remove(b)
  t.equal(ring.head!.name, 'c', 'the turn passes on')
  ring.remove(b)
  ring.remove(a)
  ring.remove(c)
  t.equal(ring.head, undefined)
  t.equal(ring.size, 0)
  t.notOk(ring.has(a))
})

t.test('small writes leave as few large frames', async t => {
  const half = new SendHalf(0, 1e9)
  for (let i = 0; i < 10_000; i++) half.push(pattern(100, i))
  const frames: number[] = []
  while (half.sendable) frames.push(half.fill(new ByteWriter(new Uint8Array(65_519)), 1e9))
  t.equal(frames.length, 16)
  t.equal(
    frames.reduce((a, b) => a + b),
    1_000_000,
  )
})

t.test('a frame is filled to the last byte at every size, and never past it', async t => {
  for (let size = 3; size < 200; size++) {
    const half = new SendHalf(70, 1e9)
    half.push(pattern(150))
    half.end()
    let total = 0
    for (let turns = 0; half.sendable; turns++) {
      const w = new ByteWriter(new Uint8Array(size))
      const written = half.fill(w, 1e9)
      if (written < 0) {
        t.ok(size < 7, `a writer of ${size} bytes is too small`)
        break
      }
      total += written
      if (turns > 200) throw new Error('no progress')
    }
    if (!half.sendable) t.equal(total, 150)
  }
})

t.test('STREAM-6 in order, each piece once, whatever order and overlap it came in', async t => {
  const data = pattern(20_000)
  for (let seed = 1; seed < 30; seed++) {
    const half = new ReceiveHalf(1 << 20, 0)
    let dice = seed
    const roll = (below: number): number => {
      dice = (Math.imul(dice, 1103515245) + 12345) & 0x7fffffff
      return dice % below
    }
    const out: Uint8Array[] = []
    const feed = (start: number, end: number): void => {
      half.check(start, end - start, end === data.length)
      half.accept(start, data.slice(start, end), end === data.length)
      for (let piece = half.read(1e9); piece !== undefined; piece = half.read(1e9)) out.push(piece)
    }
    for (let i = 0; i < 60; i++) {
      const start = roll(data.length)
      feed(start, Math.min(data.length, start + 1 + roll(2000)))
    }
    for (let start = 0; start < data.length; start += 999) feed(start, Math.min(data.length, start + 1100))
    t.ok(Buffer.concat(out).equals(data), `seed ${seed}`)
    t.equal(half.state, 'dataRead')
    t.equal(half.consumed, data.length)
  }
})

t.test('STREAM-15 a reset behind bytes that are all here, their end too, changes nothing', async t => {
  const whole = new ReceiveHalf(1 << 20, 0)
  whole.check(0, 100, true)
  whole.accept(0, pattern(100), true)
  t.equal(whole.checkReset(100), 0)
  t.equal(whole.reset(100), false, 'it came too late')
  t.equal(whole.unread, 100)
  t.ok(Buffer.from(whole.read(1_000)!).equals(pattern(100)), 'and they can be read')
  t.equal(whole.state, 'dataRead')
  t.equal(whole.reset(100), false, 'also when they were')

  const partly = new ReceiveHalf(1 << 20, 0)
  partly.check(10, 90, true)
  partly.accept(10, pattern(90), true)
  partly.check(0, 5, false)
  partly.accept(0, pattern(5), false)
  t.equal(partly.reset(100), true, 'the end is known, and bytes are missing')
  t.equal(partly.state, 'resetRead')
  t.equal(partly.read(1_000), undefined)
  t.equal(partly.consumed, 100, 'all of it is given back as credit')
  t.throws(() => new ReceiveHalf(50, 0).checkReset(51), { code: 'GH_LINK_FLOW' })
})

t.test('more gaps than packets could leave are refused, and the half stays as it was', async t => {
  const half = new ReceiveHalf(1 << 20, 0)
  for (let i = 1; i <= 8192; i++) {
    half.check(3 * i, 1, false)
    half.accept(3 * i, Uint8Array.of(7), false)
  }
  t.equal(
    codeOf(() => half.check(30_000, 1, false)),
    'GH_LINK_BUDGET',
  )
  half.check(3 * 8192 + 1, 1, false)
  t.pass('one that closes up to another is still taken')
})

t.test('a small part of a large record is copied, a large part is not', async t => {
  const record = pattern(65_519)
  const half = new ReceiveHalf(1 << 20, 0)
  half.accept(0, record.subarray(100, 101), false)
  const small = half.read(1e9)!
  t.ok(small.buffer.byteLength <= 4096, `one byte keeps ${small.buffer.byteLength} alive`)
  half.accept(1, record.subarray(0, 5000), false)
  t.equal(half.read(1e9)!.buffer.byteLength, 5000)
  half.accept(5001, record.subarray(5, 60_000), false)
  t.equal(half.read(1e9)!.buffer, record.buffer, 'no copy')
})

t.test('P13 what waits for a reader is held in its own bytes and a tenth, whatever the pieces', async t => {
  for (const size of [1, 100, 1_023, 1_024, 1_030, 4_095, 4_096, 5_000, 16_384, 33_000, 58_000, 65_519]) {
    const half = new ReceiveHalf(1 << 20, 0)
    const record = () => new Uint8Array(65_519) // of which a peer makes the rest say nothing
    while (half.unread < (size < 1_000 ? 10_000 : 600_000))
      half.accept(half.contiguous, record().subarray(0, size), false)
    const bytes = half.unread
    let chunks = 0
    const held = new Set<ArrayBufferLike>()
    for (let piece = half.read(1e9); piece !== undefined; piece = half.read(1e9)) {
      chunks++
      held.add(piece.buffer)
    }
    const memory = [...held].reduce((sum, buffer) => sum + buffer.byteLength, 0)
    t.ok(memory <= 1.11 * bytes + 65_519, `pieces of ${size}: ${memory} for ${bytes}`)
    t.ok(chunks <= bytes / 4_000 + 20, `pieces of ${size}: ${chunks} chunks`)
  }
})

t.test('STREAM-12 the window doubles for a fast reader, up to its maximum, not for a slow one', async t => {
  const fast = new ReceiveHalf(limits.streamWindow, 0)
  const slow = new ReceiveHalf(limits.streamWindow, 0)
  const use = (half: ReceiveHalf, now: number): void => {
    const length = Math.ceil(half.window / 2)
    half.accept(half.contiguous, new Uint8Array(length), false)
    half.read(1e9)
    t.ok(half.creditDue)
    half.grow(now, 40)
    half.grant()
  }
  for (let i = 1; i <= 10; i++) {
    use(fast, i * 40)
    use(slow, i * 41)
  }
  t.equal(fast.window, limits.streamWindowMax)
  t.equal(slow.window, limits.streamWindow)
})

t.test('STREAM-12 the window doubles where half of it stood behind a gap, however slow', async t => {
  const KiB = 1024
  /** All of a window but its end; the first KiB comes last, behind so much. */
  const use = (half: ReceiveHalf, ahead: number, now: number): number => {
    const from = half.contiguous
    const length = half.window - 8 * KiB
    half.accept(from + KiB, new Uint8Array(ahead), false)
    half.accept(from, new Uint8Array(KiB), false)
    half.accept(from + KiB + ahead, new Uint8Array(length - KiB - ahead), false)
    while (half.read(1e9) !== undefined);
    t.ok(half.creditDue)
    half.grow(now, 40)
    half.grant()
    return half.window / KiB
  }
  const half = new ReceiveHalf(256 * KiB, 0)
  t.equal(use(half, 100 * KiB, 5_000), 256, 'less than half, and slow')
  t.equal(use(half, 128 * KiB, 10_000), 512, 'half')
  t.equal(use(half, 0, 15_000), 512, 'what stood there before says nothing of what comes now')
})

t.test('STREAM-12 link credit: what waits for readers does not count, up to the slack', async t => {
  const MiB = 1024 * 1024
  const credit = new LinkCredit(4 * MiB, 0)
  let granted = 4 * MiB
  let received = 0
  while (received + 65_536 <= granted) {
    credit.check(65_536)
    credit.receive(65_536)
    received += 65_536
    if (credit.due) granted = credit.grant()
  }
  t.equal(received, 12 * MiB, 'window and slack')
  t.equal(
    codeOf(() => credit.check(1)),
    'GH_LINK_FLOW',
  )
  credit.consume(2 * MiB)
  t.equal(credit.grant(), 14 * MiB)
  credit.grow(16 * MiB)
  t.equal(credit.grant(), 34 * MiB, '1.5 times the largest stream window')
})

t.test('the count of streams is granted again as they finish, before the peer has to wait', async t => {
  const ids = new PeerIds(4)
  for (let n = 0; n < 4; n++) {
    t.notOk(ids.check(n))
    ids.open(n)
  }
  t.equal(
    codeOf(() => ids.check(4)),
    'GH_LINK_STREAMS',
  )
  t.ok(ids.check(2), 'known: it has finished')
  t.notOk(ids.due)
  ids.finish()
  t.ok(ids.due)
  t.equal(ids.grant(), 5)
  t.notOk(ids.due)
  t.notOk(ids.check(4))
})

t.test('messages come out whole however the bytes are cut', async t => {
  const messages = [0, 1, 63, 64, 5000, 16_383, 16_384, 70_000].map((length, i) => pattern(length, i))
  const bytes = Buffer.concat(messages.map(encodeMessage))
  const written: Uint8Array[] = []
  for (const message of messages) writeMessage({ write: part => written.push(part) > 0 }, message)
  t.ok(bytes.equals(Buffer.concat(written)), 'writeMessage says the same')
  for (const size of [1, 2, 3, 7, 63, 64, 1000, 4097, 65_519, bytes.length]) {
    const reader = new MessageReader(70_000)
    const out: Uint8Array[] = []
    for (let at = 0; at < bytes.length; at += size) {
      reader.feed(bytes.subarray(at, at + size))
      for (let message = reader.next(); message !== undefined; message = reader.next()) out.push(message)
    }
    t.equal(out.length, messages.length, `cut at ${size}`)
    t.ok(out.every((message, i) => Buffer.from(message).equals(messages[i]!)))
    t.notOk(reader.partial)
  }
})

t.test('messages: a length is refused above the maximum, and nothing is allocated by claim', async t => {
  const reader = new MessageReader(1000)
  reader.feed(encodeMessage(pattern(1001)))
  t.equal(
    codeOf(() => reader.next()),
    'GH_STREAM_TOO_LARGE',
  )
  const padded = new MessageReader(1000)
  padded.feed(Uint8Array.of(0x40, 0x01, 0xff))
  t.equal(
    codeOf(() => padded.next()),
    'GH_WIRE_VARINT',
  )
  const cut = new MessageReader(1000)
  cut.feed(encodeMessage(pattern(500)).subarray(0, 300))
  t.equal(cut.next(), undefined)
  t.ok(cut.partial, 'at the end of a stream, this is an error')
  const claim = new MessageReader(2 ** 40)
  claim.feed(encodeMessage(new Uint8Array(0)))
  claim.next()
  claim.feed(Uint8Array.of(0xc0, 0, 0, 0x80, 0, 0, 0, 0, 1))
  t.equal(claim.next(), undefined, 'half a terabyte was announced, one byte came')
})

t.test('STREAM-3 stream headers: every cut is seen, every wrong one refused', async t => {
  const header = encodeStreamHeader(`/${'x'.repeat(100)}`)
  t.equal(streamHeaderLength(header.subarray(0, 0)), undefined)
  t.equal(streamHeaderLength(header.subarray(0, 1)), undefined, 'two bytes of length')
  t.equal(streamHeaderLength(header.subarray(0, 2)), header.length)
  t.equal(decodeStreamHeader(new ByteReader(header)), `/${'x'.repeat(100)}`)
  t.equal(
    codeOf(() => streamHeaderLength(Uint8Array.of(0x40, 0x81))),
    'GH_WIRE_LENGTH',
    '129 bytes',
  )
  t.equal(
    codeOf(() => streamHeaderLength(Uint8Array.of(0x40, 0x01))),
    'GH_WIRE_VARINT',
  )
  t.equal(
    codeOf(() => decodeStreamHeader(new ByteReader(Uint8Array.of(2, 0x61, 0x62)))),
    'GH_WIRE_VALUE',
    'no slash',
  )
  t.equal(
    codeOf(() => decodeStreamHeader(new ByteReader(Uint8Array.of(2, 0x2f, 0xff)))),
    'GH_WIRE_TEXT',
  )
})

t.test('codes of the wire become typed errors, the unknown too', async t => {
  t.equal(resetError(streamCodes.PROTOCOL_UNKNOWN).code, 'GH_STREAM_PROTOCOL_UNKNOWN')
  t.equal(resetError(streamCodes.INTERNAL).code, 'GH_STREAM_RESET')
  t.match(resetError(9999).message, /9999/)
  t.equal(stoppedError(streamCodes.TOO_LARGE).code, 'GH_STREAM_TOO_LARGE')
  t.equal(stoppedError(streamCodes.CANCELLED).code, 'GH_STREAM_STOPPED')
})

t.test('grants travel as parameters, the usual ones unsaid', async t => {
  t.equal(parametersOf(grantsOf(new Map())).size, 0)
  const grants = { streams: 8, streamWindow: 1000, linkWindow: 9000 }
  t.strictSame(grantsOf(parametersOf(grants)), grants)
})

t.test('FR-16 a writer that was turned away is told once, at half the mark', async t => {
  const half = new SendHalf(0, 1_000_000)
  half.push(new Uint8Array(1000))
  t.notOk(half.below(800))
  const w = new ByteWriter(new Uint8Array(2000))
  half.fill(w, 599)
  t.notOk(half.takeWritable(), '401 wait')
  half.fill(w, 1)
  t.ok(half.takeWritable(), '400 wait')
  t.notOk(half.takeWritable(), 'and not again')
  half.fill(w, 400)
  t.notOk(half.takeWritable(), 'nor when all has left')
})
