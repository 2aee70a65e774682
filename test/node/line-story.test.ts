/** Whole meshes with guests in virtual time: the conversations of the page, the golden log, far hosts. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { eventNames, levelOf, textLines } from '../../src/cli/text-lines.ts'
import type { GuildNode, NodeOptions } from '../../src/index.ts'
import { conversations, LineStory, withConversations } from '../support/line-story.ts'
import { root } from '../support/root.ts'

const local = { host: '127.0.0.1', port: 7000 }

t.test('D9 teach: the conversations of protocol/line.md are what happens (npm run protocol)', async t => {
  const page = readFileSync(join(root, 'protocol/line.md'), 'utf8')
  const told = await conversations()
  t.equal(withConversations(page, told), page)
  t.strictSame(await conversations(), told, 'the same twice')
})

/** What alice's terminal shows, at this level, while much happens in a mesh of ten places. */
async function log(level: 'info' | 'debug'): Promise<string[]> {
  const story = new LineStory()
  const { sim } = story
  const shown: string[] = []
  const watch = (node: GuildNode): void => {
    for (const name of eventNames)
      node.on(name, message => {
        if (levelOf[name] === 'debug' && level !== 'debug') return
        const at = new Date(2026, 0, 31, 15, 4, 32, sim.now)
        shown.push(...textLines(message, { at, maxPeers: node.maxPeers, colour: false }))
      })
  }
  const ten: NodeOptions = { port: 8001, linePort: 7000, maxPeers: 10 }
  await story.node('charlie', { port: 8003 })
  await story.node('dora', { port: 8004, bootstrap: ['10.0.0.1:8003'] })
  await sim.pass(1_000)
  const alice = await story.node('alice', ten, watch)
  await sim.pass(3_000)
  const bob = await story.node('bob', { port: 8002, bootstrap: [`${sim.host('alice').address}:8001`] })
  await sim.pass(1_000)
  await sim.settle(alice.connect('10.0.0.1:8003'))
  await sim.pass(4_000)
  sim.world.enter(() => bob.broadcast('network status looks good'))
  await sim.pass(1_000)
  const dave = await story.guest(sim.host('alice'), local)
  await dave.types('dave')
  await dave.types('REQUEST_PEERS')
  await dave.types('PEERS:10.0.0.9:7000')
  await dave.types('is anybody \u001b[2J here?')
  await sim.pass(15_000)
  await dave.types('PONG')
  await sim.pass(61_000)
  await story.end()
  return shown
}

t.test('D13 the golden log with --max-peers 10', async t => {
  const golden = readFileSync(join(root, 'test/node/golden-log.txt'), 'utf8')
  t.equal(`${(await log('info')).join('\n')}\n`, golden)
  for (const form of [
    /^\[\d\d:\d\d:\d\d\] \[SYSTEM\] Node alice listening on port 8001$/m,
    /\[NETWORK\] Peer bob connected from 10\.0\.0\.4:8002 \(1\/10 peers\)$/m,
    /\[NETWORK\] Connected to peer charlie at 10\.0\.0\.1:8003 \(\d\/10 peers\)$/m,
    /\[DISCOVERY\] Found \d+ peers via \w+ \(total known: \d+\)$/m,
    /\[bob\] network status looks good$/m,
    /\[NETWORK\] Peer dave connected from 127\.0\.0\.1:\d+ \(\d\/10 peers\)$/m,
    /\[dave\] is anybody \\x1b\[2J here\?$/m,
    /\[MAINTENANCE\] Removed stale peer dave \(timeout\)$/m,
  ])
    t.match(golden, form)
})

t.test('D14 the debug lines, of nodes and of guests, and only with --debug', async t => {
  const debug = (await log('debug')).filter(line => line.includes('[DEBUG]'))
  for (const who of ['bob', 'dave']) {
    for (const words of ['Sent PING to', 'Received PONG from', 'Received REQUEST_PEERS from'])
      t.ok(
        debug.some(line => line.endsWith(`[DEBUG] ${words} ${who}`)),
        `${words} ${who}`,
      )
    t.ok(
      debug.some(line => new RegExp(`Received PEERS: .*from ${who}$`).test(line)),
      `PEERS from ${who}`,
    )
  }
  t.ok(debug.some(line => line.endsWith('[DEBUG] Sent REQUEST_PEERS to charlie')))
  t.ok(debug.some(line => line.endsWith('[DEBUG] Received PEERS: 10.0.0.9:7000 from dave')))
  t.equal(debug.filter(line => line.endsWith('Sent PING to dave')).length, 5, 'every 15 s, once in doubt')
})

t.test('LINE-8 LINE-11 line ports are told to those who can reach them, as they reach them', async t => {
  const story = new LineStory()
  const everywhere = { lineHost: ['0.0.0.0'] }
  const alice = await story.node('alice', { port: 8000, linePort: 7000, ...everywhere })
  const near = await story.node('near', { port: 8000, linePort: 7000, ...everywhere })
  const shut = await story.node('shut', { port: 8000, linePort: 7000 })
  const join8 = async (node: GuildNode, to: string): Promise<void> => {
    await story.sim.settle(node.connect(to))
  }
  await join8(near, '10.0.0.1:8000')
  await join8(shut, '10.0.0.1:8000')
  const same = await story.node('same', {
    port: 8005,
    linePort: 7005,
    runtime: story.sim.host('alice').runtime(),
  })
  await join8(same, '127.0.0.1:8000')
  await story.sim.pass(1_000)
  t.equal(alice.peers.length, 3)
  const ask = async (host: string, to: string): Promise<string> => {
    const guest = await story.guest(story.sim.host(host), { host: to, port: 7000 })
    await guest.types('bob')
    await guest.types('REQUEST_PEERS')
    guest.leaves()
    await story.sim.pass(100)
    return guest.lines.at(-1)!
  }
  t.equal(await ask('alice', '127.0.0.1'), 'PEERS:10.0.0.2:7000,127.0.0.1:7005', 'shut is reached by nobody')
  t.equal(await ask('far', '10.0.0.1'), 'PEERS:10.0.0.2:7000,10.0.0.1:7005', 'C12 loopback means us')
  await story.end()
})
