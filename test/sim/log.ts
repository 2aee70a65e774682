/**
 * Logs of whole nodes, in trouble: partitions, crashes, clocks that jump, disks put back to old copies.
 *
 *   say, say … ─▶ trouble ─▶ peace ─▶ whole ─▶ 10 s ─▶ the same entries everywhere, each fork reported everywhere
 *
 * What a member's `append` resolved must be in every log in the end, unless the member's disk went back
 * behind it before anybody had read it. A member that says something else under a number it used before
 * its disk went back has forked: nobody may miss that, and everybody keeps both sides.
 */
import { toHex } from '../../src/base/bytes.ts'
import { nativeSuite } from '../../src/crypto/native.ts'
import { readRow } from '../../src/protocols/sync/page.ts'
import { copyImage, emptyImage, type LogImage, MemoryLog } from '../../src/store/log/memory.ts'
import { type Host, type Simulation, trouble } from '../../src/testing/index.ts'
import { idOfEntry } from '../../src/wire/log-entry.ts'
import { claim, type Fleet, type Member } from './fleet.ts'
import { nodes } from './nodes.ts'

/** How old the copies are that a disk may be put back to. */
const COPIES = 8
const COPY_EVERY = 3_000

interface Keeper {
  readonly member: Member
  image: LogImage
  readonly copies: LogImage[]
  /** Ids of what `append` resolved with, and whether the disk has been put back since. */
  readonly said: Map<string, boolean>
  wentBack: boolean
}

/** Gives a member a log, and it back after each crash. */
function keep(member: Member, sim: Simulation): Keeper {
  const random = sim.random.split(`log ${member.name}`)
  const keeper: Keeper = {
    member,
    image: emptyImage(random),
    copies: [],
    said: new Map(),
    wentBack: false,
  }
  member.change({ logStore: new MemoryLog(random, keeper.image) })
  return keeper
}

function comeBack(keeper: Keeper, sim: Simulation, after: string): void {
  const random = sim.random.split(`log ${keeper.member.name} ${sim.now}`)
  if (after === 'wipe' || (after === 'rewind' && keeper.copies.length > 0)) {
    keeper.image =
      after === 'wipe' ? emptyImage(random) : copyImage(keeper.copies[random.below(keeper.copies.length)]!)
    keeper.wentBack = true
    for (const id of keeper.said.keys()) keeper.said.set(id, true)
  }
  keeper.member.change({ logStore: new MemoryLog(random, keeper.image) })
}

/** One entry, if it can be said now. */
function say(keeper: Keeper, sim: Simulation, text: string): void {
  const { member } = keeper
  member.enter(() => {
    member.node.log.append({ text, at: sim.now }).then(
      ({ id }) => keeper.said.set(id, false),
      () => {}, // its process ends
    )
  })
}

const idsOf = ({ image }: Keeper): string[] => image.rows.map(row => toHex(idOfEntry(row.bytes)))

/** Asked after every event, so the cheap question first. */
function same(keepers: readonly Keeper[]): boolean {
  const length = keepers[0]!.image.rows.length
  if (!keepers.every(({ image }) => image.rows.length === length)) return false
  const [first, ...others] = keepers.map(one => idsOf(one).sort().join())
  return others.every(one => one === first)
}

/** In every log an entry stands behind the one it follows. */
function checkOrder({ member, image }: Keeper): void {
  const seen = new Set<string>()
  for (const row of image.rows) {
    const { id, prev } = readRow(row, (...parts) => nativeSuite.hash(...parts))
    claim(prev === undefined || seen.has(toHex(prev)), `${member.name}: an entry before the one it follows`)
    claim(!seen.has(toHex(id)), `${member.name}: an entry twice`)
    seen.add(toHex(id))
  }
}

/** By what is in the logs: who said two things under one number. */
function forksIn({ image }: Keeper): string[] {
  const first = new Map<string, string>()
  const forks = new Set<string>()
  for (const row of image.rows) {
    const { author, authorSeq, id } = readRow(row, (...parts) => nativeSuite.hash(...parts))
    const place = `${toHex(author)} ${authorSeq}`
    const there = first.get(place)
    if (there === undefined) first.set(place, toHex(id))
    else if (there !== toHex(id)) forks.add(place)
  }
  return [...forks].sort()
}

async function agree(keepers: readonly Keeper[], sim: Simulation): Promise<void> {
  try {
    await sim.run(() => same(keepers), { limit: 10_000 })
  } catch (error) {
    const views = keepers.map(one => `${one.member.name}: ${one.image.rows.length}`)
    throw new Error(`logs differ 10 s after the mesh is whole: ${views.join(' | ')}`, { cause: error })
  }
  const ids = new Set(idsOf(keepers[0]!))
  for (const keeper of keepers) {
    checkOrder(keeper)
    for (const [id, wentBack] of keeper.said)
      claim(wentBack || ids.has(id), `${keeper.member.name}: an entry that was acknowledged is gone`)
    const wanted = forksIn(keeper)
    const told = new Set(keeper.image.forks.map(({ author, authorSeq }) => `${toHex(author)} ${authorSeq}`))
    claim(
      [...told].sort().join() === wanted.join(),
      `${keeper.member.name}: reports ${told.size} of ${wanted.length} forks`,
    )
    for (const place of wanted) {
      const author = keepers.find(one => place.startsWith(toHex(authorOf(one))))
      claim(author?.wentBack === true, `a fork of somebody whose disk never went back: ${place}`)
    }
  }
}

function authorOf({ member, image }: Keeper): Uint8Array {
  for (const row of image.rows) {
    const entry = readRow(row, (...parts) => nativeSuite.hash(...parts))
    if (entry.deviceId === member.node.peerId) return entry.author
  }
  return new Uint8Array(32)
}

async function converge(fleet: Fleet, sim: Simulation): Promise<void> {
  fleet.star(5)
  const keepers = fleet.members.map(member => keep(member, sim))
  await fleet.start()
  await fleet.untilWhole(2000)
  const hosts = fleet.members.map(({ host }) => host)
  const until = sim.now + 60_000
  const of = (host: Host): Keeper => keepers.find(({ member }) => member.host === host)!
  const onRestart = (host: Host, after: string): void => {
    comeBack(of(host), sim, after)
    of(host).member.startSoon()
  }
  const { kinds } = trouble(sim, { hosts, until, every: 3000, lasting: 10_000, onRestart })
  sim.note(`trouble: ${kinds.join(' ')}`)
  let count = 0
  const live = (): void => {
    if (sim.now > until) return
    say(sim.random.pick(keepers), sim, `entry ${count++}`)
    sim.world.after(sim.random.below(600), live)
  }
  live()
  const copies = (): void => {
    if (sim.now > until) return
    for (const keeper of keepers)
      keeper.copies[Math.floor(sim.now / COPY_EVERY) % COPIES] = copyImage(keeper.image)
    for (const keeper of keepers)
      keeper.copies.splice(0, keeper.copies.length, ...keeper.copies.filter(Boolean))
    sim.world.after(COPY_EVERY, copies)
  }
  sim.world.after(COPY_EVERY, copies)
  await sim.run(until + 1)
  fleet.doubt()
  await fleet.untilWhole(180_000)
  await agree(keepers, sim)
}

/** One that is put back to an old copy and goes on at once: everybody sees the fork. */
async function restored(fleet: Fleet, sim: Simulation): Promise<void> {
  fleet.star(5)
  const keepers = fleet.members.map(member => keep(member, sim))
  await fleet.start()
  await fleet.untilWhole(2000)
  const n3 = keepers[2]!
  for (let i = 0; i < 20; i++) {
    for (const keeper of keepers) say(keeper, sim, `${keeper.member.name} ${i}`)
    if (i === 9) n3.copies.push(copyImage(n3.image))
    await sim.pass(200)
  }
  await agree(keepers, sim)
  n3.member.host.crash()
  await sim.pass(5000)
  n3.member.host.restart()
  comeBack(n3, sim, 'rewind')
  // Cut off, so that nobody tells it what it said before.
  sim.partition(
    [n3.member.host],
    fleet.members.filter(one => one !== n3.member).map(({ host }) => host),
  )
  await sim.settle(n3.member.start())
  for (let i = 0; i < 3; i++) {
    say(n3, sim, `otherwise ${i}`)
    await sim.pass(300)
  }
  sim.heal()
  fleet.doubt()
  await fleet.untilWhole(180_000)
  await agree(keepers, sim)
  claim(
    keepers.every(one => forksIn(one).length > 0),
    'the fork is not seen',
  )
}

/** A chain of links, not a mesh: what the first says reaches the last through the others. */
async function relayed(fleet: Fleet, sim: Simulation): Promise<void> {
  const hosts = ['n1', 'n2', 'n3', 'n4', 'n5'].map(name => sim.host(name))
  for (const [i, host] of hosts.entries())
    fleet.add(host.name, i === 0 ? {} : { bootstrap: [`${hosts[i - 1]!.address}:8000`] }, host)
  for (const [i, a] of hosts.entries()) for (const b of hosts.slice(i + 2)) sim.cut(a, b)
  const keepers = fleet.members.map(member => keep(member, sim))
  await fleet.start()
  await sim.pass(5000)
  for (let i = 0; i < 10; i++) {
    for (const keeper of keepers) say(keeper, sim, `${keeper.member.name} ${i}`)
    await sim.pass(100)
  }
  await agree(keepers, sim)
  claim(keepers[0]!.image.rows.length === 50, `${keepers[0]!.image.rows.length} of 50 entries`)
}

export const logCases = [
  nodes('log', converge),
  nodes('log-restored', restored),
  nodes('log-relayed', relayed),
]
