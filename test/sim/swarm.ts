/**
 * A swarm drawn from the seed: how many nodes, what they do, what goes wrong and how badly.
 *
 *   draw ─▶ nodes work ════ faults ════▶ until ── peace: everything is undone ──▶ deadline
 *           safety holds all the while             whole again, nothing pending, nothing left
 *
 * Safety, watched from outside: a stream's bytes come once and in order, chat once and from who
 * said it, a message that was acknowledged was shown, buffers stay under their ceilings, whatever
 * fails fails with a code. Liveness: after the faults everybody is linked to everybody by one
 * link, the same at both ends, within a deadline; a swarm of few places is one piece.
 */
import { codes, GuildError } from '../../src/index.ts'
import {
  type FaultKind,
  type Host,
  nullSuite,
  type SeededRandom,
  type Simulation,
  trouble,
} from '../../src/testing/index.ts'
import { claim, type Fleet, type Member, type MemberOptions, PORT } from './fleet.ts'
import { bounded } from './large.ts'
import { Pours } from './pours.ts'

/** What may wait in one process for the system to take it: what is sealed ahead, and one record. */
const BUFFER_MAX = 320 * 1024
/** Until all are linked after the faults. */
const DEADLINE = 180_000
/** A node that left comes back within so long. */
const AWAY_MAX = 8_000

/** What one seed has. */
export interface Drawn {
  readonly nodes: number
  readonly maxPeers: number
  /** How long there are faults. */
  readonly lasts: number
  readonly every: number
  readonly lasting: number
  /** Between two things that somebody does. */
  readonly pace: number
  readonly options: MemberOptions
  readonly work: readonly Work[]
  readonly bootstrap: 'star' | 'ring' | 'all' | 'some'
}

/** What a node speaks, best first. */
export type Transports = readonly ('tcp' | 'udp')[]

const works = ['chat', 'echo', 'pour', 'message', 'leave', 'rotate'] as const
type Work = (typeof works)[number]

export function draw(dice: SeededRandom): Drawn {
  const large = dice.chance(0.06)
  const nodes = large ? dice.between(20, 25) : dice.between(5, 8)
  const few = dice.chance(0.15)
  const brisk = dice.chance(0.3)
  const drawn = works.filter(() => dice.chance(0.6))
  return {
    nodes,
    // With fewer places than that, full islands may stay apart: a full node takes in only who is alone.
    maxPeers: few ? Math.max(dice.between(3, 5), nodes - 2) : 30,
    lasts: dice.between(20_000, 90_000),
    every: dice.between(1_000, 6_000),
    lasting: dice.between(3_000, 20_000),
    pace: dice.between(300, 2_000) * (large ? 2 : 1),
    options: brisk ? { interval: 1, peerTimeout: dice.between(6, 20), discoveryInterval: 5 } : {},
    work: drawn.length === 0 ? ['chat'] : drawn,
    bootstrap: dice.pick(['star', 'star', 'ring', 'all', 'some']),
  }
}

/** One of the swarm: its node, and what has become of it. */
class One {
  readonly member: Member
  state: 'starting' | 'up' | 'leaving' | 'away' | 'down' = 'away'

  constructor(member: Member) {
    this.member = member
  }
}

export class Swarm {
  readonly #fleet: Fleet
  readonly #sim: Simulation
  readonly #dice: SeededRandom
  readonly drawn: Drawn
  readonly #transports: readonly Transports[]
  readonly #all: One[] = []
  readonly #pours: Pours
  /** Chat and messages, by text: who said it, and to whom. */
  readonly #said = new Map<string, { readonly from: string; readonly to?: string }>()
  readonly #shown = new Set<string>()
  /** What programs wait for, with the process that does. */
  readonly #pending = new Map<
    symbol,
    { readonly what: string; readonly watch: object; readonly member: Member }
  >()
  readonly #newKey: Uint8Array

  /** Each node speaks one of `transports`; with one, all the same. */
  constructor(fleet: Fleet, sim: Simulation, transports: readonly Transports[] = [['tcp']]) {
    this.#transports = transports
    this.#fleet = fleet
    this.#sim = sim
    this.#dice = sim.random.split('swarm')
    this.drawn = draw(this.#dice.split('drawn'))
    this.#pours = new Pours(sim)
    this.#newKey = this.#dice.split('key').bytes(32)
  }

  async play(): Promise<void> {
    const sim = this.#sim
    const { drawn } = this
    this.#people()
    sim.note(JSON.stringify({ ...drawn, options: { ...drawn.options, suite: undefined } }))
    for (const one of this.#all)
      sim.world.after(this.#dice.below(2000), () => sim.world.enter(() => this.#start(one)))
    await sim.run(2001)
    const { until } = trouble(sim, {
      hosts: this.#all.map(({ member }) => member.host),
      population: drawn.nodes,
      until: sim.now + drawn.lasts,
      every: drawn.every,
      lasting: drawn.lasting,
      onDown: host => {
        this.#of(host).state = 'down'
      },
      onRestart: (host, after) => this.#restart(this.#of(host), after),
    })
    this.#work(until)
    this.#look(until)
    await sim.run(until + 1)
    await sim.run(() => this.#all.every(({ state }) => state === 'up'), { limit: 2 * AWAY_MAX })
    await this.#peace()
  }

  async #peace(): Promise<void> {
    const fleet = this.#fleet
    const { maxPeers } = this.drawn
    fleet.doubt()
    if (maxPeers >= fleet.members.length - 1) {
      await fleet.untilWhole(DEADLINE)
      await this.#settled()
      // What was sent in vain sits in TCP, each segment with a back-off of its own, and goes before.
      await fleet.check(fleet.members, 60_000)
    } else {
      await this.#sim.pass(DEADLINE)
      await this.#settled()
      bounded(fleet, maxPeers)
      await fleet.checkChat(fleet.members, 60_000)
    }
    this.#ceilings()
  }

  /** Nobody waits for anything any more. */
  async #settled(): Promise<void> {
    const left = (): string[] =>
      [...this.#pending.values()]
        .filter(({ member, watch }) => member.watch === watch)
        .map(({ what }) => what)
    await this.#sim
      .run(() => left().length === 0, { limit: 120_000 })
      .catch(error => {
        throw new Error(`pending after peace: ${left().join(', ')}`, { cause: error })
      })
  }

  #people(): void {
    const sim = this.#sim
    const { nodes, maxPeers, options, bootstrap } = this.drawn
    const dice = this.#dice.split('people')
    const addresses = Array.from({ length: nodes }, (_, i) => sim.host(`n${i + 1}`).address)
    const suite = nodes > 10 ? { suite: nullSuite() } : {}
    for (let i = 0; i < nodes; i++) {
      const own = dice.split(String(i))
      const before = addresses[(i + nodes - 1) % nodes]!
      const first = addresses[0]!
      const some = own.shuffle(addresses).slice(0, 2)
      const known = { star: [first], ring: [before], all: addresses, some: [first, ...some] }[bootstrap]
      const others = known.filter(address => i > 0 || bootstrap !== 'star' || address !== first)
      const keeps = own.chance(0.7)
      const transport = own.split('transport').pick(this.#transports)
      const host = sim.host(`n${i + 1}`, {})
      if (i >= (sim.form.nodes ?? nodes)) continue
      const member = this.#fleet.add(
        host.name,
        {
          ...{ ...options, ...suite, maxPeers, keeps, transport },
          bootstrap: others.map(address => `${address}:${PORT}`),
        },
        host,
      )
      this.#all.push(new One(member))
    }
    this.#fleet.started = member => this.#listen(member)
  }

  #of(host: Host): One {
    return this.#all.find(({ member }) => member.host === host)!
  }

  #start(one: One): void {
    const { member } = one
    if (one.state === 'down' && !member.host.up) return
    one.state = 'starting'
    member.start().then(
      () => {
        if (one.state === 'starting') one.state = 'up'
      },
      (error: unknown) => this.#sim.world.fail(error),
    )
  }

  #restart(one: One, after: FaultKind): void {
    if (after === 'wipe') one.member.renew()
    this.#start(one)
  }

  #listen({ node, name }: Member): void {
    this.#pours.serve(node)
    node.on('chat-message', ({ from, to, message }) => {
      const said = this.#said.get(message)
      if (said === undefined && to === undefined) return // said by a check of the fleet
      const right = said?.from === from && said?.to === to
      if (!right)
        this.#sim.world.fail(new Error(`${name}: "${message}" from ${from} to ${to} was never said`))
      this.#shown.add(message)
    })
  }

  /** Whatever it waits for ends well or with a code. */
  #wait(one: One, what: string, begin: () => Promise<unknown>): void {
    const { member } = one
    const key = Symbol(what)
    this.#pending.set(key, { what: `${member.name}: ${what}`, watch: member.watch, member })
    const done = (): void => void this.#pending.delete(key)
    begin().then(done, (error: unknown) => {
      done()
      if (!(error instanceof GuildError && error.code in codes))
        this.#sim.world.fail(
          new Error(`${member.name}: ${what} failed without a code: ${error}`, { cause: error }),
        )
    })
  }

  #work(until: number): void {
    const sim = this.#sim
    const { nodes, pace, work } = this.drawn
    const dice = this.#dice.split('work')
    for (let i = 0, at = sim.now; at < until; i++) {
      const own = dice.split(String(i))
      at += own.below(2 * pace)
      const [actor, other] = own.shuffle(Array.from({ length: nodes }, (_, n) => n))
      const what = own.pick(work)
      sim.world.at(at, () => {
        const one = this.#all[actor!]
        const two = this.#all[other!]
        if (sim.now >= until || one?.state !== 'up' || two === undefined || two.state === 'starting') return
        one.member.enter(() => this.#act(one, what, two.member, own, i))
      })
    }
  }

  #act(one: One, what: Work, other: Member, dice: SeededRandom, number: number): void {
    const { member } = one
    if (one.state !== 'up') return // it left meanwhile, as after a pause
    const { node } = member
    const to = other.node.peerId
    switch (what) {
      case 'chat': {
        const text = `chat ${number}`
        this.#said.set(text, { from: node.peerId })
        return node.broadcast(text)
      }
      case 'echo':
        return this.#wait(one, `echo ${number}`, () => this.#fleet.echo(member, to, dice.below(100_000)))
      case 'pour':
        return this.#wait(one, `pour ${number}`, () => this.#pours.send(node, to, number, dice))
      case 'message': {
        const text = `message ${number}`
        this.#said.set(text, { from: node.peerId, to })
        return this.#wait(one, text, async () => {
          await node.send(to, text)
          claim(this.#shown.has(text), `"${text}" was acknowledged and not shown`)
        })
      }
      case 'rotate':
        member.change({ swarmKey: this.#newKey, previousSwarmKey: this.#fleet.swarmKey })
        return this.#leave(one, dice)
      case 'leave':
        return this.#leave(one, dice)
      default:
        what satisfies never
    }
  }

  /** Says goodbye, leaves nothing behind, and comes back. */
  #leave(one: One, dice: SeededRandom): void {
    const { member } = one
    const { watch } = member
    const sim = this.#sim
    one.state = 'leaving'
    const still = (state: One['state']): boolean => one.state === state && member.watch === watch
    this.#wait(one, 'leave', async () => {
      await member.node.stop()
      if (!still('leaving')) return
      one.state = 'away'
      await sim.world.sleep(1000)
      if (!still('away')) return
      const left = member.left()
      if (left !== '') sim.world.fail(new Error(`${member.name} stopped and left ${left}`))
      await sim.world.sleep(dice.below(AWAY_MAX - 2000))
      if (still('away')) this.#start(one)
    })
  }

  #look(until: number): void {
    const sim = this.#sim
    if (sim.now >= until) return
    this.#ceilings()
    sim.world.after(500, () => this.#look(until))
  }

  #ceilings(): void {
    const { nodes, maxPeers } = this.drawn
    for (const { member, state } of this.#all) {
      if (state !== 'up') continue
      const { name, node, watch } = member
      const over = (what: string, is: number, most: number): void => {
        if (is > most) this.#sim.world.fail(new Error(`${name} has ${is} ${what}, at most ${most}`))
      }
      over('peers', node.peers.length, maxPeers)
      // A link and one that replaces it, with each, and the dials under way.
      over('pipes', watch.pipes.size, 2 * nodes + 20)
      for (const pipe of watch.pipes) over('bytes in one pipe', pipe.buffered(), BUFFER_MAX)
    }
  }
}
