/** P26 and the faults of HTTP, on plain sockets: what a stranger may try, and what it costs. */
import { connect, type Socket } from 'node:net'
import t from 'tap'
import { clientOf, proxyList } from '../../src/http/clients.ts'
import { hostList } from '../../src/http/hosts.ts'
import { httpLimits } from '../../src/http/server.ts'
import { PEERS_PATH, REGISTER_PATH, trackerLimits } from '../../src/wire/tracker.ts'
import { ask, raw, Signer, startTracker, statuses } from '../support/trackers.ts'

const get = (more = '', path = PEERS_PATH, host = '127.0.0.1'): string =>
  `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`
const last = 'Connection: close\r\n'

t.test(
  'TR-02 P26 500 connections that send slowly: others are served, and each meets its deadline',
  async t => {
    const tracker = await startTracker(t, { http: { head: 1_000, request: 2_000 } })
    const slow: Socket[] = []
    const ended: string[] = []
    const open = (beginning: string): void => {
      const socket = connect(tracker.port, '127.0.0.1')
      // Now, not once it is connected: nothing of the drip may come before it.
      socket.write(beginning)
      let text = ''
      const drip = setInterval(() => socket.write('x'), 200)
      socket
        .on('data', part => {
          text += part
        })
        .on('error', () => {})
        .on('close', () => {
          clearInterval(drip)
          ended.push(text)
        })
      slow.push(socket)
    }
    t.teardown(() => {
      for (const socket of slow) socket.destroy()
    })
    const head = `POST ${REGISTER_PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\ncontent-type: application/json\r\n`
    for (let i = 0; i < 250; i++) open('GET /api/v1/peers HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ')
    for (let i = 0; i < 240; i++) open(`${head}Content-Length: 100000\r\n\r\n{`)
    for (let i = 0; i < 10; i++) open('')
    const begun = performance.now()
    t.match(await new Signer().register(tracker.url), { status: 200 })
    t.match(await ask(`${tracker.url}${PEERS_PATH}`), { status: 200 })
    t.comment(`two requests meanwhile: ${(performance.now() - begun).toFixed(0)} ms`)
    t.ok(performance.now() - begun < 5_000, 'five times what is promised')
    while (ended.length < slow.length) await new Promise(resolve => setTimeout(resolve, 20))
    const all = ended.flatMap(statuses)
    t.ok(
      all.every(status => status === 408 || status === 400),
      'none was answered otherwise',
    )
    t.ok(all.filter(status => status === 408).length > 200, 'and those who began are told')
    t.match(await ask(`${tracker.url}${PEERS_PATH}`), { status: 200 })
  },
)

t.test('TR-02 P26 for one more connection the one goes that has waited longest, not the newest', async t => {
  const tracker = await startTracker(t, { http: { connections: 20 } })
  const gone: number[] = []
  const idle = Array.from({ length: 20 }, (_, i) =>
    connect(tracker.port, '127.0.0.1')
      .on('error', () => {})
      .on('close', () => gone.push(i)),
  )
  t.teardown(() => {
    for (const socket of idle) socket.destroy()
  })
  await Promise.all(idle.map(socket => new Promise(resolve => socket.once('connect', resolve))))
  for (let i = 0; i < 3; i++) t.match(await ask(`${tracker.url}${PEERS_PATH}`), { status: 200 })
  t.ok(gone.length >= 1 && gone.length <= 3, `${gone.length} went`)
  t.ok(
    gone.every(i => i < 10),
    `those were early ones: ${gone}`,
  )
})

t.test('TR-02 P26 bodies that never end hold so much memory together and no more', async t => {
  const answered: number[] = []
  const tracker = await startTracker(t, { onAnswered: (_, __, status) => answered.push(status) })
  const head = `POST ${REGISTER_PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\ncontent-type: application/json\r\n`
  const beginning = Buffer.alloc(1_000_000, 0x20)
  const open = Array.from({ length: 40 }, () => {
    const socket = connect(tracker.port, '127.0.0.1').on('error', () => {})
    socket.write(`${head}Content-Length: 1048576\r\n\r\n`)
    socket.write(beginning)
    return socket
  })
  t.teardown(() => {
    for (const socket of open) socket.destroy()
  })
  while (answered.length < 7) await new Promise(resolve => setTimeout(resolve, 10))
  t.ok(
    answered.every(status => status === 503) && answered.length < 12,
    `${answered.length} were turned away`,
  )
  for (const socket of open) socket.destroy()
  while (answered.length < 40) await new Promise(resolve => setTimeout(resolve, 10))
  t.match(await new Signer().register(tracker.url), { status: 200 }, 'and it is given back')
})

t.test('TRACKER-8 who does not take its answers is cut off', async t => {
  const tracker = await startTracker(t, { http: { answer: 500 }, rate: { perSecond: 1e6, burst: 1e6 } })
  const addrs = Array.from({ length: 32 }, (_, i) => `/dns4/${'n'.repeat(60)}.example/tcp/${i + 1}`)
  for (let i = 0; i < 30; i++) {
    const signer = new Signer()
    await signer.register(tracker.url, { body: signer.body({ addrs }) })
  }
  const socket = connect(tracker.port, '127.0.0.1').on('error', () => {})
  const ended = new Promise<void>(resolve => socket.on('close', () => resolve()))
  socket.pause()
  socket.write(get().repeat(300))
  // What was sent before the cut still lies in this end's system: it ends once that is read.
  const timer = setTimeout(() => socket.resume(), 2_500)
  let bytes = 0
  socket.on('data', part => {
    bytes += part.length
  })
  socket.pause()
  await ended
  clearTimeout(timer)
  t.ok(bytes < 300 * 60_000, `${bytes} bytes of 300 lists`)
  t.match(await ask(`${tracker.url}${PEERS_PATH}`), { status: 200 })
})

t.test('TR-03 a body of 1 GiB is 413 after 1 MiB, however it is sent, and memory stays', async t => {
  const tracker = await startTracker(t)
  const head = `POST ${REGISTER_PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\ncontent-type: application/json\r\n`
  const announced = await raw(tracker.port, `${head}Content-Length: ${2 ** 30}\r\n\r\n`, text =>
    text.includes('}'),
  )
  t.strictSame(statuses(announced), [413])
  const expecting = await raw(
    tracker.port,
    `${head}Expect: 100-continue\r\nContent-Length: ${2 ** 30}\r\n\r\n`,
    text => text.includes('}'),
  )
  t.strictSame(statuses(expecting), [413], 'and is not asked for')
  const before = process.memoryUsage().rss
  const sent = await new Promise<{ bytes: number; text: string }>(resolve => {
    const socket = connect(tracker.port, '127.0.0.1')
    const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(65_536, 0x20), Buffer.from('\r\n')])
    let [bytes, text] = [0, '']
    const pour = (): void => {
      while (!socket.destroyed && bytes < 2 ** 30) {
        bytes += 65_536
        if (!socket.write(chunk)) return
      }
    }
    socket
      .on('connect', () => {
        socket.write(`${head}Transfer-Encoding: chunked\r\n\r\n`)
        pour()
      })
      .on('drain', pour)
      .on('data', part => {
        text += part
      })
      .on('error', () => {})
      .on('close', () => resolve({ bytes, text }))
  })
  t.strictSame(statuses(sent.text), [413], 'the answer arrives')
  t.ok(sent.bytes < 64 * 1024 * 1024, `cut after ${sent.bytes} bytes`)
  t.ok(process.memoryUsage().rss - before < 64 * 1024 * 1024)
  const most = { peer_id: new Signer().peerId, addrs: ['/ip4/192.0.2.7/tcp/8000'], pad: '' }
  const pad = trackerLimits.body - JSON.stringify(most).length
  const signer = new Signer()
  for (const [by, status] of [
    [-1, 200],
    [0, 200],
    [1, 413],
  ] as const) {
    const body = Buffer.from(JSON.stringify({ ...most, peer_id: signer.peerId, pad: ' '.repeat(pad + by) }))
    t.equal(body.length, trackerLimits.body + by)
    t.equal((await signer.register(tracker.url, { body })).status, status, `${by} bytes beside the maximum`)
  }
})

t.test('TR-04 TRACKER-7 a Host that is not on the list is refused, for every method and upgrade', async t => {
  const tracker = await startTracker(t, { hosts: ['tracker.example', '*.mesh.example'] })
  const asked = async (host: string, method = 'GET', more = ''): Promise<number[]> =>
    statuses(
      await raw(
        tracker.port,
        `${method} ${PEERS_PATH} HTTP/1.1\r\nHost: ${host}\r\n${more}${last}Content-Length: 0\r\n\r\n`,
      ),
    )
  for (const host of [
    '127.0.0.1',
    '127.0.0.1:8850',
    '[::1]:8850',
    'localhost:1',
    'Tracker.Example',
    'a.mesh.example.',
  ])
    t.strictSame(await asked(host), [200], host)
  for (const host of [
    'evil.example',
    'mesh.example',
    'tracker.example.evil.example',
    '127.0.0.1.evil.example',
    '',
  ])
    t.match(await asked(host), [/^4\d\d$/], host)
  for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'PROPFIND'])
    t.strictSame(await asked('evil.example', method), [403], method)
  const upgrade = 'Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n'
  t.strictSame(await asked('evil.example', 'GET', upgrade), [403], 'an upgrade')
  t.match(await asked('evil.example:443', 'CONNECT'), [], 'CONNECT is closed')
  t.strictSame(statuses(await raw(tracker.port, `GET / HTTP/1.1\r\n${last}\r\n`)), [400], 'no Host')
  t.strictSame(statuses(await raw(tracker.port, get(`Host: evil.example\r\n${last}`))), [400], 'two of them')
  t.notOk(hostList([], 'me')('you'))
  t.ok(hostList(['*'], 'me')('you.example'), 'all of them, for who asks for it')
})

t.test('TR-05 TRACKER-7 foreign and null Origin, forms and bodies of no type have no effect', async t => {
  const tracker = await startTracker(t, { allowUnsigned: true })
  const body = JSON.stringify({ peer_id: new Signer().peerId, addrs: ['/ip4/192.0.2.7/tcp/8000'] })
  const post = (headers: Record<string, string>) =>
    raw(
      tracker.port,
      `POST ${REGISTER_PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\n${last}${Object.entries(headers)
        .map(([name, value]) => `${name}: ${value}\r\n`)
        .join('')}Content-Length: ${body.length}\r\n\r\n${body}`,
    )
  for (const origin of ['http://evil.example', 'null', 'http://127.0.0.1:8850'])
    t.strictSame(statuses(await post({ origin, 'content-type': 'application/json' })), [403], origin)
  for (const type of [
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'text/plain',
    'text/plain;application/json',
    'application/jsonp',
  ])
    t.strictSame(statuses(await post({ 'content-type': type })), [415], type)
  t.strictSame(statuses(await post({})), [415], 'no type')
  t.equal(tracker.size, 0)
  t.strictSame(statuses(await post({ 'content-type': 'Application/JSON; charset=utf-8' })), [200])
  t.strictSame(statuses(await raw(tracker.port, get(`Origin: null\r\n${last}`))), [403], 'reading neither')
})

t.test('TR-06 paths that try to leave are 400 or 404, whatever they are written with', async t => {
  const tracker = await startTracker(t)
  for (const path of [
    '/../../etc/passwd',
    '/api/v1/../../../etc/passwd',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/api/v1/peers%00',
    '/api\\v1\\peers',
    '/..',
    '//etc/passwd',
    '/etc/passwd',
    '/api/v1/peers/',
    '/API/v1/peers',
    '/api/v1/peers/register/../../peers',
    'http://127.0.0.1/api/v1/peers',
    `/${'a'.repeat(3_000)}`,
    '*',
  ]) {
    const text = await raw(tracker.port, get(last, path))
    t.match(statuses(text), [/^40[04]$/], path)
    t.notMatch(text, 'root:')
  }
})

t.test('TR-08 two lengths, or a length beside chunks, are 400 and the end', async t => {
  const tracker = await startTracker(t, { allowUnsigned: true })
  const head = `POST ${REGISTER_PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\ncontent-type: application/json\r\n`
  const smuggled = get()
  for (const lengths of [
    'Content-Length: 2\r\nContent-Length: 3\r\n',
    'Content-Length: 2\r\nContent-Length: 2\r\n',
    'Content-Length: 2\r\nTransfer-Encoding: chunked\r\n',
    'Transfer-Encoding: chunked\r\nContent-Length: 2\r\n',
    'Transfer-Encoding: chunked, identity\r\n',
    'Content-Length: -1\r\n',
    'Content-Length: 0x2\r\n',
    'Content-Length: 2 \r\n X: 1\r\n',
  ]) {
    const text = await raw(tracker.port, `${head}${lengths}\r\n{}${smuggled}`)
    t.strictSame(statuses(text), [400], JSON.stringify(lengths))
  }
  const long = `X: ${'x'.repeat(httpLimits.headBytes)}\r\n`
  t.strictSame(statuses(await raw(tracker.port, get(long))), [431], 'a head that is too large')
})

t.test('TR-09 10,000 requests on one connection meet the rate, and others do not', async t => {
  const answered: number[] = []
  const tracker = await startTracker(t, {
    rate: { perSecond: 0.1, burst: 200 },
    onAnswered: (_, __, status) => answered.push(status),
  })
  await raw(tracker.port, get().repeat(10_000))
  const served = answered.filter(status => status === 200).length
  t.equal(served, 200)
  t.ok(answered.includes(429))
  t.ok(answered.length < 5_000, `${answered.length} were looked at before the connection ended`)
  t.match(
    await raw(tracker.port, get(last)),
    /^HTTP\/1\.1 429 [\s\S]*retry-after: 1\r\n/i,
    'and that is told',
  )
})

t.test('TRACKER-8 behind a proxy its word is believed, and nobody else’s', async t => {
  const proxies = proxyList(['10.0.0.0/8', 'fd00::1', '192.0.2.1'])
  const place = (remote: string, forwarded?: string): string => clientOf(remote, forwarded, proxies).place
  t.equal(place('203.0.113.7', '198.51.100.9'), '203.0.113.7', 'anybody can write that header')
  t.equal(place('10.1.2.3', '198.51.100.9, 203.0.113.7'), '203.0.113.7', 'only its end is the proxy’s')
  t.equal(place('::ffff:10.1.2.3', '203.0.113.7, 10.9.9.9'), '203.0.113.7', 'two proxies')
  t.equal(place('10.1.2.3'), '10.1.2.3')
  t.equal(place('10.1.2.3', 'nonsense'), '10.1.2.3')
  t.equal(place('10.1.2.3', `${'1.1.1.1,'.repeat(10_000)}203.0.113.7`), '203.0.113.7')
  t.equal(place('fd00::1', '2001:db8:1:2ff::9'), '2001:db8:1:200::/56', 'one customer')
  for (const bad of ['10.0.0.0/33', '10.0.0', '::/129', '1.2.3.4/8/8', 'proxy'])
    t.throws(() => proxyList([bad]), RangeError, bad)
  const tracker = await startTracker(t, { proxies: ['127.0.0.1'], rate: { perSecond: 0.001, burst: 2 } })
  const from = (address: string): Promise<number> =>
    ask(`${tracker.url}${PEERS_PATH}`, { headers: { 'x-forwarded-for': address } }).then(
      ({ status }) => status,
    )
  const all = []
  for (const address of ['192.0.2.9', '192.0.2.9', '192.0.2.9', '192.0.2.10']) all.push(await from(address))
  t.strictSame(all, [200, 200, 429, 200])
})

t.test('TR-10 nothing of a token, a header or a query is told to who watches', async t => {
  const told: string[] = []
  const tracker = await startTracker(t, {
    token: 'hunter2',
    onAnswered: (...what) => told.push(what.join(' ')),
    onFault: error => told.push(String(error)),
  })
  await ask(`${tracker.url}${PEERS_PATH}?user_id=hunter2&token=hunter2`, {
    headers: { authorization: 'Bearer hunter2', cookie: 'hunter2' },
  })
  await raw(tracker.port, `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nhunter2\r\n\r\n`)
  t.equal(told.length, 2)
  t.notMatch(told.join(), 'hunter2')
})

t.test('TRACKER-8 it stops at once, whoever is still there', async t => {
  const tracker = await startTracker(t)
  const idle = connect(tracker.port, '127.0.0.1')
  const slow = connect(tracker.port, '127.0.0.1', () => slow.write(`POST ${REGISTER_PATH} HTTP/1.1\r\n`))
  const ended = [idle, slow].map(
    socket =>
      new Promise(resolve =>
        socket
          .on('error', () => {})
          .on('close', resolve)
          .resume(),
      ),
  )
  await new Promise(resolve => slow.once('connect', resolve))
  await ask(`${tracker.url}${PEERS_PATH}`)
  const begun = performance.now()
  await tracker.stop()
  await Promise.all(ended)
  t.ok(performance.now() - begun < 5_000)
  await t.rejects(ask(`${tracker.url}${PEERS_PATH}`))
})
