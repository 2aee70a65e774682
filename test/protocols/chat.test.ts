import t from 'tap'
import type { Suite } from '../../src/base/ports.ts'
import { nativeSuite } from '../../src/crypto/index.ts'
import {
  Chat,
  type ChatInput,
  type ChatLink,
  type ChatOutput,
  defaults,
} from '../../src/protocols/chat/chat.ts'
import type { ChatFrame } from '../../src/wire/frames/chat.ts'
import { peerIdFromKey } from '../../src/wire/peer-id.ts'

const WALL = 1_790_000_000_000

function member(seed: number, links: readonly ChatLink[] = [], suite: Suite = nativeSuite) {
  const identity = nativeSuite.identity(new Uint8Array(32).fill(seed))
  const chat = new Chat({ suite, identity, name: () => `node-${seed}`, links: () => links })
  const feed = (input: ChatInput, now = 0): ChatOutput[] => {
    chat.handle(input, now)
    const outputs: ChatOutput[] = []
    for (let output = chat.poll(); output !== undefined; output = chat.poll()) outputs.push(output)
    return outputs
  }
  const say = (text: string, wall = WALL): ChatFrame => {
    const [output] = feed({ kind: 'say', text, wall })
    if (output?.kind !== 'send') throw new Error('nothing was sent')
    return output.chat
  }
  return { id: peerIdFromKey(identity.publicKey), feed, say }
}

const full = (...links: number[]): ChatLink[] => links.map(link => ({ link, partial: false }))

t.test('a message goes to every link, and is shown once by whoever hears it', async t => {
  const alice = member(1, full(1, 2))
  const bob = member(2, full(1, 3))
  const [output] = alice.feed({ kind: 'say', text: 'hello', wall: WALL })
  t.match(output, { kind: 'send', links: [1, 2] })
  const chat = (output as { chat: ChatFrame }).chat
  const heard = bob.feed({ kind: 'heard', link: 1, chat })
  t.equal(heard.length, 1, 'in a full mesh nobody passes on')
  t.match(heard[0], {
    kind: 'message',
    message: { from: alice.id, name: 'node-1', message: 'hello', timestamp: WALL },
  })
  t.strictSame(bob.feed({ kind: 'heard', link: 3, chat }), [], 'a second copy is nothing new')
})

t.test('CHAT-3 where the mesh is not whole a message is passed on once, never back', async t => {
  const links = [...full(1, 3), { link: 2, partial: true }]
  const bob = member(2, links)
  const chat = member(1).say('hello')
  const heard = bob.feed({ kind: 'heard', link: 1, chat })
  t.match(heard[1], { kind: 'send', links: [2], chat })
  t.strictSame(bob.feed({ kind: 'heard', link: 2, chat }), [])
  const carol = member(3, [{ link: 1, partial: true }])
  t.equal(carol.feed({ kind: 'heard', link: 1, chat }).length, 1, 'not back to where it came from')
})

t.test('CHAT-1 two equal texts of one moment are two messages, with times that ascend', async t => {
  const alice = member(1)
  const bob = member(2)
  const first = alice.say('hi')
  const second = alice.say('hi', WALL - 5000)
  t.equal(second.timestamp, first.timestamp + 1)
  t.equal(bob.feed({ kind: 'heard', link: 1, chat: first }).length, 1)
  t.equal(bob.feed({ kind: 'heard', link: 1, chat: second }).length, 1)
})

t.test('CHAT-2 anything altered drops the message, and does not hide the real one', async t => {
  const bob = member(2)
  const chat = member(1).say('pay 10')
  const flipped = chat.signature.slice()
  flipped[0]! ^= 1
  for (const changed of [
    { ...chat, text: 'pay 1000' },
    { ...chat, name: 'mallory' },
    { ...chat, timestamp: chat.timestamp + 1 },
    { ...chat, line: 'dave' },
    { ...chat, from: new Uint8Array(32).fill(9) },
    { ...chat, signature: flipped },
  ]) {
    const [output] = bob.feed({ kind: 'heard', link: 1, chat: changed })
    t.equal(output?.kind, 'dropped')
  }
  t.equal(bob.feed({ kind: 'heard', link: 1, chat })[0]?.kind, 'message')
})

t.test('CHAT-4 what comes round late is shown late, with its own time; order holds along a path', async t => {
  const alice = member(1)
  const bob = member(2)
  const [first, second, third] = ['1', '2', '3'].map((text, i) => alice.say(text, WALL + i))
  const shown = (link: number, chat: ChatFrame | undefined) =>
    bob.feed({ kind: 'heard', link, chat: chat! }).flatMap(output => {
      if (output.kind !== 'message') return []
      return [[output.message.message, output.message.timestamp - WALL]]
    })
  t.strictSame(
    [...shown(1, first), ...shown(1, third)],
    [
      ['1', 0],
      ['3', 2],
    ],
  )
  t.strictSame(shown(2, second), [['2', 1]], 'by another peer, after a later one')
})

t.test('our own message echoed back is nothing', async t => {
  const alice = member(1)
  t.strictSame(alice.feed({ kind: 'heard', link: 1, chat: alice.say('hi') }), [])
})

t.test('for a person at the line port the node signs, and the name says whose word it is', async t => {
  const gateway = member(1)
  const as = { line: 'dave', name: 'Dave' }
  const [output, here] = gateway.feed({ kind: 'say', text: 'hi', wall: WALL, as })
  const chat = (output as { chat: ChatFrame }).chat
  const [heard] = member(2).feed({ kind: 'heard', link: 1, chat })
  t.match(heard, { message: { from: `line:dave@${gateway.id}`, name: 'Dave', message: 'hi' } })
  t.strictSame(here, heard, 'the gateway reads it too, as everybody does')
})

t.test('CHAT-5 a flood on one link is dropped beyond its budget; another link is not touched', async t => {
  const bob = member(2)
  const alice = member(1)
  let shown = 0
  for (let i = 0; i < defaults.burst + 50; i++)
    if (bob.feed({ kind: 'heard', link: 1, chat: alice.say(`${i}`) })[0]?.kind === 'message') shown++
  t.equal(shown, defaults.burst)
  t.equal(bob.feed({ kind: 'heard', link: 2, chat: alice.say('x') })[0]?.kind, 'message')
})

t.test(
  'P15 the same message over and over is dropped too, before it is looked at; it costs a tenth of a new one',
  async t => {
    let hashed = 0
    const bob = member(2, [], {
      ...nativeSuite,
      hash: (...parts) => {
        hashed++
        return nativeSuite.hash(...parts)
      },
    })
    const chat = member(1).say('again')
    for (let i = 0; i < 20_000; i++) bob.feed({ kind: 'heard', link: 1, chat })
    t.ok(hashed <= defaults.looks * defaults.burst, `${hashed} hashes`)
    t.ok(hashed >= (defaults.looks - 1) * defaults.burst, `${hashed} hashes`)
    t.equal(bob.feed({ kind: 'heard', link: 2, chat }).length, 0, 'another link is not touched')
  },
)

t.test('a text above its maximum is refused before anything is sent', async t => {
  const alice = member(1)
  t.throws(() => alice.say('é'.repeat(8193)), { code: 'GH_MESSAGE_TOO_LARGE' })
  t.equal(alice.say('é'.repeat(8192)).text.length, 8192)
})
