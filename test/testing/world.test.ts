/** Dice, virtual time, the transcript, and what a failure says. */
import t from 'tap'
import { play, SeededRandom, Simulation, scenario, simulate, World } from '../../src/testing/index.ts'

t.test('dice: the same seed the same, another seed another, a split of its own', async t => {
  const draw = (dice: SeededRandom) => Array.from({ length: 8 }, () => dice.next())
  t.same(draw(new SeededRandom(7)), draw(new SeededRandom('0x7')))
  t.notSame(draw(new SeededRandom(7)), draw(new SeededRandom(8)))
  t.notSame(draw(new SeededRandom(7)), draw(new SeededRandom(7n + (1n << 32n))), 'all 64 bits count')
  const fresh = new SeededRandom(7)
  const used = new SeededRandom(7)
  draw(used)
  t.same(draw(fresh.split('loss')), draw(used.split('loss')), 'a split does not depend on what was drawn')
  t.notSame(draw(fresh.split('loss')), draw(fresh.split('jitter')))
})

t.test('dice: xoshiro128** as published', async t => {
  // The reference generator from state 1, 2, 3, 4.
  let s = [1, 2, 3, 4]
  const rotl = (x: number, k: number) => ((x << k) | (x >>> (32 - k))) >>> 0
  const reference = () => {
    const [a, b, c, d] = s as [number, number, number, number]
    const out = Math.imul(rotl(Math.imul(b, 5) >>> 0, 7), 9) >>> 0
    const c1 = (c ^ a) >>> 0
    const d1 = (d ^ b) >>> 0
    s = [(a ^ d1) >>> 0, (b ^ c1) >>> 0, (c1 ^ (b << 9)) >>> 0, rotl(d1, 11)]
    return out
  }
  t.same([reference(), reference(), reference()], [11520, 0, 5927040])
  const dice = new SeededRandom(3)
  s = [...dice.state()]
  for (let i = 0; i < 1000; i++) if (dice.next() !== reference()) t.fail(`draw ${i}`)
})

t.test('dice: fair enough', async t => {
  const dice = new SeededRandom(1)
  const counts = Array(10).fill(0)
  for (let i = 0; i < 10_000; i++) counts[dice.below(10)]++
  t.ok(
    counts.every(count => count > 850 && count < 1150),
    counts.join(' '),
  )
  t.equal(dice.bytes(7).length, 7)
  t.same(dice.shuffle([1, 2, 3, 4]).sort(), [1, 2, 3, 4])
  for (let i = 0; i < 100; i++) {
    const drawn = dice.between(3, 5)
    t.ok(drawn >= 3 && drawn <= 5)
  }
})

t.test('time: in order, ties as scheduled, never backwards', async t => {
  const world = new World()
  const seen: string[] = []
  world.at(20, () => seen.push('c'))
  world.at(10, () => {
    seen.push('a')
    world.at(5, () => seen.push(`late at ${world.now}`))
  })
  world.at(10, () => seen.push('b'))
  const off = world.at(15, () => seen.push('never'))
  world.cancel(off)
  await world.run(15)
  t.same(seen, ['a', 'b', 'late at 10'])
  t.equal(world.now, 15)
  await world.pass(5)
  t.same(seen.at(-1), 'c')
  world.at(world.now + 0.1, () => seen.push('soon'))
  await world.pass(1)
  t.equal(seen.at(-1), 'soon')
})

t.test('time: promises settle between events', async t => {
  const world = new World()
  const seen: string[] = []
  world.at(10, () =>
    world.enter(() => {
      seen.push('event')
      void (async () => {
        for (let i = 0; i < 20; i++) await null
        seen.push('promises')
      })()
    }),
  )
  world.at(10, () => seen.push('next'))
  await world.run(10)
  t.same(seen, ['event', 'promises', 'next'])
  t.equal(await world.settle(world.sleep(100).then(() => 'slept')), 'slept')
  t.equal(world.now, 110)
  await t.rejects(world.settle(Promise.reject(new Error('mine'))), { message: 'mine' })
})

t.test('time: refuses to hang', async t => {
  const stuck = { code: 'GH_SIMULATION_STUCK' }
  const world = new World()
  await t.rejects(world.settle(new Promise(() => {})), { ...stuck, message: /nothing is left/ })
  const again = (): void => {
    world.after(10, again)
  }
  again()
  await t.rejects(
    world.run(() => false, { limit: 1000 }),
    { ...stuck, message: /still waiting/ },
  )
  await t.rejects(world.pass(1e9, { events: 100 }), { ...stuck, message: /too many/ })
  const spin = (): void => {
    world.after(0, spin)
  }
  spin()
  await t.rejects(world.pass(1, { events: 100 }), { ...stuck, message: /too many/ })
})

t.test('time: what a program throws fails the run; two runs at once are refused', async t => {
  const world = new World()
  world.at(1, () =>
    world.enter(() => {
      throw new Error('a fault')
    }),
  )
  await t.rejects(world.run(5), { message: 'a fault' })
  await world.run(6)
  const first = world.run(10)
  await t.rejects(world.run(10), { code: 'GH_NODE_STATE' })
  await first
})

t.test('transcript: every byte counts, the last fifty stay', async t => {
  const hashOf = (bytes: number[]): string => {
    const sim = new Simulation({ seed: 1 })
    sim.transcript.record(0, 'data', 'a', 'b', Uint8Array.from(bytes))
    return sim.hash()
  }
  t.equal(hashOf([1, 2, 3]), hashOf([1, 2, 3]))
  t.not(hashOf([1, 2, 3]), hashOf([1, 2, 4]))
  const sim = new Simulation({ seed: 1 })
  for (let i = 0; i < 80; i++) sim.note(`number ${i}`)
  t.equal(sim.transcript.recent().length, 50)
  t.match(sim.transcript.lines().at(-1), /number 79/)
  t.equal(sim.transcript.lines().length, 50, 'reading them keeps them')
  t.equal(sim.transcript.count, 80)
})

t.test('P29 a failure prints its seed, its hash, the last events and one command', async t => {
  let report = ''
  const broken = async (sim: Simulation): Promise<void> => {
    sim.note('something happened')
    await sim.pass(1500)
    throw new Error('not as promised')
  }
  await t.rejects(simulate({ seed: 0xff, name: 'broken', report: text => (report = text) }, broken), {
    message: 'not as promised',
  })
  t.match(report, /simulation "broken" failed: not as promised/)
  t.match(report, /seed {2}0x00000000000000ff {4}after 1 events, 1\.500 s/)
  t.match(report, /hash {2}[0-9a-f]{64}/)
  t.match(report, /something happened/)
  t.match(report, /npm run sim -- --seed=0x00000000000000ff --case=broken$/)
  const outcome = await play(
    scenario('fine', async sim => sim.pass(10)),
    '0x10',
  )
  t.match(outcome, { seed: 16n, time: 10, events: 0 })
})
