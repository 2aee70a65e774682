/** Where the peer is: challenges, credit, moves, and captured packets that must not move anything. */
import t from 'tap'
import { toHex } from '../../src/base/bytes.ts'
import type { Endpoint } from '../../src/base/ports.ts'
import { type Path, type PathOutput, Paths } from '../../src/packets/paths.ts'
import { Seeded } from '../support/seeded.ts'

const PTO = 100
const at = (host: string, port = 4000): Endpoint => ({ host, port })
const home = at('192.0.2.1')
const cafe = at('198.51.100.7')

function paths(seed = 1, options: { proved?: boolean } = {}): Paths {
  return new Paths({ remote: home, random: new Seeded(seed), pto: () => PTO, ...options }, 0)
}

/** A new packet that opened, with other frames than a trial, and the newest so far. */
function data(machine: Paths, from: Endpoint, bytes: number, now: number): Path {
  const path = machine.heard(from, bytes, now)
  machine.arrived(path, now)
  return path
}

/** What goes out now, each with its size noted. */
function drain(machine: Paths, now: number): PathOutput[] {
  const out: PathOutput[] = []
  for (let one = machine.poll(now); one !== undefined; one = machine.poll(now)) {
    if (one.kind === 'send') machine.sent(one.path, Math.max(one.padTo, 52))
    out.push(one)
    if (out.length > 100) throw new Error('no end')
  }
  return out
}

type Send = Extract<PathOutput, { kind: 'send' }>
const sends = (outputs: readonly PathOutput[]): Send[] => outputs.filter(one => one.kind === 'send')
const challengeTo = (outputs: readonly PathOutput[], to: Endpoint): Uint8Array | undefined =>
  sends(outputs).find(one => one.path.remote.host === to.host && one.path.remote.port === to.port)?.challenge

t.test(
  'UQ-10 PATH-7 PATH-8 a new address is asked first, gets 3x until it answers, and then congestion begins anew',
  async t => {
    const machine = paths()
    const path = data(machine, cafe, 100, 1_000)
    t.equal(machine.current.remote.host, home.host, 'not moved by a packet alone')
    t.equal(machine.room(path), 300)
    const asked = drain(machine, 1_000)
    const challenge = challengeTo(asked, cafe)!
    t.equal(challenge.length, 8)
    t.ok(challengeTo(asked, home), 'and so is the old one')
    t.equal(sends(asked).find(one => one.path === path)!.padTo, 0, 'no room for 1,200')
    t.equal(machine.room(path), 300 - 52)
    machine.heard(cafe, 1_200, 1_010)
    t.equal(machine.room(path), 300 - 52 + 3_600)
    machine.answered(challenge, 1_050)
    t.strictSame(machine.poll(1_050), { kind: 'moved', from: home, to: cafe, reset: true })
    t.equal(machine.current, path)
    t.equal(machine.room(path), Number.POSITIVE_INFINITY)
    t.equal(machine.size, 1)
  },
)

t.test('UQ-09 a port that changes keeps the congestion state, again and again', async t => {
  const machine = paths()
  let id = machine.current.id
  for (let port = 4001; port < 4050; port++) {
    const now = 1_000 * port
    const from = at(home.host, port)
    data(machine, from, 1_200, now)
    const challenge = challengeTo(drain(machine, now), from)!
    machine.heard(from, 1_200, now + 40)
    machine.answered(challenge, now + 40)
    t.match(machine.poll(now + 40), { kind: 'moved', reset: false, to: from })
    t.ok(machine.current.id > id, 'the number of the path grows')
    id = machine.current.id
    machine.expire(now + 999)
  }
  t.equal(machine.size, 1)
})

t.test('P12 PATH-10 after the move the old address gets nothing', async t => {
  const machine = paths()
  const old = machine.current
  data(machine, cafe, 1_200, 0)
  const challenge = challengeTo(drain(machine, 0), cafe)!
  machine.answered(challenge, 50)
  drain(machine, 50)
  t.equal(old.state, 'forgotten')
  t.equal(machine.room(old), 0)
  machine.challenged(old, new Uint8Array(8))
  for (let now = 50; now < 20_000; now += 50) {
    machine.expire(now)
    t.equal(sends(drain(machine, now)).filter(one => one.path.remote.host === home.host).length, 0)
  }
  // An overtaken packet from there makes it a stranger's address, with a stranger's credit.
  const late = machine.heard(home, 100, 20_000)
  t.equal(machine.room(late), 300)
  t.equal(machine.current.remote.host, cafe.host)
})

t.test('UQ-11 PATH-9 a captured packet sent on from another address does not move the path', async t => {
  const machine = paths()
  // The peer's packet reaches us first, or only, from the attacker, who passes everything on.
  const attacker = at('203.0.113.66')
  const path = data(machine, attacker, 1_200, 0)
  const out = drain(machine, 0)
  const [toAttacker, toPeer] = [challengeTo(out, attacker)!, challengeTo(out, home)!]
  // The peer answers the challenge at the address it is at, with a packet that is newer.
  const peer = machine.heard(home, 1_200, 20)
  machine.answered(toPeer, 20)
  machine.arrived(peer, 20)
  // The attacker had his challenge answered too.
  machine.heard(attacker, 1_200, 30)
  machine.answered(toAttacker, 30)
  t.equal(machine.poll(30), undefined)
  t.equal(machine.current.remote.host, home.host)
  // Old packets from there say nothing, and after a while the address is forgotten.
  machine.heard(attacker, 1_200, 40)
  t.equal(machine.current.remote.host, home.host)
  machine.expire(30 + 3 * 999)
  t.equal(machine.size, 1)
  t.equal(machine.room(path), 0)
})

t.test('UQ-11 PATH-9 the peer that was really there moves the link back', async t => {
  const machine = paths()
  const attacker = at('203.0.113.66')
  data(machine, attacker, 1_200, 0)
  machine.answered(challengeTo(drain(machine, 0), attacker)!, 20)
  drain(machine, 20)
  t.equal(machine.current.remote.host, attacker.host, 'nothing newer came from the old address')
  data(machine, home, 1_200, 30)
  machine.answered(challengeTo(drain(machine, 30), home)!, 50)
  drain(machine, 50)
  t.equal(machine.current.remote.host, home.host)
})

t.test('UQ-11 PATH-17 who moves while somebody sends its packets on from elsewhere is found', async t => {
  const machine = paths()
  // Its newest packet was faster by way of the attacker; its own comes just behind an older one.
  data(machine, cafe, 100, 1_000)
  const moved = at('203.0.113.9')
  machine.strayed(machine.heard(moved, 1_200, 1_001), 1_001)
  const challenge = challengeTo(drain(machine, 1_001), moved)
  t.ok(challenge, 'it is asked as well')
  machine.answered(challenge!, 1_100)
  t.equal(machine.current.remote.host, home.host, 'an answer alone moves nothing')
  data(machine, moved, 100, 1_110)
  t.equal(machine.current.remote.host, moved.host)
})

t.test(
  'UQ-11 PATH-19 who moves is followed where it answers, whatever is sent on from elsewhere',
  async t => {
    const moved = at('203.0.113.9')
    /** The peer has moved and was asked there; the packet behind its answer comes from the attacker first. */
    const answered = (): Paths => {
      const machine = paths()
      data(machine, cafe, 100, 1_000)
      data(machine, moved, 1_200, 1_005)
      const challenge = challengeTo(drain(machine, 1_005), moved)!
      data(machine, cafe, 39, 1_040)
      machine.strayed(machine.heard(moved, 1_200, 1_045), 1_045)
      machine.answered(challenge, 1_045)
      t.strictSame(drain(machine, 1_045), [], 'an answer alone moves nothing')
      return machine
    }
    const machine = answered()
    const due = machine.deadline()!
    t.ok(due <= 1_005 + PTO, 'it is looked at again when the old address is asked again')
    const [first] = drain(machine, due)
    t.strictSame(first, { kind: 'moved', from: home, to: moved, reset: true })
    t.equal(machine.current.remote.host, moved.host)

    const alive = answered()
    data(alive, home, 100, 1_050)
    t.strictSame(
      drain(alive, due).filter(({ kind }) => kind === 'moved'),
      [],
      'nor where the old one was heard since',
    )
    t.equal(alive.current.remote.host, home.host)
  },
)

t.test('PATH-17 a late packet from where the peer was asks nobody', async t => {
  const machine = paths()
  data(machine, cafe, 1_200, 1_000)
  machine.answered(challengeTo(drain(machine, 1_000), cafe)!, 1_050)
  drain(machine, 1_050)
  machine.strayed(machine.heard(home, 1_200, 1_060), 1_060)
  t.strictSame(drain(machine, 1_060), [])
  machine.strayed(machine.current, 1_070)
  t.strictSame(drain(machine, 1_070), [])
})

t.test('PATH-7 a candidate that answered and then sends the newest packet is moved to at once', async t => {
  const machine = paths()
  const path = data(machine, cafe, 1_200, 0)
  const challenge = challengeTo(drain(machine, 0), cafe)!
  data(machine, home, 1_200, 10)
  machine.answered(challenge, 20)
  t.equal(machine.current.remote.host, home.host)
  t.equal(path.state, 'proved')
  data(machine, cafe, 1_200, 30)
  t.equal(machine.current, path)
})

t.test(
  'PATH-8 challenges are repeated, each with new bytes and twice the wait, and then given up',
  async t => {
    const machine = paths()
    const path = data(machine, cafe, 1_200, 0)
    const seen = new Set<string>()
    const times: number[] = []
    let last = ''
    for (let now = 0; now <= 4_000; now += 10) {
      machine.expire(now)
      for (const one of sends(drain(machine, now)))
        if (one.path === path) {
          times.push(now)
          last = toHex(one.challenge!)
          seen.add(last)
        }
    }
    t.strictSame(times, [0, 100, 300], 'three times 1,200 for the 1,200 that came')
    t.equal(seen.size, times.length)
    t.equal(path.state, 'forgotten')
    t.equal(machine.size, 1)
    t.equal(
      machine.current.state,
      'proved',
      'the current one did not answer either, and nothing better is known',
    )
    t.equal(machine.deadline(), undefined)
    machine.answered(new Uint8Array(8), 4_000)
    t.equal(machine.current.remote.host, home.host)
  },
)

t.test('PATH-8 without credit nothing goes out and no time is waited for', async t => {
  const machine = paths(1, { proved: false })
  machine.check(0)
  t.equal(machine.poll(0), undefined)
  t.equal(machine.deadline(), 3 * 999, 'only its end')
  machine.heard(home, 18, 10)
  t.equal(machine.deadline(), 0)
  t.equal(sends(drain(machine, 10)).length, 1)
  t.equal(machine.room(machine.current), 2)
})

t.test('PATH-8 a challenge is answered where it came from; at the current address with PROBE', async t => {
  const machine = paths()
  const one = new Uint8Array(8).fill(1)
  machine.challenged(machine.heard(home, 1_200, 0), one)
  t.match(drain(machine, 0), [
    { kind: 'send', path: { remote: home }, response: one, probe: true, padTo: 1_200 },
  ])
  // A trial from elsewhere: answered there, and nothing else happens.
  const trial = machine.heard(cafe, 400, 10)
  machine.challenged(trial, one)
  t.match(drain(machine, 10), [
    { path: { remote: cafe }, response: one, challenge: undefined, probe: false, padTo: 1_200 },
  ])
  t.equal(machine.room(trial), 0)
  machine.challenged(trial, one)
  t.strictSame(drain(machine, 10), [], 'no credit left')
  for (let i = 0; i < 100; i++) machine.challenged(machine.current, Uint8Array.of(i, 0, 0, 0, 0, 0, 0, 0))
  t.equal(sends(drain(machine, 20)).length, 4, 'a flood of them is not')
})

t.test('PATH-10 at most four addresses, whoever sends from how many', async t => {
  const machine = paths()
  for (let i = 0; i < 1_000; i++) {
    data(machine, at(`203.0.113.${i % 250}`, i), 1_200, i)
    drain(machine, i)
    t.ok(machine.size <= 4)
  }
  t.equal(machine.current.remote.host, home.host)
  machine.expire(10_000)
  t.equal(machine.size, 1)
})

t.test('P8 UQ-10 never above 3.0x to an address that did not answer, in 10,000 random schedules', async t => {
  let worst = 0
  let moves = 0
  let unproved = 0
  for (let seed = 1; seed <= 10_000; seed++) {
    const random = new Seeded(seed)
    const machine = paths(seed, { proved: seed % 4 !== 0 })
    // One count for each time an address is known: once forgotten it begins as a stranger again.
    const counts = new Map<Path, { got: number; sent: number; proved: boolean }>()
    const countOf = (path: Path) => {
      const count = counts.get(path) ?? { got: 0, sent: 0, proved: false }
      counts.set(path, count)
      return count
    }
    if (seed % 4 !== 0) countOf(machine.current).proved = true
    const places = [home, at(home.host, 1), cafe, at(cafe.host, 2), at('203.0.113.9')]
    const challenges: { data: Uint8Array; path: Path }[] = []
    let now = 0
    for (let step = 0; step < 40; step++) {
      now += random.below(200)
      const from = places[random.below(places.length)]!
      const bytes = 33 + random.below(1_200)
      const path = machine.heard(from, bytes, now)
      countOf(path).got += bytes
      if (random.below(3) === 0) machine.challenged(path, random.bytes(8))
      const answer = random.below(4) === 0 ? challenges[random.below(challenges.length || 1)] : undefined
      if (answer !== undefined) {
        machine.answered(answer.data, now)
        countOf(answer.path).proved = true
      }
      if (random.below(2) === 0) machine.arrived(path, now)
      machine.expire(now)
      const out = (): void => {
        for (let one = machine.poll(now); one !== undefined; one = machine.poll(now)) {
          if (one.kind === 'moved') {
            moves++
            continue
          }
          const size = Math.max(one.padTo, Math.min(one.most, 52 + random.below(100)))
          machine.sent(one.path, size)
          countOf(one.path).sent += size
          if (one.challenge !== undefined) challenges.push({ data: one.challenge, path: one.path })
        }
      }
      out()
      // Bulk data, as much as may go.
      for (let n = random.below(6); n > 0; n--) {
        const size = Math.min(1_200, machine.room(machine.current))
        if (size < 52) break
        machine.sent(machine.current, size)
        countOf(machine.current).sent += size
      }
      for (const { got, sent, proved } of counts.values())
        if (!proved && sent > 0) {
          unproved++
          worst = Math.max(worst, sent / got)
        }
    }
  }
  t.ok(worst <= 3, `${worst}`)
  t.ok(worst > 2.9, 'and the allowance is used')
  t.ok(moves > 10_000 && unproved > 10_000, `${moves} moves`)
})
