/**
 * Model against machine: the address book under anything that may happen to it (PT-03, PT-07, P18).
 *
 * After every step the whole book is counted again from nothing: its size, what every teller,
 * network, host and prefix takes up of it, and who is found under which peer id. A newcomer
 * that takes a place takes the right one.
 */
import fc from 'fast-check'
import t from 'tap'
import { AddressBook, type Entry, isKept, type Source } from '../../src/membership/address-book.ts'
import { defaults } from '../../src/membership/defaults.ts'
import { groups, isLocal } from '../../src/membership/quotas.ts'
import { type Address, addressKey } from '../../src/wire/address.ts'

const seed = Number(process.env.GUILD_SEED ?? 0x5eed11)
const runs = 25 * Number(process.env.GUILD_RUNS ?? 1)
t.comment(`GUILD_SEED=${seed} replays this`)

const LIMIT = 40
const caps = { perTeller: 6, perHost: 3, perPrefix: 8, perLocalHost: 5, perLocalPrefix: 12 }

const host = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.nat(7), fc.nat(4)).map(([net, one]) => `${20 + net}.7.1.${one}`) },
  { weight: 2, arbitrary: fc.nat(20).map(one => `192.168.1.${one}`) },
  { weight: 1, arbitrary: fc.nat(3).map(one => `2a00:${one}::1`) },
  { weight: 1, arbitrary: fc.constantFrom('127.0.0.1', 'a.example', 'b.example') },
)
const place: fc.Arbitrary<Address> = fc.record({
  transport: fc.constant('tcp'),
  host,
  port: fc.integer({ min: 1, max: 4 }),
})
const peerId = fc.nat(12).map(n => `peer ${n}`)

type Step =
  | {
      readonly do: 'add'
      readonly place: Address
      readonly source: Source
      readonly peerId: string | undefined
      readonly teller: string
      readonly tellerHost: string
      readonly reached: boolean
    }
  | { readonly do: 'proved' | 'rebind'; readonly at: number; readonly peerId: string }
  | { readonly do: 'failed' | 'drop' | 'busy' | 'idle' | 'self'; readonly at: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant('add' as const),
      place,
      source: fc.oneof(
        { weight: 8, arbitrary: fc.constantFrom<Source>('gossip', 'inbound') },
        { weight: 2, arbitrary: fc.constantFrom<Source>('mdns', 'peerbook') },
        { weight: 1, arbitrary: fc.constantFrom<Source>('bootstrap', 'person') },
      ),
      peerId: fc.option(peerId, { nil: undefined }),
      teller: fc.nat(8).map(n => `teller ${n}`),
      tellerHost: host,
      reached: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('proved' as const, 'rebind' as const), at: fc.nat(), peerId }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('failed' as const, 'drop' as const), at: fc.nat() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('busy' as const, 'idle' as const), at: fc.nat() }),
  },
)

const hearsay: readonly Source[] = ['gossip', 'inbound', 'peerbook']
const isTold = (entry: Entry): boolean =>
  entry.lastSuccess === undefined && [...entry.sources].every(source => hearsay.includes(source))

/** What the told entries take up, counted from nothing. */
function claims(entries: Iterable<Entry>): Map<string, { count: number; cap: number }> {
  const all = new Map<string, { count: number; cap: number }>()
  const add = (key: string, cap: number): void => {
    all.set(key, { count: (all.get(key)?.count ?? 0) + 1, cap })
  }
  for (const entry of entries) {
    if (!isTold(entry)) continue
    const local = isLocal(entry.address.host)
    const at = groups(entry.address.host)
    add(`teller ${entry.teller}`, caps.perTeller)
    if (entry.tellerHost !== undefined && !isLocal(entry.tellerHost))
      add(`source ${groups(entry.tellerHost).prefix}`, caps.perTeller)
    add(`host ${at.host}`, local ? caps.perLocalHost : caps.perHost)
    add(`prefix ${at.prefix}`, local ? caps.perLocalPrefix : caps.perPrefix)
  }
  return all
}

t.test('PT-03 PT-07 P18 the address book: bounds, caps and the right victim, whatever happens', async t => {
  const seen = { full: 0, refused: 0, evicted: 0, overCap: 0, kept: 0, sizes: new Set<number>() }
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400, size: 'max' }), steps => {
      const busy = new Set<string>()
      const book = new AddressBook({ limit: LIMIT, caps, busy: entry => busy.has(entry.key) })
      const nth = (n: number): Entry | undefined => [...book.entries()][n % Math.max(1, book.size)]
      for (const [now, one] of steps.entries()) {
        const before = [...book.entries()]
        const failures = new Map(before.map(entry => [entry.key, entry.failures]))
        const countsBefore = claims(before)
        let added: Entry | undefined
        if (one.do === 'add') {
          const heard = hearsay.includes(one.source)
          const told = {
            ...(one.peerId === undefined ? {} : { peerId: one.peerId }),
            ...(heard ? { teller: one.teller, tellerHost: one.tellerHost } : {}),
            ...(one.source === 'peerbook' && one.reached ? { reachedAt: now, metAt: now } : {}),
          }
          const there = book.find(one.place) !== undefined
          const entry = book.add(one.place, one.source, now, told)
          if (entry === undefined) seen.refused++
          else if (!there) added = entry
          if (there && entry?.key !== addressKey(one.place)) throw new Error('an old entry is not given back')
        } else {
          const entry = nth(one.at)
          if (entry === undefined) continue
          if (one.do === 'proved') book.proved(entry, one.peerId, now)
          else if (one.do === 'rebind') book.rebind(entry, one.peerId)
          else if (one.do === 'failed') entry.failures++
          else if (one.do === 'busy') busy.add(entry.key)
          else if (one.do === 'idle') busy.delete(entry.key)
          else if (one.do === 'drop') {
            const must = isKept(entry) || busy.has(entry.key)
            if (must) seen.kept++
            if (book.drop(entry) === must) throw new Error('dropped what must stay, or kept what may go')
          }
        }
        check(before, failures, countsBefore, added, one)
      }
      function check(
        before: readonly Entry[],
        failures: ReadonlyMap<string, number>,
        countsBefore: ReturnType<typeof claims>,
        added: Entry | undefined,
        one: Step,
      ): void {
        const after = [...book.entries()]
        seen.sizes.add(after.length)
        if (after.length !== book.size || after.length > LIMIT) throw new Error(`${after.length} entries`)
        if (after.length === LIMIT) seen.full++
        if (new Set(after.map(({ key }) => key)).size !== after.length) throw new Error('two of one address')
        // Only a newcomer is counted: what was in before the cap was reached stays.
        for (const [key, { count, cap }] of claims(after))
          if (count > cap && count > (countsBefore.get(key)?.count ?? 0))
            throw new Error(`${key}: ${count} of ${cap}`)
          else if (count === cap) seen.overCap++
        for (const id of new Set([...book.peerIds(), ...after.map(entry => entry.peerId)])) {
          if (id === undefined) continue
          const found = new Set(book.ofPeer(id))
          if (after.some(entry => (entry.peerId === id) !== found.has(entry)))
            throw new Error(`index of ${id}`)
        }
        const gone = before.filter(entry => book.at(entry.key) !== entry)
        if (one.do === 'drop') return
        for (const entry of gone)
          if (isKept(entry) || busy.has(entry.key)) throw new Error(`${entry.key} had to stay`)
        if (added === undefined) {
          if (gone.length > (one.do === 'proved' ? 1 : 0)) throw new Error('something went for nothing')
          return
        }
        if (gone.length === 0) return
        seen.evicted++
        if (gone.length > 1 || before.length < LIMIT) throw new Error('more went than was needed')
        const victim = gone[0]!
        const most = Math.max(
          ...before.filter(x => !isKept(x) && !busy.has(x.key)).map(x => failures.get(x.key)!),
        )
        if (failures.get(victim.key) !== most) throw new Error('another failed more often')
        // Nobody who never failed gives way to hearsay.
        if (most === 0 && (isTold(added) || !isTold(victim))) throw new Error('an untried entry was taken')
      }
    }),
    { seed, numRuns: runs, endOnFailure: true },
  )
  t.ok(seen.full > 100 && seen.evicted > 50, `${seen.full} times full, ${seen.evicted} took a place`)
  t.ok(seen.refused > 100 && seen.overCap > 100, `${seen.refused} turned away, ${seen.overCap} at a cap`)
  t.ok(seen.kept > 20, `${seen.kept} had to stay`)
  t.equal(seen.sizes.has(LIMIT) && !seen.sizes.has(LIMIT + 1), true)
  t.ok(defaults.perHost < defaults.perPrefix, 'the caps in use are of the same shape')
})
