/** The control socket of real nodes: asked, steered, and plagued. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { ControlClient, openControl, openDataDir } from '../../src/index.ts'
import { dialLocal } from '../../src/transport/local.ts'
import { at, failure, Nodes, next, until } from '../support/nodes.ts'

const windows = process.platform === 'win32' ? { skip: 'there is no control socket on Windows' } : {}

interface Ends {
  teardown(work: () => unknown): void
}

function folder(t: Ends): string {
  const path = mkdtempSync(join(tmpdir(), 'guild-control-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

t.test('a node is asked and steered by another process', windows, async t => {
  const nodes = new Nodes(t)
  const dataDir = folder(t)
  const a = await nodes.start({ name: 'a', dataDir })
  const b = await nodes.start({ name: 'b' })
  const control = await openControl({ dataDir })
  const { peerId, name, addresses, uptimeSeconds, stats, port, maxPeers } = await control.status()
  t.strictSame([peerId, name, port, maxPeers], [a.peerId, 'a', a.port, 20])
  t.strictSame(addresses, a.addresses)
  t.ok(uptimeSeconds >= 0 && stats.peers_connected === 0)

  const events: unknown[] = []
  const watching = failure(
    (async () => {
      for await (const event of control.events()) events.push(event)
    })(),
  )
  t.match(await control.connect(at(b)), { peerId: b.peerId, name: 'b', direction: 'out' })
  await until(() => a.peers[0]!.rttMs !== undefined)
  t.match((await control.status()).peers, [{ peerId: b.peerId, rttMs: a.peers[0]!.rttMs }])
  await until(() => events.length > 0)
  t.match(events[0], { event: 'peer-connected', peerId: b.peerId })

  let heard = next(b, 'chat-message')
  t.equal(await control.broadcast('to all'), 1)
  t.match(await heard, { from: a.peerId, message: 'to all' })
  t.equal((await heard).to, undefined)
  heard = next(b, 'chat-message')
  t.strictSame(await control.send('to you', { to: 'b' }), { peerId: b.peerId, name: 'b' })
  t.match(await heard, { from: a.peerId, name: 'a', to: b.peerId, message: 'to you' })

  const refused: readonly [() => Promise<unknown>, string][] = [
    [() => control.send('x', { to: 'nobody' }), 'GH_PEER_UNKNOWN'],
    [() => control.connect('nowhere'), 'GH_ADDRESS_INVALID'],
    [() => control.connect('127.0.0.1:1'), 'GH_DIAL_REFUSED'],
    [() => control.broadcast('x'.repeat(16_385)), 'GH_MESSAGE_TOO_LARGE'],
    [() => control.send('', { to: 'b' }), 'GH_OPTION_INVALID'],
    [() => control.status({ signal: AbortSignal.abort() }), 'GH_ABORTED'],
  ]
  for (const [work, code] of refused) t.equal((await failure(work())).code, code)

  await a.stop()
  t.match(await watching, { code: 'GH_LINK_CLOSED' }, 'who watches learns of the end')
  t.equal((await failure(control.status())).code, 'GH_LINK_CLOSED')
  await control.close()
  t.strictSame(readdirSync(dataDir).sort(), ['identity.key', 'peers.json'], 'no socket is left')
  t.equal((await failure(openControl({ dataDir }))).code, 'GH_CONTROL_ABSENT')
})

t.test('work that its client gave up is called off', windows, async t => {
  const nodes = new Nodes(t)
  const silent = await nodes.server(() => {})
  const dataDir = folder(t)
  await nodes.start({ dataDir })
  await using control = await openControl({ dataDir })
  const abort = new AbortController()
  const work = failure(control.connect(silent, { signal: abort.signal }))
  await control.status()
  abort.abort()
  t.equal((await work).code, 'GH_ABORTED')
  t.ok((await control.status()).peerId, 'the link goes on')
})

t.test('CONTROL-1 the socket is ours alone; a stale one is replaced', windows, async t => {
  const nodes = new Nodes(t)
  const dataDir = folder(t)
  const socket = join(dataDir, 'control.sock')
  const crashed = createServer()
  crashed.listen(socket)
  await once(crashed, 'listening')
  const a = await nodes.start({ dataDir })
  t.equal(lstatSync(socket).mode & 0o777, 0o600)
  t.strictSame(
    readdirSync(dataDir).filter(name => name.startsWith('.c')),
    [],
    'the place where it was bound is gone',
  )
  await using control = await openControl({ dataDir })
  t.equal((await control.status()).peerId, a.peerId)
  crashed.close()
})

t.test('CONTROL-1 what is no socket stays, and the node runs and says so', windows, async t => {
  const nodes = new Nodes(t)
  const dataDir = folder(t)
  const path = join(dataDir, 'control.sock')
  writeFileSync(path, 'precious')
  const { createNode, test: preset } = await import('../../src/index.ts')
  const node = await createNode({ ...preset, swarmKey: nodes.swarmKey, dataDir })
  t.teardown(() => node.stop())
  const told = next(node, 'error')
  await node.start()
  t.match(await told, { code: 'GH_CONTROL_FAILED', message: /move it away/ })
  t.equal((await failure(openControl({ dataDir }))).code, 'GH_CONTROL_FAILED')
  await node.stop()
  t.ok(existsSync(path), 'and it is not removed either')
})

t.test('a long path: the socket lies elsewhere and is found', windows, async t => {
  const nodes = new Nodes(t)
  const [home, runtime] = [folder(t), folder(t)]
  const before = process.env.XDG_RUNTIME_DIR
  process.env.XDG_RUNTIME_DIR = runtime
  t.teardown(() => {
    if (before === undefined) delete process.env.XDG_RUNTIME_DIR
    else process.env.XDG_RUNTIME_DIR = before
  })
  const dataDir = join(home, 'd'.repeat(100))
  const a = await nodes.start({ dataDir })
  const [name] = readdirSync(join(runtime, 'guild-home'))
  t.match(name, /^[0-9a-f]{32}\.sock$/)
  t.equal(lstatSync(join(runtime, 'guild-home')).mode & 0o777, 0o700)
  process.env.XDG_RUNTIME_DIR = '/nowhere'
  const control = await openControl({ dataDir })
  t.equal((await control.status()).peerId, a.peerId, 'whatever the environment of the client')
  await control.close()
  await a.stop()
  t.strictSame(readdirSync(join(runtime, 'guild-home')), [])
})

t.test('a long path: a place that is not ours is not used', windows, async t => {
  const nodes = new Nodes(t)
  const [home, runtime] = [folder(t), folder(t)]
  mkdirSync(join(runtime, 'guild-home'), { mode: 0o755 })
  const before = process.env.XDG_RUNTIME_DIR
  process.env.XDG_RUNTIME_DIR = runtime
  t.teardown(() => {
    if (before === undefined) delete process.env.XDG_RUNTIME_DIR
    else process.env.XDG_RUNTIME_DIR = before
  })
  const { createNode, test: preset } = await import('../../src/index.ts')
  const node = await createNode({ ...preset, swarmKey: nodes.swarmKey, dataDir: join(home, 'd'.repeat(100)) })
  t.teardown(() => node.stop())
  const told = next(node, 'error')
  await node.start()
  t.match(await told, { code: 'GH_CONTROL_FAILED', message: /chmod 700/ })
})

t.test('a directory that is held already is used and stays held', windows, async t => {
  const nodes = new Nodes(t)
  const dir = await openDataDir({ path: folder(t), role: 'run' })
  const a = await nodes.start({ dataDir: dir })
  const control = await openControl({ dataDir: dir.path })
  t.equal((await control.status()).peerId, a.peerId)
  await control.close()
  await a.stop()
  t.ok(existsSync(join(dir.path, 'lock')), 'its lock is the caller’s')
  dir.release()
  t.notOk(existsSync(join(dir.path, 'lock')))
})

t.test('clients that stall, flood, send garbage or never read do not hurt the node', windows, async t => {
  const nodes = new Nodes(t)
  const dataDir = folder(t)
  const [a, b] = await nodes.pair({ dataDir })
  const path = join(dataDir, 'control.sock')
  const held: Socket[] = []
  const raw = async (): Promise<Socket> => {
    const socket = connect({ path, allowHalfOpen: true })
    socket.on('error', () => {})
    held.push(socket)
    await once(socket, 'connect')
    return socket
  }
  t.teardown(() => {
    for (const socket of held) socket.destroy()
  })
  const faults: string[] = []
  a.on('error', ({ message }) => faults.push(message))

  // In the middle of a record, and with no record at all.
  ;(await raw()).write(Uint8Array.of(0xff))
  ;(await raw()).write(Uint8Array.of(0x00, 0x20, 0x08))
  await raw()
  // Garbage ends with a reason, or at once.
  for (let i = 0; i < 50; i++) {
    const socket = await raw()
    const ended = once(socket, 'end')
    socket.resume()
    const garbage = randomBytes(3 + (i % 64))
    garbage.writeUInt16BE(garbage.length - 2)
    garbage[2] = 0x30 // no frame has this type
    socket.write(garbage)
    await ended
    socket.destroy()
  }
  // A flood of pings by one that never reads: its answers are bounded, then it is cut.
  const flood = await raw()
  const pings = Buffer.alloc(2 + 9 * 7_000)
  pings.writeUInt16BE(pings.length - 2)
  for (let i = 0; i < 7_000; i++) pings[2 + 9 * i] = 0x01
  const cut = once(flood, 'close')
  for (let i = 0; i < 100; i++) flood.write(pings)
  flood.on('end', () => flood.destroy())
  flood.resume()
  await cut
  // One that watches and never reads.
  const watcher = new ControlClient(await dialLocal(path, AbortSignal.timeout(5_000)))
  const events = watcher.events()
  void events.next().catch(() => {})

  const begun = performance.now()
  await using control = await openControl({ dataDir })
  t.equal((await control.status()).peers.length, 1)
  t.comment(`status beside them: ${(performance.now() - begun).toFixed(1)} ms`)
  const heard = next(b, 'chat-message')
  await control.broadcast('still here')
  t.equal((await heard).message, 'still here')
  t.strictSame(faults, [], 'and it is no news')
  await watcher.close()
})

t.test('thirty-two clients at a time; one more is sent away, and room comes back', windows, async t => {
  const nodes = new Nodes(t)
  const dataDir = folder(t)
  await nodes.start({ dataDir })
  const clients = await Promise.all(Array.from({ length: 32 }, () => openControl({ dataDir })))
  await Promise.all(clients.map(client => client.status()))
  const late = await openControl({ dataDir })
  t.equal((await failure(late.status())).code, 'GH_LINK_CLOSED')
  await late.close()
  await Promise.all(clients.map(client => client.close()))
  const deadline = performance.now() + 10_000
  for (;;) {
    const again = await openControl({ dataDir })
    const answer = await again.status().catch(error => error as Error)
    await again.close()
    if (!(answer instanceof Error)) return t.equal(answer.peers.length, 0, 'room came back')
    if (performance.now() > deadline) throw answer
  }
})

t.test('MESSAGE-2 a message to one is acknowledged, or its sender learns that it was not', async t => {
  const nodes = new Nodes(t)
  const [a, b] = await nodes.pair()
  const c = await nodes.start({ name: 'c' })
  await c.connect(at(b))
  await until(() => a.peers.length === 2 && c.peers.length === 2)
  let heardByC = 0
  c.on('chat-message', () => heardByC++)
  const heard = next(b, 'chat-message')
  t.match(await a.send('b', 'for b alone'), { peerId: b.peerId })
  t.match(await heard, { to: b.peerId, from: a.peerId, name: 'a', id: /^[0-9a-f]{32}$/ })
  t.equal(heardByC, 0)
  t.equal((await failure(a.send(a.peerId, 'x'))).code, 'GH_PEER_UNKNOWN')
  b.unhandle('/guild/message/1')
  t.equal((await failure(a.send('b', 'x'))).code, 'GH_STREAM_PROTOCOL_UNKNOWN')
  b.handle('/guild/message/1', stream => void stream.end())
  t.equal((await failure(a.send('b', 'x'))).code, 'GH_STREAM_RESET', 'an end is no acknowledgement')
  b.unhandle('/guild/message/1')
  b.handle('/guild/message/1', () => {})
  const abort = new AbortController()
  const waiting = failure(a.send('b', 'x', { signal: abort.signal }))
  setImmediate(() => abort.abort())
  t.equal((await waiting).code, 'GH_ABORTED')
})

t.test('MESSAGE-1 a peer that sends no message, two, or too many, is cut and hurts nobody', async t => {
  const nodes = new Nodes(t)
  const [a, b] = await nodes.pair()
  const shown: string[] = []
  const faults: string[] = []
  b.on('chat-message', ({ message }) => shown.push(message))
  b.on('error', ({ message }) => faults.push(message))
  const ask = async (...messages: Uint8Array[]): Promise<string | undefined> => {
    const stream = await a.open(b.peerId, '/guild/message/1')
    for (const message of messages) stream.send(message)
    stream.end()
    const parts: Uint8Array[] = []
    try {
      for await (const part of stream) parts.push(part)
    } catch (error) {
      return (error as { code?: string }).code
    }
    return Buffer.concat(parts).toString('hex')
  }
  const message = Buffer.concat([new Uint8Array(16), Uint8Array.of(7), Buffer.from('hi')])
  t.equal(await ask(message), '01')
  t.equal(await ask(), '', 'nothing is not acknowledged')
  t.match(await ask(new Uint8Array(3)), /^GH_STREAM_/)
  t.match(await ask(message, message), /^GH_STREAM_/)
  t.match(await ask(new Uint8Array(20_000)), /^GH_STREAM_/)
  t.ok(shown.length <= 2 && shown.every(text => text === 'hi'))
  const answers = await Promise.all(Array.from({ length: 1_000 }, () => ask(message)))
  const refused = answers.filter(answer => answer !== '01').length
  t.ok(refused > 0, `${refused} of 1,000 in one go were refused`)
  t.strictSame(faults, [], 'a peer’s faults are no news of ours')
})
