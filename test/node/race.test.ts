/** One dial by two ways, in virtual time: every order of outcomes against a plain model of the rules. */
import t from 'tap'
import { type ErrorCode, GuildError } from '../../src/base/errors.ts'
import { CONNECTED_START, HEAD_START, Race } from '../../src/node/race.ts'
import { Drive } from '../../src/runtime/drive.ts'
import { World } from '../../src/testing/world.ts'

/** What comes of a way, so many milliseconds after it began. */
interface Fate {
  readonly after: number
  readonly code: 'answer' | ErrorCode
  /** A connection stands, where one ever does, so many milliseconds after the way began. */
  readonly connects?: number
}

interface Outcome {
  readonly at: number
  readonly winner?: string
  readonly code?: ErrorCode
  /** When each way began. */
  readonly began: Readonly<Record<string, number>>
}

/** A refused connection never is one; the rest are, and may come to nothing later. */
const unconnected = new Set<string>(['GH_DIAL_REFUSED', 'GH_DIAL_FAILED', 'GH_DIAL_TIMEOUT'])
const connecting = ({ code }: Fate): boolean => !unconnected.has(code)
const connectedAfter = ({ after, connects = 0 }: Fate): number => Math.min(connects, after)
const soft = new Set<string>(['GH_HANDSHAKE_TIMEOUT', ...unconnected])

function scene(
  ways: readonly string[],
  fates: Readonly<Record<string, Fate>>,
  /** When a timer really fires. */
  fires: (at: number) => number = at => at,
) {
  const world = new World()
  const drive = new Drive(
    { now: () => world.now, wall: () => world.now },
    {
      arm: (at, wake) => void world.at(fires(at), wake),
      disarm: () => {},
      defer: work => void world.after(0, work),
    },
  )
  const began: Record<string, number> = {}
  const ends: { at: number; winner?: string; code?: ErrorCode }[] = []
  const proofs: string[] = []
  const calledOff: string[] = []
  const begin = (): Race =>
    new Race({
      ways,
      drive,
      start: (way, race) => {
        began[way] = world.now
        const key = ways.indexOf(way)
        const { after, code } = fates[way]!
        if (!connecting(fates[way]!))
          return world.after(after, () => race.started(way, new GuildError(code as ErrorCode, way)))
        const connected = connectedAfter(fates[way]!)
        const join = (): void => {
          const welcome = race.joined(key, way)
          if (!welcome && ends.length === 0) throw new Error(`${way} is not let in`)
          race.started(way)
        }
        if (connected === 0) join()
        else world.after(connected, join)
        world.after(after, () => {
          if (code !== 'answer') return race.lost(key, new GuildError(code, way), undefined)
          if (!race.wins(key)) return
          proofs.push(way)
          ends.push({ at: world.now, winner: way })
        })
      },
      callOff: key => calledOff.push(ways[key]!),
      failed: error => ends.push({ at: world.now, code: error.code }),
    })
  return { world, begin, began, ends, proofs, calledOff }
}

/** The rules of the header, said once more. */
function expected(
  [first, second]: readonly [string, string],
  fates: Readonly<Record<string, Fate>>,
): Outcome {
  const [a, b] = [fates[first]!, fates[second]!]
  const decides = (code: string): boolean => !soft.has(code)
  const end = (at: number, way: string, code: string, began: Record<string, number>): Outcome =>
    code === 'answer' ? { at, winner: way, began } : { at, code: code as ErrorCode, began }
  const stands = first !== 'udp' && connecting(a) && connectedAfter(a) < HEAD_START
  const patience = stands ? connectedAfter(a) + CONNECTED_START : HEAD_START
  if (a.after < patience && decides(a.code)) return end(a.after, first, a.code, { [first]: 0 })
  const start = Math.min(patience, a.after)
  const began = { [first]: 0, [second]: start }
  const events = [
    { at: a.after, way: first, code: a.code },
    { at: start + b.after, way: second, code: b.code },
  ].sort((x, y) => x.at - y.at)
  let cut = Number.POSITIVE_INFINITY
  let why: string | undefined
  for (const [i, { at, way, code }] of events.entries()) {
    if (at >= cut) break
    if (decides(code)) return end(at, way, code, began)
    if (why === undefined || (why !== 'GH_DIAL_REFUSED' && code !== 'GH_DIAL_TIMEOUT')) why = code
    if (i === 1) return end(at, way, why, began)
    if (code === 'GH_DIAL_REFUSED' && way !== 'udp') cut = at + 2 * at + 50
  }
  return end(cut, first, why!, began)
}

t.test('MEM-15 every order of outcomes of two ways: as the rules say, and one of them only', async t => {
  const codes = [
    'answer',
    'GH_HANDSHAKE_SWARM',
    'GH_HANDSHAKE_TIMEOUT',
    'GH_DIAL_REFUSED',
    'GH_DIAL_FAILED',
    'GH_DIAL_TIMEOUT',
  ] as const
  const fates = (times: readonly number[]): Fate[] =>
    codes.flatMap(code => times.flatMap(after => [0, 251].map(connects => ({ after, code, connects }))))
  let rounds = 0
  for (const ways of [
    ['tcp', 'udp'],
    ['udp', 'tcp'],
  ] as const)
    for (const one of fates([1, 100, 249, 300, 2_701]))
      for (const other of fates([2, 47, 120, 333, 904])) {
        const fate = { [ways[0]]: one, [ways[1]]: other }
        const { world, begin, began, ends, proofs, calledOff } = scene(ways, fate)
        begin()
        await world.run(() => false).catch(() => {}) // until nothing is left to happen
        const told = `${ways}: ${JSON.stringify(fate)}`
        const { began: starts, ...end } = expected(ways, fate)
        if (ends.length !== 1 || JSON.stringify(ends[0]) !== JSON.stringify(end))
          t.strictSame(ends, [end], told)
        if (JSON.stringify(began) !== JSON.stringify(starts)) t.strictSame(began, starts, told)
        if (proofs.length > 1 || calledOff.some(way => way === end.winner)) t.fail(told)
        rounds++
      }
  t.equal(rounds, 2 * 60 * 60)
})

t.test(
  'MEM-15 message 3 goes out on the winner only; who comes later is told so, and the loser is called off',
  async t => {
    const slow = { after: 700, code: 'answer', connects: 300 } as const
    const { world, begin, calledOff } = scene(['tcp', 'udp'], { tcp: slow, udp: { ...slow, connects: 0 } })
    const race = begin()
    await world.run(500)
    t.equal(race.wins(1), true)
    t.strictSame([race.way, calledOff], ['udp', ['tcp']])
    t.equal(race.wins(1), true, 'asked twice: by the same')
    t.equal(race.wins(0), false)
    t.equal(race.joined(2, 'tcp'), false)
    race.lost(0, new GuildError('GH_LINK_CLOSED'), undefined)
    t.equal(race.way, 'udp')
  },
)

t.test('MEM-15 our own loop was held up: the other way waits anew, for an answer may lie unread', async t => {
  const fates = {
    tcp: { after: 400, code: 'answer', connects: 390 },
    udp: { after: 1, code: 'answer' },
  } as const
  const held = (at: number): number => (at === HEAD_START ? at + 130 : at)
  const { world, begin, began, ends } = scene(['tcp', 'udp'], fates, held)
  begin()
  await world.run(() => ends.length > 0)
  t.strictSame([began, ends], [{ tcp: 0 }, [{ at: 400, winner: 'tcp' }]])
})

t.test(
  'who connected and was not answered is told so, though no time was left for the other way',
  async t => {
    const { world, begin, ends } = scene(['tcp', 'udp'], {
      tcp: { after: 500, code: 'GH_HANDSHAKE_TIMEOUT' },
      udp: { after: 1, code: 'GH_DIAL_TIMEOUT' },
    })
    begin()
    await world.run(() => ends.length > 0)
    t.strictSame(ends, [{ at: 501, code: 'GH_HANDSHAKE_TIMEOUT' }])
  },
)

t.test('a single way has no one to wait for', async t => {
  const { world, begin, ends } = scene(['tcp'], { tcp: { after: 7, code: 'GH_DIAL_REFUSED' } })
  begin()
  await world.run(() => ends.length > 0)
  t.strictSame(ends, [{ at: 7, code: 'GH_DIAL_REFUSED' }])
})
