/** A tracker, those who serve and those who sync, as the processes that people start. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { PEERS_PATH } from '../../src/wire/tracker.ts'
import { command, start } from '../support/cli.ts'
import { Folder, freePorts, notBuilt, type Running } from '../support/processes.ts'
import { Seeded } from '../support/seeded.ts'
import { ask, Signer } from '../support/trackers.ts'

const token = 'secret-of-this-test'

t.test(
  'TR-11 TRACKER-4 TRACKER-6 BOOK-6 tracker, serve, sync: with it, without it, and with a wrong token',
  notBuilt,
  async t => {
    const folder = new Folder()
    t.teardown(() => folder.remove())
    const [port] = await freePorts(1)
    const url = `http://127.0.0.1:${port}`
    const serveTracker = (): Running =>
      folder.launch(['tracker-serve', '--bind', `127.0.0.1:${port}`, '-d', 'tracker'], { GUILD_TOKEN: token })
    const tracker = serveTracker()
    t.equal((await tracker.shows(/^tracker listen: (.*)$/m))[1], url)
    const env = { GUILD_TRACKERS: url, GUILD_TRACKER_TOKEN: token, GUILD_USER_ID: 'ann' }
    const listed = async (): Promise<{ peer_id: string; addrs: string[]; meta: object }[]> =>
      (await ask(`${url}${PEERS_PATH}`, { headers: { authorization: `Bearer ${token}` } })).json
        .peers as never

    const words = folder.launch(['log', 'append', '-d', 'a', '--user-id', 'ann', '--device-id', 'laptop'])
    words.child.stdin!.end('one\ntwo\nthree\n')
    t.equal((await words.ends()).code, 0)
    const serveArgs = ['p2p-serve', '-d', 'a', '--listen', '/ip4/127.0.0.1/tcp/0', '--device-id', 'laptop']
    const a = folder.launch(serveArgs, env)
    const address = (await a.shows(/^p2p listen: (\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/\w+)$/m))[1]!
    while ((await listed()).length === 0) await new Promise(resolve => setTimeout(resolve, 50))
    t.match(await listed(), [{ addrs: [address], meta: { user_id: 'ann', device_id: 'laptop' } }])

    const sync = (args: readonly string[] = [], more: Readonly<Record<string, string>> = {}) =>
      folder.command(['p2p-sync', '-d', 'b', ...args], { ...env, ...more })
    const wrong = await sync([], { GUILD_TRACKER_TOKEN: 'not-the-secret' })
    t.equal(wrong.code, 5)
    t.match(
      wrong.err,
      `a tracker refused: ${url} answered 401: the token is missing or wrong; check --tracker-token (GH_TRACKER_REFUSED)`,
    )
    t.notMatch(wrong.err + wrong.out, 'not-the-secret', 'TR-10')

    const first = await sync(['--json', '--debug'])
    t.equal(first.code, 0, first.err)
    t.match(JSON.parse(first.out), { peerId: address.split('/').at(-1), pulled: 3, pushed: 0 })
    t.match(first.err, /Try 1 of 3, direct: /, 'attempts are shown')
    t.match(JSON.parse((await sync(['--json'])).out), { pulled: 0 }, 'a second one has nothing to do')

    t.equal((await tracker.ends('SIGTERM')).code, 0)
    const alone = await sync(['--json'])
    t.equal(alone.code, 0, alone.err)
    t.match(JSON.parse(alone.out), { pulled: 0 }, 'by whom it told of')
    t.match(alone.err, /no tracker tells of anybody now; going by what they told before/)
    t.notMatch(first.err, /going by what they told before/)
    rmSync(join(folder.path, 'b', 'guild.db'))
    t.equal((await sync()).code, 1, 'and with nobody known it is a failure')

    const watched = folder.launch(
      ['sync', '-d', 'b', '--json', '--watch', '--interval-sec', '1', '--peers', address],
      env,
    )
    await watched.shows(/"pulled":3/)
    await a.ends('SIGTERM')
    const again = serveTracker()
    await again.shows(/tracker listen/)
    t.equal((await listed()).length, 1, 'a restart of the tracker loses nobody')
    const where = address.replace(/\/p2p\/.*/, '')
    const back = folder.launch(
      serveArgs.map(word => (word.endsWith('/tcp/0') ? where : word)),
      env,
    )
    await back.shows(/p2p listen/)
    const seen = watched.out().length
    const more = folder.launch(['log', 'append', '-d', 'a'])
    more.child.stdin!.end('four\n')
    t.equal((await more.ends()).code, 0)
    await watched.shows(/"pulled":1/, seen)
    await watched.ends('SIGTERM')
  },
)

t.test(
  'P22 TRACKER-4 a tracker that is killed at random moments has everybody it said yes to',
  notBuilt,
  async t => {
    const folder = new Folder()
    t.teardown(() => folder.remove())
    const [port] = await freePorts(1)
    const url = `http://127.0.0.1:${port}`
    const dice = new Seeded(20_261_121)
    const taken = new Set<string>()
    for (let kill = 0; kill < 4; kill++) {
      const tracker = folder.launch(['tracker-serve', '--bind', `127.0.0.1:${port}`])
      await tracker.shows(/tracker listen/)
      const listed = (await ask(`${url}${PEERS_PATH}`)).json.peers as { peer_id: string }[]
      const there = new Set(listed.map(row => row.peer_id))
      t.strictSame(
        [...taken].filter(id => !there.has(id)),
        [],
        `after ${kill} kills: ${taken.size} registered`,
      )
      t.equal(there.size, listed.length, 'none twice')
      const end = performance.now() + 40 + 200 * dice.fraction()
      const register = async (): Promise<void> => {
        while (performance.now() < end && taken.size < 200) {
          const signer = new Signer()
          if ((await signer.register(url)).status === 200) taken.add(signer.peerId)
        }
      }
      const work = Promise.allSettled(Array.from({ length: 4 }, register))
      await new Promise(resolve => setTimeout(resolve, end - performance.now() - 10))
      await tracker.ends('SIGKILL')
      await work
    }
    t.ok(taken.size > 8, `${taken.size} in all`)
  },
)

t.test('tracker-serve: its lines, its place, and its end', notBuilt, async t => {
  const folder = new Folder()
  t.teardown(() => folder.remove())
  const [port] = await freePorts(1)
  const one = folder.launch(['tracker-serve', '--bind', `127.0.0.1:${port}`, '--json', '--log', 'debug'])
  const started = JSON.parse((await one.shows(/^\{.*\}$/m))[0])
  t.match(started, { event: 'tracker-start', url: `http://127.0.0.1:${port}`, ttlSec: 60, peers: 0 })
  await one.complains(/no --token: whoever reaches this port may register and ask/)
  t.ok(existsSync(join(folder.path, 'data', `tracker-${port}`, 'tracker.db')))
  await ask(`http://127.0.0.1:${port}${PEERS_PATH}?user_id=hidden`)
  await one.complains(/\[DEBUG\] GET \/api\/v1\/peers 200 [\d.]+ ms/)
  t.notMatch(one.err(), 'hidden', 'TR-10')
  const taken = await folder.command(['tracker-serve', '--bind', `127.0.0.1:${port}`])
  t.match(taken, { code: 1, err: /port is in use.*GH_LISTEN_IN_USE/ })
  const two = folder.launch(['tracker-serve', '--bind', '127.0.0.1:0'])
  const other = (await two.shows(/^tracker listen: (http:.*)$/m))[1]!
  t.match(await ask(`${other}${PEERS_PATH}`), { status: 200, json: { peers: [] } }, 'side by side')
  for (const running of [one, two]) {
    const { code, after } = await running.ends('SIGINT')
    t.equal(code, 0)
    t.ok(after < 5_000)
  }
})

t.test('TRACKER-12 send finds its peer through a tracker', async t => {
  const { code, out, err, calls } = await command([
    'send',
    '--trackers',
    'http://127.0.0.1:1',
    '--to',
    'bob',
    'hi',
  ])
  t.equal(code, 0, err)
  t.match(out, /Sent to bob/)
  t.ok(calls.includes('createNode'))
  const alone = await command(['send', 'hi'])
  t.match(alone, { code: 3, err: /needs --bootstrap or --trackers/ })
})

t.test('TR-10 CL-04 tokens are never shown: config, wrong values, URLs that hold one', async t => {
  const env = { GUILD_TRACKER_TOKEN: 'hunter2', GUILD_TOKEN: 'hunter3' }
  for (const args of [['config'], ['config', '--json'], ['config', '--tracker-token', 'hunter4']]) {
    const { code, out, err } = await command(args, { env })
    t.equal(code, 0)
    t.notMatch(out + err, /hunter/)
    t.match(out, /tracker_token.*not shown/)
  }
  for (const args of [
    ['--tracker-token', 'hunter2 with spaces'],
    ['tracker-serve', '--token', 'hünter2'],
    ['--trackers', 'http://ann:hunter2@127.0.0.1:8850'],
    ['--trackers', 'http://127.0.0.1:8850/?token=hunter2'],
    ['--trackers', 'ann:hunter2@127.0.0.1:8850'],
  ]) {
    const { code, out, err } = await command(args)
    t.equal(code, 2, args.join(' '))
    t.notMatch(out + err, /h.nter2/, args.join(' '))
    t.match(err, /^guild-home: [^\n]+\n$/)
  }
})

t.test('config.toml: every key of before, by its names of then and of now', async t => {
  const dir = t.testdir()
  mkdirSync(join(dir, 'guild-home'))
  const write = (text: string): void => writeFileSync(join(dir, 'guild-home', 'config.toml'), text)
  const env = { XDG_CONFIG_HOME: dir, HOME: '/home/ann' }
  const config = async (): Promise<{ rows: Record<string, unknown>; err: string }> => {
    const { out, err } = await command(['config', '--json'], { env })
    const rows = out
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    return { rows: Object.fromEntries(rows.map(({ key, value }) => [key, value])), err }
  }
  write(`db_path = "~/history.db"
user_id = "ann"
device_id = "laptop"
trackers = ["http://192.0.2.1:8850", "https://tracker.example.org/"]
tracker_token = "hunter2"
relay_addr = "/ip4/192.0.2.1/tcp/4001/p2p/12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq"
swarm_key_path = "~/keys/swarm.key"
p2p_identity_key_path = "~/keys/identity.key"
relay_identity_key_path = "~/keys/relay.key"
dial = "relay-first"
`)
  const { rows, err } = await config()
  // What the shell did not see: ~ is the home directory of whoever runs this.
  const home = (await import('node:os')).homedir()
  t.match(rows, {
    db_path: `${home}/history.db`,
    user_id: 'ann',
    device_id: 'laptop',
    trackers: ['http://192.0.2.1:8850', 'https://tracker.example.org'],
    tracker_token: '(not shown)',
    relay: /^\/ip4\/192\.0\.2\.1/,
    swarm_key: `${home}/keys/swarm.key`,
    identity_key: `${home}/keys/identity.key`,
    relay_key: `${home}/keys/relay.key`,
    dial: 'relay-first',
  })
  t.strictSame(
    err.match(/config\.toml:\d+: [^\n]*/g)?.map(line => line.replace(/^.*?: /, '')),
    [
      'relay_addr changes nothing yet: this version has no relays',
      'relay_identity_key_path changes nothing yet: this version has no relays',
    ],
    'known, and said to be of no use yet',
  )
  const running = start(['--port', '8001'], { env })
  const { options } = await running.node
  t.match(options, {
    trackers: ['http://192.0.2.1:8850', 'https://tracker.example.org'],
    trackerToken: 'hunter2',
    userId: 'ann',
    deviceId: 'laptop',
    dbPath: `${home}/history.db`,
    dial: 'relay-first',
  })
  running.stdin.write('/quit\n')
  await running.code
  write('trackers = ["ftp://x"]\n')
  t.match(await command(['config'], { env }), {
    code: 2,
    err: /config\.toml:1: trackers = a list: .*write http:\/\/host:8850 or https:\/\/host/,
  })
})
