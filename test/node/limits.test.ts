/** Allow and deny lists, rates, on real sockets of this machine. */
import t, { type Test } from 'tap'
import { Shaper } from '../../src/base/shaper.ts'
import { createNode, type GuildNode, type NodeOptions, test as preset } from '../../src/index.ts'

const swarmKey = new Uint8Array(32).fill(0x51)
const seed = (n: number): Uint8Array => new Uint8Array(32).fill(n)

async function node(t: Test, options: NodeOptions): Promise<GuildNode> {
  const made = await createNode({ ...preset, swarmKey, ...options })
  t.teardown(() => made.stop())
  await made.start()
  return made
}

const at = (other: GuildNode): string => `127.0.0.1:${other.port}`

t.test('B19 deny: refused inbound with its reason, never dialled outbound', async t => {
  const mallory = await node(t, { name: 'mallory', identityKey: seed(1) })
  const alice = await node(t, { name: 'alice', deny: [mallory.peerId] })
  await t.rejects(mallory.connect(at(alice)), { code: 'GH_REFUSED_DENIED' })
  await t.rejects(alice.connect(at(mallory)), { code: 'GH_REFUSED_DENIED' })
  t.equal(alice.peers.length, 0)
  t.equal(mallory.peers.length, 0)
})

t.test('B19 allow: only those listed, in and out; deny goes before allow', async t => {
  const friend = await node(t, { name: 'friend', identityKey: seed(2) })
  const other = await node(t, { name: 'other', identityKey: seed(3) })
  const alice = await node(t, { name: 'alice', allow: [friend.peerId] })
  await t.rejects(other.connect(at(alice)), { code: 'GH_REFUSED_DENIED' })
  t.equal((await friend.connect(at(alice))).peerId, alice.peerId)
  const both = await node(t, { allow: [friend.peerId], deny: [friend.peerId] })
  await t.rejects(friend.connect(at(both)), { code: 'GH_REFUSED_DENIED' })
})

t.test('a malformed PeerId in a list is refused before anything starts', async t => {
  await t.rejects(createNode({ swarmKey, allow: ['12D3KooWnope'] }), { code: 'GH_PEER_ID_INVALID' })
  await t.rejects(createNode({ swarmKey, bandwidthIn: 10 }), { code: 'GH_OPTION_INVALID' })
})

for (const [direction, sender, receiver] of [
  ['out', { bandwidthOut: 1_000_000 }, {}],
  ['in', {}, { bandwidthIn: 1_000_000 }],
] as const)
  t.test(`B20 bandwidth ${direction} of 1 MB/s: kept over 5 s, chat does not wait`, async t => {
    const alice = await node(t, { name: 'alice', ...sender })
    const bob = await node(t, { name: 'bob', ...receiver })
    let received = 0
    bob.handle('/sink/1', async stream => {
      for await (const chunk of stream) received += chunk.length
    })
    await alice.connect(at(bob))
    const stream = await alice.open(bob.peerId, '/sink/1')
    const chunk = new Uint8Array(64 * 1024)
    let writing = true
    const writer = (async () => {
      while (writing) if (!stream.write(chunk)) await stream.drained()
    })().catch(() => {})
    const heard: number[] = []
    bob.on('chat-message', ({ message }) => heard.push(performance.now() - Number(message)))
    await new Promise(resolve => setTimeout(resolve, 500))
    const [began, before] = [performance.now(), received]
    for (let i = 0; i < 10; i++) {
      alice.broadcast(String(performance.now()))
      await new Promise(resolve => setTimeout(resolve, 500))
    }
    const rate = (received - before) / ((performance.now() - began) / 1000)
    writing = false
    stream.destroy()
    await writer
    const latest = Math.max(...heard)
    t.comment(`${(rate / 1e6).toFixed(3)} MB/s ${direction}, slowest chat ${latest.toFixed(1)} ms`)
    t.equal(heard.length, 10)
    t.ok(rate < 1.25e6, 'the rate is a ceiling')
    t.ok(rate > 0.2e6, 'and is used')
    t.ok(latest < 1000)
  })

t.test('the shaper lets the rate pass, never more than a burst above it', async t => {
  const shaper = new Shaper(1_000_000, 0)
  let passed = 0
  for (let now = 0; now <= 5000; now += 0.7) {
    const some = Math.min(shaper.allowance(now), 65_536)
    if (some === 0) continue
    shaper.spend(some, now)
    passed += some
    t.ok(passed <= 100_000 + now * 1000 + 1, `at ${now} ms`)
  }
  t.ok(passed > 4_900_000, `${passed} bytes in 5 s`)
})

t.test('the shaper: what passed too much is paid back, and the wait says when', async t => {
  const shaper = new Shaper(100_000, 0)
  shaper.spend(60_000, 0)
  t.equal(shaper.allowance(0), 0)
  const wait = shaper.wait(0)
  t.equal(shaper.allowance(wait * 0.9), 0)
  t.ok(shaper.allowance(wait) > 0)
})
