/** The search for the path's MTU, and the doubt that ends it; idle ends and keepalives. */
import t from 'tap'
import { defaults, Idle } from '../../src/packets/idle.ts'
import { BASE_SIZE, ceilingOf, loopbackCeiling, MtuSearch } from '../../src/packets/mtu.ts'
import { Seeded } from '../support/seeded.ts'

/** Probes until the search rests; the path takes datagrams up to `takes`. Returns what was tried. */
function search(mtu: MtuSearch, takes: number, now = 0, chance: () => boolean = () => true): number[] {
  const tried: number[] = []
  for (let size = mtu.probe(now); size !== undefined; size = mtu.probe(now)) {
    tried.push(size)
    if (size <= takes && chance()) mtu.acked(size)
    else mtu.lost(size, now)
    if (tried.length > 100) throw new Error('no end')
  }
  return tried
}

t.test('PATH-11 from 1,200 upward to the ceiling, one probe at a time', async t => {
  const ethernet = new MtuSearch({ ceiling: ceilingOf(4) })
  t.equal(ethernet.size, 1_200)
  t.equal(ethernet.probe(0), 1_372)
  t.equal(ethernet.probe(0), undefined, 'not before the first is judged')
  t.equal(ethernet.size, 1_200, 'a probe proves nothing yet')
  ethernet.acked(1_452)
  t.equal(ethernet.size, 1_200, 'nor does an answer to another')
  ethernet.acked(1_372)
  t.equal(ethernet.size, 1_372)
  t.strictSame(search(ethernet, 1_500), [1_452, 1_472])
  t.equal(ethernet.size, 1_472)
  t.equal(ceilingOf(6), 1_452)
  t.equal(ceilingOf(4, 9_000), 8_972)
  t.equal(ceilingOf(4, 65_536), 65_507)
  const jumbo = new MtuSearch({ ceiling: ceilingOf(6, 9_000) })
  search(jumbo, 9_000)
  t.equal(jumbo.size, 8_952)
  for (const family of [4, 6] as const) {
    const loopback = new MtuSearch({ ceiling: loopbackCeiling[family], direct: true })
    search(loopback, 65_507)
    t.equal(loopback.size, loopbackCeiling[family])
  }
  t.equal(new MtuSearch({ ceiling: 1_000 }).probe(0), undefined)
  t.equal(new MtuSearch({ ceiling: 1_000 }).size, 1_200)
})

t.test('PATH-12 a size that was lost is not tried again before the system has forgotten it', async t => {
  const mtu = new MtuSearch({ ceiling: 1_472 })
  t.strictSame(search(mtu, 1_400), [1_372, 1_452], 'nor a larger one')
  t.equal(mtu.size, 1_372)
  t.strictSame(search(mtu, 1_500, 599_999), [])
  t.strictSame(search(mtu, 1_500, 600_000), [1_452, 1_472])
  t.equal(mtu.size, 1_472)
  // On loopback no router has told the system anything.
  const direct = new MtuSearch({ ceiling: 65_507, direct: true })
  const random = new Seeded(1)
  search(direct, 65_507, 0, () => random.below(5) > 0)
  t.equal(direct.size, 65_507, 'one lost probe in five')
  const small = new MtuSearch({ ceiling: 65_507, direct: true })
  t.strictSame(search(small, 1_200), [1_372, 1_372, 1_372])
})

t.test('UQ-20 a path that drops what is above 1,200 leaves datagrams of 1,200', async t => {
  const mtu = new MtuSearch({ ceiling: 1_472 })
  search(mtu, 1_200)
  t.equal(mtu.size, 1_200)
})

t.test('UQ-20 PATH-13 a path that drops large datagrams later: back to 1,200, and never below', async t => {
  const mtu = new MtuSearch({ ceiling: 1_472 })
  search(mtu, 1_472)
  // The route changes to one that takes 1,200 and says nothing.
  let now = 1_000
  let sent = 0
  let delivered = 0
  for (let round = 0; round < 50; round++) {
    now += 100
    const { size } = mtu
    t.ok(size >= BASE_SIZE)
    sent++
    if (size <= 1_200) {
      delivered++
      mtu.delivered(size)
    } else mtu.dropped(size)
    const probe = mtu.probe(now)
    if (probe !== undefined) {
      if (probe <= 1_200) mtu.acked(probe)
      else mtu.lost(probe, now)
    }
  }
  t.equal(mtu.size, 1_200)
  t.equal(mtu.holes, 1)
  t.equal(sent - delivered, 3, 'three losses, and it went on')
  t.strictSame(search(mtu, 1_200, now + 600_000), [1_372])
})

t.test('PATH-13 losses of a busy path are no black hole, nor is a path that was dark', async t => {
  const mtu = new MtuSearch({ ceiling: 1_472 })
  search(mtu, 1_472)
  for (let i = 0; i < 1_000; i++) {
    mtu.dropped(1_472)
    mtu.dropped(1_472)
    t.equal(mtu.size, 1_472)
    mtu.delivered(1_472)
  }
  // Nothing at all comes through for two seconds; then everything does again.
  for (let i = 0; i < 5; i++) mtu.dropped(1_472)
  t.equal(mtu.size, 1_200, 'small ones, to see')
  t.equal(mtu.probe(2_000), undefined)
  mtu.dropped(1_200)
  mtu.delivered(1_200)
  t.equal(mtu.probe(2_000), 1_472, 'small ones arrive: what about the large?')
  mtu.acked(1_472)
  t.equal(mtu.size, 1_472)
  t.equal(mtu.holes, 0)
})

t.test('UQ-18 PATH-14 an idle link ends at the lesser of the two timeouts, and not before', async t => {
  t.equal(defaults.timeout, 30_000)
  for (const [timeout, peerTimeout] of [
    [30_000, 20_000],
    [20_000, 30_000],
  ] as const) {
    const idle = new Idle({ timeout, peerTimeout, pto: () => 100, shortest: () => 20 }, 0)
    t.equal(idle.deadline(), 20_000)
    t.equal(idle.due(19_999), undefined)
    t.equal(idle.due(20_000), 'gone')
    idle.heard(20_000)
    t.equal(idle.due(39_999), undefined)
    idle.asked(39_000)
    t.equal(idle.endsAt, 59_000, 'who has asked waits for the answer')
    idle.asked(50_000)
    t.equal(idle.endsAt, 59_000, 'once')
    let now = idle.deadline()
    while (idle.due(now) === 'doubt') now = idle.deadline()
    t.equal(now, 59_000)
    t.equal(idle.due(now), 'gone')
  }
  t.equal(
    new Idle({ timeout: 30_000, peerTimeout: 30_000, pto: () => 20_000, shortest: () => 20 }, 0).deadline(),
    60_000,
    '3 PTO',
  )
  t.equal(new Idle({ timeout: 1, peerTimeout: 30_000, pto: () => 1, shortest: () => 1 }, 0).deadline(), 3_000)
})

t.test(
  'PATH-18 doubt: a second and a half without an answer, and again, however long probes take',
  async t => {
    let pto = 100
    const idle = new Idle({ timeout: 30_000, peerTimeout: 30_000, pto: () => pto, shortest: () => 20 }, 0)
    t.equal(idle.deadline(), 30_000, 'nothing was asked')
    idle.asked(1_000)
    idle.asked(2_000)
    pto = 8_000 // one answer came four seconds late
    t.equal(idle.due(2_499), undefined)
    t.equal(idle.due(2_500), 'doubt')
    t.equal(idle.due(2_500), undefined)
    t.equal(idle.due(4_000), 'doubt', 'somebody may have had the port for a moment')
    t.equal(idle.due(9_000), undefined, 'we did not run')
    t.equal(idle.due(9_000), 'doubt', 'and then it is asked at once')
    idle.refused(9_000)
    t.equal(idle.due(10_000), 'gone')
    idle.heard(10_000)
    t.equal(idle.deadline(), 40_000, 'who is heard is not doubted')
    const far = new Idle({ timeout: 30_000, peerTimeout: 30_000, pto: () => 2_500, shortest: () => 700 }, 0)
    far.asked(0)
    t.equal(far.deadline(), 2_100)
  },
)

t.test(
  'PATH-18 refused: three of the shortest round trip and at least a second, unless it is heard',
  async t => {
    const idle = new Idle({ timeout: 30_000, peerTimeout: 30_000, pto: () => 100, shortest: () => 20 }, 0)
    idle.asked(100)
    idle.refused(500)
    idle.refused(1_400)
    t.equal(idle.deadline(), 1_500, 'from when it was told first')
    t.equal(idle.due(1_499), undefined)
    idle.heard(1_499)
    t.equal(idle.deadline(), 31_499, 'it is there after all')
    idle.refused(2_000)
    t.equal(idle.due(3_000), 'gone')
    t.equal(idle.due(4_500), undefined, 'we did not run: what came meanwhile is read first')
    t.ok(idle.deadline() > 30_000)
    const slow = new Idle(
      { timeout: 30_000, peerTimeout: 30_000, pto: () => 9_000, shortest: () => 2_000 },
      0,
    )
    slow.refused(0)
    t.equal(slow.deadline(), 6_000)
    const late = new Idle({ timeout: 3_000, peerTimeout: 30_000, pto: () => 100, shortest: () => 20 }, 0)
    late.refused(2_900)
    t.equal(late.deadline(), 3_000, 'never later than silence itself')
  },
)

t.test('UQ-18 PATH-15 keepalive prevents it', async t => {
  const options = { timeout: 30_000, peerTimeout: 30_000, pto: () => 100, shortest: () => 20 }
  const idle = new Idle({ ...options, keepalive: 20_000 }, 0)
  let words = 0
  let now = 0
  for (; now < 3_600_000; now = idle.deadline()) {
    const what = idle.due(now)
    if (what === 'gone') break
    if (what !== 'keepalive') continue
    words++
    idle.asked(now)
    idle.heard(now + 50)
  }
  t.ok(now >= 3_600_000, `alive after ${now}`)
  t.ok(words > 300 && words < 400, `${words} words in an hour`)
  // With nobody there it still ends.
  const alone = new Idle({ ...options, keepalive: 10_000 }, 0)
  const said: number[] = []
  for (now = alone.deadline(); ; now = alone.deadline()) {
    const what = alone.due(now)
    if (what === 'gone') break
    if (what !== 'keepalive') continue
    said.push(now)
    alone.asked(now)
  }
  t.strictSame(said, [10_000, 20_000, 30_000])
  t.equal(now, 40_000, 'a timeout after the first question')
})

t.test('PATH-14 time in which this side did not run is no silence of the peer', async t => {
  const idle = new Idle({ timeout: 30_000, peerTimeout: 30_000, pto: () => 100, shortest: () => 20 }, 0)
  t.equal(idle.due(90_000), undefined, 'woken a minute late: first read the socket')
  t.equal(idle.deadline(), 91_000)
  t.equal(idle.due(91_000), 'gone')
})
