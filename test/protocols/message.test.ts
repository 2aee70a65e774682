/** Messages to one peer: their bytes, and whom a person means. */
import t from 'tap'
import { concat, utf8 } from '../../src/base/bytes.ts'
import { decodeDirect, encodeDirect } from '../../src/protocols/message/message.ts'
import { recipientOf } from '../../src/protocols/message/recipient.ts'

const id = Uint8Array.from({ length: 16 }, (_, i) => i)
const hex = '000102030405060708090a0b0c0d0e0f'

t.test('MESSAGE-1 a message comes back as it was, up to its maximum', async t => {
  for (const text of ['x', 'grüße\n\u001b[2J', 'a'.repeat(16_384)])
    t.strictSame(decodeDirect(encodeDirect(id, 1_790_000_000_000, text)), {
      id: hex,
      timestamp: 1_790_000_000_000,
      text,
    })
  t.throws(() => encodeDirect(id, 1, 'a'.repeat(16_385)), { code: 'GH_MESSAGE_TOO_LARGE' })
  t.throws(() => encodeDirect(id, 1, ''), { code: 'GH_OPTION_INVALID' })
})

t.test('MESSAGE-1 what is none is refused', async t => {
  const head = concat(id, Uint8Array.of(7))
  const bad: readonly [Uint8Array, string][] = [
    [new Uint8Array(0), 'GH_WIRE_SHORT'],
    [id, 'GH_WIRE_SHORT'],
    [head, 'GH_WIRE_LENGTH'],
    [concat(head, new Uint8Array(16_385).fill(97)), 'GH_WIRE_LENGTH'],
    [concat(head, Uint8Array.of(0xff)), 'GH_WIRE_TEXT'],
    [concat(id, Uint8Array.of(0x40, 0x07), utf8('x')), 'GH_WIRE_VARINT'],
  ]
  for (const [bytes, code] of bad) t.throws(() => decodeDirect(bytes), { code })
})

t.test('MESSAGE-3 by PeerId, by its beginning, by a name only one has', async t => {
  const bob = { peerId: '12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq', name: 'bob' }
  const carol = { peerId: '12D3KooWBtg3aaSMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq', name: 'carol' }
  const liar = {
    peerId: '12D3KooWKKK3aaSMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq',
    name: bob.peerId.slice(0, 14),
  }
  const twin = { peerId: '12D3KooWLLL3aaSMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq', name: 'carol' }
  const all = [liar, bob, carol, twin]
  t.equal(recipientOf(all, bob.peerId), bob)
  t.equal(recipientOf(all, bob.peerId.slice(0, 15)), bob)
  t.equal(recipientOf(all, 'bob'), bob)
  t.throws(() => recipientOf(all, bob.peerId.slice(0, 14)), {
    code: 'GH_PEER_AMBIGUOUS',
    message: new RegExp(`${bob.peerId} or ${carol.peerId}`),
  })
  t.throws(() => recipientOf(all, 'carol'), { code: 'GH_PEER_AMBIGUOUS' })
  t.throws(() => recipientOf(all, bob.peerId.slice(0, 13)), { code: 'GH_PEER_UNKNOWN', message: /give 6/ })
  t.throws(() => recipientOf([liar], liar.name), { code: 'GH_PEER_UNKNOWN' }, 'an id is not a name')
  t.throws(() => recipientOf(all, 'b'), { code: 'GH_PEER_UNKNOWN' })
  t.throws(() => recipientOf([], '\u001b[2J'), { message: /\\x1b/ })
})
