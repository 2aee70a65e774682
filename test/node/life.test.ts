/** Whole lives of nodes on real sockets: meet, talk, refuse, part, stop and leave nothing. */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { createNode, type NodeMessage, test as preset } from '../../src/index.ts'
import { at, failure, Nodes, next, until } from '../support/nodes.ts'
import { root } from '../support/root.ts'

t.test('D1 ten nodes that know one address are a full mesh', async t => {
  const nodes = new Nodes(t)
  const first = await nodes.start({ name: 'node-0' })
  const begun = performance.now()
  const others = await Promise.all(
    Array.from({ length: 9 }, (_, i) => nodes.start({ name: `node-${i + 1}`, bootstrap: [at(first)] })),
  )
  const all = [first, ...others]
  await until(() => all.every(node => node.peers.length === 9))
  const took = performance.now() - begun
  t.comment(`10 nodes whole in ${took.toFixed(0)} ms (bound 1500 for 50)`)
  t.ok(took < 7500)
  const heard = new Map(all.map(node => [node.peerId, [] as string[]]))
  for (const node of all)
    node.on('chat-message', ({ name, message }) => heard.get(node.peerId)!.push(`${name}: ${message}`))
  for (const node of all) node.broadcast(`from ${node.name}`)
  await until(() => [...heard.values()].every(lines => lines.length === 9))
  for (let i = 0; i < 10; i++) await new Promise(setImmediate)
  for (const node of all) {
    const expected = all.filter(one => one !== node).map(({ name }) => `${name}: from ${name}`)
    t.strictSame(heard.get(node.peerId)!.toSorted(), expected.toSorted(), 'each word of the others once')
  }
  await Promise.all(others.map(node => node.stop()))
  await until(() => first.peers.length === 0)
  t.match(first.stats(), { peers_connected: 0, messages_dropped: 0, events_dropped: 0 })
})

t.test('what a node tells of itself', async t => {
  const nodes = new Nodes(t)
  const unstarted = await createNode({ ...preset, swarmKey: nodes.swarmKey, name: 'early' })
  t.match(unstarted, { port: 0, name: 'early', addresses: [], peers: [], maxPeers: 20 })
  for (const act of [
    () => unstarted.broadcast('x'),
    () => unstarted.discover(),
    () => unstarted.disconnect('x'),
  ])
    t.throws(act, { code: 'GH_NODE_STATE' })
  t.equal((await failure(unstarted.connect('127.0.0.1:1'))).code, 'GH_NODE_STATE')
  await unstarted.stop()
  t.equal((await failure(unstarted.start())).code, 'GH_NODE_STATE')

  const [a, b] = await nodes.pair()
  t.match(a.peerId, /^12D3KooW\w{44}$/)
  t.strictSame(
    a.addresses,
    ['tcp', 'udp'].map(transport => `/ip4/127.0.0.1/${transport}/${a.port}/p2p/${a.peerId}`),
  )
  t.equal((await failure(a.start())).code, 'GH_NODE_STATE')
  t.match(b.peers, [
    { peerId: a.peerId, name: 'a', address: `/ip4/127.0.0.1/tcp/${a.port}`, direction: 'in' },
  ])
  await until(() => a.peers[0]!.rttMs !== undefined)
  const [peer] = a.peers
  t.ok(peer!.rttMs! > 0 && peer!.bytesIn > 0 && peer!.bytesOut > 0)
  t.strictSame(a.networkInfo(), {
    localPeerId: a.peerId,
    connectedPeers: [{ id: b.peerId, connected: true, address: b.addresses[0]!.replace(/\/p2p.*/, '') }],
    listenAddrs: a.addresses,
    observedAddrs: a.networkInfo().observedAddrs,
  })
  t.match(a.networkInfo().observedAddrs, [/^\/ip4\/127\.0\.0\.1\/tcp\/\d+$/])
  const stats = a.stats()
  t.match(stats, { peers_connected: 1, strangers_refused: 0, blocks_sent: 0, want_list_size: 0 })
  t.ok(stats.bytes_in >= peer!.bytesIn && stats.bytes_out >= peer!.bytesOut)
  t.ok(a.uptimeSeconds > 0 && a.uptimeSeconds < 60)
})

t.test('messages: everything in order from the beginning, and an end', async t => {
  const nodes = new Nodes(t)
  const a = await nodes.start({ name: 'a' })
  const b = await nodes.start({ name: 'b', bootstrap: [at(a)] })
  await until(() => a.peers.length === 1 && b.peers.length === 1)
  b.broadcast('one')
  b.broadcast('two ☃')
  await until(() => a.stats().bytes_in > 0)
  const all: NodeMessage[] = []
  const reading = (async () => {
    for await (const message of a.messages) {
      all.push(message)
      if (message.event === 'chat-message' && message.message.startsWith('two')) void b.stop()
      if (message.event === 'peer-disconnected') break
    }
  })()
  await reading
  t.strictSame(
    all.map(({ event }) => event),
    ['system-start', 'peer-connected', 'chat-message', 'chat-message', 'peer-disconnected'],
  )
  t.match(all, [
    { peerId: a.peerId, name: 'a', port: a.port, addresses: a.addresses },
    { peerId: b.peerId, name: 'b', direction: 'in', peers: 1, maxPeers: 20, transport: 'tcp' },
    { from: b.peerId, name: 'b', message: 'one' },
    { from: b.peerId, name: 'b', message: 'two ☃' },
    { peerId: b.peerId, name: 'b', reason: 'goodbye', peers: 0 },
  ])
  const rest = (async () => {
    for await (const message of a.messages) all.push(message)
  })()
  await a.stop()
  await rest
  t.throws(() => a.broadcast('x'), { code: 'GH_NODE_STATE' })
})

t.test('broadcast takes 16 KiB of UTF-8 and no more', async t => {
  const [a, b] = await new Nodes(t).pair()
  const largest = 'ä'.repeat(8192)
  const heard = next(b, 'chat-message')
  a.broadcast(largest)
  t.equal((await heard).message, largest)
  t.throws(() => a.broadcast(`${largest}x`), { code: 'GH_MESSAGE_TOO_LARGE' })
})

t.test('disconnect parts for good, until somebody asks again; discover finds who was missed', async t => {
  const nodes = new Nodes(t)
  const [a, b] = await nodes.pair()
  const gone = next(b, 'peer-disconnected')
  a.disconnect(b.peerId)
  t.match(await gone, { peerId: a.peerId, peers: 0 })
  t.throws(() => a.disconnect(b.peerId), { code: 'GH_PEER_UNKNOWN' })
  const c = await nodes.start({ name: 'c', bootstrap: [at(a)] })
  await until(() => c.peers.length === 1)
  a.discover()
  c.discover()
  t.equal((await a.connect(at(b))).peerId, b.peerId)
  await until(() => [a, b, c].every(node => node.peers.length === 2))
})

t.test('MAX_PEERS: who comes too late is told so, and the others stay', async t => {
  const nodes = new Nodes(t)
  const full = await nodes.start({ name: 'full', maxPeers: 2 })
  const early = [await nodes.start({ bootstrap: [at(full)] }), await nodes.start({ bootstrap: [at(full)] })]
  await until(() => full.peers.length === 2)
  const late = await nodes.start()
  const error = await failure(late.connect(at(full)))
  t.equal(error.code, 'GH_REFUSED_MAX_PEERS')
  await until(() => late.peers.length === 2, 'the refusal names others to join')
  const other = await nodes.start({ bootstrap: [at(full)] })
  t.match(await next(other, 'bootstrap-failed'), { code: 'GH_REFUSED_MAX_PEERS' })
  t.equal(full.peers.length, 2)
  const small = await nodes.start({ maxPeers: 1 })
  await small.connect(at(early[0]!))
  t.equal((await failure(small.connect(at(late)))).code, 'GH_REFUSED_MAX_PEERS', 'our own limit')
})

t.test('await using stops the node; what a listener throws hurts nobody', async t => {
  const nodes = new Nodes(t)
  const a = await nodes.start()
  const errors: string[] = []
  a.on('peer-connected', () => {
    throw new Error('a listener broke')
  })
  a.on('error', ({ message }) => errors.push(message))
  const left = next(a, 'peer-disconnected')
  {
    await using b = await createNode({ ...preset, swarmKey: nodes.swarmKey })
    await b.start()
    await b.connect(at(a))
    await until(() => a.peers.length === 1)
  }
  t.match(await left, { reason: 'goodbye' })
  t.match(errors, [/a listener of peer-connected threw: .*a listener broke/])
})

t.test('start: a port in use, an abort, a stop in between; nothing stays behind', async t => {
  const nodes = new Nodes(t)
  const a = await nodes.start()
  const taken = await createNode({ ...preset, swarmKey: nodes.swarmKey, port: a.port })
  const error = await failure(taken.start())
  t.match(error, { code: 'GH_LISTEN_IN_USE', message: `port ${a.port} on 127.0.0.1` })
  const aborted = await createNode({ ...preset, swarmKey: nodes.swarmKey })
  t.equal((await failure(aborted.start({ signal: AbortSignal.abort() }))).code, 'GH_ABORTED')
  const hurried = await createNode({ ...preset, swarmKey: nodes.swarmKey })
  const starting = failure(hurried.start())
  await hurried.stop()
  t.equal((await starting).code, 'GH_NODE_STATE')
  t.strictSame(hurried.peers, [])
})

t.test('options are checked before anything is opened', async t => {
  const bad: [options: object, says: RegExp][] = [
    [{ prot: 1 }, /prot: is not an option/],
    [{ port: -1 }, /port: -1/],
    [{ port: 1.5 }, /port: 1.5/],
    [{ port: '80' }, /port: 80/],
    [{ host: 'localhost' }, /host: "localhost" \(an IP address/],
    [{ name: '' }, /name/],
    [{ name: 'a\u001b[31m' }, /name: "a\\x1b\[31m"/],
    [{ name: 'ä'.repeat(33) }, /too long/],
    [{ bootstrap: ['nowhere'] }, /the port is missing/],
    [{ bootstrap: 'a:1' }, /bootstrap: a:1 \(a list/],
    [{ swarmKey: new Uint8Array(31) }, /swarmKey: 31 bytes/],
    [{ swarmKey: '' }, /swarmKey/],
    [{ swarmKey: new Uint8Array(32), open: 'x' }, /open: excludes swarmKey/],
    [{ identityKey: new Uint8Array(33) }, /identityKey: 33 bytes/],
    [{ maxPeers: 0 }, /maxPeers: 0/],
    [{ maxStreams: 0 }, /maxStreams: 0/],
    [{ maxStreams: 65_537 }, /maxStreams: 65537/],
    [{ interval: 0 }, /interval: 0/],
    [{ interval: Number.NaN }, /interval: NaN/],
    [{ interval: 40 }, /peerTimeout: 60 s is less than two intervals/],
    [{ transport: ['quic'] }, /tcp and udp exist/],
    [{ transport: [] }, /transport/],
    [{ announce: ['x'] }, /the port is missing/],
  ]
  for (const [options, says] of bad) {
    const error = await failure(createNode(options as never))
    t.match(error.code, /^GH_(OPTION|ADDRESS)_INVALID$/, JSON.stringify(options))
    t.match(error.message, says)
  }
})

t.test('after stop nothing holds the process: it ends by itself', async t => {
  const index = pathToFileURL(join(root, 'dist/src/index.js')).href
  const program = `
    import { createNode, test } from ${JSON.stringify(index)}
    const swarmKey = new Uint8Array(32).fill(7)
    const a = await createNode({ ...test, swarmKey }), b = await createNode({ ...test, swarmKey })
    await a.start(); await b.start()
    b.handle('/echo/1', stream => stream.pipe(stream))
    await a.connect('127.0.0.1:' + b.port)
    await a.request(b.peerId, '/echo/1', new Uint8Array(10))
    await a.connect('127.0.0.1:1').catch(() => {})
    const begun = performance.now()
    await Promise.all([a.stop(), b.stop(), a.stop()])
    console.log((performance.now() - begun).toFixed(0))
    process.on('exit', () => console.log('ended by itself', (performance.now() - begun).toFixed(0)))`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program])
  let out = ''
  child.stdout.on('data', text => {
    out += text
  })
  child.stderr.pipe(process.stderr)
  const guard = setTimeout(() => child.kill('SIGKILL'), 15_000)
  const [code] = await once(child, 'close')
  clearTimeout(guard)
  t.equal(code, 0)
  const [, stopped, ended] = /^(\d+)\nended by itself (\d+)/.exec(out) ?? []
  t.comment(`stopped in ${stopped} ms, process over after ${ended} ms (bound 1000)`)
  t.ok(Number(ended) < 5000)
})

t.test('random keys make random nodes; the same seed the same one', async t => {
  const identityKey = randomBytes(32)
  const swarmKey = randomBytes(32)
  const [one, two, other] = await Promise.all([
    createNode({ identityKey, swarmKey }),
    createNode({ identityKey, swarmKey }),
    createNode({ swarmKey }),
  ])
  t.equal(one.peerId, two.peerId)
  t.not(one.peerId, other.peerId)
})
