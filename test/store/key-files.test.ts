/** Key files: created once, whole and private; refused when others can read them. */
import {
  chmodSync,
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
import { concat, utf8 } from '../../src/base/bytes.ts'
import { defaultSwarmKeyPath, loadIdentityKey, loadSwarmKey } from '../../src/store/key-files.ts'
import { decodePrivateKey, encodePrivateKey } from '../../src/wire/private-key.ts'
import { encodeSwarmKey } from '../../src/wire/swarm-key.ts'
import { race, startChildren } from '../support/children.ts'

let next = 0
const random = { bytes: (length: number) => new Uint8Array(length).fill(0x80 + next++), fraction: () => 0.5 }
const publicKeyOf = (seed: Uint8Array): Uint8Array => seed.map(byte => byte ^ 0xff)
const suite = { identity: (seed: Uint8Array) => ({ publicKey: publicKeyOf(seed), sign: () => seed }) }
const posix = process.platform === 'win32' ? { skip: 'modes mean nothing on Windows' } : {}
const psk = new Uint8Array(32).fill(0xab)

t.test('ID-3 P27 CL-01 the default swarm key is made once: 0600, in 0700, whole', async t => {
  const env = { XDG_CONFIG_HOME: join(t.testdir(), 'config') }
  const path = join(env.XDG_CONFIG_HOME, 'guild-home', 'swarm.key')
  const made = await loadSwarmKey({ random, env })
  t.match(made, { path, created: true })
  t.equal(readFileSync(path, 'utf8'), encodeSwarmKey(made.psk))
  t.strictSame(await loadSwarmKey({ random, env }), { ...made, created: false })
  t.strictSame(readdirSync(join(path, '..')), ['swarm.key'], 'nothing else is left')
  if (process.platform !== 'win32') {
    t.equal(statSync(path).mode & 0o777, 0o600)
    t.equal(statSync(join(path, '..')).mode & 0o777, 0o700)
    t.equal(statSync(env.XDG_CONFIG_HOME).mode & 0o777, 0o700)
  }
})

t.test('the default path follows XDG, and ignores relative values', async t => {
  t.equal(defaultSwarmKeyPath({ XDG_CONFIG_HOME: '/c', HOME: '/h' }), join('/c', 'guild-home', 'swarm.key'))
  const usual = join('/h', '.config', 'guild-home', 'swarm.key')
  for (const relative of ['', 'c', './c', '~/c'])
    t.equal(defaultSwarmKeyPath({ XDG_CONFIG_HOME: relative, HOME: '/h' }), usual)
  t.equal(defaultSwarmKeyPath({ HOME: '/h' }), usual)
  t.match(defaultSwarmKeyPath({}), /guild-home.swarm\.key$/)
})

t.test('CL-01 first starts at one moment agree on one key', { timeout: 60_000 }, async t => {
  const dir = t.testdir()
  const children = await startChildren(5)
  t.teardown(() => Promise.all(children.map(child => child.end())))
  for (let round = 0; round < 10; round++) {
    for (const command of [
      { do: 'swarm', env: { XDG_CONFIG_HOME: join(dir, `swarm-${round}`) } },
      { do: 'identity', path: join(dir, `identity-${round}`, 'identity.key') },
    ]) {
      const answers = await race(children, command)
      t.equal(new Set(answers.map(({ key }) => key)).size, 1, JSON.stringify(answers[0]))
      t.equal(answers.filter(({ created }) => created).length, 1)
    }
  }
})

t.test('SWARM-3 a path given by hand must exist', async t => {
  const dir = t.testdir()
  await t.rejects(loadSwarmKey({ path: join(dir, 'typo.key'), random }), {
    code: 'GH_KEY_MISSING',
    message: /typo\.key: correct/,
  })
  await t.rejects(loadIdentityKey({ path: join(dir, 'typo'), create: false, random, suite }), {
    code: 'GH_KEY_MISSING',
    message: /typo: correct/,
  })
  await t.rejects(loadSwarmKey({ env: { XDG_CONFIG_HOME: dir }, create: false, random }), {
    code: 'GH_KEY_MISSING',
  })
  t.strictSame(readdirSync(dir), [], 'nothing was made')
  t.match(await loadSwarmKey({ path: join(dir, 'new.key'), create: true, random }), { created: true })
})

t.test('ID-3 P27 CL-01 a key file others can read is refused with the cure', posix, async t => {
  const dir = t.testdir({ 'swarm.key': encodeSwarmKey(psk), "it's here": encodeSwarmKey(psk) })
  const path = join(dir, 'swarm.key')
  for (const mode of [0o640, 0o604, 0o660, 0o644, 0o620, 0o602]) {
    chmodSync(path, mode)
    await t.rejects(loadSwarmKey({ path, random }), {
      code: 'GH_KEY_PERMISSIONS',
      message: new RegExp(`swarm\\.key has mode 0${mode.toString(8)}; type: chmod 600 ${path}`),
    })
  }
  for (const mode of [0o600, 0o400, 0o700]) {
    chmodSync(path, mode)
    t.strictSame((await loadSwarmKey({ path, random })).psk, psk)
  }
  chmodSync(join(dir, "it's here"), 0o644)
  await t.rejects(loadSwarmKey({ path: join(dir, "it's here"), random }), {
    message: /chmod 600 '.*it'\\''s here'/,
  })
  writeFileSync(join(dir, 'identity.key'), encodePrivateKey({ seed: psk, publicKey: publicKeyOf(psk) }), {
    mode: 0o600,
  })
  chmodSync(join(dir, 'identity.key'), 0o644)
  await t.rejects(loadIdentityKey({ path: join(dir, 'identity.key'), create: true, random, suite }), {
    code: 'GH_KEY_PERMISSIONS',
  })
})

t.test('SWARM-4 HS-22 a file that is no swarm key is refused by name, and never quoted', async t => {
  const dir = t.testdir()
  const cases: [string, string | Uint8Array, RegExp][] = [
    ['phrase', 'hunter2hunter2', /phrase: .*never a passphrase/],
    ['empty', '', /empty: it is empty/],
    ['short', '/key/swarm/psk/1.0.0/\n/base16/\nabcdef12', /4 bytes/],
    ['utf16', concat(Uint8Array.of(0xff, 0xfe), utf8('/\0k\0')), /UTF-16/],
    ['large', 'x'.repeat(5_000), /5000 bytes/],
  ]
  for (const [name, content, why] of cases) {
    const path = join(dir, name)
    writeFileSync(path, content, { mode: 0o600 })
    await t.rejects(loadSwarmKey({ path, random }), { code: 'GH_KEY_INVALID', message: why }, name)
    const said = await loadSwarmKey({ path, random }).catch(
      (error: Error) => `${error.message} ${error.cause}`,
    )
    t.notMatch(said, /hunter2|abcdef12/)
  }
  mkdirSync(join(dir, 'folder'))
  await t.rejects(loadSwarmKey({ path: join(dir, 'folder'), random }), {
    code: 'GH_KEY_INVALID',
    message: /not a file/,
  })
})

t.test('ID-2 identity: the seed survives restarts, and must fit its public key', async t => {
  const dir = t.testdir()
  const path = join(dir, 'deep', 'er', 'identity.key')
  const first = await loadIdentityKey({ path, create: true, random, suite })
  t.match(first, { path, created: true })
  t.strictSame(decodePrivateKey(readFileSync(path)), { seed: first.seed, publicKey: publicKeyOf(first.seed) })
  t.strictSame(await loadIdentityKey({ path, create: true, random, suite }), { ...first, created: false })
  if (process.platform !== 'win32') t.equal(statSync(path).mode & 0o777, 0o600)
  const foreign = join(dir, 'foreign')
  writeFileSync(foreign, encodePrivateKey({ seed: psk, publicKey: psk }), { mode: 0o600 })
  await t.rejects(loadIdentityKey({ path: foreign, create: true, random, suite }), {
    code: 'GH_KEY_INVALID',
    message: /foreign: its public key/,
  })
  writeFileSync(foreign, encodeSwarmKey(psk))
  await t.rejects(loadIdentityKey({ path: foreign, create: true, random, suite }), {
    code: 'GH_KEY_INVALID',
    message: /foreign: /,
  })
})

t.test('what the disk refuses is said with path and fix, and nothing is left half-written', async t => {
  const dir = t.testdir({ file: '', closed: {} })
  const at = (path: string) => loadIdentityKey({ path, create: true, random, suite })
  await t.rejects(at(join(dir, 'file', 'identity.key')), {
    code: 'GH_STORE_FAILED',
    message: /identity\.key: .*is a file/,
  })
  symlinkSync(join(dir, 'nowhere', 'x'), join(dir, 'dangling'))
  await t.rejects(at(join(dir, 'dangling')), { code: 'GH_KEY_MISSING' })
  const failing = {
    identity: (): never => {
      throw new Error('no such curve')
    },
  }
  await t.rejects(loadIdentityKey({ path: join(dir, 'never'), create: true, random, suite: failing }))
  t.notOk(existsSync(join(dir, 'never')))
  if (process.getuid?.() !== 0) {
    chmodSync(join(dir, 'closed'), 0o500)
    await t.rejects(at(join(dir, 'closed', 'identity.key')), {
      code: 'GH_STORE_FAILED',
      message: /permission denied/,
    })
  }
  t.strictSame(readdirSync(dir).sort(), ['closed', 'dangling', 'file'])
})
