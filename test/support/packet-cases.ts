/**
 * The cases of what is in datagrams: heads, frames of packets and of CONTROL, handshake datagrams.
 *
 * Frozen like the others: new cases join at the end of their list.
 */

import { bad, type Case, type CaseFile, n, run, t } from './case-forms.ts'
import type { Json } from './codecs.ts'

const above = 'c020000000000000' // 2^53
const nonce = '0011223344556677'
const id = run(0xa0, 12)
const other = run(0xb0, 12)
const token = run(0xc0, 16)
const key = run(0x10, 32)

const ack = (delay: number, ...ranges: [number, number][]): Json => ({ frame: 'ACK', delay, ranges })
/** 256 packets, each the second after the one before it: 511, 509 … 1. */
const everyOther: [number, number][] = Array.from({ length: 256 }, (_, i) => [511 - 2 * i, 511 - 2 * i])

const packetFrames: readonly Case[] = [
  ['empty', '', [], 'no frames; that a packet holds at least one is a rule of packets'],
  ['padding', '00', [{ frame: 'PADDING' }]],
  ['ack-first', '0300000000', [ack(0, [0, 0])], 'packet 0 came'],
  ['ack', '0309 4064 01 01 01 02', [ack(100, [8, 9], [3, 5])], 'the picture of the page; 100 is 800 µs'],
  ['ack-touching-gap', '0304 00 01 00 00 00', [ack(0, [4, 4], [2, 2])], 'gap 0: one packet is missing'],
  ['ack-down-to-zero', '030a 00 01 03 02 03', [ack(0, [7, 10], [0, 3])]],
  [
    'ack-largest',
    '03c01fffffffffffff 00 00 c01fffffffffffff',
    [ack(0, [0, 2 ** 53 - 1])],
    'every packet there can be',
  ],
  [
    'ack-256-ranges',
    `03${n(511)}00${n(255)}00${'0000'.repeat(255)}`,
    [ack(0, ...everyOther)],
    'UQ-14: the most ranges',
  ],
  ['ack-delay-longest', `0300${n(2 ** 32 - 1)}0000`, [ack(2 ** 32 - 1, [0, 0])]],
  ['probe', '07', [{ frame: 'PROBE' }]],
  [
    'control',
    '0600 03 012203',
    [{ frame: 'CONTROL', offset: 0, data: '012203' }],
    'DRAIN behind its length, and the length of what is to come',
  ],
  ['control-offset', `06${n(70_000)}01ff`, [{ frame: 'CONTROL', offset: 70_000, data: 'ff' }]],
  ['control-empty', '060500', [{ frame: 'CONTROL', offset: 5, data: '' }]],
  ['path-challenge', `0a${nonce}`, [{ frame: 'PATH_CHALLENGE', data: nonce }]],
  ['path-response', `0b${nonce}`, [{ frame: 'PATH_RESPONSE', data: nonce }]],
  [
    'new-connection-id',
    `0c0301${id}${token}`,
    [{ frame: 'NEW_CONNECTION_ID', sequence: 3, retirePriorTo: 1, id, resetToken: token }],
  ],
  [
    'new-connection-id-first',
    `0c0000${id}${token}`,
    [{ frame: 'NEW_CONNECTION_ID', sequence: 0, retirePriorTo: 0, id, resetToken: token }],
    'the id of the handshake: only the token is news',
  ],
  [
    'new-connection-id-alone',
    `0c0303${id}${token}`,
    [{ frame: 'NEW_CONNECTION_ID', sequence: 3, retirePriorTo: 3, id, resetToken: token }],
    'all others are to be retired',
  ],
  ['retire-connection-id', '0d02', [{ frame: 'RETIRE_CONNECTION_ID', sequence: 2 }]],
  ['datagram', '0e0568656c6c6f', [{ frame: 'DATAGRAM', data: '68656c6c6f' }]],
  ['stream', '0804000568656c6c6f', [{ frame: 'STREAM', id: 4, offset: 0, data: '68656c6c6f' }]],
  ['stream-fin', '09040500', [{ frame: 'STREAM_FIN', id: 4, offset: 5, data: '' }]],
  ['reset-stream', '04060044d2', [{ frame: 'RESET_STREAM', id: 6, code: 0, finalSize: 1234 }]],
  ['stop-sending', '050602', [{ frame: 'STOP_SENDING', id: 6, code: 2 }]],
  ['max-data', '1080400000', [{ frame: 'MAX_DATA', maximum: 4_194_304 }]],
  ['max-stream-data', '110480040000', [{ frame: 'MAX_STREAM_DATA', id: 4, maximum: 262_144 }]],
  ['max-streams', '124100', [{ frame: 'MAX_STREAMS', count: 256 }]],
  ['close', `2300${t('bye')}`, [{ frame: 'CLOSE', code: 0, detail: 'bye' }]],
  ['ignorable', '404002abcd', [{ frame: 'ignored', type: 64, body: 'abcd' }], 'FR-03: skipped'],
  [
    'many',
    '0302 0a 00 02 0804000161 07 00 00',
    [
      ack(10, [0, 2]),
      { frame: 'STREAM', id: 4, offset: 0, data: '61' },
      { frame: 'PROBE' },
      { frame: 'PADDING' },
      { frame: 'PADDING' },
    ],
    'many frames in one packet',
  ],

  ['unknown-critical', '3f', bad('FRAME', 'frame type', 0), 'FR-03'],
  ['type-over-long', '4007', bad('VARINT', 'frame type', 0), 'FR-05'],
  ['rekey', '24', bad('FRAME', 'frame type', 0), 'TYPE-6: packets have the key phase'],
  ['ping', `01${nonce}`, bad('FRAME', 'frame type', 0), 'TYPE-6: stands inside CONTROL'],
  ['pong', `02${nonce}`, bad('FRAME', 'frame type', 0), 'TYPE-6'],
  ['request-peers', '18', bad('FRAME', 'frame type', 0), 'TYPE-6'],
  ['peers', '1900', bad('FRAME', 'frame type', 0), 'TYPE-6'],
  ['chat', `1a${key}`, bad('FRAME', 'frame type', 0), 'TYPE-6'],
  ['mesh', '1b0305', bad('FRAME', 'frame type', 0), 'TYPE-6'],
  ['accepted', '2000', bad('FRAME', 'frame type', 0), 'TYPE-6'],
  ['refused', '210100', bad('FRAME', 'frame type', 0), 'TYPE-6'],
  ['drain', '22', bad('FRAME', 'frame type', 0), 'TYPE-6'],
  ['ack-without-largest', '03', bad('SHORT', 'largest', 1)],
  ['ack-without-delay', '0309', bad('SHORT', 'delay', 2)],
  ['ack-without-count', '030900', bad('SHORT', 'range count', 3)],
  ['ack-without-first', '03090000', bad('SHORT', 'first range', 4)],
  ['ack-without-gap', '0309000101', bad('SHORT', 'gap', 5)],
  ['ack-without-range', '030900010101', bad('SHORT', 'range', 6)],
  ['ack-first-below-zero', '0302000003', bad('VALUE', 'first range', 4), 'UQ-13'],
  ['ack-gap-below-zero', '030500 01 03 0100', bad('VALUE', 'gap', 5), 'UQ-13: 2 less 1 less 2'],
  ['ack-range-below-zero', '030500 01 01 0103', bad('VALUE', 'range', 6), 'UQ-13'],
  [
    'ack-gap-largest',
    '03c01fffffffffffff 00 01 00 c01fffffffffffff 00',
    bad('VALUE', 'gap', 12),
    'UQ-13: far below 0',
  ],
  ['ack-257-ranges', `03${n(1_000)}00${n(256)}`, bad('LENGTH', 'range count', 4), 'UQ-14: by its claim'],
  ['ack-ranges-largest', '030900 c01fffffffffffff', bad('LENGTH', 'range count', 3), 'UQ-14'],
  ['ack-largest-over-long', '0340090000 00', bad('VARINT', 'largest', 1), 'FR-05'],
  ['ack-delay-above', `0300${n(2 ** 32)}0000`, bad('LENGTH', 'delay', 2)],
  ['control-without-offset', '06', bad('SHORT', 'offset', 1)],
  ['control-without-length', '0600', bad('SHORT', 'control length', 2)],
  ['control-short', '060001', bad('SHORT', 'control', 3)],
  ['control-above', `0600${n(65_508)}`, bad('LENGTH', 'control length', 2), 'FR-01'],
  ['control-past-the-last-offset', '06c01fffffffffffff0161', bad('VALUE', 'offset', 1)],
  ['control-offset-above', `06${above}00`, bad('VARINT', 'offset', 1), 'FR-05'],
  ['path-challenge-short', `0a${nonce.slice(2)}`, bad('SHORT', 'data', 1)],
  ['path-response-short', '0b', bad('SHORT', 'data', 1)],
  ['new-connection-id-without-sequence', '0c', bad('SHORT', 'sequence', 1)],
  ['new-connection-id-without-retire', '0c03', bad('SHORT', 'retire prior to', 2)],
  ['new-connection-id-retire-above', `0c0304${id}${token}`, bad('VALUE', 'retire prior to', 2)],
  ['new-connection-id-short', `0c0301${id.slice(2)}`, bad('SHORT', 'connection id', 3)],
  ['new-connection-id-token-short', `0c0301${id}${token.slice(2)}`, bad('SHORT', 'reset token', 15)],
  ['retire-without-sequence', '0d', bad('SHORT', 'sequence', 1)],
  ['retire-over-long', '0d4002', bad('VARINT', 'sequence', 1), 'FR-05'],
  ['datagram-above', `0e${n(1_101)}`, bad('LENGTH', 'datagram length', 1), 'FR-01'],
  ['datagram-short', '0e0261', bad('SHORT', 'datagram', 2)],
  ['second-unknown', '0701', bad('FRAME', 'frame type', 1), 'the frames before it were heard'],
]

const controlFrame: readonly Case[] = [
  ['ping', `01${nonce}`, { frame: 'PING', nonce }],
  ['pong', `02${nonce}`, { frame: 'PONG', nonce }],
  ['request-peers', '18', { frame: 'REQUEST_PEERS' }],
  ['peers-none', '1900', { frame: 'PEERS', entries: [] }],
  ['mesh', '1b0305', { frame: 'MESH', linked: 3, known: 5 }],
  ['accepted-nowhere', '2000', { frame: 'ACCEPTED', observed: '' }],
  ['refused', '210100', { frame: 'REFUSED', reason: 'MAX_PEERS', detail: '' }],
  ['drain', '22', { frame: 'DRAIN' }],
  ['ignorable', '404002abcd', { frame: 'ignored', type: 64, body: 'abcd' }, 'FR-03: skipped'],

  ['empty', '', bad('SHORT', 'frame type', 0), 'a length of 0'],
  ['padding', '00', bad('FRAME', 'frame type', 0), 'TYPE-6'],
  ['ack', '0300000000', bad('FRAME', 'frame type', 0), 'TYPE-6'],
  ['stream', '0804000161', bad('FRAME', 'frame type', 0), 'TYPE-6'],
  ['max-data', '1000', bad('FRAME', 'frame type', 0), 'TYPE-6'],
  ['control', '060000', bad('FRAME', 'frame type', 0), 'TYPE-6: not inside itself'],
  ['probe', '07', bad('FRAME', 'frame type', 0), 'TYPE-6'],
  ['datagram', '0e00', bad('FRAME', 'frame type', 0), 'TYPE-6: it would be neither lossy nor unordered'],
  ['close', '230000', bad('FRAME', 'frame type', 0), 'TYPE-6: CLOSE waits for nothing before it'],
  ['rekey', '24', bad('FRAME', 'frame type', 0), 'TYPE-6'],
  ['left-over', '2200', bad('LONG', 'frame', 1), 'one frame, and nothing behind it'],
  ['two', '2222', bad('LONG', 'frame', 1)],
  ['ping-short', '0100', bad('SHORT', 'nonce', 1)],
]

const head = (phase: number, numberLength: number, number: number): Json => ({
  phase,
  destination: id,
  numberLength,
  number,
})

const packetHead: readonly Case[] = [
  ['one-byte', `40${id}07`, head(0, 1, 7)],
  ['two-bytes', `41${id}0107`, head(0, 2, 0x107)],
  ['three-bytes', `42${id}00bff4`, head(0, 3, 0xbff4), 'the number of RFC 9001 A.5'],
  ['four-bytes', `43${id}ffffffff`, head(0, 4, 0xffff_ffff)],
  ['phase-one', `45${id}0000`, head(1, 2, 0), 'the other key phase; a number may be longer than it need be'],

  ['empty', '', bad('SHORT', 'first byte', 0)],
  ['message-1', `01${id}07`, bad('VALUE', 'first byte', 0), 'a handshake datagram'],
  ['fixed-bit-zero', `00${id}07`, bad('VALUE', 'first byte', 0)],
  ['long-header', `c0${id}07`, bad('VALUE', 'first byte', 0), 'QUIC has these; we do not'],
  ['id-short', `40${id.slice(2)}`, bad('SHORT', 'connection id', 1)],
  ['number-missing', `40${id}`, bad('SHORT', 'packet number', 13)],
  ['number-short', `43${id}000000`, bad('SHORT', 'packet number', 13)],
  ['spin', `60${id}07`, bad('RESERVED', 'first byte', 0), 'looked at once the seal has opened'],
  ['reserved-high', `50${id}07`, bad('RESERVED', 'first byte', 0)],
  ['reserved-low', `48${id}07`, bad('RESERVED', 'first byte', 0)],
]

const mac = run(0xe0, 16)
const zeros = (length: number): string => '00'.repeat(length)
const m1 = (body: string, padding: number): string =>
  `01${mac}${id}${(body.length / 2).toString(16).padStart(4, '0')}${body}${zeros(padding)}`
const noId = zeros(12)

const handshakeDatagram: readonly Case[] = [
  ['message-1', m1(run(0, 140), 1_029), { kind: 'MESSAGE_1', mac, initiatorId: id, body: run(0, 140) }],
  [
    'message-1-longest',
    m1(run(0, 1_169), 0),
    { kind: 'MESSAGE_1', mac, initiatorId: id, body: run(0, 1_169) },
    'no padding',
  ],
  [
    'message-2',
    `02${mac}${id}${other}02${run(0, 40)}`,
    { kind: 'RESPONDER_UNIT', mac, initiatorId: id, responderId: other, body: `02${run(0, 40)}` },
  ],
  [
    'cookie',
    `02${mac}${id}${noId}03${run(0, 48)}`,
    { kind: 'RESPONDER_UNIT', mac, initiatorId: id, responderId: noId, body: `03${run(0, 48)}` },
    'the responder keeps nothing yet, so it has no id',
  ],
  [
    'message-3',
    `03${mac}${id}${other}${run(0, 60)}`,
    { kind: 'MESSAGE_3', mac, initiatorId: id, responderId: other, body: run(0, 60) },
  ],
  [
    'message-3-longest',
    `03${mac}${id}${other}${run(0, 1_159)}`,
    { kind: 'MESSAGE_3', mac, initiatorId: id, responderId: other, body: run(0, 1_159) },
  ],

  ['empty', '', bad('SHORT', 'type', 0)],
  ['type-0', `00${mac}${id}`, bad('VALUE', 'type', 0)],
  ['type-4', `04${mac}${id}`, bad('VALUE', 'type', 0)],
  ['packet', `40${mac}${id}`, bad('VALUE', 'type', 0)],
  ['mac-short', `01${mac.slice(2)}`, bad('SHORT', 'MAC', 1)],
  ['initiator-id-short', `02${mac}${id.slice(2)}`, bad('SHORT', 'initiator id', 17)],
  ['message-1-without-length', `01${mac}${id}00`, bad('SHORT', 'message 1 length', 29)],
  ['message-1-length-above', `01${mac}${id}0492`, bad('LENGTH', 'message 1 length', 29), '1,170'],
  ['message-1-cut', `01${mac}${id}0002ff`, bad('SHORT', 'message 1', 31)],
  ['message-1-1199', m1(run(0, 140), 1_028), bad('SHORT', 'padding', 171), 'PKT-2: one byte short of 1,200'],
  ['message-1-1201', m1(run(0, 140), 1_030), bad('LONG', 'datagram', 1), 'PKT-2'],
  ['message-1-padding-not-zero', `${m1(run(0, 140), 1_028)}01`, bad('RESERVED', 'padding', 171), 'PKT-2'],
  ['responder-id-short', `02${mac}${id}${other.slice(2)}`, bad('SHORT', 'responder id', 29)],
  ['unit-empty', `02${mac}${id}${other}`, bad('SHORT', 'message', 41)],
  ['message-3-empty', `03${mac}${id}${other}`, bad('SHORT', 'message', 41)],
  ['message-3-above', `03${mac}${id}${other}${run(0, 1_160)}`, bad('LONG', 'datagram', 1)],
]

export const packetCaseFiles: Readonly<Record<string, CaseFile>> = {
  'packet-frames': {
    page: 'protocol/frames.md',
    notes:
      'The plaintext of one packet: frames until the bytes end. Ranges of ACK are pairs of first and last, the highest first; its delay is in units of 8 µs.',
    cases: packetFrames,
  },
  'control-frame': {
    page: 'protocol/frames.md',
    notes: 'One frame inside CONTROL, without its length.',
    cases: controlFrame,
  },
  'packet-head': {
    page: 'protocol/packets.md',
    notes: 'The head of a packet in the clear: header protection taken away, the number truncated.',
    cases: packetHead,
  },
  'handshake-datagram': {
    page: 'protocol/packets.md',
    notes: 'A whole datagram. The MAC is any 16 bytes: decoding does not check it. Ids and bodies are hex.',
    cases: handshakeDatagram,
  },
}
