/**
 * Where the vectors come from: bytes written by hand beside what they must mean.
 *
 * An array is `[id, bytes, meaning, comment]`. The meaning is a value, or `bad(code,
 * field, offset)`. `n` writes a number by a formula of its own, so that our encoder does
 * not check itself. Frozen: new cases join at the end of their list, none changes.
 */

import { bitswapCaseFile } from './bitswap-cases.ts'
import { bad, type Case, type CaseFile, n, run, t, text } from './case-forms.ts'
import type { Json } from './codecs.ts'
import { packetCaseFiles } from './packet-cases.ts'
import { syncCaseFiles } from './sync-cases.ts'

const key = run(0x10, 32)
const nonce = '0011223344556677'
const address = '04c0a80164061f42' // /ip4/192.168.1.100/tcp/8002
const above = 'c020000000000000' // 2^53
const signature = run(0x40, 64)
const time = 1_767_225_600_000
const chat = (name: string, body: string): string => `1a${key}${n(time)}00${name}${body}${signature}`

const frames: readonly Case[] = [
  ['empty', '', [], 'no bytes, no frames; that a record holds at least one is a rule of records'],
  ['padding', '00', [{ frame: 'PADDING' }]],
  ['padding-run', '0000', [{ frame: 'PADDING' }, { frame: 'PADDING' }], 'one byte, one frame'],
  ['ping', `01${nonce}`, [{ frame: 'PING', nonce }]],
  ['pong', `02${nonce}`, [{ frame: 'PONG', nonce }]],
  ['reset-stream', '04060044d2', [{ frame: 'RESET_STREAM', id: 6, code: 0, finalSize: 1234 }]],
  [
    'reset-stream-unknown-code',
    '04063f00',
    [{ frame: 'RESET_STREAM', id: 6, code: 63, finalSize: 0 }],
    'codes nobody knows are still codes',
  ],
  ['stop-sending', '050602', [{ frame: 'STOP_SENDING', id: 6, code: 2 }]],
  ['stream', '080400 0568656c6c6f', [{ frame: 'STREAM', id: 4, offset: 0, data: '68656c6c6f' }]],
  ['stream-offset', '0804 80010000 012a', [{ frame: 'STREAM', id: 4, offset: 65536, data: '2a' }]],
  [
    'stream-empty',
    '08040000',
    [{ frame: 'STREAM', id: 4, offset: 0, data: '' }],
    'says nothing, costs budget',
  ],
  ['stream-fin', '09040500', [{ frame: 'STREAM_FIN', id: 4, offset: 5, data: '' }]],
  ['stream-fin-data', '09050001ff', [{ frame: 'STREAM_FIN', id: 5, offset: 0, data: 'ff' }]],
  [
    'stream-last-offset',
    '0900 c01fffffffffffff 00',
    [{ frame: 'STREAM_FIN', id: 0, offset: 2 ** 53 - 1, data: '' }],
    'the largest offset there is',
  ],
  ['max-data', '1080400000', [{ frame: 'MAX_DATA', maximum: 4_194_304 }]],
  ['max-stream-data', '110480040000', [{ frame: 'MAX_STREAM_DATA', id: 4, maximum: 262_144 }]],
  ['max-streams', '124100', [{ frame: 'MAX_STREAMS', count: 256 }]],
  ['request-peers', '18', [{ frame: 'REQUEST_PEERS' }]],
  ['peers-none', '1900', [{ frame: 'PEERS', entries: [] }]],
  [
    'peers-one',
    `1901${key}${t('bob')}0501${n(8)}${address}`,
    [{ frame: 'PEERS', entries: [{ identityKey: key, name: 'bob', age: 5, addresses: [address] }] }],
  ],
  [
    'peers-fifty',
    `1932${`${key}000000`.repeat(50)}`,
    [
      {
        frame: 'PEERS',
        entries: Array.from({ length: 50 }, () => ({ identityKey: key, name: '', age: 0, addresses: [] })),
      },
    ],
    'the most entries there may be',
  ],
  [
    'chat',
    chat(t('alice'), t('안녕 🦀')),
    [{ frame: 'CHAT', from: key, timestamp: time, line: '', name: 'alice', text: '안녕 🦀', signature }],
    'the signature is not checked here',
  ],
  [
    'chat-line',
    `1a${key}${n(time)}${t('dave')}${t('Dave')}${t('hi')}${signature}`,
    [{ frame: 'CHAT', from: key, timestamp: time, line: 'dave', name: 'Dave', text: 'hi', signature }],
    'from a person at a line port',
  ],
  [
    'chat-controls',
    chat('00', t('a\n\u001b[2J')),
    [{ frame: 'CHAT', from: key, timestamp: time, line: '', name: '', text: 'a\n\u001b[2J', signature }],
    'decoded as it is; escaped where it is shown',
  ],
  ['mesh', '1b0305', [{ frame: 'MESH', linked: 3, known: 5 }]],
  ['accepted', `20${n(8)}${address}`, [{ frame: 'ACCEPTED', observed: address }]],
  ['accepted-nowhere', '2000', [{ frame: 'ACCEPTED', observed: '' }]],
  [
    'refused-max-peers',
    `2101${t('20 of 20')}`,
    [{ frame: 'REFUSED', reason: 'MAX_PEERS', detail: '20 of 20' }],
  ],
  ['refused-self', '210400', [{ frame: 'REFUSED', reason: 'SELF', detail: '' }]],
  ['drain', '22', [{ frame: 'DRAIN' }]],
  ['close', `2300${t('bye')}`, [{ frame: 'CLOSE', code: 0, detail: 'bye' }]],
  ['close-unknown-code', '2344d200', [{ frame: 'CLOSE', code: 1234, detail: '' }]],
  ['rekey', '24', [{ frame: 'REKEY' }]],
  ['ignorable', '404002abcd', [{ frame: 'ignored', type: 64, body: 'abcd' }], 'FR-03: skipped'],
  ['ignorable-large-type', 'c01fffffffffffff00', [{ frame: 'ignored', type: 2 ** 53 - 1, body: '' }]],
  [
    'many',
    `01${nonce}0804000161 404000 1b0203 09040100`,
    [
      { frame: 'PING', nonce },
      { frame: 'STREAM', id: 4, offset: 0, data: '61' },
      { frame: 'ignored', type: 64, body: '' },
      { frame: 'MESH', linked: 2, known: 3 },
      { frame: 'STREAM_FIN', id: 4, offset: 1, data: '' },
    ],
    'many frames in one record',
  ],

  ['unknown-critical-03', '03', bad('FRAME', 'frame type', 0), 'FR-03: closes; kept for ACK'],
  ['unknown-critical-3f', '3f00', bad('FRAME', 'frame type', 0), 'FR-03: the last critical type'],
  ['unknown-critical-second', `01${nonce}06`, bad('FRAME', 'frame type', 9)],
  ['type-over-long', `4001${nonce}`, bad('VARINT', 'frame type', 0), 'FR-05'],
  ['type-truncated', '40', bad('SHORT', 'frame type', 0), 'FR-05'],
  ['type-above', above, bad('VARINT', 'frame type', 0), 'FR-05'],
  ['ping-without-nonce', '01', bad('SHORT', 'nonce', 1)],
  ['ping-short', '0100112233445566', bad('SHORT', 'nonce', 1)],
  ['pong-short', '0200112233445566', bad('SHORT', 'nonce', 1)],
  ['reset-stream-without-id', '04', bad('SHORT', 'stream id', 1)],
  ['reset-stream-without-code', '0406', bad('SHORT', 'code', 2)],
  ['reset-stream-without-size', '040600', bad('SHORT', 'final size', 3)],
  ['reset-stream-size-above', `040600${above}`, bad('VARINT', 'final size', 3), 'FR-05'],
  ['reset-stream-id-over-long', '0440060000', bad('VARINT', 'stream id', 1), 'FR-05'],
  ['stop-sending-without-id', '05', bad('SHORT', 'stream id', 1)],
  ['stop-sending-without-code', '0506', bad('SHORT', 'code', 2)],
  ['stream-without-id', '08', bad('SHORT', 'stream id', 1)],
  ['stream-without-offset', '0804', bad('SHORT', 'offset', 2)],
  ['stream-offset-truncated', '0804c01f', bad('SHORT', 'offset', 2), 'FR-05'],
  ['stream-offset-over-long', '0804800000000161', bad('VARINT', 'offset', 2), 'FR-05'],
  ['stream-without-length', '080400', bad('SHORT', 'data length', 3)],
  ['stream-data-short', '0804000568656c6c', bad('SHORT', 'data', 4)],
  [
    'stream-length-above',
    `080400${n(65_520)}`,
    bad('LENGTH', 'data length', 3),
    'FR-01: more than a record holds',
  ],
  ['stream-past-the-last-offset', '0804c01fffffffffffff0161', bad('VALUE', 'offset', 2)],
  ['stream-fin-data-short', '0904000261', bad('SHORT', 'data', 4)],
  ['max-data-without-maximum', '10', bad('SHORT', 'maximum', 1)],
  ['max-data-above', `10${above}`, bad('VARINT', 'maximum', 1), 'FR-05, FR-11: credit cannot overflow'],
  ['max-stream-data-without-id', '11', bad('SHORT', 'stream id', 1)],
  ['max-stream-data-without-maximum', '1104', bad('SHORT', 'maximum', 2)],
  ['max-streams-without-count', '12', bad('SHORT', 'count', 1)],
  ['max-streams-over-long', '124001', bad('VARINT', 'count', 1), 'FR-05'],
  ['peers-without-count', '19', bad('SHORT', 'peer count', 1)],
  ['peers-fifty-one', `1933${`${key}000000`.repeat(51)}`, bad('LENGTH', 'peer count', 1), 'PT-01'],
  ['peers-key-short', `1901${run(0x10, 31)}`, bad('SHORT', 'identity key', 2)],
  ['peers-name-above', `1901${key}${t('x'.repeat(65))}0000`, bad('LENGTH', 'name length', 34), 'FR-01'],
  ['peers-name-not-utf8', `1901${key}01ff0000`, bad('TEXT', 'name', 34)],
  ['peers-without-age', `1901${key}00`, bad('SHORT', 'age', 35)],
  ['peers-nine-addresses', `1901${key}000009`, bad('LENGTH', 'address count', 36)],
  [
    'peers-address-above',
    `1901${key}000001${n(321)}${run(0, 321)}`,
    bad('LENGTH', 'address length', 37),
    'FR-01',
  ],
  ['peers-address-short', `1901${key}00000108${run(0, 7)}`, bad('SHORT', 'address', 38)],
  ['peers-entry-missing', `1902${key}000000`, bad('SHORT', 'identity key', 37)],
  ['chat-from-short', `1a${run(0x10, 31)}`, bad('SHORT', 'from', 1)],
  ['chat-time-over-long', `1a${key}4001`, bad('VARINT', 'time', 33), 'FR-05'],
  ['chat-line-above', `1a${key}${n(time)}${t('x'.repeat(33))}`, bad('LENGTH', 'line id length', 41), 'FR-01'],
  ['chat-name-above', chat(t('x'.repeat(65)), '00'), bad('LENGTH', 'name length', 42), 'FR-01'],
  ['chat-text-above', `1a${key}${n(time)}0000${n(16_385)}`, bad('LENGTH', 'text length', 43), 'FR-01'],
  ['chat-text-surrogate', chat('00', '03eda080'), bad('TEXT', 'text', 43), 'a surrogate is not UTF-8'],
  ['chat-text-over-long', chat('00', '02c0af'), bad('TEXT', 'text', 43), 'an over-long slash is not UTF-8'],
  ['chat-signature-short', chat('00', '00').slice(0, -2), bad('SHORT', 'signature', 44)],
  ['mesh-without-linked', '1b', bad('SHORT', 'linked', 1)],
  ['mesh-without-known', '1b03', bad('SHORT', 'known', 2)],
  ['accepted-without-address', '20', bad('SHORT', 'observed address length', 1)],
  ['accepted-above', `20${n(321)}${run(0, 321)}`, bad('LENGTH', 'observed address length', 1), 'FR-01'],
  ['accepted-short', '200204', bad('SHORT', 'observed address', 2)],
  ['refused-without-reason', '21', bad('SHORT', 'reason', 1)],
  ['refused-reason-0', '210000', bad('VALUE', 'reason', 1)],
  ['refused-reason-5', '210500', bad('VALUE', 'reason', 1)],
  ['refused-detail-above', `2101${t('x'.repeat(257))}`, bad('LENGTH', 'detail length', 2), 'FR-01'],
  ['refused-detail-not-utf8', '21010180', bad('TEXT', 'detail', 2)],
  ['close-without-code', '23', bad('SHORT', 'code', 1)],
  ['close-without-detail', '2300', bad('SHORT', 'detail length', 2)],
  ['close-detail-above', `2300${t('x'.repeat(257))}`, bad('LENGTH', 'detail length', 2), 'FR-01'],
  ['close-detail-not-utf8', '230002c328', bad('TEXT', 'detail', 2)],
  ['ignorable-without-length', '4040', bad('SHORT', 'ignorable frame length', 2)],
  ['ignorable-length-over-long', '40404000', bad('VARINT', 'ignorable frame length', 2), 'FR-05'],
  ['ignorable-above', `4040${n(16_385)}`, bad('LENGTH', 'ignorable frame length', 2), 'FR-01'],
  ['ignorable-short', '404002ab', bad('SHORT', 'ignorable frame', 3)],
  ['datagram', '0e0568656c6c6f', [{ frame: 'DATAGRAM', data: '68656c6c6f' }]],
  ['datagram-empty', '0e00', [{ frame: 'DATAGRAM', data: '' }]],
  [
    'datagram-largest',
    `0e${n(1_100)}${run(0, 1_100)}`,
    [{ frame: 'DATAGRAM', data: run(0, 1_100) }],
    'no more, also in a record that had room',
  ],
  ['datagram-above', `0e${n(1_101)}`, bad('LENGTH', 'datagram length', 1), 'FR-01'],
  ['datagram-short', '0e0261', bad('SHORT', 'datagram', 2)],
  ['control', '06000100', bad('FRAME', 'frame type', 0), 'a type of packets alone'],
  ['path-challenge', `0a${nonce}`, bad('FRAME', 'frame type', 0), 'a type of packets alone'],
]

const linkId = 'a1a2a3a4a5a6a7a8'
const zeroId = '00'.repeat(8)
const limitPairs = `02${n(0x02)}${n(262_144)}${n(0x04)}${n(256)}`
const who = key + signature
const helloValue = {
  identityKey: key,
  signature,
  name: 'alice',
  tcpPort: 8000,
  udpPort: 8000,
  linePort: 0,
  parameters: [
    [2, 262_144],
    [4, 256],
  ],
  linkCount: 2,
  linkId,
  resumable: false,
}
const ports = `${n(8000)}${n(8000)}00`
const blank = { ...helloValue, name: '', tcpPort: 0, udpPort: 0, parameters: [], linkCount: 0 }

const hello: readonly Case[] = [
  ['full', `${who}${t('alice')}${ports}${limitPairs}02${linkId}00`, helloValue],
  [
    'bare',
    `${who}00 000000 00 00${zeroId}00`,
    { ...blank, linkId: zeroId },
    'as short as it gets: 110 bytes',
  ],
  ['resumable', `${who}00 000000 00 00${linkId}01`, { ...blank, resumable: true }],
  [
    'parameter-unknown',
    `${who}00 000000 01${n(1000)}07 00${linkId}00`,
    { ...blank, parameters: [[1000, 7]] },
    'carried, and ignored: how the protocol grows',
  ],
  [
    'ports-largest',
    `${who}00 ${n(65_535)}${n(65_535)}${n(65_535)} 00 00${linkId}00`,
    { ...blank, tcpPort: 65_535, udpPort: 65_535, linePort: 65_535 },
  ],
  ['name-64', `${who}${t('x'.repeat(64))}000000 00 00${linkId}00`, { ...blank, name: 'x'.repeat(64) }],

  ['empty', '', bad('SHORT', 'identity key', 0)],
  ['key-short', run(0x10, 31), bad('SHORT', 'identity key', 0)],
  ['signature-short', key + run(0x40, 63), bad('SHORT', 'signature', 32)],
  ['name-65', `${who}${t('x'.repeat(65))}000000 00 00${linkId}00`, bad('LENGTH', 'name length', 96), 'FR-01'],
  ['name-not-utf8', `${who}01ff 000000 00 00${linkId}00`, bad('TEXT', 'name', 96)],
  ['tcp-port-above', `${who}00 ${n(65_536)}0000 00 00${linkId}00`, bad('LENGTH', 'TCP port', 97)],
  ['udp-port-above', `${who}00 00${n(65_536)}00 00 00${linkId}00`, bad('LENGTH', 'UDP port', 98)],
  ['line-port-above', `${who}00 0000${n(65_536)} 00 00${linkId}00`, bad('LENGTH', 'line port', 99)],
  ['port-over-long', `${who}00 40010000 00 00${linkId}00`, bad('VARINT', 'TCP port', 97), 'FR-05'],
  ['parameters-33', `${who}00 000000 21`, bad('LENGTH', 'parameter count', 100)],
  ['parameters-equal', `${who}00 000000 02 0201 0201 00${linkId}00`, bad('VALUE', 'parameter id', 103)],
  ['parameters-descend', `${who}00 000000 02 0401 0201 00${linkId}00`, bad('VALUE', 'parameter id', 103)],
  ['parameter-without-value', `${who}00 000000 01 02`, bad('SHORT', 'parameter value', 102)],
  ['link-count-above', `${who}00 000000 00 ${above}${linkId}00`, bad('VARINT', 'link count', 101), 'FR-05'],
  ['link-id-short', `${who}00 000000 00 00${linkId.slice(2)}`, bad('SHORT', 'link id', 102)],
  ['flags-missing', `${who}00 000000 00 00${linkId}`, bad('SHORT', 'flags', 110), 'HS-10: one byte shorter'],
  ['flags-reserved-bit', `${who}00 000000 00 00${linkId}02`, bad('RESERVED', 'flags', 110)],
  ['flags-all', `${who}00 000000 00 00${linkId}ff`, bad('RESERVED', 'flags', 110)],
  ['left-over', `${who}00 000000 00 00${linkId}0000`, bad('LONG', 'HELLO', 111), 'HS-10: one byte longer'],
]

const cookie = run(0x80, 32)
const first = `0101${n(time)}`
const firstValue = { versions: [1], time, parameters: [], cookie: '' }

const message1: readonly Case[] = [
  ['first', `${first}0000`, firstValue, 'the first try: no cookie'],
  ['retry', `${first}0020${cookie}`, { ...firstValue, cookie }, 'the answer to a cookie'],
  ['two-versions', `020201${n(time)}0000`, { ...firstValue, versions: [2, 1] }, 'the one liked best first'],
  ['parameters', `${first}${limitPairs}00`, { ...firstValue, parameters: helloValue.parameters }],
  ['time-zero', '0101000000', { ...firstValue, time: 0 }, 'a wrong clock is answered with a cookie'],
  [
    'versions-sixteen',
    `10${run(1, 16)}${n(time)}0000`,
    { ...firstValue, versions: Array.from({ length: 16 }, (_, i) => i + 1) },
  ],

  ['empty', '', bad('SHORT', 'version count', 0)],
  ['versions-none', `00${n(time)}0000`, bad('VALUE', 'version count', 0)],
  ['versions-seventeen', `11${run(1, 17)}${n(time)}0000`, bad('LENGTH', 'version count', 0)],
  ['version-missing', '0201', bad('SHORT', 'version', 2)],
  ['version-over-long', `014001${n(time)}0000`, bad('VARINT', 'version', 1), 'FR-05'],
  ['time-missing', '0101', bad('SHORT', 'time', 2)],
  ['time-above', `0101${above}0000`, bad('VARINT', 'time', 2), 'FR-05'],
  ['time-over-long', '0101c0000000000000010000', bad('VARINT', 'time', 2), 'FR-05'],
  ['parameters-missing', first, bad('SHORT', 'parameter count', 10)],
  ['parameters-33', `${first}21`, bad('LENGTH', 'parameter count', 10)],
  ['parameters-descend', `${first}020401020100`, bad('VALUE', 'parameter id', 13)],
  ['cookie-missing', `${first}00`, bad('SHORT', 'cookie length', 11), 'HS-10: one byte shorter'],
  ['cookie-33', `${first}0021${cookie}ff`, bad('LENGTH', 'cookie length', 11), 'FR-01'],
  ['cookie-short', `${first}0020${cookie.slice(2)}`, bad('SHORT', 'cookie', 12)],
  ['left-over', `${first}000000`, bad('LONG', 'message 1 payload', 12), 'HS-10: one byte longer'],
]

const versionRefusal: readonly Case[] = [
  ['one', '0101', [1]],
  ['three', '03030201', [3, 2, 1]],
  ['empty', '', bad('SHORT', 'version count', 0)],
  ['none', '00', bad('VALUE', 'version count', 0), 'a node that speaks nothing'],
  ['seventeen', '11', bad('LENGTH', 'version count', 0)],
  ['short', '0201', bad('SHORT', 'version', 2)],
  ['version-above', `01${above}`, bad('VARINT', 'version', 1), 'FR-05'],
  ['left-over', '010100', bad('LONG', 'version refusal', 2)],
]

const streamHeader: readonly Case[] = [
  ['echo', t('/guild/echo/1'), '/guild/echo/1'],
  ['two-characters', t('/x'), '/x', 'as short as it gets'],
  ['largest', t(`/${'x'.repeat(127)}`), `/${'x'.repeat(127)}`],
  ['empty', '', bad('SHORT', 'protocol id length', 0)],
  ['no-characters', '00', bad('VALUE', 'protocol id', 0)],
  ['slash-alone', t('/'), bad('VALUE', 'protocol id', 0)],
  ['no-slash', t('guild/echo/1'), bad('VALUE', 'protocol id', 0)],
  ['space', t('/guild/echo 1'), bad('VALUE', 'protocol id', 0)],
  ['newline', t('/guild/echo\n'), bad('VALUE', 'protocol id', 0), 'CL-03'],
  ['not-ascii', t('/guild/é'), bad('VALUE', 'protocol id', 0)],
  ['not-utf8', '022fff', bad('TEXT', 'protocol id', 0)],
  ['above', t(`/${'x'.repeat(128)}`), bad('LENGTH', 'protocol id length', 0), 'FR-01'],
  ['short', '0d2f6775', bad('SHORT', 'protocol id', 1)],
]

const numbers: readonly Case[] = [
  ['rfc9000-a1-8', '9d7f3e7d', 494_878_333, 'RFC 9000 A.1'],
  ['rfc9000-a1-2', '7bbd', 15_293, 'RFC 9000 A.1'],
  ['rfc9000-a1-1', '25', 37, 'RFC 9000 A.1'],
  ['zero', '00', 0],
  ['largest-1', '3f', 63],
  ['smallest-2', '4040', 64],
  ['largest-2', '7fff', 16_383],
  ['smallest-4', '80004000', 16_384],
  ['largest-4', 'bfffffff', 1_073_741_823],
  ['smallest-8', 'c000000040000000', 1_073_741_824],
  ['above-32-bits', 'c000000100000000', 4_294_967_296],
  ['largest', 'c01fffffffffffff', 2 ** 53 - 1],
  ['empty', '', bad('SHORT', 'number', 0), 'FR-05'],
  ['truncated-2', '40', bad('SHORT', 'number', 0), 'FR-05'],
  ['truncated-4', '800040', bad('SHORT', 'number', 0), 'FR-05'],
  ['truncated-8', 'c0000000400000', bad('SHORT', 'number', 0), 'FR-05'],
  ['over-long-2', '4025', bad('VARINT', 'number', 0), 'RFC 9000 A.1 reads 37; we refuse it'],
  ['over-long-2-63', '403f', bad('VARINT', 'number', 0)],
  ['over-long-4-zero', '80000000', bad('VARINT', 'number', 0)],
  ['over-long-4', '80003fff', bad('VARINT', 'number', 0)],
  ['over-long-8-zero', 'c000000000000000', bad('VARINT', 'number', 0)],
  ['over-long-8', 'c00000003fffffff', bad('VARINT', 'number', 0)],
  ['above', above, bad('VARINT', 'number', 0), '2^53'],
  ['rfc9000-a1-above', 'c2197c5eff14e88c', bad('VARINT', 'number', 0), 'RFC 9000 A.1; above 2^53 - 1'],
  ['largest-of-quic', 'ffffffffffffffff', bad('VARINT', 'number', 0)],
  ['left-over', '2525', bad('LONG', 'number', 1)],
]

const announcedHosts = '02 04c0a8010a 10fe800000000000000000000000000001'
const zeros = (length: number): string => '00'.repeat(length)
const announced = {
  identityKey: key,
  name: 'alice',
  tcpPort: 8000,
  udpPort: 0,
  hosts: ['192.168.1.10', 'fe80::1'],
}
const nobody = { ...announced, name: '', tcpPort: 0, hosts: [] }

const mdns: readonly Case[] = [
  ['full', `${key}${t('alice')}${n(8000)}00${announcedHosts}${zeros(128)}`, announced],
  ['bare', `${key}00 00 00 00${zeros(156)}`, nobody, 'nothing but an identity'],
  [
    'largest',
    `${key}${t('x'.repeat(64))}${n(65_535)}${n(65_535)}04${`10${run(0x20, 16)}`.repeat(4)}${zeros(17)}`,
    {
      ...announced,
      name: 'x'.repeat(64),
      tcpPort: 65_535,
      udpPort: 65_535,
      hosts: Array.from({ length: 4 }, () => '2021:2223:2425:2627:2829:2a2b:2c2d:2e2f'),
    },
    'what fits',
  ],

  ['empty', '', bad('SHORT', 'identity key', 0)],
  ['key-short', run(0x10, 31), bad('SHORT', 'identity key', 0)],
  ['name-65', `${key}${t('x'.repeat(65))}000000${zeros(91)}`, bad('LENGTH', 'name length', 32), 'FR-01'],
  ['name-not-utf8', `${key}01ff 00 00 00${zeros(155)}`, bad('TEXT', 'name', 32)],
  ['tcp-port-above', `${key}00${n(65_536)}0000${zeros(153)}`, bad('LENGTH', 'TCP port', 33)],
  ['udp-port-above', `${key}0000${n(65_536)}00${zeros(153)}`, bad('LENGTH', 'UDP port', 34)],
  ['port-over-long', `${key}00400000 00${zeros(155)}`, bad('VARINT', 'TCP port', 33), 'FR-05'],
  ['hosts-five', `${key}00000005${zeros(156)}`, bad('LENGTH', 'host count', 35), 'FR-01'],
  ['host-of-17', `${key}0000000111${zeros(155)}`, bad('LENGTH', 'host length', 36), 'FR-01'],
  ['host-of-5', `${key}0000000105${zeros(155)}`, bad('LENGTH', 'host length', 36)],
  ['host-of-nothing', `${key}0000000100${zeros(155)}`, bad('LENGTH', 'host length', 36)],
  ['padding-short', `${key}00 00 00 00${zeros(155)}`, bad('SHORT', 'padding', 36)],
  ['padding-not-zero', `${key}00 00 00 00${zeros(155)}01`, bad('RESERVED', 'padding', 36)],
  ['left-over', `${key}00 00 00 00${zeros(157)}`, bad('LONG', 'announcement', 192)],
]

/** Sealed by an implementation of its own: HKDF and AEAD of OpenSSL, put together by hand. */
const sealedAlice =
  '808182838485868788898a8b8c8d8e8feee5813b6e375030d8df946bc2891d7e99f67e8a9a2a63ed26ee967e2308bcc76e8cd58acc8470993ca25899bf9c0904072f1718bde803c05c58ec1f02f8b47fc083088b25fc04eed93008e2e11628d29a8845789010288a8e4cb5e776816023e58af5ac912a8f5d35462af8ff33702d9a81c90b626b2b46c8411578e8ce5aafd9f5547eca5642c82d75dd872194cbf28ac0c6c3280295977aea1a8609880f9d3a5549228be8f89492ed16b6bf91bc852e84d3a2823b890c1bb0195dc043f4440e9d8aa135a4e050a909c1d3664da077'
const sealedBare =
  'a0a1a2a3a4a5a6a7a8a9aaabacadaeaf48a0b3c2e0d74141136aa29025baad2995558521940f0597ede45edc3c94f76c9df6403c1ac03b9b9aef8cfb006a9f661b6a1319e0f6c60e07bfa9992fefc7ba7cec7345d26d0138b63242e752d1a0a9548452bc4b7c080c405526789a48e27d0386ca15d82da3e40b7d61d6fb1f8341e92a1bfab476a9ee86d9f195062231ba404a96b5eb313f204a15e482aa43fa439bfea1fce2643ddf671e97de6abcfe9347da450583ef23f75c366f4b25d3b27d77fa30cea7bed09b0e8c5780eae625b5ae419f5c367879a4a7f61e710629f8bd'
const notOurs = bad('VALUE', 'tag', 16)

const mdnsSealed: readonly Case[] = [
  ['full', sealedAlice, { ...announced, salt: run(0x80, 16) }],
  ['bare', sealedBare, { ...nobody, salt: run(0xa0, 16) }],

  [
    'other-swarm',
    '808182838485868788898a8b8c8d8e8f3881700bd6c9e1b0c760fd3fb43fc8eabb06ebdd46613affc1692b6e3fcb44723293fef23a1c380a6f80336b8886b95cfce8d5040a02437441170c4ac7e5bb682a212a2bb27a7508c360c3abf3b5c8d4ddce41f675eeaa2ca456797d9a3eb55a9dead8cec920b679d9751c534245d0e981ecc9dcaf2903c584e0c74ef895168422812faa51a5e0c6dda7e277e84a8dcb0148934cee47b34dcb24d7b89d6ac345bc6267738549f0d049351e464661fd271482945d0375c6be09e1ab1446db2c666d8a42749834aa0f7c6232d780bbf47a',
    notOurs,
    'swarm key 0102 … 20',
  ],
  [
    'other-instance',
    '808182838485868788898a8b8c8d8e8fa93957ff9af108ec7956a2eaedd2513c99f67e8a9a2a63ed26ee967e2308bcc76e8cd58acc8470993ca25899bf9c0904072f1718bde803c05c58ec1f02f8b47fc083088b25fc04eed93008e2e11628d29a8845789010288a8e4cb5e776816023e58af5ac912a8f5d35462af8ff33702d9a81c90b626b2b46c8411578e8ce5aafd9f5547eca5642c82d75dd872194cbf28ac0c6c3280295977aea1a8609880f9d3a5549228be8f89492ed16b6bf91bc852e84d3a2823b890c1bb0195dc043f4440e9d8aa135a4e050a909c1d3664da077',
    notOurs,
    'instance …6 for …7',
  ],
  [
    'other-label',
    '808182838485868788898a8b8c8d8e8f4e94668a3541077e422cfdc0a7b8e500780c389000ec8d99207ef57f935b5bcdf986815be2eec50b2579f94b5d917fec7c20f5365daeb3d9d6bdb023bba2ddedd2a07430f4789481ea9e9564b5a77ed4f6395b325448f9dc00a32aef595e3412f94331f2f5d4dfc114a56069342778bd34f4c43333fcf57f1dfa3ba2fc5d0768fe256518f8681c6a934bb92d95d1b555560505badf577e89eba8e8fe7d363cd10477030a9ca7248125b322796971b4134f90ceada544eac9bcd9b65e48419e142e32082fd079e93ccf7c46ba1f34a601',
    notOurs,
    'v2',
  ],
  ['other-salt', `a0${sealedAlice.slice(2)}`, notOurs],
  ['other-tag', `${sealedAlice.slice(0, 32)}00${sealedAlice.slice(34)}`, notOurs],
  [
    'padding-not-zero',
    '808182838485868788898a8b8c8d8e8f7eb300a23fc8b32196b483a9de7cab4b99f67e8a9a2a63ed26ee967e2308bcc76e8cd58acc8470993ca25899bf9c0904072f1718bde803c05c58ec1f02f8b47fc083088b25fc04eed93008e2e11628d29a8845789010288a8e4cb5e776816023e58af5ac912a8f5d35462af8ff33702d9a81c90b626b2b46c8411578e8ce5aafd9f5547eca5642c82d75dd872194cbf28ac0c6c3280295977aea1a8609880f9d3a5549228be8f89492ed16b6bf91bc852e84d3a2823b890c1bb0195dc043f4440e9d8aa135a4e050a909c1d3664da076',
    bad('RESERVED', 'padding', 64),
    'sealed well, wrong inside',
  ],
  ['empty', '', bad('LENGTH', 'sealed announcement', 0)],
  ['short', sealedAlice.slice(2), bad('LENGTH', 'sealed announcement', 0)],
  ['long', `${sealedAlice}00`, bad('LENGTH', 'sealed announcement', 0)],
  /** A line of text with its LF. */
]

const l = (line: string): string => `${text(line)}0a`
const said = (words: string): Json => ({ message: 'CHAT', text: words })
const told = (...addresses: string[]): Json => ({ message: 'PEERS', addresses })
const fifty = Array.from({ length: 50 }, (_, i) => `10.0.0.${i}:7000`)

const line: readonly Case[] = [
  ['ping', l('PING'), { message: 'PING' }],
  ['pong', l('PONG'), { message: 'PONG' }],
  ['request-peers', l('REQUEST_PEERS'), { message: 'REQUEST_PEERS' }],
  ['peers', l('PEERS:10.0.0.2:7000,10.0.0.3:7001'), told('10.0.0.2:7000', '10.0.0.3:7001')],
  ['peers-none', l('PEERS:'), told(), 'sent also when there are none'],
  ['peers-v6', l('PEERS:[2001:db8::7]:7000,localhost:7001'), told('[2001:db8::7]:7000', 'localhost:7001')],
  ['peers-most', l(`PEERS:${fifty.join(',')}`), told(...fifty)],
  ['duplicate', l('DUPLICATE'), { message: 'REFUSED', reason: 'DUPLICATE' }],
  ['max-peers', l('MAX_PEERS'), { message: 'REFUSED', reason: 'MAX_PEERS' }],
  ['help', l('HELP'), { message: 'HELP' }],
  ['chat', l('hello everybody'), said('hello everybody')],
  ['chat-shown', l('[bob] network status looks good'), said('[bob] network status looks good')],
  ['chat-any-script', l('안녕 ✌️'), said('안녕 ✌️')],
  ['chat-empty', l(''), said(''), 'no words: nobody is told'],
  ['chat-lower-case', l('ping'), said('ping'), 'keywords are upper case'],
  ['chat-not-quite', l('PING '), said('PING ')],
  ['chat-that-is-a-keyword', l(' PING'), said('PING'), 'one space in front'],
  ['chat-that-is-peers', l(' PEERS:nonsense'), said('PEERS:nonsense')],
  ['chat-behind-a-space', l('  indented'), said(' indented')],
  ['chat-like-hello', l('bob:Bob'), said('bob:Bob'), 'only the first line is a hello'],
  ['chat-control', `1b5b326a0a`, said('\u001b[2j'), 'kept as it came; escaped where it is shown'],
  ['nothing', '', bad('SHORT', 'line end', 0)],
  ['no-line-end', text('PING'), bad('SHORT', 'line end', 4)],
  ['no-line-end-cr', `${text('PING')}0d`, bad('SHORT', 'line end', 5)],
  ['two-lines', l('PING') + l('PONG'), bad('LONG', 'line', 5)],
  ['line-and-half', `${l('PING')}50`, bad('LONG', 'line', 5)],
  ['two-ends', '0a0a', bad('LONG', 'line', 1)],
  ['utf8-alone', 'ff0a', bad('TEXT', 'line', 0)],
  ['utf8-cut', 'e282 0a', bad('TEXT', 'line', 0)],
  ['utf8-over-long', 'c0af0a', bad('TEXT', 'line', 0)],
  ['utf8-surrogate', 'eda0800a', bad('TEXT', 'line', 0)],
  ['utf8-in-keyword', `${text('PING')}800a`, bad('TEXT', 'line', 0)],
  ['utf16', 'fffe500049004e0047000a', bad('TEXT', 'line', 0)],
  ['chat-too-long', l('x'.repeat(16_385)), bad('LENGTH', 'text', 0)],
  ['chat-too-long-behind-a-space', l(` ${'x'.repeat(16_385)}`), bad('LENGTH', 'text', 1)],
  ['line-too-long', l('x'.repeat(16_640)), bad('LENGTH', 'line', 0)],
  ['line-too-long-no-end', text('x'.repeat(16_641)), bad('LENGTH', 'line', 0)],
  ['peers-too-many', l(`PEERS:${[...fifty, '10.0.0.50:7000'].join(',')}`), bad('LENGTH', 'address count', 6)],
  ['peers-no-port', l('PEERS:10.0.0.2'), bad('VALUE', 'address', 6)],
  ['peers-port-0', l('PEERS:10.0.0.2:0'), bad('VALUE', 'address', 6)],
  ['peers-port-above', l('PEERS:10.0.0.2:65536'), bad('VALUE', 'address', 6)],
  ['peers-second', l('PEERS:10.0.0.2:7000,x'), bad('VALUE', 'address', 20)],
  [
    'peers-v6-bare',
    l('PEERS:2001:db8::7:7000'),
    bad('VALUE', 'address', 6),
    'brackets, or nobody knows the port',
  ],
  ['peers-v6-zone', l('PEERS:[fe80::1%eth0]:7000'), bad('VALUE', 'address', 6)],
  ['peers-blank', l('PEERS: 10.0.0.2:7000'), bad('VALUE', 'address', 6)],
  ['peers-comma-last', l('PEERS:10.0.0.2:7000,'), bad('VALUE', 'address', 20)],
  ['peers-comma-alone', l('PEERS:,'), bad('VALUE', 'address', 6)],
  ['peers-multiaddr', l('PEERS:/ip4/10.0.0.2/tcp/7000'), bad('VALUE', 'address', 6)],
  ['peers-url', l('PEERS:http://10.0.0.2:7000'), bad('VALUE', 'address', 6)],
  ['peers-octal', l('PEERS:0177.0.0.1:7000'), bad('VALUE', 'address', 6)],
  [
    'peers-cr',
    `${text('PEERS:10.0.0.2:7000')}0d0a`,
    bad('VALUE', 'address', 6),
    'a reader takes the CR away first',
  ],
  ['peers-escape', l('PEERS:\u001b[2J:7000'), bad('VALUE', 'address', 6)],
  ['peers-userinfo', l('PEERS:a@b:7000'), bad('VALUE', 'address', 6)],
]

const peerId = '12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq'
const hi = (id: string, name?: string): Json => ({
  message: 'HELLO',
  id,
  ...(name === undefined ? {} : { name }),
})

const lineHello: readonly Case[] = [
  ['id-and-name', l('peer-8001:alice'), hi('peer-8001', 'alice')],
  ['id-alone', l('peer-8001'), hi('peer-8001'), 'the name is the id'],
  ['name-empty', l('bob:'), hi('bob', ''), 'the same'],
  ['name-with-colons', l('bob:a:b::c'), hi('bob', 'a:b::c'), 'the first colon divides'],
  ['name-with-blanks', l('bob:Bob the Builder'), hi('bob', 'Bob the Builder')],
  ['any-script', l('민수:김민수'), hi('민수', '김민수')],
  ['gateway', l(`${peerId}:alice`), hi(peerId, 'alice'), 'what a gateway answers; a guest may not'],
  ['duplicate', l('DUPLICATE'), { message: 'REFUSED', reason: 'DUPLICATE' }],
  ['max-peers', l('MAX_PEERS'), { message: 'REFUSED', reason: 'MAX_PEERS' }],
  ['help', l('HELP'), { message: 'HELP' }],
  ['nothing', '', bad('SHORT', 'line end', 0)],
  ['no-line-end', text('bob:Bob'), bad('SHORT', 'line end', 7)],
  ['utf8', 'ff0a', bad('TEXT', 'line', 0)],
  ['empty', l(''), bad('VALUE', 'id', 0)],
  ['id-empty', l(':Bob'), bad('VALUE', 'id', 0)],
  ['id-blank', l('bob smith'), bad('VALUE', 'id', 0)],
  ['id-comma', l('bob,x'), bad('VALUE', 'id', 0)],
  ['id-at', l('bob@home:Bob'), bad('VALUE', 'id', 0)],
  ['id-control', `${text('b')}1b0a`, bad('VALUE', 'id', 0)],
  ['id-hidden', `${text('bob')}e2808b0a`, bad('VALUE', 'id', 0), 'zero width space'],
  ['id-too-long', l('x'.repeat(33)), bad('VALUE', 'id', 0)],
  ['id-too-long-in-bytes', l('é'.repeat(17)), bad('VALUE', 'id', 0)],
  ['id-keyword', l('PING'), bad('VALUE', 'id', 0)],
  ['id-keyword-named', l('MAX_PEERS:Bob'), bad('VALUE', 'id', 0)],
  ['peers', l('PEERS:10.0.0.2:7000'), bad('VALUE', 'id', 0)],
  ['name-control', `${text('bob:')}070a`, bad('VALUE', 'name', 4)],
  ['name-cr', `${text('bob:Bob')}0d0a`, bad('VALUE', 'name', 4), 'a reader takes the CR away first'],
  ['name-bidi', `${text('bob:')}e280ae0a`, bad('VALUE', 'name', 4), 'right-to-left override'],
  ['name-too-long', l(`bob:${'x'.repeat(65)}`), bad('VALUE', 'name', 4)],
  ['http', l('POST / HTTP/1.1'), bad('VALUE', 'id', 0), 'a browser comes no further'],
  ['tls', '160301020001000a', bad('VALUE', 'id', 0), 'a TLS hello, by chance with an LF'],
]

const digest32 = run(0x20, 32)
const cidValue = (codec: number, hash: number, digest: string, version = 1): Json => ({
  version,
  codec,
  hash,
  digest,
})
const badCid = (
  what: string,
  field: string,
  offset: number,
): { error: string; field: string; offset: number } => ({
  error: what,
  field,
  offset,
})

const cid: readonly Case[] = [
  ['raw', `01551220${digest32}`, cidValue(0x55, 0x12, digest32)],
  ['dag-pb', `01701220${digest32}`, cidValue(0x70, 0x12, digest32)],
  ['dag-cbor', `01711220${digest32}`, cidValue(0x71, 0x12, digest32)],
  [
    'v0',
    `1220${digest32}`,
    cidValue(0x70, 0x12, digest32, 0),
    'dag-pb and a whole SHA-256, without saying so',
  ],
  ['sha2-512', `01551340${run(0, 64)}`, cidValue(0x55, 0x13, run(0, 64))],
  ['blake3', `01551e20${digest32}`, cidValue(0x55, 0x1e, digest32)],
  [
    'blake3-64',
    `01551e40${run(0, 64)}`,
    cidValue(0x55, 0x1e, run(0, 64)),
    'BLAKE3 gives as many bytes as one asks for',
  ],
  ['digest-twenty', `01551214${run(0, 20)}`, cidValue(0x55, 0x12, run(0, 20)), 'the shortest'],
  ['identity', '015500 05 68656c6c6f', cidValue(0x55, 0, '68656c6c6f'), '"hello", in its own name'],
  ['identity-empty', '01550000', cidValue(0x55, 0, '')],
  [
    'identity-128',
    `01550080 01${run(0, 128)}`,
    cidValue(0x55, 0, run(0, 128)),
    'the longest; its length takes two bytes',
  ],
  ['codec-json', `0180041220${digest32}`, cidValue(0x0200, 0x12, digest32), 'a codec nobody looks into'],
  [
    'codec-largest',
    `01ffffffffffffff0f1220${digest32}`,
    cidValue(2 ** 53 - 1, 0x12, digest32),
    'as large as a number may be',
  ],
  ['empty', '', badCid('GH_WIRE_SHORT', 'CID version', 0)],
  [
    'version-0',
    `00701220${digest32}`,
    badCid('GH_CID_INVALID', 'CID version', 0),
    'a CIDv0 does not say its version',
  ],
  ['version-2', `02551220${digest32}`, badCid('GH_CID_INVALID', 'CID version', 0)],
  ['version-long', `8100551220${digest32}`, badCid('GH_WIRE_VARINT', 'CID version', 0)],
  ['version-alone', '01', badCid('GH_WIRE_SHORT', 'CID codec', 1)],
  ['codec-long', `01d5001220${digest32}`, badCid('GH_WIRE_VARINT', 'CID codec', 1)],
  ['codec-ten-bytes', `01ffffffffffffffffff01${digest32}`, badCid('GH_WIRE_VARINT', 'CID codec', 1)],
  ['codec-above', `01ffffffffffffff1f1220${digest32}`, badCid('GH_WIRE_VARINT', 'CID codec', 1), '2^54 - 1'],
  ['hash-cut', '0155', badCid('GH_WIRE_SHORT', 'CID hash', 2)],
  [
    'hash-sha1',
    `01551114${run(0, 20)}`,
    badCid('GH_CID_UNSUPPORTED', 'CID hash', 2),
    'others can make two blocks of it',
  ],
  ['hash-md5', `0155d50110${run(0, 16)}`, badCid('GH_CID_UNSUPPORTED', 'CID hash', 2)],
  ['hash-blake2b', `0155a0e40220${digest32}`, badCid('GH_CID_UNSUPPORTED', 'CID hash', 2)],
  ['digest-one', '0155120120', badCid('GH_CID_UNSUPPORTED', 'CID hash', 3), 'fits one block in 256'],
  ['digest-nineteen', `01551213${run(0, 19)}`, badCid('GH_CID_UNSUPPORTED', 'CID hash', 3)],
  ['digest-long', `01551221${run(0, 33)}`, badCid('GH_CID_UNSUPPORTED', 'CID hash', 3), 'SHA-256 has 32'],
  ['digest-cut', `01551220${run(0, 31)}`, badCid('GH_WIRE_SHORT', 'CID digest', 4)],
  ['identity-129', `0155008101${run(0, 129)}`, badCid('GH_CID_UNSUPPORTED', 'CID hash', 3)],
  ['identity-mebibyte', '015500808040', badCid('GH_CID_UNSUPPORTED', 'CID hash', 3), 'by its claim'],
  ['length-long', `015512a000${digest32}`, badCid('GH_WIRE_VARINT', 'CID digest length', 3)],
  ['behind', `01551220${digest32}00`, badCid('GH_WIRE_LONG', 'CID', 36)],
  ['v0-cut', `1220${run(0, 31)}`, badCid('GH_WIRE_SHORT', 'CID v0', 0)],
  ['v0-behind', `1220${digest32}00`, badCid('GH_WIRE_LONG', 'CID', 34)],
  ['v0-short-digest', `1214${run(0, 20)}`, badCid('GH_CID_INVALID', 'CID version', 0), 'version 18, then'],
]

export const caseFiles: Readonly<Record<string, CaseFile>> = {
  ...syncCaseFiles,
  frames: {
    page: 'protocol/frames.md',
    notes: 'The plaintext of one record: frames until the bytes end. Data and keys are hex.',
    cases: frames,
  },
  hello: {
    page: 'protocol/handshake.md',
    notes: 'The payload of messages 2 and 3. The signature is any 64 bytes: decoding does not check it.',
    cases: hello,
  },
  'message-1': { page: 'protocol/handshake.md', notes: 'The payload of message 1.', cases: message1 },
  'version-refusal': {
    page: 'protocol/handshake.md',
    notes: 'What a version refusal holds once opened.',
    cases: versionRefusal,
  },
  'stream-header': {
    page: 'protocol/streams.md',
    notes: 'The first bytes of a stream, and nothing behind them.',
    cases: streamHeader,
  },
  line: {
    page: 'protocol/line.md',
    notes: 'One line with its LF, from either side, but not its first. Text is UTF-8; bytes are hex.',
    cases: line,
  },
  'line-hello': {
    page: 'protocol/line.md',
    notes: 'The first line of a side, with its LF.',
    cases: lineHello,
  },
  numbers: {
    page: 'protocol/numbers.md',
    notes: 'One QUIC integer and nothing behind it.',
    cases: numbers,
  },
  mdns: {
    page: 'protocol/mdns.md',
    notes: 'What a sealed TXT record holds once opened. Hosts are IP addresses in text.',
    cases: mdns,
  },
  'mdns-sealed': {
    page: 'protocol/mdns.md',
    notes:
      'The string of a TXT record behind "s=", under the swarm key 0001 … 1f and the instance name abcdefghijklmnopqrstuvwxyz234567. Offsets of what is wrong inside count from the opened bytes.',
    cases: mdnsSealed,
  },
  cid: {
    page: 'protocol/cid.md',
    notes: 'One CID and nothing behind it. The digest is hex; no vector says what it is the hash of.',
    cases: cid,
  },
  ...packetCaseFiles,
  bitswap: bitswapCaseFile,
}
