/**
 * Dockerfile, compose.yaml, kubernetes.yaml and the systemd unit: what is in them exists, and works.
 *
 * No container engine is needed. The files are parsed, held against the committed schema of
 * their keys and against the tables of flags and of the package; then what they would run is
 * run as plain processes on loopback, with their environment, their commands and their paths
 * moved into a folder.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse, parseAllDocuments } from 'yaml'
import { flagKeys, row, variableName } from '../../src/cli/flags.ts'
import { readInvocation } from '../../src/cli/settings.ts'
import { all, commentedCommand, copied, environmentOf, sent, stagesOf, unitOf } from '../support/deploy.ts'
import { Folder, freePorts, notBuilt, type Running } from '../support/processes.ts'
import { root } from '../support/root.ts'
import { breaches, type Schema } from '../support/schema.ts'

const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const schema: Schema = JSON.parse(read('test/repo/deploy.schema.json'))
const faults = (value: unknown, name: string) => breaches(value, { $ref: `#/$defs/${name}` }, schema)

const stages = stagesOf(read('Dockerfile'))
const [build, final] = stages as [(typeof stages)[0], (typeof stages)[0]]
const image = environmentOf(final)
const entry = all(final, 'ENTRYPOINT')[0]!.words
const health = all(final, 'HEALTHCHECK')[0]!.words

// biome-ignore lint/suspicious/noExplicitAny: their shape is what the schema checks
type Yaml = any
const compose: Yaml = parse(read('compose.yaml'), { merge: true })
const [service, set]: Yaml[] = parseAllDocuments(read('kubernetes.yaml')).map(one => one.toJS())
const pod = set.spec.template.spec
const [, unitText] = /```ini\n([\s\S]*?)```/.exec(read('README.md'))!
const unit = unitOf(unitText!)

const variables = new Set(
  flagKeys.flatMap(key => [variableName(key), ...(row(key).oldVariables ?? [])]).concat('GUILD_CONFIG'),
)
const posix = process.platform === 'win32' ? { skip: 'these are for POSIX systems' } : notBuilt

/** Nothing leaves this machine, whatever the file says. */
const local = { GUILD_HOST: '127.0.0.1', GUILD_MDNS: 'false', GUILD_INTERVAL: '1' }

t.test('schema: what it must refuse, and what nobody checks', async t => {
  const one = (value: unknown, schema: Schema) => breaches(value, schema)
  const object = { type: 'object', additionalProperties: false, properties: { a: { type: 'integer' } } }
  t.strictSame(one({ a: 1 }, object), [])
  t.strictSame(one({ a: '1' }, object), ['.a: is string, not integer'])
  t.strictSame(one({ b: 1 }, object), ['.: b is no key of it'])
  t.strictSame(one({}, { ...object, required: ['a'] }), ['.: a is missing'])
  t.strictSame(one(null, object), ['.: is null, not object'])
  t.strictSame(one(['x', 'y'], { items: { enum: ['x'] } }), ['[1]: is none of x'])
  t.strictSame(one([], { minItems: 1 }), ['.: has 0 items'])
  t.strictSame(one('a', { const: 'b' }), ['.: is not "b"'])
  t.strictSame(one('a', { pattern: '^b' }), ['.: "a" does not match ^b'])
  t.throws(() => one('a', { maxLength: 1 }), /uses maxLength, which nobody checks/)
  t.throws(() => one({ a: 1 }, { type: 'object' }), /says nothing of \.a/)
  t.throws(() => one(1, { $ref: '#/$defs/none' }), /has no/)
})

t.test('Dockerfile: stages, and instructions in the forms that pass signals on', async t => {
  t.strictSame([stages.length, build.name, final.name], [2, 'build', undefined])
  const allowed = 'WORKDIR COPY RUN ENV USER VOLUME EXPOSE HEALTHCHECK ENTRYPOINT CMD'.split(' ')
  for (const stage of stages) {
    t.match(stage.base, /^node:(2[0-9])-slim$/)
    for (const { name } of stage.instructions) t.ok(allowed.includes(name), name)
  }
  t.strictSame(
    all(build, 'RUN').map(({ words }) => words.join(' ')),
    ['npm ci && npm prune --omit=dev'],
  )
  for (const name of ['ENTRYPOINT', 'CMD', 'HEALTHCHECK', 'VOLUME'])
    t.strictSame([all(final, name).length, all(final, name)[0]?.exec], [1, true], name)
  t.strictSame(entry, ['node', 'bin/guild-home.js'], 'node is process 1, not npm and no shell')
  t.equal(all(final, 'USER').at(-1)!.words[0], 'node', 'nobody is root')
  t.ok(
    final.instructions.findIndex(one => one.name === 'USER') >
      final.instructions.findLastIndex(one => one.name === 'RUN'),
  )
  t.strictSame(
    all(final, 'EXPOSE')[0]!.words,
    ['tcp', 'udp'].map(transport => `${image.GUILD_PORT}/${transport}`),
  )
  t.strictSame(all(final, 'VOLUME')[0]!.words, [image.GUILD_DATA_DIR, image.XDG_CONFIG_HOME])
  for (const made of all(final, 'VOLUME')[0]!.words) t.ok(all(final, 'RUN')[0]!.words.includes(made))
  for (const name of Object.keys(image)) if (name.startsWith('GUILD_')) t.ok(variables.has(name), name)
  const { settings } = readInvocation(all(final, 'CMD')[0]!.words, image)
  t.match(settings, { port: 8000, dataDir: '/data' })
})

t.test(
  'Dockerfile: its stages carry whatever npm pack ships, and the builder gets what it copies',
  async t => {
    const packed = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts', '--offline'], {
      cwd: root,
      encoding: 'utf8',
      shell: process.platform === 'win32',
    })
    const [{ files }] = JSON.parse(packed.stdout) as [{ files: { path: string }[] }]
    const paths = files.map(({ path }) => path)
    t.ok(paths.includes('bin/guild-home.js') && paths.includes('package.json'))
    const ignore = read('.dockerignore')
    const missing: string[] = []
    for (const path of paths) {
      if (copied(final, 'build', `/app/${path}`) !== `/app/${path}`) missing.push(`final: ${path}`)
      if (path.startsWith('dist/')) continue
      if (copied(build, undefined, path) !== `/app/${path}`) missing.push(`build: ${path}`)
      if (!sent(ignore, path)) missing.push(`.dockerignore: ${path}`)
    }
    t.strictSame(missing, [])
    t.equal(copied(final, 'build', '/app/node_modules/yargs/index.mjs'), '/app/node_modules/yargs/index.mjs')
    for (const { words } of all(build, 'COPY'))
      for (const source of words.slice(0, -1)) {
        t.ok(existsSync(join(root, source)), `${source} is here`)
        t.ok(sent(ignore, source), `${source} is sent`)
      }
    for (const needed of ['package-lock.json', 'tsconfig.json', 'src/index.ts'])
      t.equal(copied(build, undefined, needed), `/app/${needed}`)
    for (const kept of [
      '.git/config',
      'data/identity.key',
      'swarm.key',
      'node_modules/a',
      'test/check.ts',
      '.env',
    ])
      t.notOk(sent(ignore, kept), `${kept} stays here`)
  },
)

t.test('compose.yaml: keys, references, and variables that exist', async t => {
  t.strictSame(faults(compose, 'compose'), [])
  const names = Object.keys(compose.services)
  t.strictSame(names, ['guild-home', 'guild-node-2', 'guild-node-3'])
  const mounts = new Set<string>()
  for (const [name, one] of Object.entries<Yaml>(compose.services)) {
    for (const variable of Object.keys(one.environment)) t.ok(variables.has(variable), variable)
    const { settings } = readInvocation(one.command, { ...image, ...one.environment })
    t.equal(settings.name, name)
    t.strictSame(
      settings.bootstrap,
      names.map(other => `${other}:${image.GUILD_PORT}`),
    )
    t.strictSame(
      one.volumes.map((mount: string) => mount.split(':')[1]),
      all(final, 'VOLUME')[0]!.words,
    )
    for (const mount of one.volumes) mounts.add(mount.split(':')[0])
    const { GUILD_PORT: port } = image
    if (one.ports !== undefined) t.strictSame(one.ports, [`${port}:${port}`, `${port}:${port}/udp`])
  }
  t.strictSame([...mounts].toSorted(), Object.keys(compose.volumes).toSorted())
  t.not(faults({ ...compose, service: {} }, 'compose').length, 0, 'a slip is noticed')
  for (const line of ['docker compose up --build', 'docker compose up --build guild-home'])
    t.ok(commentedCommand(read('compose.yaml'), line))
})

t.test('kubernetes.yaml: keys, references, and flags that exist', async t => {
  t.strictSame(faults(service, 'Service'), [])
  t.strictSame(faults(set, 'StatefulSet'), [])
  const { labels } = set.spec.template.metadata
  t.strictSame([service.spec.selector, set.spec.selector.matchLabels], [labels, labels])
  t.equal(set.spec.serviceName, service.metadata.name)
  const volumes = [...pod.volumes, ...set.spec.volumeClaimTemplates.map((one: Yaml) => one.metadata)]
  const containers = [...pod.initContainers, ...pod.containers]
  for (const { name, volumeMounts } of containers)
    for (const mount of volumeMounts)
      t.ok(
        volumes.some(volume => volume.name === mount.name),
        `${name} mounts ${mount.name}`,
      )
  const [node] = pod.containers
  const [tcp, udp] = service.spec.ports
  t.strictSame([tcp.protocol, udp.protocol], [undefined, 'UDP'])
  const containerPort = Number(image.GUILD_PORT)
  t.strictSame(node.ports, [
    { name: tcp.targetPort, containerPort },
    { name: udp.targetPort, containerPort, protocol: 'UDP' },
  ])
  for (const probe of [node.readinessProbe, node.livenessProbe])
    t.equal(probe.tcpSocket.port, node.ports[0].name)
  t.equal(node.command, undefined, "the image's own entry point, so node is process 1")
  const { settings } = readInvocation(expanded(node.args, 'guild-home-0'), image)
  t.strictSame(settings.announce, ['guild-home-0.guild-home:8000'])
  t.strictSame(
    settings.bootstrap,
    Array.from(
      { length: set.spec.replicas },
      (_, i) => `${set.metadata.name}-${i}.${service.metadata.name}:8000`,
    ),
  )
  t.match(settings, {
    name: 'guild-home-0',
    dataDir: '/data',
    swarmKey: '/keys/swarm.key',
    mdns: false,
    json: true,
  })
  const { secretName } = pod.volumes.find((one: Yaml) => one.secret !== undefined).secret
  t.ok(
    commentedCommand(read('kubernetes.yaml'), 'kubectl create secret').includes(
      ` ${secretName} --from-file=swarm.key=`,
    ),
  )
  t.notMatch(read('kubernetes.yaml'), /^kind: Secret/m, 'no key stands in a file of the repository')
  t.not(faults({ ...set, spec: { ...set.spec, replica: 3 } }, 'StatefulSet').length, 0, 'a slip is noticed')
})

t.test('the systemd unit in the README: directives, command, and systemd itself', async t => {
  t.strictSame(faults(unit, 'unit'), [])
  t.match(unit.Service!.ExecStart, /^\/usr\/bin\/env guild-home run /)
  t.not(faults({ ...unit, Service: { ...unit.Service, ExecStrat: '/x' } }, 'unit').length, 0)
  t.strictSame(unit.Service!.RestartPreventExitStatus, '2 3 5', 'usage, missing and refused keys')
  const there = spawnSync('systemd-analyze', ['--version']).status === 0
  await t.test(
    'systemd-analyze verify',
    { skip: !there && 'systemd-analyze is not installed here' },
    async t => {
      const folder = new Folder()
      t.teardown(() => folder.remove())
      const file = join(folder.path, 'guild-home.service')
      writeFileSync(file, unitText!)
      const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', file], {
        encoding: 'utf8',
      })
      t.strictSame([status, stdout], [0, ''])
      t.notMatch(stderr, 'guild-home.service')
    },
  )
})

t.test('A18 the three services of compose.yaml, as processes: one key made, a whole mesh', posix, async t => {
  const folder = new Folder()
  t.teardown(() => folder.remove())
  const names = Object.keys(compose.services)
  const ports = await freePorts(names.length)
  const moved = (text: string) =>
    names.reduce((out, name, i) => out.replaceAll(`${name}:8000`, `127.0.0.1:${ports[i]}`), text)
  const nodes = names.map((name, i) => {
    const one = compose.services[name]
    const given = Object.entries<string>({ ...image, ...one.environment }).map(([key, text]) => [
      key,
      moved(text),
    ])
    const env = {
      ...(Object.fromEntries(given) as Record<string, string>),
      GUILD_PORT: String(ports[i]),
      // What is mounted there: `data-1:/data`, `swarm:/config`.
      GUILD_DATA_DIR: join(folder.path, one.volumes[0].split(':')[0]),
      XDG_CONFIG_HOME: join(folder.path, one.volumes[1].split(':')[0]),
      ...local,
    }
    return { env, running: folder.launch(one.command, env) }
  })
  await Promise.all(nodes.map(({ running }) => running.shows(/\(2\/20 peers\)/)))
  const key = join(folder.path, 'swarm/guild-home/swarm.key')
  t.equal(statSync(key).mode & 0o777, 0o600, 'CL-01 made by one, read by all')
  const made = nodes.filter(({ running }) => running.err().includes('made a new swarm key'))
  t.equal(made.length, 1, 'three first starts agree')
  for (const { running } of nodes)
    t.notMatch(running.out() + running.err(), 'GH_HANDSHAKE_SELF', 'its own address is no fault')

  const [{ env, running }] = nodes as [(typeof nodes)[0]]
  const check = () =>
    spawnSync(process.execPath, health.slice(1), { cwd: root, env: { ...process.env, ...env } }).status
  t.equal(health[0], 'node')
  t.equal(check(), 0, 'healthy')
  t.equal((await running.ends('SIGTERM')).code, 0, 'docker stop')
  t.not(check(), 0, 'not healthy')
  for (const other of nodes.slice(1)) t.equal((await other.running.ends('SIGTERM')).code, 0)

  await t.test('a key brought along, as the comment says', async t => {
    const line = commentedCommand(read('compose.yaml'), 'docker compose run')
    const [, script] = /--entrypoint sh guild-home -ec \\\n\s*'(.*)' < swarm\.key$/s.exec(line)!
    const config = join(folder.path, 'fresh')
    mkdirSync(config, { mode: 0o700 })
    const { status } = spawnSync('sh', ['-ec', script!.replaceAll('/config', config)], {
      input: readFileSync(key),
    })
    t.equal(status, 0)
    t.equal(statSync(join(config, 'guild-home/swarm.key')).mode & 0o777, 0o600)
    const shown = (where: string) => folder.command(['swarm-key'], { XDG_CONFIG_HOME: where })
    t.strictSame(await shown(config), await shown(join(folder.path, 'swarm')))
  })
})

t.test('the pods of kubernetes.yaml, as processes: a key from a Secret, a whole mesh', posix, async t => {
  const folder = new Folder()
  t.teardown(() => folder.remove())
  const [, ...make] = commentedCommand(read('kubernetes.yaml'), 'guild-home swarm-key new').split(' ')
  t.equal((await folder.command(make)).code, 0)
  const ports = await freePorts(set.spec.replicas)
  const [init] = pod.initContainers
  const [node] = pod.containers
  const pods: Running[] = []
  for (const [i, port] of ports.entries()) {
    const name = `${set.metadata.name}-${i}`
    const at = (path: string) => join(folder.path, name, path)
    for (const mount of ['secret', 'keys', 'data']) mkdirSync(at(mount), { recursive: true })
    // As a Secret with fsGroup and a volume opened to the group look.
    writeFileSync(at('secret/swarm.key'), readFileSync(join(folder.path, 'swarm.key')))
    chmodSync(at('secret/swarm.key'), 0o440)
    if (i === 0) {
      const identity = ['id', '--data-dir', at('data')]
      t.match(await folder.command(identity), { code: 3 })
      const once = folder.launch([
        'run',
        '--no-mdns',
        '--host',
        '127.0.0.1',
        '--data-dir',
        at('data'),
        '--open',
        'x',
      ])
      await once.shows(/listening/)
      await once.ends('SIGTERM')
      chmodSync(at('data/identity.key'), 0o660)
      t.match(await folder.command(identity), { code: 5, err: /GH_KEY_PERMISSIONS/ })
    }
    const mounted = (text: string) =>
      text.replace(/(?<![\w.])\/(secret|keys|data)\b/g, (_, where) => at(where))
    // Twice: an init container may run again.
    for (const again of [false, true]) {
      const [shell, ...words] = init.command.map(mounted)
      const { status, stderr } = spawnSync(shell, words, { encoding: 'utf8' })
      t.strictSame([status, stderr], [0, ''], `${name}: keys${again ? ', again' : ''}`)
    }
    t.equal(statSync(at('keys/swarm.key')).mode & 0o777, 0o600)
    const args = expanded(node.args, name)
      .map(mounted)
      .map(word =>
        word.replace(/guild-home-(\d)\.guild-home:8000/g, (_, which) => `127.0.0.1:${ports[which]}`),
      )
    pods.push(
      folder.launch(args, { ...image, ...local, GUILD_PORT: String(port), GUILD_DATA_DIR: at('data') }),
    )
  }
  for (const running of pods) await running.shows(/"event":"peer-connected".*"peers":2,/)
  t.equal(statSync(join(folder.path, 'guild-home-0/data/identity.key')).mode & 0o777, 0o600, 'put right')
  for (const running of pods) t.equal((await running.ends('SIGTERM')).code, 0)
})

t.test('the systemd unit, as a process: its paths, its end', posix, async t => {
  const folder = new Folder()
  t.teardown(() => folder.remove())
  const [port] = await freePorts(1)
  const state = join(folder.path, unit.Service!.StateDirectory!)
  mkdirSync(state, { mode: 0o700 })
  const env = unit.Service!.Environment!.split(' ').map(one => one.replaceAll('%S', folder.path).split('='))
  const words = unit.Service!.ExecStart!.replace('8000', String(port)).split(' ').slice(2)
  const node = folder.launch(words, { ...Object.fromEntries(env), ...local })
  await node.shows(new RegExp(`listening on port ${port}\n`))
  for (const path of ['swarm.key', 'data/identity.key'])
    t.equal(statSync(join(state, path)).mode & 0o777, 0o600, path)
  const { code, after } = await node.ends('SIGTERM')
  t.equal(code, 0)
  t.comment(`ended in ${after.toFixed(0)} ms (TimeoutStopSec ${unit.Service!.TimeoutStopSec} s)`)
})

/** `$(POD_NAME)` as the kubelet fills it in. */
function expanded(args: readonly string[], name: string): string[] {
  return args.map(word => word.replaceAll('$(POD_NAME)', name))
}
