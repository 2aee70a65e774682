/** The plain link of the control socket: streams in the clear, and whatever else is refused. */
import t from 'tap'
import { fromHex, toHex, utf8 } from '../../src/base/bytes.ts'
import { ByteWriter } from '../../src/base/writer.ts'
import { defaults } from '../../src/link/link-io.ts'
import * as admission from '../../src/wire/frames/admission.ts'
import { encodeMesh, encodePeers, encodeRequestPeers } from '../../src/wire/frames/peers.ts'
import { encodePing, encodePong } from '../../src/wire/frames/ping.ts'
import { encodeStreamHead } from '../../src/wire/frames/stream.ts'
import { closeCodes } from '../../src/wire/registry.ts'
import { PlainSide, settle } from '../support/plain.ts'

const unit = (...frames: ((w: ByteWriter) => void)[]): Uint8Array => {
  const w = new ByteWriter()
  for (const frame of frames) frame(w)
  const body = w.view()
  return new Uint8Array([body.length >>> 8, body.length & 0xff, ...body])
}
const encodeStream = (w: ByteWriter, id: number, offset: number, data: Uint8Array, fin: boolean): void => {
  encodeStreamHead(w, id, offset, data.length, fin)
  w.raw(data)
}
const nonce = new Uint8Array(8).fill(9)

t.test('CONTROL-3 streams go both ways; the client opens even ids', async t => {
  const [client, node] = [new PlainSide(true), new PlainSide(false)]
  const asked = client.streams.open('/x')
  const second = client.streams.open('/x')
  asked.write(utf8('hello'))
  asked.end()
  settle(client, node)
  t.strictSame([asked.id, second.id], [0, 2])
  const [seen] = node.opened
  t.strictSame([seen!.id, seen!.protocol], [0, '/x'])
  t.equal(String(Buffer.from(seen!.read()!)), 'hello')
  seen!.write(new Uint8Array(200_000).fill(7))
  seen!.end()
  settle(client, node)
  let length = 0
  for (let piece = asked.read(); piece !== undefined; piece = asked.read()) length += piece.length
  t.equal(length, 200_000, 'over several records')
  t.notOk(client.ended ?? node.ended)
})

t.test('a record split at every byte is the same record', async t => {
  const bytes = unit(
    w => encodePing(w, nonce),
    w => encodeStream(w, 0, 0, utf8('\u0002/xhi'), true),
  )
  for (let at = 0; at <= bytes.length; at++) {
    const node = new PlainSide(false)
    node.give(bytes.subarray(0, at))
    node.give(bytes.subarray(at))
    t.equal(String(Buffer.from(node.opened[0]!.read()!)), 'hi', `split at ${at}`)
    t.equal(toHex(node.take()), toHex(unit(w => encodePong(w, nonce))))
  }
})

t.test('the bytes of a record stay, whatever becomes of the memory they came in', async t => {
  const node = new PlainSide(false)
  const bytes = unit(w => encodeStream(w, 0, 0, utf8('\u0002/xhi'), false))
  node.give(bytes)
  bytes.fill(0)
  t.equal(String(Buffer.from(node.opened[0]!.read()!)), 'hi')
})

t.test('CONTROL-2 what has no place here ends the link, with its code', async t => {
  const cases: readonly [string, Uint8Array, number][] = [
    ['REQUEST_PEERS', unit(encodeRequestPeers), closeCodes.PROTOCOL],
    ['PEERS', unit(w => encodePeers(w, [])), closeCodes.PROTOCOL],
    ['MESH', unit(w => encodeMesh(w, 1, 2)), closeCodes.PROTOCOL],
    ['ACCEPTED', unit(w => admission.encodeAccepted(w, new Uint8Array())), closeCodes.PROTOCOL],
    ['REFUSED', unit(w => admission.encodeRefused(w, 'DENIED', '')), closeCodes.PROTOCOL],
    ['DRAIN', unit(admission.encodeDrain), closeCodes.PROTOCOL],
    ['REKEY', unit(admission.encodeRekey), closeCodes.PROTOCOL],
    ['an empty record', fromHex('0000')!, closeCodes.FRAME],
    ['an unknown frame', fromHex('00013f')!, closeCodes.FRAME],
    ['a stream of ours', unit(w => encodeStream(w, 1, 0, utf8('\u0002/x'), false)), closeCodes.PROTOCOL],
    ['past the credit', unit(w => encodeStream(w, 0, 300_000, utf8('x'), false)), closeCodes.FLOW_CONTROL],
  ]
  for (const [name, bytes, code] of cases) {
    const node = new PlainSide(false)
    node.give(bytes)
    t.equal(toHex(node.take()), toHex(unit(w => admission.encodeClose(w, code, ''))), name)
    t.equal(node.ended?.byPeer, false, name)
    t.equal(node.carrier, 'ended', name)
    node.give(bytes)
    t.equal(node.take().length, 0, 'and that is all it hears')
    node.tick(node.now + defaults.closeLinger)
    t.equal(node.carrier, 'destroyed', 'a client that does not hang up is left')
  }
  const node = new PlainSide(false)
  node.give(fromHex('00020101')!)
  t.equal(toHex(node.take()), '000323'.concat('0600'), 'the exercise of the page')
})

t.test('CONTROL-2 FR-04 a flood of cheap frames ends the link; ignorable ones are skipped', async t => {
  const node = new PlainSide(false)
  node.give(unit(w => w.varint(0x40).prefixed(utf8('?'))))
  t.notOk(node.ended)
  const flood = unit(w => w.raw(new Uint8Array(5_000)))
  for (let i = 0; i < 5 && node.ended === undefined; i++) node.give(flood)
  t.equal(node.ended?.error.code, 'GH_LINK_BUDGET')
})

t.test('CLOSE and a hang-up end it, and the streams hear of it once', async t => {
  for (const [how, detail] of [
    ['close', 'the peer said goodbye'],
    ['hang-up', 'the other side hung up'],
  ] as const) {
    const node = new PlainSide(false)
    if (how === 'close') node.give(unit(w => admission.encodeClose(w, closeCodes.GOODBYE, '')))
    else node.hangUp()
    node.hangUp()
    t.match(node.ended, { byPeer: true, error: { code: 'GH_LINK_CLOSED', detail } })
    t.equal(node.link.deadline(), undefined)
  }
})
