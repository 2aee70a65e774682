/** What does not fit: one clear line that names it and the fix, its exit code, nothing half-written. */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { createNode, test as preset } from '../../src/index.ts'
import { Folder, freePorts } from '../support/processes.ts'
import { root } from '../support/root.ts'
import { tree } from '../support/tree.ts'

t.test('connect: one line that says what is there, and the exit code', async t => {
  const folder = new Folder()
  t.teardown(() => folder.remove())
  t.equal((await folder.command(['swarm-key', 'new'])).code, 0)
  const servers = [
    createServer(socket => socket.on('error', () => {}).pipe(socket)),
    createServer(socket => socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n')),
    createServer(socket => socket.on('error', () => {})),
    createServer(socket => socket.end()),
  ]
  t.teardown(() => {
    for (const server of servers) server.close()
  })
  const ports: number[] = []
  for (const server of servers) {
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    ports.push((server.address() as { port: number }).port)
  }
  const node = await createNode({ ...preset, swarmKey: randomBytes(32) })
  t.teardown(() => node.stop())
  await node.start()
  const [nobody] = await freePorts(1)
  const cases: [what: string, address: string, code: number, says: RegExp][] = [
    ['an echo', `127.0.0.1:${ports[0]}`, 5, /not a guild-home node.*GH_HANDSHAKE_FAILED/],
    ['a web server', `127.0.0.1:${ports[1]}`, 5, /not a guild-home node.*GH_HANDSHAKE_FAILED/],
    ['a black hole', `127.0.0.1:${ports[2]}`, 4, /took too long: after message 1 \(GH_HANDSHAKE_TIMEOUT\)/],
    [
      'it hangs up',
      `127.0.0.1:${ports[3]}`,
      5,
      /closed before message 2: wrong swarm key, or not a guild-home node/,
    ],
    [
      'another swarm',
      `127.0.0.1:${node.port}`,
      5,
      /closed before message 2: wrong swarm key, or not a guild-home/,
    ],
    ['nobody', `127.0.0.1:${nobody}`, 1, /nobody answers.*GH_DIAL_REFUSED/],
    ['no name', 'no-such-host.invalid:1', 3, /does not resolve.*GH_DIAL_NAME/],
    [
      'UDP, and nobody',
      `/ip4/127.0.0.1/udp/${nobody}`,
      4,
      /took too long: after message 1.*GH_HANDSHAKE_TIMEOUT/,
    ],
  ]
  for (const [what, address, code, says] of cases) {
    const ended = await folder.command(['connect', address, '--connect-timeout', '1s', '--log', 'error'])
    t.equal(ended.code, code, what)
    t.equal(ended.out, '', what)
    const [line, remedy, ...more] = ended.err.trimEnd().split('\n')
    t.match(line, says, what)
    t.match(remedy ?? '  ', /^ {2}/)
    t.strictSame(more, [], `${what}: one line, one remedy`)
  }
  t.equal(node.stats().bytes_out, 0)
  t.notOk(
    tree(folder.path).some(line => /data/.test(line)),
    'nothing was written',
  )
})

t.test(
  'key files and directories that do not fit: one line, the fix, and nothing changed on disk',
  async t => {
    const folder = new Folder()
    t.teardown(() => folder.remove())
    const key = `/key/swarm/psk/1.0.0/\n/base16/\n${'ab'.repeat(32)}\n`
    const put = (name: string, content: string | Uint8Array, mode = 0o600) =>
      writeFileSync(join(folder.path, name), content, { mode })
    put('good', key)
    put('empty', '')
    put('short', key.slice(0, -10))
    put('long', `${key}ab\n`)
    put('utf16', Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(key, 'utf16le')]))
    put('words', 'correct horse battery staple\n')
    put('binary', randomBytes(5000))
    put('shared', key)
    chmodSync(join(folder.path, 'shared'), 0o640)
    put('identity-short', randomBytes(10))
    put('file', 'a file')
    mkdirSync(join(folder.path, 'directory'))
    symlinkSync('loop', join(folder.path, 'loop'))
    const cases: [args: string, code: number, says: RegExp][] = [
      ['--swarm-key nowhere', 3, /nowhere: .*GH_KEY_MISSING/],
      ['--swarm-key empty', 5, /empty: .*GH_KEY_INVALID/],
      ['--swarm-key short', 5, /short: .*GH_KEY_INVALID/],
      ['--swarm-key long', 5, /long: .*GH_KEY_INVALID/],
      ['--swarm-key utf16', 5, /utf16: .*UTF-16.*GH_KEY_INVALID/],
      ['--swarm-key words', 5, /words: .*GH_KEY_INVALID/],
      ['--swarm-key binary', 5, /binary: it has 5000 bytes.*GH_KEY_INVALID/],
      ['--swarm-key shared', 5, /shared has mode 0640; type: chmod 600 .*GH_KEY_PERMISSIONS/],
      ['--swarm-key directory', 5, /directory: it is not a file.*GH_KEY_INVALID/],
      ['--swarm-key loop', 1, /loop: its symbolic links go round.*GH_STORE_FAILED/],
      ['--swarm-key good --identity-key nowhere', 3, /nowhere: .*GH_KEY_MISSING/],
      ['--swarm-key good --identity-key identity-short', 5, /identity-short: .*GH_KEY_INVALID/],
      ['--swarm-key good --identity-key directory', 5, /directory: it is not a file/],
      ['--swarm-key good --data-dir file', 1, /file: a (part of this path is a file|file is in the way)/],
      ['--swarm-key good --data-dir file/below', 1, /a part of this path is a file/],
      ['--swarm-key good --open town', 2, /--open and --swarm-key exclude each other/],
      ['--swarm-key good --host 192.0.2.1 --data-dir fresh', 1, /port 0 on 192\.0\.2\.1: .*GH_LISTEN_FAILED/],
    ]
    const before = tree(folder.path)
    for (const [args, code, says] of cases) {
      const ended = await folder.command(['run', ...args.split(' '), '--no-mdns', '--log', 'error'])
      t.equal(ended.code, code, args)
      t.equal(ended.out, '', args)
      const lines = ended.err.trimEnd().split('\n')
      t.match(lines[0], says, args)
      t.ok(lines.length <= 2, `${args}: one line and at most its remedy`)
      t.notMatch(ended.err, /abab| {4}at /, 'CL-04 no key, no stack')
    }
    const fresh = tree(folder.path).filter(line => !before.includes(line))
    const expected = /^(data|fresh)(\/identity\.key .*)?$|^(data|fresh) /
    t.strictSame(
      fresh.filter(line => !expected.test(line)),
      [],
      'nothing but directories and whole identities',
    )
    t.strictSame(
      before.filter(line => !tree(folder.path).includes(line)),
      [],
      'nothing changed',
    )
  },
)

t.test('disks that do not take it', { skip: cannotMount() }, async t => {
  const folder = new Folder()
  t.teardown(() => folder.remove())
  const program = join(root, 'bin/guild-home.js')
  const tried = (mount: string, prepare: string) =>
    new Promise<{ code: number | null; err: string; files: string }>(resolve => {
      const script = `mkdir -p m && mount -t tmpfs -o ${mount} none m && ${prepare}
        "$1" "$2" run --port 0 --no-mdns --host 127.0.0.1 --swarm-key k --data-dir m/data --log error; code=$?
        find m -type f -size -100 >&3; exit $code`
      const child = spawn('unshare', ['-m', 'bash', '-c', script, 'bash', process.execPath, program], {
        cwd: folder.path,
        stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
        env: { GUILD_MDNS: 'false', PATH: process.env.PATH ?? '', HOME: folder.path },
      })
      let [err, files] = ['', '']
      child.stderr!.on('data', text => {
        err += text
      })
      child.stdio[3]!.on('data', text => {
        files += text
      })
      child.on('close', code => resolve({ code, err, files }))
    })
  writeFileSync(join(folder.path, 'k'), `/key/swarm/psk/1.0.0/\n/base16/\n${'ab'.repeat(32)}\n`, {
    mode: 0o600,
  })
  const full = await tried('size=64k', 'mkdir m/data && head -c 70000 /dev/zero > m/data/filler 2>/dev/null;')
  t.match(full, { code: 1, err: /m\/data.*: the disk is full; free some space.*GH_STORE_FAILED/, files: '' })
  const readOnly = await tried('size=64k', 'mount -o remount,ro m;')
  t.match(readOnly, {
    code: 1,
    err: /m\/data: the file system is read-only; choose another place/,
    files: '',
  })
})

/** Why this process may not mount a file system of its own. */
function cannotMount(): string | false {
  if (process.platform !== 'linux') return 'only Linux has unshare'
  return process.getuid?.() === 0 ? false : 'mounting needs root'
}
