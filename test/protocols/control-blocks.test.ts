/** Blocks over the control socket: every message there and back, and what is none of them. */
import t from 'tap'
import { concat, utf8 } from '../../src/base/bytes.ts'
import { sha256Cid } from '../../src/content/block.ts'
import {
  BLOCK_MESSAGE_MAX,
  type BlocksRequest,
  decodeBlocksInput,
  decodeBlocksOutput,
  decodeBlocksRequest,
  encodeBlock,
  encodeJson,
  encodeWant,
} from '../../src/protocols/control/blocks.ts'
import { formatCid } from '../../src/wire/cid.ts'
import { limits } from '../../src/wire/limits.ts'

const bytes = utf8('a block')
const cid = sha256Cid(0x55, bytes)
const text = formatCid(cid)

t.test('requests: each comes back as it was; what it does not take is left out', async t => {
  const all: BlocksRequest[] = [
    { do: 'get', offline: true },
    { do: 'put', announce: false, undo: true },
    { do: 'size', cid: text },
    { do: 'rm', cid: text },
    { do: 'pin', cid: text, direct: true },
    { do: 'unpin', cid: text },
    ...(['stat', 'pins', 'gc', 'verify'] as const).map(action => ({ do: action })),
  ]
  for (const request of all) t.strictSame(decodeBlocksRequest(encodeJson(request)), request)
  t.strictSame(decodeBlocksRequest(utf8('{"do":"gc","cid":7,"later":[]}')), { do: 'gc' })
  t.strictSame(
    decodeBlocksRequest(utf8('{"do":"put"}')),
    { do: 'put', announce: true, undo: false },
    'peers are told unless it says no',
  )
})

t.test('CONTROL-7 what is no request is refused in words', async t => {
  const bad: readonly [string | Uint8Array, RegExp][] = [
    ['', /not JSON/],
    [Uint8Array.of(0x7b, 0xff), /not JSON in UTF-8/],
    ['[]', /not an object/],
    ['{}', /"do" has to be one of get, put, .* not undefined/],
    ['{"do":"constructor"}', /not "constructor"/],
    ['{"do":"\\u001b[31m"}', /not "\\x1b\[31m"/],
    ['{"do":"size"}', /"cid" has to be a text/],
    ['{"do":"rm","cid":""}', /"cid" has to be a text/],
    [`{"do":"pin","cid":"${'b'.repeat(limits.cidText + 1)}"}`, /"cid" has to be a text/],
    ['{"do":"get","offline":"yes"}', /"offline" has to be true or false/],
    ['{"do":"put","undo":1}', /"undo" has to be true or false/],
  ]
  for (const [request, message] of bad)
    t.throws(() => decodeBlocksRequest(typeof request === 'string' ? utf8(request) : request), {
      code: 'GH_CONTROL_REQUEST',
      message,
    })
})

t.test('blocks and wants: there and back, the bytes a view', async t => {
  const message = encodeBlock(cid, bytes)
  const input = decodeBlocksInput('put', message)
  t.ok(input.kind === 'block' && input.cid.equals(cid))
  t.strictSame(input.kind === 'block' && input.bytes, bytes)
  t.equal(input.kind === 'block' && input.bytes.buffer, message.buffer)
  const output = decodeBlocksOutput(message)
  t.ok(output.kind === 'block' && output.cid.equals(cid))
  const want = decodeBlocksInput('get', encodeWant(cid))
  t.ok(want.kind === 'want' && want.cid.equals(cid))
  t.strictSame(decodeBlocksInput('put', encodeJson({ pin: text })), { kind: 'pin', cid: text })
  const most = encodeBlock(cid, new Uint8Array(limits.block))
  t.ok(most.length <= BLOCK_MESSAGE_MAX)
  t.equal(decodeBlocksInput('put', most).kind, 'block')
})

t.test('CONTROL-7 a message that its request does not take is refused', async t => {
  const bad: readonly [Parameters<typeof decodeBlocksInput>[0], Uint8Array, string][] = [
    ['get', encodeBlock(cid, bytes), 'GH_CONTROL_REQUEST'],
    ['put', encodeWant(cid), 'GH_CONTROL_REQUEST'],
    ['gc', encodeWant(cid), 'GH_CONTROL_REQUEST'],
    ['get', utf8('{"pin":"x"}'), 'GH_CONTROL_REQUEST'],
    ['put', utf8('{"pin":7}'), 'GH_CONTROL_REQUEST'],
    ['put', new Uint8Array(0), 'GH_CONTROL_REQUEST'],
    ['put', Uint8Array.of(3, 1, 2), 'GH_CONTROL_REQUEST'],
    ['get', Uint8Array.of(2, 1), 'GH_WIRE_SHORT'],
    ['get', concat(encodeWant(cid), bytes), 'GH_WIRE_LONG'],
    ['put', encodeBlock(cid, new Uint8Array(limits.block + 1)), 'GH_BLOCK_TOO_LARGE'],
    ['get', Uint8Array.of(2, 1, 0x55, 0x11, 20, ...new Uint8Array(20)), 'GH_CID_UNSUPPORTED'],
  ]
  for (const [action, message, code] of bad)
    t.throws(() => decodeBlocksInput(action, message), { code }, `${action} ${message.subarray(0, 8)}`)
})

t.test('replies: a fault keeps its words, also one of a newer node', async t => {
  t.strictSame(decodeBlocksOutput(encodeJson({ error: { code: 'GH_STORE_FULL', detail: 'x' } })), {
    kind: 'json',
    value: { error: { code: 'GH_STORE_FULL', detail: 'x' } },
  })
  t.match(decodeBlocksOutput(utf8('{"error":{"code":"GH_NEW","detail":"x"}}')), {
    value: { error: { code: 'GH_INTERNAL', detail: 'GH_NEW: x' } },
  })
  t.match(decodeBlocksOutput(encodeJson({ done: { quota: undefined } })), {
    value: { done: { quota: null } },
  })
  for (const reply of ['{"error":{}}', '{"missing":"x","error":null}', '3'])
    t.throws(() => decodeBlocksOutput(utf8(reply)), { code: 'GH_CONTROL_REQUEST' })
})
