/** A tracker as those see it who use it: what it takes, what it tells, what it refuses in which order. */
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import t from 'tap'
import type { Request } from '../../src/http/answer.ts'
import { type KeptRow, Table } from '../../src/http/tracker/table.ts'
import { Tracker } from '../../src/http/tracker/tracker.ts'
import { isSignedBy } from '../../src/node/registrations.ts'
import { peerIdFromKey } from '../../src/wire/peer-id.ts'
import { PEERS_PATH, REGISTER_PATH, trackerLimits } from '../../src/wire/tracker.ts'
import { ask, Signer, shelfAt, startTracker } from '../support/trackers.ts'

const json = { 'content-type': 'application/json' }
const someId = (): string => peerIdFromKey(randomBytes(32))

t.test(
  'TRACKER-1 TRACKER-2 a signed registration is taken, and listed until its time has passed',
  async t => {
    const tracker = await startTracker(t, { ttlSec: 1 })
    const ann = new Signer()
    const body = ann.body({
      addrs: ['/ip4/192.0.2.7/tcp/8000', '/dns4/home.example/udp/8000', `/ip4/192.0.2.7/tcp/8000`],
      meta: { user_id: 'ann', device_id: 'laptop', hostname: 'ann-2', version: '0.1.0' },
    })
    const before = Math.floor(Date.now() / 1000)
    const { status, json: said } = await ann.register(tracker.url, { body })
    t.strictSame([status, said], [200, { ok: true, ttl_sec: 1 }], 'exactly that')
    await new Signer().register(tracker.url)
    const list = async (query = ''): Promise<Record<string, unknown>[]> =>
      (await ask(`${tracker.url}${PEERS_PATH}${query}`)).json.peers as Record<string, unknown>[]
    const [row, ...more] = await list('?user_id=ann')
    t.strictSame(more, [])
    t.strictSame(Object.keys(row!), ['peer_id', 'addrs', 'meta', 'last_seen'])
    t.match(row, {
      peer_id: ann.peerId,
      addrs: ['/ip4/192.0.2.7/tcp/8000', '/dns4/home.example/udp/8000'],
      meta: { user_id: 'ann', device_id: 'laptop', hostname: 'ann-2', version: '0.1.0' },
    })
    t.ok((row!.last_seen as number) >= before && (row!.last_seen as number) <= Date.now() / 1000)
    t.equal((await list()).length, 2, 'of everybody')
    t.strictSame(await list('?user_id=nobody'), [])
    t.strictSame(await list('?user_id='), await list(), 'no user is everybody')
    while ((await list()).length > 0) await new Promise(resolve => setTimeout(resolve, 50))
    t.equal(tracker.size, 0, 'gone after its time')
  },
)

t.test('TRACKER-6 TR-01 token 401, then body 400, then signature 403', async t => {
  const tracker = await startTracker(t, { token: 'secret' })
  const url = `${tracker.url}${REGISTER_PATH}`
  const post = (body: string | Uint8Array, headers: Record<string, string> = {}) =>
    ask(url, { method: 'POST', body, headers: { ...json, ...headers } })
  const right = { authorization: 'Bearer secret' }
  const ann = new Signer()
  const refused = await post('{')
  t.match(refused, { status: 401, json: { ok: false, code: 'token' } })
  t.equal(refused.headers.get('www-authenticate'), 'Bearer realm="guild-home tracker"')
  for (const authorization of [
    'Bearer secre',
    'Bearer secret1',
    'Bearer ',
    `Bearer ${'s'.repeat(4_000)}`,
    'Basic secret',
    'secret',
  ]) {
    const got = await post('{', { authorization })
    t.strictSame([got.status, got.json], [401, refused.json], `the same for ${authorization.slice(0, 20)}`)
  }
  t.match(await post('{', right), { status: 400, json: { code: 'body' } })
  t.match(await post(ann.body(), right), { status: 403, json: { code: 'signature' } })
  t.match(await ann.register(tracker.url, { headers: right }), { status: 200 })
  t.match(await post(ann.body(), { ...right, ...new Signer().proof(ann.body()) }), {
    status: 403,
    json: { code: 'signature' },
  })
  t.match(await ask(`${tracker.url}${PEERS_PATH}`), { status: 401 })
  t.match(await ask(`${tracker.url}/nothing`), { status: 401 }, 'what there is, is nobody’s business')
  t.match(await ask(`${tracker.url}/nothing`, { headers: right }), { status: 404 })
  t.match(await ask(`${tracker.url}${PEERS_PATH}`, { headers: { authorization: 'bearer  secret' } }), {
    status: 200,
  })
  t.match(await ask(`${tracker.url}/healthz`), { status: 200, json: { ok: true } })
})

t.test('TRACKER-1 every body that makes no sense is 400, and says which field', async t => {
  const tracker = await startTracker(t, { allowUnsigned: true })
  const peer_id = someId()
  const addrs = ['/ip4/192.0.2.7/tcp/8000']
  const bad: [unknown, RegExp][] = [
    ['{', /^body: it is not JSON/],
    [[], /^body: it is not an object/],
    [null, /^body/],
    [{ addrs }, /^peer_id: it is not a text/],
    [{ peer_id: 'QmX', addrs }, /^peer_id: /],
    [{ peer_id: 7, addrs }, /^peer_id/],
    [{ peer_id }, /^addrs: it is not a list of 1 to 32/],
    [{ peer_id, addrs: [] }, /^addrs/],
    [{ peer_id, addrs: '/ip4/192.0.2.7/tcp/8000' }, /^addrs/],
    [{ peer_id, addrs: ['192.0.2.7:8000'] }, /^addrs: .*a multiaddr begins with/],
    [{ peer_id, addrs: [7] }, /^addrs/],
    [{ peer_id, addrs: ['/ip4/192.0.2.7/tcp/99999'] }, /^addrs/],
    [{ peer_id, addrs: Array.from({ length: 33 }, (_, i) => `/ip4/192.0.2.7/tcp/${i + 1}`) }, /^addrs/],
    [{ peer_id, addrs: [`/ip4/192.0.2.7/tcp/1/p2p/${someId()}`] }, /of another peer/],
    [{ peer_id, addrs, meta: 'ann' }, /^meta: /],
    [{ peer_id, addrs, meta: { user_id: 7 } }, /^meta\.user_id/],
    [{ peer_id, addrs, meta: { hostname: 'h'.repeat(257) } }, /^meta\.hostname/],
  ]
  for (const [value, says] of bad) {
    const body = typeof value === 'string' ? value : JSON.stringify(value)
    const got = await ask(`${tracker.url}${REGISTER_PATH}`, { method: 'POST', body, headers: json })
    t.match(got, { status: 400, json: { ok: false, code: 'body', error: says } }, body.slice(0, 80))
  }
  const fine = { peer_id, addrs: [...addrs, `/ip4/192.0.2.7/tcp/1/p2p/${peer_id}`], more: 1 }
  for (const meta of [undefined, null, {}, { user_id: null, shoe_size: 46, hostname: 'h'.repeat(256) }])
    t.match(
      await ask(`${tracker.url}${REGISTER_PATH}`, {
        method: 'POST',
        body: JSON.stringify({ ...fine, meta }),
        headers: json,
      }),
      { status: 200 },
      JSON.stringify(meta),
    )
  t.match(await ask(`${tracker.url}${PEERS_PATH}?user_id=${'u'.repeat(257)}`), { status: 400 })
  t.match(await ask(`${tracker.url}${PEERS_PATH}?user_id=${'u'.repeat(256)}`), { status: 200 })
})

t.test(
  'TRACKER-3 an old registration is not brought back, a wrong clock is told, unsigned gives way',
  async t => {
    const tracker = await startTracker(t, { allowUnsigned: true })
    const ann = new Signer()
    const now = Date.now()
    t.match(await ann.register(tracker.url, { time: now - 5_000 }), { status: 200 })
    t.match(await ann.register(tracker.url, { time: now }), { status: 200 })
    t.match(await ann.register(tracker.url, { time: now }), { status: 200 }, 'the same again')
    t.match(await ann.register(tracker.url, { time: now - 1 }), { status: 403, json: { code: 'stale' } })
    for (const off of [-trackerLimits.clock - 2_000, trackerLimits.clock + 2_000]) {
      const got = await new Signer().register(tracker.url, { time: Date.now() + off })
      t.match(got, { status: 403, json: { code: 'clock' } })
      t.ok(Math.abs(Date.parse(got.headers.get('date')!) - Date.now()) < 5_000, 'and the right time is there')
    }
    const unsigned = { method: 'POST', body: ann.body({ addrs: ['/ip4/198.51.100.1/tcp/1'] }), headers: json }
    t.match(await ask(`${tracker.url}${REGISTER_PATH}`, unsigned), {
      status: 403,
      json: { code: 'signature' },
    })
    for (const header of ['', 't=1', 't=x, ed25519=AAAA', `t=${now}, ed25519=${'A'.repeat(85)}B==`])
      t.match(
        await ask(`${tracker.url}${REGISTER_PATH}`, {
          ...unsigned,
          headers: { ...json, 'guild-signature': header },
        }),
        { status: 400 },
        header,
      )
  },
)

t.test(
  'TRACKER-3 TRACKER-4 TR-07 rows: their time, their bounds, and what is remembered of those gone',
  async t => {
    const table = new Table(60_000, { rows: 6, rowsPerPlace: 3 })
    const row = (peerId: string, place: string, signedAt?: number): KeptRow => ({
      peerId,
      addrs: ['/ip4/192.0.2.7/tcp/8000'],
      meta: {},
      place,
      seen: 1_790_000_000_000,
      ...(signedAt === undefined ? {} : { signedAt }),
    })
    const crowd = new Table(60_000)
    const outcomes = Array.from({ length: 10_000 }, (_, i) => crowd.admit(row(`${i}`, 'x', 1), 0))
    t.equal(outcomes.filter(one => one === 'taken').length, 256, 'of 10,000 ids of one place')
    for (let i = 0; i < 10_000; i++) crowd.admit(row(`${i}`, `place ${i % 100}`, 1), 0)
    t.equal(crowd.size, 4_096, 'and of many places')
    for (const id of ['a', 'b', 'c']) t.equal(table.admit(row(id, 'x', 10), 0), 'taken')
    t.equal(table.admit(row('d', 'x', 10), 0), 'crowded', 'from one place')
    t.equal(table.admit(row('c', 'x', 10), 30_000), 'taken', 'who is there renews')
    for (const id of ['d', 'e', 'f']) t.equal(table.admit(row(id, 'y', 10), 40_000), 'taken')
    t.equal(table.admit(row('g', 'z', 10), 40_000), 'full')
    t.strictSame(table.expire(59_999), [])
    t.strictSame(table.expire(60_000), ['a', 'b'])
    t.strictSame([table.size, table.places], [4, 2])
    t.equal(table.admit(row('a', 'x', 9), 60_001), 'stale', 'its end does not bring an earlier one back')
    t.equal(table.admit(row('a', 'x', 10), 60_001), 'taken')
    t.equal(table.admit(row('a', 'y', 11), 60_002), 'crowded', 'nor does another place take one more')
    t.strictSame(table.expire(500_000).length, 5)
    t.equal(table.admit(row('b', 'x', 9), 500_001), 'stale')
    t.strictSame(table.expire(3e9), [])
    t.equal(table.admit(row('b', 'x', 9), 3e9), 'taken', 'and after long it does not matter')
  },
)

t.test('TRACKER-5 a list has at most 1,000 rows and 1 MiB, the freshest first', async t => {
  const long = Array.from({ length: 32 }, (_, i) => `/dns4/${'n'.repeat(60)}.example/tcp/${1_000 + i}`)
  const table = new Table(60_000, { rows: 2_000, rowsPerPlace: 2_000 })
  const add = (count: number, addrs: readonly string[], now: number): void => {
    for (let i = 0; i < count; i++)
      table.admit({ peerId: `${now}-${i}`, addrs, meta: {}, place: 'x', seen: now }, now)
  }
  add(1_500, ['/ip4/192.0.2.7/tcp/8000'], 1_000)
  t.equal(table.list(undefined).length, trackerLimits.rows)
  t.match(table.list(undefined)[0], /"1000-1499"/)
  add(500, long, 2_000)
  const list = table.list(undefined)
  t.ok(list.length < 500 && list.length > 300, `${list.length} long rows`)
  t.ok(Buffer.byteLength(`{"peers":[${list.join(',')}]}`) <= trackerLimits.list)
})

t.test(
  'TRACKER-4 a restart loses nobody, and who does not come back is gone a time to live later',
  async t => {
    const path = join(t.testdir(), 'rows', 'tracker.db')
    const ann = new Signer()
    const first = await startTracker(t, shelfAt(path))
    for (const signer of [ann, new Signer(), new Signer()]) await signer.register(first.url)
    const seen = (await ask(`${first.url}${PEERS_PATH}`)).json
    await first.stop()
    const second = await startTracker(t, { ...shelfAt(path), ttlSec: 1 })
    t.strictSame(
      (await ask(`${second.url}${PEERS_PATH}`)).json,
      seen,
      'the same rows, and when they were seen',
    )
    t.match(await ann.register(second.url, { time: Date.now() - 60_000 }), { json: { code: 'stale' } })
    while (second.size > 0) await new Promise(resolve => setTimeout(resolve, 50))
    await second.stop()
    const third = await startTracker(t, shelfAt(path))
    t.equal(third.size, 0, 'nor do they return')
  },
)

t.test('TRACKER-4 a disk that fails is said once, and stops nobody', async t => {
  const faults: unknown[] = []
  const fails = async (): Promise<never> => {
    throw new Error('the disk is full')
  }
  const shelf = { all: () => ['nonsense', '{}'], put: fails, remove: fails, close() {} }
  const tracker = await startTracker(t, {
    openShelf: async () => shelf,
    onFault: error => faults.push(error),
  })
  t.equal(tracker.size, 0, 'rows of another hand are left out')
  for (let i = 0; i < 3; i++) t.match(await new Signer().register(tracker.url), { status: 200 })
  t.equal(tracker.size, 3)
  t.equal(faults.length, 1)
  const figures = await (await fetch(`${tracker.url}/metrics`)).text()
  t.match(figures, /^guild_tracker_store_failures_total 3$/m)
})

t.test('TRACKER-5 trackers side by side know nothing of each other', async t => {
  const [one, other] = [await startTracker(t), await startTracker(t)]
  await new Signer().register(one.url)
  t.strictSame([one.size, other.size], [1, 0])
})

t.test('TRACKER-7 it listens where it is told, on IPv6 too', async t => {
  const tracker = await startTracker(t, { host: '::1' })
  t.equal(tracker.host, '::1')
  t.match(await ask(`http://[::1]:${tracker.port}${PEERS_PATH}`), { status: 200 })
  await t.rejects(startTracker(t, { host: '::1', port: tracker.port }), { code: 'GH_LISTEN_IN_USE' })
  await t.rejects(startTracker(t, { host: '192.0.2.1' }), { code: 'GH_LISTEN_FAILED' })
})

t.test('figures: OpenMetrics, for those with the token', async t => {
  const tracker = await startTracker(t, { token: 's' })
  t.match(await ask(`${tracker.url}/metrics`), { status: 401 })
  await new Signer().register(tracker.url, { headers: { authorization: 'Bearer s' } })
  const response = await fetch(`${tracker.url}/metrics`, { headers: { authorization: 'Bearer s' } })
  t.match(response.headers.get('content-type'), /^application\/openmetrics-text; version=1\.0\.0/)
  const text = await response.text()
  t.match(text, /# EOF\n$/)
  for (const line of [
    /^# TYPE guild_tracker_peers gauge$/m,
    /^guild_tracker_peers 1$/m,
    /^guild_tracker_registrations_total\{outcome="taken"\} 1$/m,
    /^guild_tracker_requests_total\{status="401"\} 1$/m,
  ])
    t.match(text, line)
  for (const line of text.trim().split('\n'))
    t.match(line, /^# (?:TYPE|HELP|EOF)|^[a-z_]+(?:\{[a-z]+="[^"]*"\})? [0-9.e+-]+$/, line)
})

const curl = spawnSync('curl', ['--version']).status === 0 ? {} : { skip: 'curl is not installed' }

t.test('TRACKER-2 curl registers and asks, where signatures are not asked for', curl, async t => {
  const tracker = await startTracker(t, { token: 'secret', allowUnsigned: true })
  const run = async (...args: string[]): Promise<unknown> => {
    const { spawn } = await import('node:child_process')
    const child = spawn('curl', ['-s', '--max-time', '10', '-H', 'authorization: Bearer secret', ...args])
    let out = ''
    child.stdout.on('data', part => {
      out += part
    })
    await new Promise(resolve => child.on('close', resolve))
    return JSON.parse(out)
  }
  const peer_id = someId()
  const body = JSON.stringify({ peer_id, addrs: ['/ip4/192.0.2.7/tcp/8000'], meta: { user_id: 'ann' } })
  const where = `${tracker.url}${REGISTER_PATH}`
  t.strictSame(await run('-H', 'content-type: application/json', '-d', body, where), {
    ok: true,
    ttl_sec: 60,
  })
  t.match(await run(`${tracker.url}${PEERS_PATH}?user_id=ann`), { peers: [{ peer_id }] })
  t.match(await run('-d', body, where), { ok: false, code: 'type' }, 'a form is refused')
})

t.test('TR-01 the check of a token shows no sign in its time: equal lengths, one comparison', async t => {
  // Figures of time fail nothing here: what is looked at is that nothing is left out for a wrong one.
  const compared: [number, number][] = []
  const { timingSafeEqual } = await import('node:crypto')
  const { tokenCheck } = await import('../../src/http/tracker/token.ts')
  const allows = tokenCheck('right-token', (a, b) => {
    compared.push([a.length, b.length])
    return timingSafeEqual(a, b)
  })
  const given = [
    'right-token',
    'right-tokeN',
    'Xight-token',
    '',
    'r',
    'right-token-and-more',
    'x'.repeat(5_000),
  ]
  t.strictSame(
    given.map(token => allows(`Bearer ${token}`)),
    [true, ...given.slice(1).map(() => false)],
  )
  t.equal(allows(undefined), false)
  t.strictSame(new Set(compared.map(pair => pair.join())), new Set(['32,32']))
  t.equal(compared.length, given.length + 1)
})

t.test('TR-07 a tracker answers 429 to one more peer of a place, and lists none of it', async t => {
  let now = 0
  const tracker = new Tracker({
    ttlSec: 60,
    allowUnsigned: true,
    isSignedBy,
    now: () => now,
    wall: () => 1_790_000_000_000,
  })
  const post = (place: string): Request => {
    const body = { peer_id: someId(), addrs: ['/ip4/192.0.2.7/tcp/8000'] }
    return {
      method: 'POST',
      path: REGISTER_PATH,
      query: new URLSearchParams(),
      header: name => (name === 'content-type' ? 'application/json' : undefined),
      place,
      client: place,
      body: async () => new TextEncoder().encode(JSON.stringify(body)),
    }
  }
  const outcomes = new Map<string, number>()
  const announce = async (place: string): Promise<void> => {
    let outcome = '200'
    try {
      await tracker.handle(post(place))
    } catch (error) {
      const { answer } = error as { answer: { status: number; headers: Record<string, string> } }
      outcome = `${answer.status} ${answer.headers['retry-after']}`
    }
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
  }
  for (let i = 0; i < 300; i++) await announce('192.0.2.1')
  t.strictSame(Object.fromEntries(outcomes), { '200': 256, '429 60': 44 })
  await announce('192.0.2.2')
  t.equal(tracker.size, 257, 'another place has its own')
  now = 60_000
  tracker.sweep()
  t.equal(tracker.size, 0, 'entries end')
  await announce('192.0.2.1')
  t.equal(tracker.size, 1)
})
