/** The key file's place is never without a whole key, whatever interrupts a rotation. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadSwarmKey } from '../../src/store/key-files.ts'
import { finishSwarmKeyRotation, loadPreviousSwarmKey, rotateSwarmKey } from '../../src/store/key-rotation.ts'
import { encodeSwarmKey } from '../../src/wire/swarm-key.ts'
import { failure } from '../support/nodes.ts'

let next = 0
const random = { bytes: (length: number) => new Uint8Array(length).fill(0x80 + next++), fraction: () => 0.5 }
const posix = process.platform === 'win32' ? { skip: 'modes mean nothing on Windows' } : {}
const DAY = 86_400_000

async function madeIn(folder: string): Promise<{ path: string; psk: Uint8Array }> {
  return await loadSwarmKey({ path: join(folder, 'swarm.key'), create: true, random })
}

t.test('rotate: the old key beside the new one, both private, nothing else left', async t => {
  const dir = t.testdir()
  const { path, psk } = await madeIn(dir)
  const rotated = await rotateSwarmKey({ path, random })
  t.strictSame(rotated.previous, psk)
  t.strictSame((await loadSwarmKey({ path, random })).psk, rotated.psk)
  t.notSame(rotated.psk, psk)
  t.strictSame(await loadPreviousSwarmKey({ path, random }), psk)
  t.strictSame(readdirSync(dir).toSorted(), ['swarm.key', 'swarm.key.previous'])
  if (process.platform !== 'win32')
    for (const file of readdirSync(dir)) t.equal(statSync(join(dir, file)).mode & 0o777, 0o600, file)
})

t.test('a second rotation is refused until the first is finished, or 7 days old', async t => {
  const { path } = await madeIn(t.testdir())
  const first = await rotateSwarmKey({ path, random })
  const refused = await failure(rotateSwarmKey({ path, random }))
  t.match(refused, { code: 'GH_KEY_ROTATING', message: /under way: .*previous counts for 7 days/ })
  t.strictSame((await loadSwarmKey({ path, random })).psk, first.psk, 'nothing changed')
  t.match(await finishSwarmKeyRotation({ path, random }), { removed: true, psk: first.psk })
  t.notOk(existsSync(`${path}.previous`))
  t.match(await finishSwarmKeyRotation({ path, random }), { removed: false })
  t.strictSame((await rotateSwarmKey({ path, random })).previous, first.psk)
  const late = (): number => Date.now() + 7 * DAY + 1_000
  t.ok(await rotateSwarmKey({ path, random, wall: late }))
})

t.test('a previous key older than 7 days is not honoured, nor one from far in the future', async t => {
  const { path, psk } = await madeIn(t.testdir())
  await rotateSwarmKey({ path, random })
  const now = statSync(`${path}.previous`).mtimeMs
  for (const [days, honoured] of [
    [6.9, true],
    [7.1, false],
    [-7.1, false],
  ] as const) {
    const found = await loadPreviousSwarmKey({ path, random, wall: () => now + days * DAY })
    t.strictSame(found, honoured ? psk : undefined, `${days} days`)
  }
  utimesSync(`${path}.previous`, 0, 0)
  t.equal(await loadPreviousSwarmKey({ path, random }), undefined, 'by the time the file was written')
})

t.test('cut off between the two steps: the key still works, and the next rotation goes on', async t => {
  const dir = t.testdir()
  const { path, psk } = await madeIn(dir)
  mkdirSync(`${path}.tmp`) // the first step uses another name; the second cannot write
  const cut = await failure(rotateSwarmKey({ path, random }))
  t.equal(cut.code, 'GH_STORE_FAILED')
  t.strictSame((await loadSwarmKey({ path, random })).psk, psk)
  t.strictSame(await loadPreviousSwarmKey({ path, random }), psk, 'on disk before the new one')
  rmdirSync(`${path}.tmp`)
  const rotated = await rotateSwarmKey({ path, random })
  t.strictSame(rotated.previous, psk)
  t.strictSame(await loadPreviousSwarmKey({ path, random }), psk)
})

t.test('what a crash left half-written is no key and in nobody’s way', async t => {
  const { path, psk } = await madeIn(t.testdir())
  for (const file of [`${path}.tmp`, `${path}.previous.tmp`])
    writeFileSync(file, '/key/swarm/psk/1.0', { mode: 0o600 })
  t.equal(await loadPreviousSwarmKey({ path, random }), undefined)
  t.strictSame((await rotateSwarmKey({ path, random })).previous, psk)
  t.strictSame(readFileSync(`${path}.previous`, 'utf8'), encodeSwarmKey(psk))
})

t.test('two rotations at once: one is done, the other refused', async t => {
  const { path, psk } = await madeIn(t.testdir())
  const both = await Promise.allSettled([1, 2].map(() => rotateSwarmKey({ path, random })))
  t.strictSame(both.map(one => one.status).toSorted(), ['fulfilled', 'rejected'])
  t.strictSame(await loadPreviousSwarmKey({ path, random }), psk)
})

t.test('there must be a key to rotate, or to finish', async t => {
  const dir = t.testdir()
  for (const path of [join(dir, 'none.key'), join(dir, 'no', 'such', 'swarm.key')])
    for (const act of [rotateSwarmKey, finishSwarmKeyRotation])
      t.equal((await failure(act({ path, random }))).code, 'GH_KEY_MISSING')
  t.strictSame(readdirSync(dir), [])
})

t.test('a previous key that others can read is refused as the key itself is', posix, async t => {
  const { path } = await madeIn(t.testdir())
  await rotateSwarmKey({ path, random })
  chmodSync(`${path}.previous`, 0o644)
  t.equal((await failure(loadPreviousSwarmKey({ path, random }))).code, 'GH_KEY_PERMISSIONS')
})

t.test('a symbolic link to a key stays one; both files lie where it leads', posix, async t => {
  const dir = t.testdir({ real: {} })
  const { psk } = await madeIn(join(dir, 'real'))
  const path = join(dir, 'swarm.key')
  symlinkSync(join(dir, 'real', 'swarm.key'), path)
  const rotated = await rotateSwarmKey({ path, random })
  t.strictSame(readdirSync(join(dir, 'real')).toSorted(), ['swarm.key', 'swarm.key.previous'])
  t.strictSame((await loadSwarmKey({ path, random })).psk, rotated.psk)
  t.strictSame(await loadPreviousSwarmKey({ path, random }), psk)
})
