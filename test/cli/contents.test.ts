/** Files and blocks from the command line: processes that add, get, are cut short and go on. */
import { randomBytes } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { cidPath } from '../../src/cli/cid-words.ts'
import { Folder, freePorts, notBuilt, type Running } from '../support/processes.ts'
import { type Ended, realCommand } from '../support/real-cli.ts'

const windows = process.platform === 'win32' ? { skip: 'there is no control socket on Windows' } : notBuilt
const quiet = ['--host', '127.0.0.1', '--no-mdns']
const hello = 'bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4' // "hello world\n", everywhere

/** In this process, each name that is a path made one in the folder. */
function commandIn(folder: Folder): (...args: string[]) => Promise<Ended> {
  const here = (word: string): string => (/^(?:in|out|store)-/.test(word) ? join(folder.path, word) : word)
  return (...args) => {
    const all = args.includes('-d') ? args : [...args, '-d', 'store-main']
    return realCommand(folder.path, all.map(here))
  }
}

async function runNode(folder: Folder, name: string, port: number, ...more: string[]): Promise<Running> {
  const node = folder.launch(['run', '-n', name, '-d', name, '--port', String(port), ...quiet, ...more])
  await node.shows(/listening on port/)
  return node
}

/** Every file below, with what is in it; symlinks with where they lead. */
function contentOf(path: string, names: string[] = []): string[] {
  return readdirSync(path, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap(entry => {
      const at = join(path, entry.name)
      if (entry.isDirectory()) return [`${entry.name}/`, ...contentOf(at, names).map(one => ` ${one}`)]
      return entry.isSymbolicLink() ? [`${entry.name}@`] : [`${entry.name} ${readFileSync(at, 'hex')}`]
    })
}

t.test(
  'without a node: added, listed, read, pinned, collected; nothing of the network is touched',
  windows,
  async t => {
    const folder = new Folder()
    t.teardown(() => folder.remove())
    const run = commandIn(folder)
    writeFileSync(join(folder.path, 'in-a'), 'hello world\n')
    const added = await run('add', 'in-a')
    t.match(added, { code: 0, out: `${hello}\n`, err: /^guild-home: added .*in-a: 12 B in 1 blocks\n$/ })
    mkdirSync(join(folder.path, 'in-tree/sub'), { recursive: true })
    writeFileSync(join(folder.path, 'in-tree/b.bin'), randomBytes(600_000))
    writeFileSync(join(folder.path, 'in-tree/.hidden'), 'x')
    writeFileSync(join(folder.path, 'in-tree/sub/c\nd'), 'odd name')
    symlinkSync('../b.bin', join(folder.path, 'in-tree/sub/link'))
    const { out } = await run('add', 'in-a', 'in-tree', '--json')
    const [first, second] = out
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    t.strictSame(first, { cid: hello, bytes: 12, blocks: 1 })
    t.strictSame(Object.keys(second), ['cid', 'bytes', 'blocks'])
    t.equal(second.bytes, 600_008)
    const tree = second.cid
    t.match(await run('cat', `${tree}/sub/c\nd`), { code: 0, out: 'odd name' })
    t.match(await run('cat', hello, '--offset', '6', '--length', '5'), { out: 'world' })
    const listed = (await run('ls', `/ipfs/${tree}/sub`, '--json')).out.trim().split('\n')
    t.match(
      listed.map(line => JSON.parse(line)),
      [
        { name: 'c\nd', type: 'file', size: 8 },
        { name: 'link', type: 'symlink', size: 8 },
      ],
    )
    t.match((await run('ls', tree)).out, /^baf\w+ +600 kB {2}b\.bin\nbaf\w+ +- {2}sub\/\n$/)
    t.match(JSON.parse((await run('stat', `${tree}/sub/link`, '--json')).out), {
      type: 'symlink',
      target: '../b.bin',
    })
    t.match((await run('pin', 'ls')).out, new RegExp(`${hello} recursive\n${tree} recursive\n`))
    t.match(await run('pin', 'rm', hello, '--json'), { code: 0, out: `{"cid":"${hello}","unpinned":true}\n` })
    t.match(await run('gc', '--json'), { code: 0, out: '{"removed":1,"bytes":12}\n' })
    t.notOk(existsSync(join(folder.path, 'config')), 'no swarm key was made')
    t.notOk(existsSync(join(folder.path, 'store-main/identity.key')), 'and no identity')
    t.notOk(existsSync(join(folder.path, 'store-main/lock')), 'and the lock is given back')
  },
)

t.test(
  'from one running node to another and a third: TCP, UDP, both providers, all byte for byte',
  windows,
  async t => {
    const folder = new Folder()
    t.teardown(() => folder.remove())
    const [a, b, c] = (await freePorts(3)) as [number, number, number]
    mkdirSync(join(folder.path, 'tree/deep/er'), { recursive: true })
    writeFileSync(join(folder.path, 'tree/big'), randomBytes(6_000_000))
    writeFileSync(join(folder.path, 'tree/deep/er/small'), 'small')
    symlinkSync('nowhere', join(folder.path, 'tree/deep/link'))
    await runNode(folder, 'alice', a)
    const bob = await runNode(folder, 'bob', b, '-b', `127.0.0.1:${a}`, '--transport', 'udp')
    await bob.shows(/Connected to peer alice/)
    const { out } = await folder.command(['add', 'tree', '-d', 'alice', '--json'])
    const { cid } = JSON.parse(out)
    const got = await folder.command(['get', cid, '-d', 'bob', '-o', 'bobs', '--json'])
    t.equal(got.code, 0, got.err)
    const answer = JSON.parse(got.out)
    t.strictSame(Object.keys(answer), ['cid', 'bytes', 'seconds', 'sources', 'duplicateBytes'])
    t.match(answer, {
      cid,
      bytes: 6_000_005,
      duplicateBytes: 0,
      sources: [{ peerId: /^12D3/, blocks: /\d/ }],
    })
    t.strictSame(contentOf(join(folder.path, 'bobs')), contentOf(join(folder.path, 'tree')))

    const at = (args: string[]): Promise<Ended> =>
      realCommand(
        folder.path,
        args.map((arg, i) => (/^-[do]$/.test(args[i - 1] ?? '') ? join(folder.path, arg) : arg)),
      )
    const carol = await runNode(folder, 'carol', c, '-b', `127.0.0.1:${a}`, '--transport', 'tcp')
    await carol.shows(/Connected to peer alice/)
    const one = await at(['get', `${cid}/deep/er/small`, '-d', 'carol', '-o', 'small'])
    t.match(one, { code: 0, out: /^saved 5 B as .*small in [\d.]+ s.*, from 1 peer\n$/ })
    t.match(await at(['cat', `${cid}/big`, '-d', 'carol', '--length', '3']), { code: 0 })
    const { stats } = JSON.parse((await at(['status', '-d', 'carol', '--json'])).out)
    t.equal(stats.want_list_size, 0)
    t.ok(stats.blocks_received > 0)
    const visitor = ['-d', 'dave', '-b', `127.0.0.1:${a},127.0.0.1:${b}`]
    const fourth = await at(['get', cid, '-o', 'daves', '--json', ...visitor])
    t.equal(fourth.code, 0, fourth.err)
    t.match(fourth.err, 'no node runs on')
    t.match(fourth.err, 'starting a short-lived node')
    t.strictSame(contentOf(join(folder.path, 'daves')), contentOf(join(folder.path, 'tree')))
    const again = await at(['get', cid, '-d', 'dave', '-o', 'daves2', '--json'])
    t.match(again, { code: 0, err: '' }, 'what is here needs no node')
    t.match(JSON.parse(again.out).sources, [])
  },
)

t.test('UX-01 CIDs with paths; a name that is a way is no place to write to', async t => {
  t.match(cidPath(`ipfs://${hello}/a//b/`), { text: `${hello}/a/b`, name: 'b' })
  t.match(cidPath(`/ipfs/${hello}`), { text: hello, name: hello })
  for (const name of ['..', '.', 'a\\..', 'a\0b'])
    t.match(cidPath(`${hello}/x/${name}`), { text: `${hello}/x/${name}`, name: hello })
  t.throws(() => cidPath('../x'), { code: 'GH_CID_INVALID' })
})

t.test('what goes wrong has its code: CIDs, paths, peers, the disk', windows, async t => {
  const folder = new Folder()
  t.teardown(() => folder.remove())
  const run = commandIn(folder)
  const missing = 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku'
  const cases: readonly [args: string[], code: number, says: RegExp][] = [
    [['get', 'bafynonsense'], 2, /GH_CID_INVALID/],
    [['cat', 'QmNonsense'], 2, /GH_CID_INVALID/],
    [['get'], 2, /get needs a CID/],
    [['get', missing, 'more'], 2, /one word too many/],
    [['block', 'frobnicate'], 2, /block does not know 'frobnicate'/],
    [['add'], 2, /add needs a file or folder/],
    [['add', 'in-nothing'], 3, /GH_PATH_MISSING/],
    [['get', missing, '--offline'], 3, /GH_BLOCK_MISSING/],
    [['get', missing], 3, /no connected peers to request block from.*GH_BLOCK_NO_PEERS/],
    [['pin', 'rm', missing], 3, /GH_PIN_MISSING/],
    [['block', 'rm', missing], 3, /GH_BLOCK_MISSING/],
    [['car', 'import', 'in-nothing'], 3, /GH_PATH_MISSING/],
    [['add', 'in-a', '-d', 'store-file'], 1, /GH_STORE_FAILED/],
  ]
  writeFileSync(join(folder.path, 'in-a'), 'a')
  writeFileSync(join(folder.path, 'store-file'), '')
  for (const [args, code, says] of cases) {
    const { code: ended, err, out } = await run(...args)
    t.strictSame([ended, out], [code, ''], `${args.join(' ')}: ${err}`)
    t.match(err, says)
  }
  const { out } = await run('add', 'in-a')
  mkdirSync(join(folder.path, 'out-taken'))
  t.match(await run('get', out.trim(), '-o', 'out-taken'), { code: 1, err: /GH_STORE_FAILED/ })
  t.match(await run('get', out.trim(), '-o', 'out-no/such/place'), {
    code: 1,
    err: /GH_STORE_FAILED/,
  })
  const asJson = await run('get', `${out.trim()}/x`, '--json')
  t.match(JSON.parse(asJson.out), { event: 'error', code: 'GH_PATH_MISSING' })
})

t.test('cut by Ctrl-C, or killed: called again it goes on from what it has', windows, async t => {
  const folder = new Folder()
  t.teardown(() => folder.remove())
  const [a] = (await freePorts(1)) as [number]
  const size = 12_000_000
  writeFileSync(join(folder.path, 'big'), randomBytes(size))
  await runNode(folder, 'alice', a, '--bandwidth-out', '15M')
  const cid = (await folder.command(['add', 'big', '-d', 'alice'])).out.trim()
  const args = ['get', cid, '-d', 'bob', '-o', 'copy', '-b', `127.0.0.1:${a}`, '--json']
  const part = async (): Promise<number> => {
    for (;;) {
      const name = readdirSync(folder.path).find(one => one.startsWith('.guild-part-'))
      const length = name === undefined ? 0 : statSync(join(folder.path, name)).size
      if (length > 0) return length
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  }
  const cut = folder.launch(args)
  t.ok((await part()) < size)
  t.equal((await cut.ends('SIGINT')).code, 130)
  t.match(cut.err(), 'what has come is kept')
  t.equal(cut.out(), '')
  const killed = folder.launch(args)
  await killed.complains(/starting a short-lived node/)
  await new Promise(resolve => setTimeout(resolve, 300))
  t.equal((await killed.ends('SIGKILL')).signal, 'SIGKILL')
  t.notOk(existsSync(join(folder.path, 'copy')), 'nothing under its name before it is whole')
  const done = await folder.command(args)
  t.equal(done.code, 0, done.err)
  const { sources, bytes } = JSON.parse(done.out)
  t.equal(bytes, size)
  t.ok(sources[0].bytes < size, `${sources[0].bytes} of ${size} bytes were still to come`)
  t.ok(readFileSync(join(folder.path, 'copy')).equals(readFileSync(join(folder.path, 'big'))))
  t.notOk(
    readdirSync(folder.path).some(name => name.startsWith('.guild-part-')),
    'no part stays',
  )
})

t.test(
  'bytes through pipes: in from one, out into one that closes early, blocks and CARs',
  windows,
  async t => {
    const folder = new Folder()
    t.teardown(() => folder.remove())
    const run = commandIn(folder)
    const big = randomBytes(8_000_000)
    const adding = folder.launch(['add', '-', '-d', 'store-main'])
    adding.child.stdin!.end(big)
    t.equal((await adding.ends()).code, 0, adding.err())
    const cid = adding.out().trim()
    const reading = folder.launch(['cat', cid, '-d', 'store-main'])
    await new Promise(resolve => reading.child.stdout!.once('readable', resolve))
    reading.child.stdout!.destroy()
    t.match(await reading.ends(), { code: 0 }, 'a reader that goes is no fault')
    t.equal(reading.err(), '')
    t.match(await run('car', 'export', cid, '-o', 'out-big.car', '--json'), {
      code: 0,
      out: /^\{"roots":\["bafy\w+"\],"bytes":80\d{5}\}\n$/,
    })
    const imported = await run('car', 'import', 'out-big.car', '-d', 'store-other', '--json')
    t.match(JSON.parse(imported.out), { roots: [cid], blocks: 32 })
    const car = readFileSync(join(folder.path, 'out-big.car'))
    car[car.length - 5]! ^= 1
    writeFileSync(join(folder.path, 'out-bad.car'), car)
    t.match(await run('car', 'import', 'out-bad.car', '-d', 'store-third'), {
      code: 1,
      err: /GH_BLOCK_MISMATCH/,
    })
    const { out: nothing } = await run('block', 'verify', '-d', 'store-third', '--json')
    t.match(JSON.parse(nothing), { checked: 0, blocks: 0 }, 'CA-02 nothing of it is kept')
    writeFileSync(join(folder.path, 'in-note'), 'a note')
    const put = JSON.parse((await run('block', 'put', 'in-note', '--json')).out)
    t.match(put, { cid: /^bafkrei/, size: 6 })
    t.match(await run('block', 'get', put.cid), { code: 0, out: 'a note' })
    t.match(await run('block', 'stat', put.cid), { code: 0, out: `${put.cid} 6 bytes\n` })
    t.match(await run('block', 'rm', put.cid), { code: 0 })
  },
)
