/**
 * A link over datagrams, both ends whole: door, handshake, packets, streams. Virtual time, seeded paths.
 */
import t from 'tap'
import { GuildError } from '../../src/base/errors.ts'
import { ByteWriter } from '../../src/base/writer.ts'
import type { Stream } from '../../src/streams/stream.ts'
import { encodeChat } from '../../src/wire/frames/chat.ts'
import type { PeerEntry } from '../../src/wire/frames/peers.ts'
import { encodeMesh } from '../../src/wire/frames/peers.ts'
import { encodePing } from '../../src/wire/frames/ping.ts'
import { limits } from '../../src/wire/limits.ts'
import { closeCodes, frameTypes } from '../../src/wire/registry.ts'
import { End, exchange, makeSelf, yes } from '../support/link-pair.ts'
import { linked, Member, packetNodes } from '../support/packet-nodes.ts'
import { Listener, pattern } from '../support/pair.ts'

const PROBE = [frameTypes.PROBE.type]

/** Writes back what it reads, and ends when the other side does. */
function echo(stream: Stream): void {
  stream.handler = {
    readable() {
      for (let piece = stream.read(); piece !== undefined; piece = stream.read()) stream.write(piece)
    },
    writable() {},
    ended: () => stream.end(),
    reset() {},
    stopped() {},
    closed() {},
  }
}

function chat(text: string): (w: ByteWriter) => void {
  return w =>
    encodeChat(w, {
      from: new Uint8Array(32).fill(5),
      timestamp: 1_790_000_000_000,
      line: '',
      name: 'bob',
      text,
      signature: new Uint8Array(64).fill(6),
    })
}

/** CONTROL with whole frames, from an offset on. */
function control(offset: number, ...frames: readonly Uint8Array[]): Uint8Array {
  const inner = new ByteWriter(new Uint8Array(70_000))
  for (const frame of frames) inner.prefixed(frame)
  const w = new ByteWriter(new Uint8Array(70_000))
  return w.varint(frameTypes.CONTROL.type).varint(offset).prefixed(inner.view()).view().slice()
}

function frame(encode: (w: ByteWriter) => void): Uint8Array {
  const w = new ByteWriter(new Uint8Array(40_000))
  encode(w)
  return w.view().slice()
}

const ping = (n: number): Uint8Array => frame(w => encodePing(w, new Uint8Array(8).fill(n)))
/** MESH, which nobody answers. */
const mesh = frame(w => encodeMesh(w, 1, 2))

const names = ['clear', 'lossy', 'shuffled, doubled'] as const
const weathers = [{}, { loss: 15 }, { late: 30, doubled: 30, lateness: 200 }]

for (const [i, name] of names.entries())
  t.test(`a ${name} path: chat of 16 KiB both ways in order, PING, a stream there and back`, async t => {
    const { path, alice, bob } = linked({ weather: weathers[i]!, alice: { onStream: echo } })
    const [a, b] = [alice.link, bob.link]
    const lines = Array.from({ length: 12 }, (_, n) => `${n} ${'x'.repeat(limits.chatText - 4)}`)
    for (const line of lines)
      for (const one of [a, b]) {
        one.link.send(chat(line))
        one.flush()
      }
    b.link.send(w => encodePing(w, new Uint8Array(8).fill(3)))
    const listener = new Listener(b.streams!.open('/echo/1'))
    const sent = pattern(300_000)
    const { stream } = { stream: b.streams!.open('/echo/1') }
    const answer = new Listener(stream)
    stream.write(sent)
    stream.end()
    b.flush()
    t.ok(
      path.run(
        path.now + 120_000,
        () => answer.ends.includes('ended') && a.told.length + b.told.length >= 24,
      ),
    )
    t.ok(Buffer.from(answer.content).equals(Buffer.from(sent)))
    t.equal(listener.bytes, 0)
    for (const one of [a, b])
      t.same(
        one.told.map(([, frame]) => (frame as { text: string }).text),
        lines,
      )
    t.ok(b.outputs.some(output => output.kind === 'pong'))
    t.equal(a.end, undefined)
    t.equal(b.end, undefined)
  })

t.test(
  'UQ-05 nine starts, in each another datagram comes half a second late: each opens and speaks',
  async t => {
    for (let late = 0; late < 9; late++) {
      const { path, alice, bob } = packetNodes({ alice: { onStream: echo } })
      path.drops = (bytes, from, number) => {
        if (number !== late) return false
        const to = from === alice ? bob : alice
        path.at(path.now + 500, () => to.take(bytes, from.place))
        return true
      }
      const { link, ...rest } = { link: bob.dial(alice), path }
      t.ok(
        rest.path.run(path.now + 30_000, () => link.link.open),
        `datagram ${late}`,
      )
      const stream = link.streams!.open('/echo/1')
      const answer = new Listener(stream)
      stream.write(pattern(5_000))
      stream.end()
      link.flush()
      t.ok(path.run(path.now + 10_000, () => answer.ends.includes('ended')))
      t.equal(answer.bytes, 5_000)
      t.equal(alice.all.length, 1, 'one link')
    }
  },
)

t.test('REFUSED with peers of 16 KiB comes whole, under loss too', async t => {
  const entries: PeerEntry[] = Array.from({ length: 50 }, (_, n) => ({
    identityKey: new Uint8Array(32).fill(n),
    name: `peer ${n} ${'p'.repeat(40)}`,
    age: n,
    addresses: Array.from({ length: 8 }, () => new Uint8Array(30).fill(4)),
  }))
  let whole = 0
  for (let seed = 1; seed <= 8; seed++) {
    const { path, alice, bob } = packetNodes({
      weather: { seed, loss: seed === 1 ? 0 : 20 },
      alice: { verdict: { refuse: 'MAX_PEERS', detail: 'd'.repeat(limits.detail), entries } },
    })
    const dialled = bob.dial(alice)
    t.ok(
      path.run(path.now + 30_000, () => dialled.end !== undefined),
      `seed ${seed}`,
    )
    const refused = dialled.outputs.find(output => output.kind === 'refused')
    if (refused?.kind === 'refused' && refused.entries.length === entries.length) whole++
    if (refused !== undefined) t.equal(dialled.end?.error.code, 'GH_REFUSED_MAX_PEERS')
    else t.match(dialled.end?.error.code, /^GH_(LINK_CLOSED|HANDSHAKE_TIMEOUT)$/)
    if (seed === 1) t.equal(whole, 1, 'all of it, where nothing is lost')
    path.run(path.now + 60_000)
    t.ok(alice.link.gone && dialled.gone, 'both have forgotten')
    t.equal(Math.min(alice.deadline(), bob.deadline()), Number.POSITIVE_INFINITY, 'nothing is waited for')
  }
  t.ok(whole >= 4, `${whole} of 8: who refuses waits three PTO, no longer`)
})

t.test('HS-03 a responder that proves itself and then never lets us in is given up', async t => {
  const { path, alice, bob } = packetNodes({ alice: { verdict: { waits: true } } })
  const dialled = bob.dial(alice)
  const began = path.now
  const nag = (): void => {
    alice.all.at(-1)?.packets?.departures.probe()
    alice.all.at(-1)?.flush()
    path.at(path.now + 1_000, nag)
  }
  path.at(path.now + 1_000, nag)
  path.run(began + 60_000, () => dialled.end !== undefined)
  t.equal(dialled.end?.error.code, 'GH_HANDSHAKE_TIMEOUT')
  t.equal(path.now - began, 30_000)
})

t.test('[DGRAM-1] datagrams go on both carriers; what is too long is refused at once', async t => {
  const { path, alice, bob } = linked()
  const most = pattern(limits.datagramFrame)
  t.equal(bob.link.link.sendDatagram(most), true)
  t.equal(alice.link.link.sendDatagram(Uint8Array.of(7)), true)
  bob.link.flush()
  alice.link.flush()
  path.run(path.now + 100)
  t.same(alice.link.told, [['datagram', most]])
  t.same(bob.link.told, [['datagram', Uint8Array.of(7)]])
  t.throws(() => bob.link.link.sendDatagram(pattern(limits.datagramFrame + 1)), { code: 'GH_WIRE_LENGTH' })

  const told: Uint8Array[] = []
  const nothing = (): void => {}
  const streams = {
    ...{ stream: nothing, resetStream: nothing, stopSending: nothing, maxData: nothing },
    ...{ maxStreamData: nothing, maxStreams: nothing, fill: () => false },
  }
  const meshFrames = { requestPeers: nothing, peers: nothing, chat: nothing, mesh: nothing }
  const carry = () => ({
    streams,
    mesh: meshFrames,
    datagram: (bytes: Uint8Array) => void told.push(bytes.slice()),
  })
  const a = new End(makeSelf({ seed: 1 }), { proceed: yes }, carry)
  const b = new End(makeSelf({ seed: 2 }), undefined, carry)
  t.equal(a.link.sendDatagram(most), false, 'not before the link is open')
  exchange(a, b)
  t.equal(a.link.sendDatagram(most), true)
  a.flush()
  exchange(a, b)
  t.same(told, [most])
})

t.test('TYPE-6 FR-03 frames that have no place inside CONTROL end the link', async t => {
  for (const name of [
    'STREAM',
    'DATAGRAM',
    'CLOSE',
    'ACK',
    'PROBE',
    'CONTROL',
    'REKEY',
    'PADDING',
  ] as const) {
    const { path, alice, bob } = linked()
    const error = new Member(path, bob, alice).say(control(0, Uint8Array.of(frameTypes[name].type, 0, 0, 0)))
    t.equal(error?.code, 'GH_WIRE_FRAME', name)
    t.equal(alice.link.end?.by, 'protocol')
    t.equal(alice.link.end?.closeCode, closeCodes.FRAME)
  }
})

t.test(
  'FR-01 FR-05 FR-06 FR-07 FR-09 FR-10 what breaks a rule of frames or streams ends the link by its name',
  async t => {
    const stream = (id: number, offset: number, data: Uint8Array, fin = false): Uint8Array =>
      frame(w =>
        w
          .varint(fin ? 0x09 : 0x08)
          .varint(id)
          .varint(offset)
          .prefixed(data),
      )
    const header = Uint8Array.of(7, ...Buffer.from('/echo/1'))
    const cases: readonly [string, string, readonly Uint8Array[]][] = [
      [
        'FR-01',
        'GH_WIRE_LENGTH',
        [
          frame(w =>
            w
              .varint(0x06)
              .varint(0)
              .varint(4)
              .raw(Uint8Array.of(0xbf, 0xff, 0xff, 0xff)),
          ),
        ],
      ],
      ['FR-05', 'GH_WIRE_VARINT', [Uint8Array.of(0x40, 0x07)]],
      ['FR-07', 'GH_LINK_STREAMS', [stream(4 * 2_000_000, 0, header)]],
      ['FR-09', 'GH_LINK_FLOW', [stream(0, 2 ** 40, header)]],
      ['FR-10', 'GH_LINK_FINAL_SIZE', [stream(0, 0, header, true), stream(0, 200, header)]],
    ]
    for (const [fault, code, frames] of cases) {
      const { path, alice, bob } = linked({ alice: { onStream: echo } })
      const error = new Member(path, bob, alice).say(...frames)
      t.equal(error?.code, code, fault)
    }
    const { path, alice, bob } = linked({ alice: { onStream: echo } })
    const member = new Member(path, bob, alice)
    t.equal(member.say(stream(0, 0, header, true)), undefined)
    t.equal(member.say(stream(0, 0, header, true)), undefined, 'FR-06 the end once more: nothing')
  },
)

t.test(
  'FR-04 floods inside packets spend a budget: CONTROL of nothing, PING, ACK of nothing new, DATAGRAM',
  async t => {
    const floods: Readonly<Record<string, (n: number) => Uint8Array>> = {
      'empty CONTROL': () => frame(w => w.raw(Uint8Array.of(0x06, 0, 0)).raw(new Uint8Array(0))),
      PROBE: () => Uint8Array.of(0x07),
      'CONTROL that repeats': () => Uint8Array.of(0x06, 0, 2, 1, 0x18),
      ACK: () => Uint8Array.of(0x03, 0, 0, 0, 0),
      DATAGRAM: () => Uint8Array.of(0x0e, 0),
      PATH_CHALLENGE: n => Uint8Array.of(0x0a, ...new Uint8Array(8).fill(n)),
      'empty MAX_DATA': () => Uint8Array.of(0x10, 0),
    }
    for (const [name, make] of Object.entries(floods)) {
      const { path, alice, bob } = linked()
      const member = new Member(path, bob, alice)
      const before = path.bytes.get(alice) ?? 0
      let error: GuildError | undefined
      let [frames, bytes, packets] = [0, 0, 0]
      for (let n = 0; error === undefined && frames < 100_000; n++) {
        const packet = Array.from({ length: 100 }, (_, i) => make(n * 100 + i))
        frames += packet.length
        packets++
        bytes += packet.reduce((sum, one) => sum + one.length, 33)
        error = member.say(...packet)
      }
      t.equal(error?.code, 'GH_LINK_BUDGET', name)
      t.ok(frames <= 20_500, `${name}: ${frames} frames`)
      // A packet with challenges is answered at a proved address only, by four of full size at most.
      const most = name === 'PATH_CHALLENGE' ? 4 * 1_200 * packets : bytes
      t.ok((path.bytes.get(alice) ?? 0) - before <= most, `${name}: no more is answered than was said`)
    }
  },
)

t.test('FR-04 PING by the thousand: answers wait boundedly, and then the link ends', async t => {
  const { path, alice, bob } = linked()
  const member = new Member(path, bob, alice)
  let error: GuildError | undefined
  let offset = 0
  let most = 0
  for (let n = 0; error === undefined && n < 2_000; n++) {
    const one = control(offset, ...Array.from({ length: 100 }, () => ping(n)))
    offset += 100 * 10
    error = member.say(one)
    most = Math.max(most, alice.link.packets!.departures.control.bytes)
  }
  t.equal(error?.code, 'GH_LINK_BUDGET')
  t.ok(most <= (256 + 64) * 1024, `${most} bytes`)
})

t.test('FR-04 frames inside CONTROL are paid for one by one', async t => {
  const { path, alice, bob } = linked()
  const member = new Member(path, bob, alice)
  let error: GuildError | undefined
  let frames = 0
  for (let offset = 0; error === undefined && frames < 100_000; frames += 100) {
    const one = control(offset, ...new Array<Uint8Array>(100).fill(mesh))
    offset += 100 * (1 + mesh.length)
    error = member.say(one)
  }
  t.equal(error?.code, 'GH_LINK_BUDGET')
  t.ok(frames <= 20_200, `${frames}`)
})

t.test('control that leaves no gap filled is bounded, however it comes (FR-02)', async t => {
  const { path, alice, bob } = linked()
  const member = new Member(path, bob, alice)
  let error: GuildError | undefined
  for (let n = 1; error === undefined && n < 5_000; n++) error = member.say(control(20 * n, mesh))
  t.match(error?.code, /^GH_LINK_(BUDGET|FLOW)$/)
})

t.test(
  'P1 T9 a packet that overtook message 3 and breaks the rules ends its link, and nothing else',
  async t => {
    const { path, alice, bob } = packetNodes()
    const held: Uint8Array[] = []
    let third: Uint8Array | undefined
    path.drops = (bytes, from) => {
      if (from !== bob || bytes[0] !== 0x03 || third !== undefined) return from === bob && third !== undefined
      third = bytes
      return true
    }
    bob.dial(alice)
    path.run(path.now + 100, () => third !== undefined)
    path.run(path.now + 50)
    const proved = bob.link.outputs.find(output => output.kind === 'proved')
    t.equal(proved, undefined)
    // Bob has keys already. What he says is held at her door until message 3 comes.
    path.nodes.splice(path.nodes.indexOf(bob), 1)
    const member = memberOf(bob)
    held.push(member(control(0, ping(1))), member(Uint8Array.of(0x1f)))
    for (const bytes of held) alice.take(bytes, bob.place)
    t.doesNotThrow(() => alice.take(third!, bob.place))
    t.equal(alice.all.length, 1)
    t.equal(alice.link.end?.error.code, 'GH_WIRE_FRAME')
    path.run(path.now + 60_000)
    t.ok(alice.link.gone)
  },
)

/** Seals with the keys of a link that is not open yet. */
function memberOf(node: ReturnType<typeof packetNodes>['bob']): (frames: Uint8Array) => Uint8Array {
  const { departures } = node.link.packets!
  let number = departures.recovery.next
  return frames =>
    departures.protection.sealed(departures.remoteIds.current, number++, -1, frames, node.path.now)
}

t.test(
  'UQ-15 a peer that forgot the link says so; a wrong token, or a reset from memory of none, says nothing',
  async t => {
    const { path, alice, bob } = linked()
    const link = bob.link
    bob.take(Uint8Array.of(0x41, ...pattern(60)), alice.place)
    t.equal(link.end, undefined, 'a wrong one')
    alice.link.packets!.abandon() // as a crash would
    alice.links.clear()
    link.link.send(w => encodePing(w, new Uint8Array(8)))
    link.flush()
    path.run(path.now + 200)
    t.equal(link.end?.error.code, 'GH_LINK_CLOSED')
    t.equal(link.end?.by, 'transport')
    t.ok(link.gone)
  },
)

t.test('LOSS-5 a message 3 that was lost for long is no round trip: ACCEPTED is said again soon', async t => {
  for (const asks of [1, 3]) {
    const { path, alice, bob } = packetNodes()
    const begun = path.now
    let [asked, lost] = [0, 0]
    path.drops = (bytes, from) => {
      // The first questions are answered and the answers lost; then message 3 for four seconds; then alice's first packets.
      if (from === alice) return bytes[0]! >= 0x40 ? lost++ < 2 : asked++ < asks - 1
      return bytes[0] !== 0x01 && path.now < begun + 4_000
    }
    bob.dial(alice)
    path.run(begun + 10_000, () => alice.all.length > 0)
    const proved = path.now
    t.ok(proved > begun + 4_000, `proved after ${proved - begun} ms`)
    t.ok(
      path.run(proved + 2_000, () => bob.link.link.open),
      `after ${asks} questions: open ${path.now - proved} ms later`,
    )
  }
})

t.test('UQ-18 silence ends a link after 30 s, and both have forgotten it', async t => {
  const { path, alice, bob } = linked()
  path.drops = () => true
  const began = path.now
  path.run(began + 120_000)
  for (const { end } of [alice.link, bob.link]) {
    t.equal(end?.by, 'silence')
    t.equal(end?.error.code, 'GH_LINK_SILENT')
  }
  t.equal(alice.links.size + bob.links.size, 0)
  t.equal(Math.min(alice.deadline(), bob.deadline()), Number.POSITIVE_INFINITY)
})

t.test('UQ-02 GOODBYE behind control: what was said before arrives, under loss too', async t => {
  let whole = 0
  for (let seed = 1; seed <= 20; seed++) {
    const { path, alice, bob } = linked({ weather: { seed, loss: 20 } })
    let last: Uint8Array = new Uint8Array(0)
    path.drops = (bytes, from) => {
      if (from === bob) last = bytes
      return false
    }
    const text = 'y'.repeat(limits.chatText - 1)
    bob.link.link.send(chat(text))
    bob.link.feed({
      kind: 'close',
      code: closeCodes.GOODBYE,
      error: new GuildError('GH_LINK_CLOSED', 'stopped'),
    })
    path.run(path.now + 60_000)
    if (alice.link.names.includes('chat')) whole++
    t.ok(alice.link.gone && bob.link.gone)
    t.equal(alice.links.size + bob.links.size, 0)
    t.not(alice.door.judge(last, bob.place, path.now).kind, 'packet', 'no id leads anywhere')
  }
  t.ok(whole >= 18, `${whole} of 20`) // three PTO, and then it ends
})

t.test('a peer that broke the rules is told at once, and not waited for', async t => {
  const { path, alice, bob } = linked()
  alice.link.link.send(chat('z'.repeat(10_000)))
  const member = new Member(path, bob, alice)
  t.equal(member.say([0x1f])?.code, 'GH_WIRE_FRAME')
  t.equal(alice.link.packets!.state, 'closing')
  t.equal(member.say(PROBE)?.code, 'GH_WIRE_FRAME', 'what comes after changes nothing')
})
