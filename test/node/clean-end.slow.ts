/** Clean ends: a node in full swing is told to end, and leaves nothing with itself or with others. */
import t from 'tap'
import { END_PATIENCE, Fleet, type Member } from '../soak/fleet.ts'
import { until } from '../support/nodes.ts'

t.test('P28 SIGTERM with 100 busy streams: it ends by itself, peers learn, handles are back', async t => {
  const lost: { member: Member; peerId: string; at: number }[] = []
  const errors: string[] = []
  const fleet = new Fleet({
    chat() {},
    lost: (member, peerId) => lost.push({ member, peerId, at: performance.now() }),
    error: (member, message) => errors.push(`${member.name}: ${message}`),
  })
  t.teardown(() => fleet.gone())
  const reader = await fleet.start('reader', 'reader', {})
  const before = await reader.sample()
  const bootstrap = [`127.0.0.1:${reader.port}`]
  const busy = await fleet.start('busy', 'busy', { bootstrap })
  const third = await fleet.start('third', 'third', { bootstrap })
  const whole = async (): Promise<boolean> =>
    (await Promise.all([reader, busy, third].map(one => one.sample()))).every(
      ({ peers }) => peers.length === 2,
    )
  while (!(await whole())) await new Promise(resolve => setTimeout(resolve, 20))
  t.equal(await busy.ask({ do: 'busy', to: reader.peerId, streams: 100 }), 100)

  const begun = performance.now()
  const ended = await busy.end('SIGTERM')
  t.match(ended, { code: 0, signal: null })
  t.strictSame(ended.left, [], 'it held nothing when it had stopped')
  t.ok(ended.after < END_PATIENCE, `${ended.after.toFixed(0)} ms`)
  const learned = (of: Member): number[] =>
    lost.filter(({ peerId }) => peerId === of.peerId).map(({ at }) => at - begun)
  await until(() => learned(busy).length === 2)
  const knew = Math.max(...learned(busy))
  t.comment(
    `over after ${ended.after.toFixed(0)} ms (bound 5000); peers knew after ${knew.toFixed(0)} ms (1000)`,
  )

  t.match(await third.end('SIGTERM'), { code: 0, left: [] })
  await until(() => lost.some(({ member, peerId }) => member === reader && peerId === third.peerId))
  const back = async (): Promise<boolean> => {
    const { handles, peers } = await reader.sample()
    return peers.length === 0 && handles <= before.handles
  }
  // A node that lost somebody waits to dial again; its timer is one, and was there before.
  for (let tries = 0; !(await back()); tries++) {
    if (tries === 200) t.fail(`handles: ${before.handles}, then ${(await reader.sample()).handles}`)
    if (tries === 200) break
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  t.match(await reader.end('SIGTERM'), { code: 0, left: [] })
  t.strictSame(errors, [])
  t.strictSame(await fleet.gone(), [], 'no process stays')
})
