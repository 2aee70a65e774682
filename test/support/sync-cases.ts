/** Cases of the log and of sync: dag-cbor by formulas of their own. */
import { bad, type Case, type CaseFile, run, text } from './case-forms.ts'

const hex = (value: number | bigint, bytes: number): string => value.toString(16).padStart(2 * bytes, '0')
/** A head of dag-cbor: kind 0 to 7, and its number as short as it goes. */
export function head(kind: number, value: number | bigint): string {
  const v = BigInt(value)
  const first = (info: number): string => hex((kind << 5) | info, 1)
  if (v < 24n) return first(Number(v))
  if (v < 256n) return first(24) + hex(v, 1)
  if (v < 65_536n) return first(25) + hex(v, 2)
  if (v < 1n << 32n) return first(26) + hex(v, 4)
  return first(27) + hex(v, 8)
}
export const u = (value: number | bigint): string => head(0, value)
export const b = (bytes: string): string => head(2, bytes.length / 2) + bytes
export const s = (value: string): string => head(3, text(value).length / 2) + text(value)
export const list = (...items: readonly string[]): string => head(4, items.length) + items.join('')
export const map = (...pairs: readonly (readonly [string, string])[]): string =>
  head(5, pairs.length) + pairs.map(([key, value]) => s(key) + value).join('')
const [no, yes, nil] = ['f4', 'f5', 'f6']

const id = run(0x10, 32)
const prev = run(0x40, 32)
const author = run(0x70, 32)
const signature = run(0xa0, 64)
const value = {
  id,
  prev,
  author,
  payload: s('hello'),
  userId: 'alice',
  deviceId: 'laptop',
  signature,
  timestamp: 1_767_225_600_000,
  authorSeq: 7,
}
type Fields = Partial<Record<string, string>>
/** An entry, with some of its fields as given. */
export function entry(fields: Fields = {}): string {
  const all: readonly (readonly [string, string])[] = [
    ['id', b(id)],
    ['prev', b(prev)],
    ['author', b(author)],
    ['payload', s('hello')],
    ['user_id', s('alice')],
    ['device_id', s('laptop')],
    ['signature', b(signature)],
    ['timestamp', u(1_767_225_600_000)],
    ['author_seq', u(7)],
  ]
  return map(...all.map(([key, was]) => [key, fields[key] ?? was] as const))
}
const first = { prev: nil, author_seq: u(1) }
const before = (field: string): number => entry().indexOf(s(field)) / 2
const at = (field: string): number => before(field) + s(field).length / 2
/** Behind its own head of so many bytes. */
const swapped = entry().replace(s('id') + b(id) + s('prev') + b(prev), s('prev') + b(prev) + s('id') + b(id))

const logEntry: readonly Case[] = [
  ['entry', entry(), value],
  ['first', entry(first), { ...value, prev: null, authorSeq: 1 }, 'nothing before it'],
  ['unsigned', entry({ signature: b('') }), { ...value, signature: '' }, 'a later one vouches for it'],
  ['payload-map', entry({ payload: map(['a', u(1)]) }), { ...value, payload: map(['a', u(1)]) }],
  ['names-empty', entry({ user_id: s(''), device_id: s('') }), { ...value, userId: '', deviceId: '' }],
  [
    'largest-numbers',
    entry({ timestamp: u(2n ** 53n - 1n), author_seq: u(2n ** 53n - 1n) }),
    { ...value, timestamp: Number.MAX_SAFE_INTEGER, authorSeq: Number.MAX_SAFE_INTEGER },
  ],

  ['empty', '', bad('SHORT', 'entry', 0)],
  ['list', list(), bad('VALUE', 'entry', 0)],
  ['ten-fields', `aa${entry().slice(2)}`, bad('LENGTH', 'entry', 0)],
  ['eight-fields', `a8${entry().slice(2)}`, bad('VALUE', 'entry', 0)],
  ['other-order', swapped, bad('VALUE', 'id key', 1)],
  ['id-short', entry({ id: b(run(0, 31)) }), bad('VALUE', 'id', at('id'))],
  ['id-long', entry({ id: b(run(0, 33)) }), bad('LENGTH', 'id', at('id'))],
  ['id-text', entry({ id: s('x') }), bad('VALUE', 'id', at('id'))],
  [
    'prev-missing',
    entry({ prev: nil }),
    bad('VALUE', 'prev', at('prev')),
    'LG-07: number 7 has one before it',
  ],
  ['prev-of-first', entry({ author_seq: u(1) }), bad('VALUE', 'prev', at('prev')), 'LG-07'],
  ['prev-short', entry({ prev: b('00') }), bad('VALUE', 'prev', at('prev'))],
  ['author-short', entry({ author: b(run(0, 31)) }), bad('VALUE', 'author', at('author'))],
  ['payload-number-long', entry({ payload: '1800' }), bad('VALUE', 'payload', at('payload')), 'CBOR-1'],
  ['payload-undefined', entry({ payload: 'f7' }), bad('VALUE', 'payload', at('payload')), 'CBOR-1'],
  ['payload-float-short', entry({ payload: 'f93c00' }), bad('VALUE', 'payload', at('payload')), 'CBOR-1'],
  ['payload-nan', entry({ payload: 'fb7ff8000000000000' }), bad('VALUE', 'payload', at('payload'))],
  ['payload-tag', entry({ payload: 'c000' }), bad('VALUE', 'payload', at('payload'))],
  ['payload-open-list', entry({ payload: '9fff' }), bad('VALUE', 'payload', at('payload'))],
  ['payload-not-utf8', entry({ payload: '61ff' }), bad('TEXT', 'payload', at('payload') + 1)],
  [
    'payload-key-twice',
    entry({ payload: 'a2616101616102' }),
    bad('VALUE', 'payload key', at('payload') + 4),
    'CBOR-1',
  ],
  ['payload-key-order', entry({ payload: 'a2616201616102' }), bad('VALUE', 'payload key', at('payload') + 4)],
  ['payload-key-number', entry({ payload: 'a10101' }), bad('VALUE', 'payload key', at('payload') + 1)],
  [
    'payload-deep',
    entry({ payload: `${'81'.repeat(64)}8100` }),
    bad('LENGTH', 'payload', at('payload') + 64),
    'CBOR-2',
  ],
  [
    'payload-claims',
    entry({ payload: '9b001fffffffffffff' }),
    bad('SHORT', 'payload', at('payload')),
    'LIM-1',
  ],
  ['user-long', entry({ user_id: s('x'.repeat(257)) }), bad('LENGTH', 'user_id', at('user_id'))],
  ['device-long', entry({ device_id: s('x'.repeat(257)) }), bad('LENGTH', 'device_id', at('device_id'))],
  ['signature-short', entry({ signature: b(run(0, 63)) }), bad('VALUE', 'signature', at('signature'))],
  ['signature-long', entry({ signature: b(run(0, 65)) }), bad('LENGTH', 'signature', at('signature'))],
  ['number-zero', entry({ author_seq: u(0) }), bad('VALUE', 'author_seq', at('author_seq'))],
  ['number-large', entry({ author_seq: u(2n ** 53n) }), bad('LENGTH', 'author_seq', at('author_seq'))],
  ['time-negative', entry({ timestamp: '20' }), bad('VALUE', 'timestamp', at('timestamp'))],
  ['more', `${entry()}00`, bad('LONG', 'entry', entry().length / 2)],
]

const epoch = run(0x20, 16)
const aHead = { author, authorSeq: 7, id }
const heads = list(list(b(author), u(7), b(id)))

const pullValue = { cursor: 12, epoch, limit: 1_000 }
const pulled = (...more: readonly (readonly [string, string])[]): string =>
  map(...more, ['epoch', b(epoch)], ['limit', u(1_000)], ['cursor', u(12)])
const syncPull: readonly Case[] = [
  ['again', pulled(), pullValue],
  [
    'from-the-beginning',
    map(['epoch', b('')], ['limit', u(1)], ['cursor', u(0)]),
    { cursor: 0, epoch: '', limit: 1 },
  ],
  [
    'all',
    pulled(['have', heads], ['wait', yes], ['after', b(id)]),
    { ...pullValue, have: [aHead], wait: true, after: id },
  ],

  ['empty', '', bad('SHORT', 'SyncPull', 0)],
  ['no-cursor', map(['epoch', b(epoch)], ['limit', u(1)]), bad('VALUE', 'SyncPull', 0)],
  ['no-epoch', map(['limit', u(1)], ['cursor', u(1)]), bad('VALUE', 'SyncPull', 0)],
  ['epoch-short', map(['epoch', b('00')], ['limit', u(1)], ['cursor', u(1)]), bad('VALUE', 'epoch', 7)],
  ['limit-text', map(['epoch', b('')], ['limit', s('1')], ['cursor', u(1)]), bad('VALUE', 'limit', 14)],
  ['wait-number', pulled(['wait', u(1)]), bad('VALUE', 'wait', 6)],
  ['after-short', pulled(['after', b('00')]), bad('VALUE', 'after', 7)],
  ['have-513', pulled(['have', head(4, 513)]), bad('LENGTH', 'have', 6), 'LIM-1'],
  ['have-two', pulled(['have', list(list(b(author), u(7)))]), bad('VALUE', 'have', 7)],
  ['order', map(['limit', u(1)], ['epoch', b('')], ['cursor', u(1)]), bad('VALUE', 'SyncPull key', 8)],
  ['more', `${pulled()}00`, bad('LONG', 'SyncPull', pulled().length / 2)],
]

const batched = (...more: readonly (readonly [string, string])[]): string => map(...more)
const batchValue = { entries: [value], nextCursor: 8, epoch, more: true }
const batchPairs = [
  ['more', yes],
  ['epoch', b(epoch)],
  ['entries', list(entry())],
  ['next_cursor', u(8)],
] as const
const syncBatch: readonly Case[] = [
  ['one', batched(...batchPairs), batchValue],
  [
    'nothing-new',
    batched(['last', b(id)], ['more', no], ['epoch', b(epoch)], ['entries', list()], ['next_cursor', u(8)]),
    { entries: [], nextCursor: 8, epoch, more: false, last: id },
  ],
  [
    'unknown',
    batched(['more', yes], ['epoch', b(epoch)], ['entries', list()], ['unknown', yes], ['next_cursor', u(0)]),
    { entries: [], nextCursor: 0, epoch, more: true, unknown: true },
    'LG-04: the cursor is of another log',
  ],
  [
    'heads',
    batched(
      ['last', b(id)],
      ['more', no],
      ['epoch', b(epoch)],
      ['heads', heads],
      ['entries', list()],
      ['next_cursor', u(9)],
    ),
    { entries: [], nextCursor: 9, epoch, more: false, last: id, heads: [aHead] },
  ],

  ['empty', '', bad('SHORT', 'SyncBatch', 0)],
  [
    'no-entries',
    batched(['more', yes], ['epoch', b(epoch)], ['next_cursor', u(8)]),
    bad('VALUE', 'SyncBatch', 0),
  ],
  ['no-more', batched(...batchPairs.slice(1)), bad('VALUE', 'SyncBatch', 0)],
  ['epoch-empty', batched(['more', yes], ['epoch', b('')]), bad('VALUE', 'epoch', 13)],
  ['entries-4097', batched(['entries', head(4, 4_097)]), bad('LENGTH', 'entries', 9), 'LG-08'],
  ['cursor-negative', batched(['next_cursor', '20']), bad('VALUE', 'next_cursor', 13)],
  ['cursor-large', batched(['next_cursor', u(2n ** 53n)]), bad('LENGTH', 'next_cursor', 13), 'LG-08'],
  ['entry-cut', batched(['entries', `81${entry().slice(0, 40)}`]), bad('SHORT', 'id', 16)],
]

const entriesPush: readonly Case[] = [
  ['one', map(['entries', list(entry())]), [value]],
  ['none', map(['entries', list()]), []],

  ['empty', '', bad('SHORT', 'EntriesPush', 0)],
  ['no-entries', map(), bad('VALUE', 'EntriesPush', 0)],
  ['entries-text', map(['entries', s('')]), bad('VALUE', 'entries', 9)],
  ['more', `${map(['entries', list()])}00`, bad('LONG', 'EntriesPush', 10)],
]

const pushAck: readonly Case[] = [
  ['taken', map(['ok', yes]), { ok: true }],
  ['refused', map(['ok', no], ['reason', s('GH_LOG_GAP')]), { ok: false, reason: 'GH_LOG_GAP' }],

  ['empty', '', bad('SHORT', 'PushAck', 0)],
  ['no-ok', map(), bad('VALUE', 'PushAck', 0)],
  ['ok-number', map(['ok', u(1)]), bad('VALUE', 'ok', 4)],
  ['reason-257', map(['ok', no], ['reason', s('x'.repeat(257))]), bad('LENGTH', 'reason', 12)],
]

export const syncCaseFiles: Readonly<Record<string, CaseFile>> = {
  'log-entry': {
    page: 'protocol/sync.md',
    notes:
      'One entry. Id and signature are any bytes: decoding checks neither. Payloads are hex of dag-cbor.',
    cases: logEntry,
  },
  'sync-pull': {
    page: 'protocol/sync.md',
    notes: 'What is asked on /guild/sync-pull/1.0.0.',
    cases: syncPull,
  },
  'sync-batch': { page: 'protocol/sync.md', notes: 'What is answered there.', cases: syncBatch },
  'entries-push': {
    page: 'protocol/sync.md',
    notes: 'What is brought on /guild/entries-push/1.0.0.',
    cases: entriesPush,
  },
  'push-ack': { page: 'protocol/sync.md', notes: 'What is said to it.', cases: pushAck },
}
