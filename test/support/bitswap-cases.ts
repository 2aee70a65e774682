/** Vectors of bitswap: heads, byte by byte. See `vector-cases.ts`. */
import { bad, type Case, type CaseFile, n, run } from './case-forms.ts'

const digest = run(0x20, 32)
const raw = `01551220${digest}`
const pb = `01701220${run(0x60, 32)}`
const v0 = `1220${digest}`
const blake = `01551e20${run(0x80, 32)}`
const none = '000000'
const want = { cid: raw, cancel: false, priority: 0, have: false, sendDontHave: false }
const head = { full: false, pendingBytes: 0, wants: [], presences: [], blocks: [] }
const mib = 1024 * 1024

const cases: readonly Case[] = [
  ['empty', `0000${none}`, head, 'says nothing, and is allowed'],
  ['full-empty', `0100${none}`, { ...head, full: true }, 'wants nothing any more'],
  ['pending', `00${n(1_048_576)}${none}`, { ...head, pendingBytes: 1_048_576 }],
  ['want-block', `0000 01 00 01 ${raw} 0000`, { ...head, wants: [{ ...want, priority: 1 }] }],
  [
    'want-have',
    `0100 01 06 02 ${raw} 0000`,
    { ...head, full: true, wants: [{ ...want, priority: 2, have: true, sendDontHave: true }] },
  ],
  [
    'want-v0',
    `0000 01 04 ${n(2 ** 31 - 1)} ${v0} 0000`,
    { ...head, wants: [{ ...want, cid: v0, priority: 2 ** 31 - 1, sendDontHave: true }] },
    'the largest priority, and a CIDv0',
  ],
  ['cancel', `0000 01 01 ${raw} 0000`, { ...head, wants: [{ ...want, cancel: true }] }],
  [
    'want-twice',
    `0000 02 00 01 ${raw} 01 ${raw} 0000`,
    {
      ...head,
      wants: [
        { ...want, priority: 1 },
        { ...want, cancel: true },
      ],
    },
    'wants are taken in their order',
  ],
  [
    'presences',
    `0000 00 02 00 ${raw} 01 ${pb} 00`,
    {
      ...head,
      presences: [
        { cid: raw, have: true },
        { cid: pb, have: false },
      ],
    },
  ],
  [
    'blocks',
    `00${n(262_144)} 00 00 03 ${n(262_144)} ${raw} 00 ${pb} 05 ${blake}`,
    {
      ...head,
      pendingBytes: 262_144,
      blocks: [
        { cid: raw, length: 262_144 },
        { cid: pb, length: 0 },
        { cid: blake, length: 5 },
      ],
    },
    '262,149 bytes follow the head; a block may be empty',
  ],
  [
    'block-largest',
    `0000 00 00 01 ${n(2 * mib)} ${raw}`,
    { ...head, blocks: [{ cid: raw, length: 2 * mib }] },
  ],
  [
    'everything',
    `01 05 02 06 07 ${raw} 01 ${pb} 01 00 ${blake} 01 03 ${v0}`,
    {
      full: true,
      pendingBytes: 5,
      wants: [
        { ...want, priority: 7, have: true, sendDontHave: true },
        { ...want, cid: pb, cancel: true },
      ],
      presences: [{ cid: blake, have: true }],
      blocks: [{ cid: v0, length: 3 }],
    },
  ],
  ['nothing', '', bad('SHORT', 'flags', 0)],
  ['flags-unknown', `0200${none}`, bad('RESERVED', 'flags', 0)],
  ['flags-long', `400100${none}`, bad('VARINT', 'flags', 0), 'longer than need be'],
  ['pending-missing', '00', bad('SHORT', 'pending bytes', 1)],
  ['wants-too-many', `0000 ${n(1_025)}`, bad('LENGTH', 'wants', 2), 'by its claim'],
  ['wants-short', '0000 02', bad('SHORT', 'want flags', 3)],
  ['want-flags-unknown', `0000 01 08 01 ${raw} 0000`, bad('RESERVED', 'want flags', 3)],
  ['cancel-and-have', `0000 01 03 ${raw} 0000`, bad('VALUE', 'want flags', 3)],
  ['cancel-and-send', `0000 01 05 ${raw} 0000`, bad('VALUE', 'want flags', 3)],
  ['priority-too-large', `0000 01 00 ${n(2 ** 31)} ${raw} 0000`, bad('LENGTH', 'priority', 4)],
  ['want-cid-short', `0000 01 00 01 ${raw.slice(0, -2)}`, bad('SHORT', 'CID digest', 9)],
  [
    'want-cid-digest-of-one',
    '0000 01 00 01 01551201ff 0000',
    { error: 'GH_CID_UNSUPPORTED', field: 'CID hash', offset: 8 },
    'a digest of one byte names anything (BX-06)',
  ],
  [
    'want-cid-unknown-hash',
    `0000 01 00 01 01555620${digest} 0000`,
    { error: 'GH_CID_UNSUPPORTED', field: 'CID hash', offset: 7 },
  ],
  [
    'want-cid-identity',
    '0000 01 00 01 0155000161 0000',
    bad('VALUE', 'CID', 5),
    'it holds its block in itself',
  ],
  [
    'want-cid-identity-of-a-mebibyte',
    '0000 01 00 01 015500808040',
    { error: 'GH_CID_UNSUPPORTED', field: 'CID hash', offset: 8 },
    'by its claim (BX-06)',
  ],
  ['presences-too-many', `0000 00 ${n(1_025)}`, bad('LENGTH', 'presences', 3)],
  ['presence-type-unknown', `0000 00 01 02 ${raw} 00`, bad('VALUE', 'presence type', 4)],
  ['presence-identity', '0000 00 01 00 0155000161 00', bad('VALUE', 'CID', 5)],
  ['blocks-too-many', `0000 00 00 ${n(1_025)}`, bad('LENGTH', 'blocks', 4)],
  ['block-too-large', `0000 00 00 01 ${n(2 * mib + 1)} ${raw}`, bad('LENGTH', 'block length', 5)],
  [
    'message-too-large',
    `0000 00 00 02 ${n(2 * mib)} ${raw} ${n(2 * mib)} ${pb}`,
    bad('LENGTH', 'block length', 45),
    'with its head it is above 4 MiB',
  ],
  ['block-identity', '0000 00 00 01 01 0155000161', bad('VALUE', 'CID', 6)],
  ['trailing', `0000${none}00`, bad('LONG', 'head', 5)],
]

export const bitswapCaseFile: CaseFile = {
  page: 'protocol/bitswap.md',
  notes:
    'The head of one message, without the length before it and the bytes of blocks behind it. CIDs are hex.',
  cases,
}
