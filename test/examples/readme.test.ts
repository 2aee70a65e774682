/** README.md is right about itself: its example runs, its commands do what it shows. */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createNode, encodeSwarmKey, test as preset } from '../../src/index.ts'
import { Folder, freePorts } from '../support/processes.ts'
import { root } from '../support/root.ts'

const readme = readFileSync(join(root, 'README.md'), 'utf8')

t.test('the library example is the file that runs here, and does what it says', async t => {
  const [, shown] = /```ts\n(.*?)```/s.exec(readme)!
  const source = readFileSync(join(root, 'test/examples/library.ts'), 'utf8')
  t.equal(shown, source.slice(source.indexOf('import ')))
  const folder = new Folder()
  t.teardown(() => folder.remove())
  const [port] = (await freePorts(1)) as [number]
  const swarmKey = randomBytes(32)
  mkdirSync(join(folder.path, 'guild-home'))
  writeFileSync(join(folder.path, 'guild-home/swarm.key'), encodeSwarmKey(swarmKey), { mode: 0o600 })
  const bob = await createNode({ ...preset, name: 'bob', swarmKey })
  t.teardown(() => bob.stop())
  const heard: string[] = []
  bob.on('chat-message', ({ name, message }) => heard.push(`${name}: ${message}`))
  bob.handle('/shout/1', async stream => {
    for await (const chunk of stream) stream.write(chunk.toString().toUpperCase())
    stream.end()
  })
  await bob.start()
  // The same code at ports that are free here; it must lie in the package to import it by name.
  const compiled = readFileSync(join(root, 'dist/test/examples/library.js'), 'utf8')
  const copy = join(root, `dist/test/examples/library-${process.pid}.js`)
  t.teardown(() => rmSync(copy))
  writeFileSync(copy, compiled.replaceAll('8000', String(bob.port)).replaceAll('8001', String(port)))
  const child = spawn(process.execPath, [copy], {
    cwd: folder.path,
    env: {
      GUILD_MDNS: 'false',
      PATH: process.env.PATH ?? '',
      HOME: folder.path,
      XDG_CONFIG_HOME: folder.path,
    },
  })
  let [out, err] = ['', '']
  child.stdout.on('data', text => {
    out += text
  })
  child.stderr.on('data', text => {
    err += text
  })
  const guard = setTimeout(() => child.kill('SIGKILL'), 20_000)
  const code = await new Promise(resolve => child.once('close', resolve))
  clearTimeout(guard)
  t.equal(code, 0, 'it ends by itself')
  t.equal(err, '')
  t.match(out, `hello bob /ip4/127.0.0.1/tcp/${bob.port}\n`)
  t.match(out, 'bob shouts IS ANYBODY THERE?\n')
  t.strictSame(heard, ['alice: Hello network!'])
})

t.test('the files of README: added on one node, got on the other', async t => {
  const [, block] = /### Files\n[\s\S]*?```\n(.*?)```/s.exec(readme)!
  const lines = block!
    .trim()
    .split('\n')
    .map(line => line.replace(/ +#.*/, '').split(/ +/).slice(1))
  t.equal(lines.length, 4)
  const folder = new Folder()
  t.teardown(() => folder.remove())
  const ports = await freePorts(2)
  const here = (args: string[]): string[] =>
    args.map(arg => arg.replace(/800([01])/, (_, digit) => String(ports[Number(digit)])))
  mkdirSync(join(folder.path, 'photos/2026'), { recursive: true })
  writeFileSync(join(folder.path, 'photos/2026/sea.jpg'), randomBytes(300_000))
  for (const args of lines.slice(0, 2))
    await folder.launch([...here(args), '--host', '127.0.0.1']).shows(/listening on port/)
  const added = await folder.command(here(lines[2]!))
  const cid = added.out.trim()
  t.match(cid, /^bafybei/, added.err)
  const got = await folder.command(here(lines[3]!).map(arg => arg.replace('<cid>', cid)))
  t.equal(got.code, 0, got.err)
  const [one, other] = ['photos', 'copy'].map(name => readFileSync(join(folder.path, name, '2026/sea.jpg')))
  t.ok(one!.equals(other!))
})

t.test('the three terminals of README, word for word', async t => {
  const [, block] = /## Three terminals\n\n```\n(.*?)```/s.exec(readme)!
  const lines = block!
    .trim()
    .split('\n')
    .map(line => line.replace(/ +#.*/, ''))
  t.equal(lines.length, 3)
  const folder = new Folder()
  t.teardown(() => folder.remove())
  const ports = await freePorts(3)
  const nodes = lines.map(line => {
    const [program, ...args] = line.split(/ +/)
    t.equal(program, 'guild-home')
    return args.map(arg => arg.replace(/800([012])/, (_, digit) => String(ports[Number(digit)])))
  })
  const running = []
  for (const args of nodes) {
    const node = folder.launch([...args, '--host', '127.0.0.1']) // no traffic beyond this machine in a test
    await node.shows(/listening on port/)
    running.push(node)
  }
  const last = performance.now()
  for (const node of running) await node.shows(/\(2\/20 peers\)/)
  t.comment(`each has 2 peers ${(performance.now() - last).toFixed(0)} ms after the last start (bound 1000)`)
  const [alice, bob, carol] = running as [(typeof running)[0], (typeof running)[0], (typeof running)[0]]
  bob!.types('network status looks good')
  for (const node of [alice!, carol!]) await node.shows(/^\[[\d:]+\] \[bob\] network status looks good$/m)
  const begun = performance.now()
  const { code, after } = await carol!.ends('SIGINT')
  t.equal(code, 0)
  t.comment(`Ctrl-C to the end: ${after.toFixed(0)} ms (bound 1000)`)
  for (const node of [alice!, bob!]) await node.shows(/Peer carol disconnected: goodbye/)
  t.ok(performance.now() - begun < 5000)
  for (const node of [alice!, bob!]) await node.ends('SIGINT')
})
