/** Clocks that go wrong, disks that come back old, losses in spells, ciphers that cost nothing. */
import t from 'tap'
import { equal, fromHex } from '../../src/base/bytes.ts'
import { nativeSuite } from '../../src/crypto/native.ts'
import {
  calm,
  drawWeather,
  formOf,
  formText,
  nullSuite,
  SeededRandom,
  Simulation,
  trouble,
  troubles,
} from '../../src/testing/index.ts'
import { Path } from '../../src/testing/link.ts'

const suite = nullSuite()

t.test('a clock of another rate: timers never early, never back, the world keeps its own time', async t => {
  const sim = new Simulation({ seed: 1, suite })
  const host = sim.host('a')
  const { clock, scheduler } = host.runtime()
  const seen: { at: number; asked: number; world: number }[] = []
  let asked = clock.now()
  let last = asked
  const again = (): void => {
    seen.push({ at: clock.now(), asked, world: sim.now })
    if (clock.now() < last) t.fail('it went back')
    last = clock.now()
    asked = clock.now() + sim.random.fraction() * 100
    scheduler.arm(asked, again)
  }
  again()
  for (const rate of [1, 2, 0.5, 1.25, 0.987, 16, 1 / 16, 1]) {
    host.setClockRate(rate)
    const before = { local: clock.now(), wall: host.wall(), world: sim.now }
    await sim.pass(10_000)
    const local = (clock.now() - before.local) / 10_000
    t.ok(Math.abs(local - rate) < 0.001, `${local} of ${rate}`)
    t.ok(Math.abs((host.wall() - before.wall) / 10_000 - rate) < 0.01, 'the wall clock goes with it')
  }
  t.ok(seen.length > 1000)
  for (const { at, asked } of seen) if (at < asked || at > asked + 0.1) t.fail(`${at} for ${asked}`)
  t.throws(() => host.setClockRate(0), { code: 'GH_OPTION_INVALID' })
})

t.test('a timer that waits follows the clock when its rate changes', async t => {
  const sim = new Simulation({ seed: 1, suite })
  const host = sim.host('a')
  const { clock, scheduler } = host.runtime()
  let woken = 0
  scheduler.arm(clock.now() + 1000, () => {
    woken = sim.now
  })
  await sim.pass(500)
  host.setClockRate(0.5)
  await sim.run(() => woken > 0)
  t.equal(woken, 1500, 'half of it at full speed, half at half')
})

t.test('a wall clock that jumps does not move the monotonic one', async t => {
  const sim = new Simulation({ seed: 1, suite })
  const host = sim.host('a')
  const { clock } = host.runtime()
  const [now, wall] = [clock.now(), clock.wall()]
  host.jumpClock(-3_600_000)
  t.equal(clock.now(), now)
  t.equal(clock.wall(), wall - 3_600_000)
})

t.test('a disk keeps what was replaced, comes back old, comes back empty', async t => {
  const sim = new Simulation({ seed: 1, suite })
  const host = sim.host('a')
  const text = async (): Promise<string> => {
    const { files } = host.runtime({ files: true })
    const bytes = await sim.settle(files!.read('note'))
    return bytes === undefined ? 'nothing' : Buffer.from(bytes).toString()
  }
  const write = async (what: string): Promise<void> => {
    const { files } = host.runtime({ files: true })
    await sim.settle(files!.replace('note', Buffer.from(what)))
  }
  t.equal(host.runtime().files, undefined, 'only who asks for it')
  t.equal(await text(), 'nothing')
  for (const minute of [1, 2, 3]) {
    await sim.run(minute * 60_000)
    await write(`minute ${minute}`)
  }
  host.kill()
  t.equal(await text(), 'minute 3')
  host.disk.rewind(150_000, sim.now)
  t.equal(await text(), 'minute 2')
  host.disk.rewind(10_000, sim.now)
  t.equal(await text(), 'nothing', 'before the first')
  await write('again')
  host.disk.wipe(sim.now)
  t.equal(await text(), 'nothing')

  const { files } = host.runtime({ files: true })
  host.crash()
  void files!.replace('note', Buffer.from('from beyond'))
  host.restart()
  t.equal(await text(), 'nothing', 'the dead do not write')
})

t.test('losses after Gilbert and Elliott: the mean as asked for, in spells as long as asked for', async t => {
  const place = { name: 'x', up: true }
  const lossOf = (conditions: object): { share: number; row: number } => {
    const path = new Path(place, place, { ...calm, ...conditions }, new SeededRandom(5))
    let [lost, rows, before] = [0, 0, false]
    const all = 200_000
    for (let i = 0; i < all; i++) {
      const now = path.lost()
      if (now) lost++
      if (now && !before) rows++
      before = now
    }
    return { share: lost / all, row: lost / rows }
  }
  const near = (is: number, should: number): boolean => Math.abs(is - should) < 0.1 * should
  for (const loss of [0.05, 0.3]) {
    const plain = lossOf({ loss, burst: 1 })
    t.ok(near(plain.share, loss), `${plain.share} of ${loss}`)
    const gaps = lossOf({ loss, burst: 8 })
    t.ok(near(gaps.share, loss) && near(gaps.row, 8), `${gaps.share}, ${gaps.row} in a row`)
    const spells = lossOf({ loss, burst: 30, badLoss: 0.6, goodLoss: 0.01 })
    t.ok(near(spells.share, loss), `${spells.share} of ${loss} with spells`)
    t.ok(spells.row > 1.5 && spells.row < 4, 'a bad spell lets some through')
  }
  t.same(lossOf({ loss: 0.2, badLoss: 0.2 }).share > 0.18, true, 'always bad')
  for (let i = 0; i < 500; i++) {
    const { loss, badLoss, goodLoss } = drawWeather(new SeededRandom(i))
    if (badLoss < loss || goodLoss > loss) t.fail(`seed ${i}: ${goodLoss} ${loss} ${badLoss}`)
  }
})

t.test('every kind of fault happens, and peace undoes it', async t => {
  const seen = new Set<string>()
  for (let seed = 0; seed < 40; seed++) {
    const sim = new Simulation({ seed, suite })
    const hosts = Array.from({ length: 5 }, (_, i) => sim.host(`h${i}`))
    const dead = new Set<string>()
    const { kinds, until } = trouble(sim, {
      hosts,
      until: 60_000,
      every: 2000,
      onDown: host => dead.add(host.name),
      onRestart: host => {
        if (!dead.delete(host.name)) t.fail(`${host.name} was not down`)
      },
    })
    await sim.run(until + 1)
    for (const { kind } of sim.faults) {
      seen.add(kind)
      if (!kinds.includes(kind)) t.fail(`${kind} was not drawn`)
    }
    t.same([...dead], [])
    for (const a of hosts) {
      const local = a.runtime()
      const before = local.clock.now()
      await sim.pass(100)
      if (!a.up || local.clock.now() - before !== 100) t.fail(`${a.name} is not well`)
      for (const b of hosts) if (!sim.network.path(a.computer, b.computer).open) t.fail('still cut')
    }
  }
  t.same([...seen].sort(), [...troubles].sort())
})

t.test('a form and its words', async t => {
  const form = { until: 12_500, without: ['crash', 'clock'], nodes: 3, only: [2, 7] } as const
  t.equal(formText(form), ' --until=12.5 --without=crash,clock --nodes=3 --only=2,7')
  t.same(formOf({ until: '12.5', without: 'crash,clock', nodes: '3', only: '2,7' }), form)
  t.same(formOf({ only: 'none' }), { only: [] })
  t.equal(formText({ only: [] }), ' --only=none')
  t.equal(formText({}), '')
})

t.test(
  'null suite: lengths of the real one; another key, nonce or byte is refused; all is counted',
  async t => {
    const none = nullSuite()
    const dice = new SeededRandom(1)
    const [a, b] = [dice.bytes(32), dice.bytes(32)]
    for (const one of [none, nativeSuite]) {
      const [x, y] = [one.keyPair(a), one.keyPair(b)]
      t.equal(x.publicKey.length, 32)
      t.ok(equal(one.dh(x, y.publicKey), one.dh(y, x.publicKey)))
      const cipher = one.cipher(a)
      for (const length of [0, 1, 1000]) {
        const plaintext = dice.bytes(length)
        const sealed = cipher.seal(7, b, plaintext)
        t.equal(sealed.length, length + 16)
        t.ok(equal(cipher.open(7, b, sealed), plaintext))
        const { body, tag } = cipher.sealParts(7, b, plaintext)
        t.ok(equal(Buffer.concat([body, tag]), sealed))
        const refused = { code: 'GH_NOISE_OPEN' }
        t.throws(() => cipher.open(8, b, sealed), refused)
        t.throws(() => cipher.open(7, a, sealed), refused)
        t.throws(() => cipher.rekeyed().open(7, b, sealed), refused)
        t.throws(() => one.cipher(b).open(7, b, sealed), refused)
        t.throws(() => cipher.open(7, b, sealed.subarray(1)), refused)
        for (const at of [0, sealed.length - 1]) {
          const altered = sealed.slice()
          altered[at]! ^= 0x10
          t.throws(() => cipher.open(7, b, altered), refused)
        }
      }
      const { publicKey, sign } = one.identity(a)
      const signature = sign(b)
      t.equal(signature.length, 64)
      t.ok(one.verify(publicKey, b, signature) && !one.verify(publicKey, a, signature))
      t.throws(() => one.cipher(a.subarray(1)), { code: 'GH_NOISE_KEY' })
    }
    const { seals, opens, signatures, verifications, keyPairs, dhs } = none.counts
    t.same([seals, opens, signatures, verifications, keyPairs, dhs], [6, 24, 1, 2, 2, 2])
    t.equal(none.hash(fromHex('00')!).length, none.hashLength)
  },
)
