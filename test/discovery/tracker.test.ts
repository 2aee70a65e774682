/** What a node makes of whatever answers where a tracker should be. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, createServer as createTcp, type Socket } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { nativeSuite } from '../../src/crypto/native.ts'
import { httpClient } from '../../src/discovery/http.ts'
import { lookup, register, TrackerError } from '../../src/discovery/tracker.ts'
import { peerIdFromKey } from '../../src/wire/peer-id.ts'
import { encodeRegistered } from '../../src/wire/tracker.ts'

interface Ends {
  teardown(work: () => unknown): void
}

const ask = httpClient()
const never = new AbortController().signal
const timing = { connect: 300, whole: 400, signal: never }
const wall = 1_790_000_000_000
const proof = { time: wall, signature: new Uint8Array(64) }

/** A server that does this with every request, and counts them. */
async function server(
  t: Ends,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ url: string; asked: () => number }> {
  let asked = 0
  const http: Server = createServer((request, response) => {
    asked++
    answer(request, response)
  })
  await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    http.closeAllConnections()
    http.close()
  })
  return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, asked: () => asked }
}

async function refusal(work: Promise<unknown>): Promise<TrackerError> {
  try {
    await work
  } catch (error) {
    if (error instanceof TrackerError) return error
    throw error
  }
  throw new Error('it was taken')
}

const look = (url: string, token?: string): Promise<unknown> =>
  lookup(ask, { url, token }, undefined, timing, wall)

t.test('TRACKER-10 TR-11 what is no answer of a tracker is a typed failure', async t => {
  const endless = (_: IncomingMessage, response: ServerResponse): void => {
    const pour = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536, 0x5b)));
    }
    response.on('drain', pour)
    pour()
  }
  const cases: [string, (request: IncomingMessage, response: ServerResponse) => void, object][] = [
    [
      'a redirect',
      (_, r) => r.writeHead(302, { location: 'http://192.0.2.1/' }).end(),
      { transient: false, detail: /answered 302, and redirects are not followed$/ },
    ],
    [
      'a permanent one',
      (_, r) => r.writeHead(308, { location: '/elsewhere' }).end(),
      { transient: false, detail: /redirects/ },
    ],
    ['no answer', () => {}, { transient: true, detail: /no whole answer within 0\.4 s/ }],
    [
      'half an answer',
      (_, r) => void r.writeHead(200).write('{"peers":['),
      { transient: true, detail: /no whole answer/ },
    ],
    [
      'a cut answer',
      (_, r) => {
        r.writeHead(200, { 'content-length': 100 }).write('{')
        setTimeout(() => r.destroy(), 20)
      },
      { transient: true },
    ],
    [
      'garbage',
      (_, r) => r.end('<html>'),
      { transient: false, detail: /answered what no tracker does: body/ },
    ],
    ['other JSON', (_, r) => r.end('{"peers":7}'), { transient: false, detail: /: peers$/ }],
    ['too much', endless, { transient: true, detail: /more than 1048576 bytes/ }],
    [
      'too much of a head',
      (_, r) => r.writeHead(200, { x: 'x'.repeat(60_000) }).end(),
      { transient: true, detail: /head of the answer is too large/ },
    ],
    [
      '204',
      (_, r) => r.writeHead(204).end(),
      { transient: false, detail: /answered 204, which no tracker does/ },
    ],
    ['500', (_, r) => r.writeHead(500).end('oh'), { transient: true, detail: /answered 500$/ }],
    ['503', (_, r) => r.writeHead(503, { 'retry-after': '7' }).end(), { transient: true, retryAfter: 7_000 }],
    [
      '429',
      (_, r) => r.writeHead(429, { 'retry-after': new Date(wall + 9_000).toUTCString() }).end(),
      { transient: true, retryAfter: 9_000 },
    ],
    [
      '408',
      (_, r) => r.writeHead(408, { 'retry-after': 'soon' }).end(),
      { transient: true, retryAfter: undefined },
    ],
    [
      '404',
      (_, r) => r.writeHead(404).end('\u001b[2J'),
      { code: 'GH_TRACKER_REFUSED', transient: false, detail: /answered 404$/ },
    ],
    [
      '403 with words',
      (_, r) => r.writeHead(403).end('{"ok":false,"code":"x","error":"no \\u001b[2J"}'),
      { code: 'GH_TRACKER_REFUSED', detail: /answered 403: no \\x1b\[2J$/ },
    ],
  ]
  for (const [name, answer, wanted] of cases) {
    const { url, asked } = await server(t, answer)
    const error = await refusal(look(url))
    t.match(error, { code: 'GH_TRACKER_FAILED', ...wanted }, name)
    t.equal(asked(), 1, 'asked once')
  }
  t.match(await refusal(look('http://127.0.0.1:1')), { transient: true, detail: /nobody listens there/ })
  const gone = await refusal(look('http://tracker.invalid:8850'))
  t.match(gone, { transient: true, code: 'GH_TRACKER_FAILED' }, 'a name that is none')
})

t.test(
  'TRACKER-10 a server that accepts and says nothing, or nonsense, takes its time and no more',
  async t => {
    const held = new Set<Socket>()
    const tcp = createTcp(socket => {
      held.add(socket)
      socket.on('error', () => {})
      if (held.size > 1) socket.write('SSH-2.0-nonsense\r\n')
    })
    await new Promise<void>(resolve => tcp.listen(0, '127.0.0.1', resolve))
    t.teardown(() => {
      for (const socket of held) socket.destroy()
      tcp.close()
    })
    const url = `http://127.0.0.1:${(tcp.address() as AddressInfo).port}`
    t.match(await refusal(look(url)), { transient: true, detail: /no whole answer within/ })
    t.match(await refusal(look(url)), { transient: true, code: 'GH_TRACKER_FAILED' })
  },
)

t.test('TR-10 TRACKER-10 a wrong token is named with what to do, and never shown', async t => {
  const refuse = (_: IncomingMessage, response: ServerResponse): void =>
    void response.writeHead(401).end('{"ok":false,"code":"token","error":"the token is missing or wrong"}')
  const { url } = await server(t, refuse)
  t.match(await refusal(look(url)), {
    code: 'GH_TRACKER_REFUSED',
    transient: false,
    message: `a tracker refused: ${url} answered 401: the token is missing or wrong; give it with --tracker-token`,
  })
  const error = await refusal(look(url, 'hunter2'))
  t.match(error.message, /answered 401: the token is missing or wrong; check --tracker-token$/)
  t.notMatch(JSON.stringify([error.message, error.stack, error.detail]), 'hunter2')
})

t.test('TRACKER-3 a clock that is off is learned from the answer', async t => {
  const { url } = await server(t, (_, response) =>
    response
      .writeHead(403, { date: new Date(wall + 3_600_000).toUTCString() })
      .end('{"ok":false,"code":"clock","error":"off"}'),
  )
  const error = await refusal(register(ask, { url }, new Uint8Array(2), proof, timing, wall))
  t.match(error, { clock: wall + 3_600_000 })
})

t.test('TRACKER-2 what is sent: path, type, token, signature, body', async t => {
  const seen: { method?: string; url?: string; headers: Record<string, unknown>; body: string }[] = []
  const { url } = await server(t, (request, response) => {
    let body = ''
    request.on('data', part => {
      body += part
    })
    request.on('end', () => {
      seen.push({ method: request.method!, url: request.url!, headers: request.headers, body })
      response.end(request.method === 'POST' ? encodeRegistered(90) : '{"peers":[]}')
    })
  })
  const peerId = peerIdFromKey(nativeSuite.identity(new Uint8Array(32)).publicKey)
  const below = `${url}/below`
  t.equal(
    await register(ask, { url: below, token: 's' }, new TextEncoder().encode(peerId), proof, timing, wall),
    90_000,
  )
  t.strictSame(await lookup(ask, { url, token: 's' }, 'änn & co', timing, wall), {
    peers: [],
    remote: '127.0.0.1',
  })
  t.match(seen, [
    {
      method: 'POST',
      url: '/below/api/v1/peers/register',
      headers: {
        'content-type': 'application/json',
        authorization: 'Bearer s',
        'guild-signature': `t=${wall}, ed25519=${'A'.repeat(86)}==`,
      },
      body: peerId,
    },
    {
      method: 'GET',
      url: '/api/v1/peers?user_id=%C3%A4nn%20%26%20co',
      headers: { authorization: 'Bearer s' },
    },
  ])
})

t.test('TRACKER-10 an end from outside ends the question', async t => {
  const { url } = await server(t, () => {})
  const abort = new AbortController()
  const work = lookup(ask, { url }, undefined, { connect: 9_000, whole: 9_000, signal: abort.signal }, wall)
  setTimeout(() => abort.abort(), 20)
  await t.rejects(work, { code: 'GH_TRACKER_FAILED' })
  const before = lookup(ask, { url }, undefined, { ...timing, signal: abort.signal }, wall)
  await t.rejects(before, { code: 'GH_TRACKER_FAILED' }, 'and one that ended before')
})

const openssl = spawnSync('openssl', ['version']).status === 0 ? {} : { skip: 'openssl is not installed' }

t.test(
  'TRACKER-10 HTTPS: a certificate that nobody vouches for is refused, a known one is taken',
  openssl,
  async t => {
    const dir = t.testdir()
    const files = [join(dir, 'key.pem'), join(dir, 'cert.pem')] as const
    spawnSync('openssl', [
      ...'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost'.split(
        ' ',
      ),
      ...['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', files[0], '-out', files[1]],
    ])
    const [key, cert] = files.map(file => readFileSync(file))
    const tls = createTlsServer({ key, cert }, (_, response) => response.end('{"peers":[]}'))
    await new Promise<void>(resolve => tls.listen(0, '127.0.0.1', resolve))
    t.teardown(() => tls.close())
    const url = `https://127.0.0.1:${(tls.address() as AddressInfo).port}`
    const patient = { ...timing, connect: 5_000, whole: 5_000 }
    const error = await refusal(lookup(ask, { url }, undefined, patient, wall))
    t.match(error, { transient: true, detail: /certificate is signed by itself/ })
    // Node reads that variable when a process starts.
    const program = `
    import { httpClient } from ${JSON.stringify(new URL('../../src/discovery/http.js', import.meta.url).href)}
    import { lookup } from ${JSON.stringify(new URL('../../src/discovery/tracker.js', import.meta.url).href)}
    const timing = { connect: 5000, whole: 5000, signal: new AbortController().signal }
    console.log(JSON.stringify(await lookup(httpClient(), { url: process.argv[1] }, undefined, timing, 0)))`
    const { spawn } = await import('node:child_process')
    const child = spawn(process.execPath, ['--input-type=module', '-e', program, url], {
      env: { ...process.env, NODE_EXTRA_CA_CERTS: files[1] },
    })
    let out = ''
    child.stdout.on('data', part => {
      out += part
    })
    await new Promise(resolve => child.on('close', resolve))
    t.match(out, '"peers":[]')
  },
)
