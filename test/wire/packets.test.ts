/** Packets: which frame may stand where, what an ACK may say, heads and their masks, handshake datagrams. */
import fc from 'fast-check'
import t from 'tap'
import { concat, equal, fromHex, toHex } from '../../src/base/bytes.ts'
import { WireError } from '../../src/base/errors.ts'
import { RangeSet } from '../../src/base/ranges.ts'
import { ByteReader } from '../../src/base/reader.ts'
import { ByteWriter } from '../../src/base/writer.ts'
import * as wire from '../../src/wire/index.ts'
import { codecs, type Json, packetRecorder } from '../support/codecs.ts'
import { codeOf } from '../support/pair.ts'
import { check } from '../support/property.ts'
import { sharedJson } from '../support/shared.ts'
import { readVectors } from '../support/vectors.ts'

const id = fromHex('a0a1a2a3a4a5a6a7a8a9aaab')!

function made(write: (w: ByteWriter) => unknown): Uint8Array {
  const w = new ByteWriter()
  write(w)
  return w.view()
}

t.test('TYPE-6 FRAME-9 every frame is read where the registry says, and closes elsewhere', async t => {
  /** A valid frame of each name, from the vectors. */
  const samples = new Map<string, Uint8Array>()
  for (const message of ['frames', 'packet-frames'])
    for (const { result, bytes, value } of readVectors(message).vectors)
      if (result === 'valid' && value.length === 1) samples.set(value[0].frame, fromHex(bytes)!)
  for (const [name, frame] of Object.entries(wire.frameTypes)) {
    const spoken = 'inControl' in frame
    // ACK in records is for resumable links, of which there are none.
    const places = {
      frames: frame.carrier !== 'packet' && name !== 'ACK',
      'packet-frames': frame.carrier !== 'record' && !spoken,
      'control-frame': spoken,
    }
    for (const [place, allowed] of Object.entries(places)) {
      const code = codeOf(() => codecs[place]!.decode(samples.get(name)!))
      t.equal(code, allowed ? undefined : 'GH_WIRE_FRAME', `${name} in ${place}`)
    }
  }
  for (const place of ['frames', 'packet-frames', 'control-frame'])
    t.equal(
      codeOf(() => codecs[place]!.decode(samples.get('ignored')!)),
      undefined,
      `ignorable in ${place}`,
    )
})

t.test('a packet of ACK, PADDING and CLOSE alone asks for no ACK; few frames may try a path', async t => {
  const named = (of: (type: number) => boolean): string[] =>
    Object.entries(wire.frameTypes)
      .filter(([, { type }]) => of(type))
      .map(([name]) => name)
  t.strictSame(
    named(type => !wire.isEliciting(type)),
    ['PADDING', 'ACK', 'CLOSE'],
  )
  t.strictSame(
    named(wire.isProbing),
    ['PADDING', 'PATH_CHALLENGE', 'PATH_RESPONSE', 'NEW_CONNECTION_ID'],
    'RFC 9000 §9.1',
  )
  const bytes = fromHex('07000300000000')!
  const r = new ByteReader(bytes)
  const types: number[] = []
  while (r.remaining > 0) types.push(wire.readPacketFrame(r, packetRecorder([])))
  t.strictSame(types, [0x07, 0x00, 0x03], 'the reader says which type it read')
})

t.test('ACK-1 UQ-13 whatever the bytes say, ranges descend, never touch, and none is below 0', async t => {
  let good = 0
  const varints = fc.array(fc.oneof(fc.nat(8), fc.nat(300), fc.maxSafeNat()), { minLength: 3, maxLength: 12 })
  check(
    fc.property(varints, numbers => {
      const [largest, delay, ...rest] = numbers as [number, number, ...number[]]
      const bytes = made(w => {
        w.varint(largest)
          .varint(delay % 2 ** 32)
          .varint((rest.length - 1) >>> 1)
        for (const number of rest) w.varint(number)
      })
      let ack: wire.AckFrame
      try {
        ack = wire.decodeAck(new ByteReader(bytes))
      } catch (error) {
        return error instanceof WireError && ['GH_WIRE_VALUE', 'GH_WIRE_SHORT'].includes(error.code)
      }
      good++
      if (ack.ranges[1] !== largest) return false
      for (let i = 0; i < ack.count; i++) {
        const [first, last] = [ack.ranges[2 * i]!, ack.ranges[2 * i + 1]!]
        if (first < 0 || first > last) return false
        if (i > 0 && last >= ack.ranges[2 * i - 2]! - 1) return false
      }
      return true
    }),
    3_000,
  )
  t.ok(good > 100, `${good} were good`)
})

t.test('ACK-2 UQ-14 256 ranges are read into the same memory, one more is refused by the count', async t => {
  const full = readVectors('packet-frames').vectors.find(one => one.id === 'ack-256-ranges')!
  const body = fromHex(full.bytes)!.subarray(1)
  const one = wire.decodeAck(new ByteReader(body))
  t.equal(one.count, 256)
  t.strictSame([one.ranges[0], one.ranges[511]], [511, 1])
  const two = wire.decodeAck(new ByteReader(fromHex('0900000400')!.subarray(0, 4)))
  t.equal(two.ranges, one.ranges, 'no memory for each frame, let alone for each range')
  t.strictSame([two.count, two.ranges[0], two.ranges[1]], [1, 5, 9])
  const more = made(w => w.varint(1_000).varint(0).varint(256))
  t.match(attempt(more), { code: 'GH_WIRE_LENGTH', field: 'range count' }, 'none of them is looked at')
})

function attempt(ack: Uint8Array): unknown {
  try {
    return wire.decodeAck(new ByteReader(ack))
  } catch (error) {
    return error
  }
}

t.test('ACK-2 an ACK has the highest ranges, at most 64, and no more than fit', async t => {
  const steps = fc.array(fc.tuple(fc.integer({ min: 1, max: 90 }), fc.integer({ min: 1, max: 20_000 })), {
    minLength: 1,
    maxLength: 100,
    size: 'max',
  })
  check(
    fc.property(steps, fc.nat(420), fc.nat(2 ** 34), (drawn, room, delay) => {
      const set = new RangeSet()
      const all: [number, number][] = []
      let at = 0
      for (const [length, gap] of drawn) {
        set.add(at, at + length)
        all.unshift([at, at + length - 1])
        at += length + gap
      }
      const w = new ByteWriter()
      const count = wire.encodeAck(w, set, delay / 1000, room)
      if (w.length > room || count > 64) return false
      if (count === 0) return w.length === 0 && room < 16
      const [ack]: Json[] = codecs['packet-frames']!.decode(w.view())
      if (JSON.stringify(ack.ranges) !== JSON.stringify(all.slice(0, count))) return false
      if (Math.abs(ack.delay - (delay / 1000) * 125) > 0.5) return false
      // One range more would have been too many, or would not have fitted.
      if (count === Math.min(64, all.length)) return true
      const wider = new ByteWriter()
      return wire.encodeAck(wider, set, delay / 1000, 10_000) > count && wider.length > w.length
    }),
    500,
  )
  const w = new ByteWriter()
  t.equal(wire.encodeAck(w, new RangeSet(), 0, 100), 0, 'nothing came, nothing is said')
  const one = new RangeSet()
  one.add(0, 1)
  wire.encodeAck(w, one, -5, 100)
  t.equal(toHex(w.view()), '0300000000', 'a delay below 0 is none')
  wire.encodeAck(w.reset(), one, Number.MAX_VALUE, 100)
  t.match(attempt(w.view().subarray(1)), { delay: (2 ** 32 - 1) / 125 }, 'the longest delay there is')
})

t.test('CID-1 "retire prior to" is at most the sequence', async t => {
  const token = new Uint8Array(16)
  const frame = (sequence: number, prior: number): Uint8Array =>
    made(w => wire.encodeNewConnectionId(w, sequence, prior, id, token))
  for (const [sequence, prior, code] of [
    [0, 0, undefined],
    [7, 7, undefined],
    [7, 8, 'GH_WIRE_VALUE'],
    [0, 1, 'GH_WIRE_VALUE'],
  ] as const)
    t.equal(
      codeOf(() => codecs['packet-frames']!.decode(frame(sequence, prior))),
      code,
    )
})

t.test('DGRAM-1 the largest DATAGRAM fits the smallest packet, and a larger one is refused', async t => {
  const frame = made(w => wire.encodeDatagram(w, new Uint8Array(wire.limits.datagramFrame)))
  t.ok(wire.NUMBER_OFFSET + 4 + frame.length + 16 <= wire.limits.datagramLeast)
  for (const carrier of ['frames', 'packet-frames']) {
    t.equal(codecs[carrier]!.decode(frame).length, 1)
    const above = made(w => wire.encodeDatagram(w, new Uint8Array(wire.limits.datagramFrame + 1)))
    t.equal(
      codeOf(() => codecs[carrier]!.decode(above)),
      'GH_WIRE_LENGTH',
    )
  }
})

t.test('PKT-1 the first byte says what a datagram is, and nothing is two things', async t => {
  for (let first = 0; first < 256; first++) {
    const datagram = new Uint8Array(1_200)
    datagram[0] = first
    const kind = wire.isPacket(datagram) ? 'packet' : wire.isHandshakeDatagram(datagram) ? 'handshake' : ''
    const wanted = first >= 1 && first <= 3 ? 'handshake' : first >= 0x40 && first < 0x80 ? 'packet' : ''
    t.equal(kind, wanted, `0x${first.toString(16)}`)
    t.notOk(wire.isPacket(datagram) && wire.isHandshakeDatagram(datagram))
    t.notOk(wire.isPacket(datagram.subarray(0, 32)), 'too short for a sample')
    t.equal(wire.isPacket(datagram.subarray(0, 33)), wanted === 'packet')
  }
  t.notOk(wire.isPacket(new Uint8Array(0)) || wire.isHandshakeDatagram(new Uint8Array(0)))
})

t.test('PKT-2 handshake datagrams: 1,200 bytes for message 1, no more for the others', async t => {
  const sizes = (first: number): number[] =>
    Array.from({ length: 1_300 }, (_, length) => length).filter(length => {
      const datagram = new Uint8Array(length).fill(first, 0, 1)
      return wire.isHandshakeDatagram(datagram)
    })
  t.strictSame(sizes(1), [1_200])
  for (const first of [2, 3]) t.strictSame([sizes(first)[0], sizes(first).at(-1)], [42, 1_200])
  const macs: Uint8Array[] = []
  const mac = new Uint8Array(16).fill(0xee)
  for (const body of [new Uint8Array(0), new Uint8Array(wire.MESSAGE_1_ROOM).fill(9)]) {
    const bytes = wire.encodeHandshakeDatagram({ kind: 'MESSAGE_1', initiatorId: id, body }, covered => {
      macs.push(covered.slice())
      return mac
    })
    t.equal(bytes.length, 1_200)
    t.strictSame(wire.macCovers(bytes), macs.at(-1), 'who checks the MAC hashes what who made it did')
    t.strictSame(wire.macOfDatagram(bytes), mac)
    t.strictSame(wire.decodeHandshakeDatagram(bytes), { kind: 'MESSAGE_1', initiatorId: id, body })
  }
  const tooLong = { kind: 'MESSAGE_1', initiatorId: id, body: new Uint8Array(1_170) } as const
  t.throws(() => wire.encodeHandshakeDatagram(tooLong, () => mac), { code: 'GH_INTERNAL' })
  const reply = { kind: 'MESSAGE_3', initiatorId: id, responderId: id, body: new Uint8Array(1_160) } as const
  t.throws(() => wire.encodeHandshakeDatagram(reply, () => mac), { code: 'GH_INTERNAL' })
})

t.test('PKT-3 a head has the low bytes of the number, in as many bytes as it is told', async t => {
  const number = 2 ** 53 - 0x1234_5678
  for (const [length, low] of [
    [1, 0x88],
    [2, 0xa988],
    [3, 0xcba988],
    [4, 0xedcba988],
  ] as const) {
    const bytes = made(w => wire.encodePacketHead(w, id, number, length, 1))
    t.equal(bytes.length, 13 + length)
    const head = wire.decodePacketHead(new ByteReader(bytes))
    t.match(head, { numberLength: length, truncated: low, phase: 1 })
    t.ok(equal(head.destination, id))
  }
})

t.test('PKT-4 with the fewest frames a packet is just as long as its sample needs', async t => {
  for (const length of [1, 2, 3, 4] as const) {
    const head = made(w => wire.encodePacketHead(w, id, 0, length, 0)).length
    t.equal(head + wire.leastPlaintext(length) + 16, wire.LEAST_PACKET)
  }
})

t.test('PKT-5 spin and reserved bits are looked at apart, once the seal has opened', async t => {
  for (const first of [0x60, 0x50, 0x48, 0x78]) {
    const packet = concat(Uint8Array.of(first), id, new Uint8Array(40))
    const head = wire.unmaskHead(packet, new Uint8Array(5))
    t.equal(head.first, first, 'reading it is no fault: nothing is proved yet')
    t.throws(() => wire.checkReserved(head), { code: 'GH_WIRE_RESERVED', field: 'first byte' })
  }
  for (const first of [0x40, 0x47])
    wire.checkReserved(
      wire.unmaskHead(concat(Uint8Array.of(first), id, new Uint8Array(40)), new Uint8Array(5)),
    )
})

t.test('PKT-6 masking: what RFC 9001 A.5 masks, with our id in between, and back', async t => {
  const foreign = sharedJson('vectors/quic/rfc9001-appendix-a.json')?.chacha20_short_header
  const mask = fromHex(foreign?.mask ?? 'aefefe7d03')!
  const clear = concat(fromHex('42')!, id, fromHex('00bff4')!)
  const packet = concat(
    clear,
    new Uint8Array(40).map((_, i) => i),
  )
  const before = packet.slice()
  wire.maskHead(packet, mask)
  t.equal(toHex(packet.subarray(0, 16)), `4c${toHex(id)}fe4189`)
  t.ok(equal(packet.subarray(16), before.subarray(16)), 'what is sealed stays')
  const arrived = packet.slice()
  const head = wire.unmaskHead(packet, mask)
  t.ok(equal(packet, arrived), 'what came stays as it is')
  t.ok(equal(head.bytes, clear), 'the associated data')
  t.match(head, { truncated: 0xbff4, numberLength: 3, phase: 0 })
  t.strictSame(wire.destinationOf(packet), id)
  t.strictSame(wire.sampleOf(packet), packet.subarray(17, 33))
  check(
    fc.property(
      fc.uint8Array({ minLength: 5, maxLength: 5 }),
      fc.uint8Array({ minLength: 33, maxLength: 60 }),
      (mask, drawn) => {
        drawn[0] = (drawn[0]! & 0x3f) | 0x40
        const masked = drawn.slice()
        wire.maskHead(masked, mask)
        const { bytes } = wire.unmaskHead(masked, mask)
        return equal(bytes, drawn.subarray(0, bytes.length)) && ((masked[0]! ^ drawn[0]!) & 0xe0) === 0
      },
    ),
    500,
  )
  t.throws(() => wire.unmaskHead(packet.subarray(0, 32), mask), { code: 'GH_WIRE_SHORT' })
  t.throws(() => wire.unmaskHead(concat(Uint8Array.of(0xc0), packet.subarray(1)), mask), {
    code: 'GH_WIRE_VALUE',
  })
})

t.test('explain: a packet, what CONTROL carries, and a handshake datagram', async t => {
  const packet = made(w => {
    wire.encodePacketHead(w, id, 0x107, 2, 1)
    wire.encodeProbe(w)
  })
  t.equal(
    wire.formatNotes(wire.explainPacket(packet)),
    [
      '   0  45                        first byte = packet, key phase 1, number of 2 bytes',
      '   1  a0 a1 a2 a3 a4 a5 a6 a7   connection id = 12 bytes',
      '   9  a8 a9 aa ab',
      '  13  01 07                     packet number = 263',
      '  15  07                        frame type = PROBE (0x07)',
      '',
    ].join('\n'),
  )
  t.equal(
    wire.formatNotes(wire.explainControl(fromHex('0122 031b0305 0a01'.replaceAll(' ', ''))!)),
    [
      '   0  01                        frame length = 1',
      '   1  22                        frame type = DRAIN (0x22)',
      '   2  03                        frame length = 3',
      '   3  1b                        frame type = MESH (0x1b)',
      '   4  03                        linked = 3',
      '   5  05                        known = 5',
      '   6  0a                        frame length = 10',
      '   7  01                        malformed = GH_WIRE_SHORT: bytes ended inside a field: frame at byte 7',
      '',
    ].join('\n'),
  )
  const cookie = readVectors('handshake-datagram').vectors.find(one => one.id === 'cookie')!
  const notes = wire.explainHandshakeDatagram(fromHex(cookie.bytes)!)
  t.strictSame(
    notes.map(({ field, value }) => `${field} = ${value}`),
    [
      'type = RESPONDER_UNIT (0x02)',
      'MAC = 16 bytes',
      'initiator id = 12 bytes',
      'responder id = 12 bytes',
      'unit = 49 bytes',
    ],
  )
})
