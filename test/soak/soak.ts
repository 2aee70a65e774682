/**
 * A soak: real processes, churn and traffic for a long time; then nothing may have grown,
 * got lost, or stayed behind (P28).
 *
 *   steady   never killed: they are measured             ┐ all of them talk, echo streams,
 *   others   killed, ended, renewed, all through it      ┘ and are stopped for seconds
 *
 * Every choice comes from the seed; when it is made does not, for the machine has its say.
 */
import type { NodeOptions } from '../../src/index.ts'
import { openControl } from '../../src/index.ts'
import { Seeded } from '../support/seeded.ts'
import { END_PATIENCE, Fleet, type Member } from './fleet.ts'
import { Ledger } from './ledger.ts'
import { freeRange } from './ports.ts'
import { type Judged, judge, type Track } from './verdict.ts'

export interface SoakOptions {
  readonly nodes: number
  readonly minutes: number
  readonly seed: number
  /** So many times as much churn and traffic as usual. */
  readonly haste: number
  readonly signal: AbortSignal
  /** A line now and then for whoever watches. */
  readonly say: (line: string) => void
}

export interface SoakResult extends Judged {
  readonly seconds: number
  readonly counts: Readonly<Record<string, number>>
  readonly faults: readonly string[]
}

/** A place in the mesh; processes come and go in it. */
interface Slot {
  readonly name: string
  readonly steady: boolean
  readonly port: number
  /** What it speaks: every third of those that come and go knows only UDP, so that each of the others has links of both kinds. */
  readonly transport: NonNullable<NodeOptions['transport']>
  /** Goes up when the node there becomes somebody else. */
  person: number
  member: Member | undefined
  /** It is being ended or started, or stopped for a while. */
  busy: boolean
}

/** Milliseconds between samples, and between a word, an echo and a message. */
const SAMPLE_EVERY = 10_000
const TRAFFIC_EVERY = 200
/** One change among the others: each of 15 lives a minute or so. */
const CHURN_EVERY = 3_500
/** The longest that a process is stopped: far below the silence after which a peer is gone. */
const PAUSE_MAX = 4_000
/** So young a node may miss what is said, and so old two nodes must be linked. */
const YOUNG = 10_000
const OLD = 30_000
/** In the end, until everybody is linked to everybody. */
const WHOLE_PATIENCE = 60_000
/** Peers may learn of an end so much later when they run; one that was stopped cannot. */
const LEARN_PATIENCE = 5_000
const FAULTS_MAX = 100

export async function soak(options: SoakOptions): Promise<SoakResult> {
  const run = new Soak(options)
  const drop = (): void => run.fleet.close()
  process.once('exit', drop)
  try {
    return await Promise.race([run.run(), aborted(options.signal)])
  } finally {
    process.off('exit', drop)
    await run.fleet.gone()
  }
}

/** Of a process, and those that are to learn of it. */
interface End {
  readonly at: number
  readonly what: string
  readonly unaware: Set<Member>
}

class Soak {
  readonly fleet: Fleet
  readonly #options: SoakOptions
  /** Dice of their own for churn and for traffic: the pace of one does not change the other. */
  readonly #fate: Seeded
  readonly #topics: Seeded
  readonly #ledger = new Ledger<Member>()
  readonly #faults: string[] = []
  readonly #tracks = new Map<Slot, Track>()
  readonly #underway = new Set<Promise<void>>()
  #slots: Slot[] = []
  #begun = 0
  #words = 0
  readonly #counts = {
    chats: 0,
    messages: 0,
    echoes: 0,
    echoedBytes: 0,
    killed: 0,
    ended: 0,
    renewed: 0,
    paused: 0,
    excused: 0,
    samples: 0,
  }
  /** Ends that the steady ones are to learn of: PeerId, when, and who has not yet. */
  readonly #ends = new Map<string, End>()
  readonly #learned: { readonly after: number; readonly what: string }[] = []

  constructor(options: SoakOptions) {
    this.#options = options
    this.#fate = new Seeded(2 * options.seed)
    this.#topics = new Seeded(2 * options.seed + 1)
    this.fleet = new Fleet({
      chat: (member, text) => this.#ledger.came(text, member),
      lost: (member, peerId, reason) => this.#lost(member, peerId, reason),
      error: (member, message) => this.#fault(`${member.name} reports ${message}`),
    })
  }

  async run(): Promise<SoakResult> {
    const { nodes, minutes, haste, signal, say } = this.#options
    const ports = await freeRange(nodes)
    const steady = Math.min(5, Math.ceil(nodes / 3))
    this.#slots = ports.map((port, i) => ({
      name: i < steady ? `steady-${i}` : `other-${i}`,
      steady: i < steady,
      port,
      transport: i >= steady && i % 3 === 0 ? ['udp'] : ['tcp', 'udp'],
      person: 0,
      member: undefined,
      busy: false,
    }))
    this.#begun = performance.now()
    for (const slot of this.#slots) await this.#start(slot, true)
    await this.#whole()
    await this.#sample()
    const end = performance.now() + minutes * 60_000
    const work = [
      this.#every(TRAFFIC_EVERY / haste, end, () => this.#traffic()),
      this.#every((CHURN_EVERY * 20) / nodes / haste, end, () => this.#churn()),
      this.#every(SAMPLE_EVERY, end, () => this.#sample()),
      this.#every(60_000, end, () => say(this.#progress())),
    ]
    await Promise.all(work)
    await Promise.all(this.#underway)
    await this.#whole()
    await sleep(2_000, signal) // what the last churn left behind is cleared
    this.#ledger.judge(Number.POSITIVE_INFINITY)
    await this.#sample()
    const seconds = (performance.now() - this.#begun) / 1000
    const learning = this.#learning()
    await this.#farewell()
    const judged = judge([...this.#tracks.values()])
    const faults = [...this.#faults, ...this.#ledger.faults, ...judged.faults]
    const { said, delivered, excused } = this.#ledger
    const counts = { ...this.#counts, said, delivered, undeliveredToTheDead: excused, ...learning }
    return { ...judged, seconds, counts, faults }
  }

  async #every(wait: number, end: number, work: () => void | Promise<void>): Promise<void> {
    for (let at = performance.now() + wait; at < end; at = Math.max(at + wait, performance.now())) {
      await sleep(at - performance.now(), this.#options.signal)
      await work()
    }
  }

  /** Work that goes on beside everything else, and is waited for in the end. */
  #beside(work: Promise<void>): void {
    const settled = work
      .catch(error => this.#fault(String(error)))
      .finally(() => {
        this.#underway.delete(settled)
      })
    this.#underway.add(settled)
  }

  // Processes

  async #start(slot: Slot, told: boolean): Promise<void> {
    const known = this.#slots.filter(one => one.steady && one !== slot && one.member?.alive)
    slot.member = await this.fleet.start(slot.name, `${slot.name}-${slot.person}`, {
      port: slot.port,
      transport: slot.transport,
      // One that lived knows its peers by itself.
      bootstrap: told ? known.map(one => `127.0.0.1:${one.port}`) : [],
      maxPeers: this.#slots.length + 5, // a dead one may hold its place for a moment
      interval: 2,
      peerTimeout: 20,
    })
  }

  #churn(): void {
    const slot = pick(
      this.#fate,
      this.#slots.filter(one => !one.busy && one.member?.alive),
    )
    if (slot === undefined) return
    const choice = this.#fate.below(10)
    const wait = this.#fate.below(8) * 1_000
    slot.busy = true
    const change =
      slot.steady || choice < 3
        ? this.#pause(slot, 200 + this.#fate.below(PAUSE_MAX - 200))
        : this.#replace(slot, choice < 6 ? 'SIGKILL' : 'SIGTERM', choice === 5 || choice === 9, wait)
    this.#beside(
      change.finally(() => {
        slot.busy = false
      }),
    )
  }

  async #pause(slot: Slot, wait: number): Promise<void> {
    this.#counts.paused++
    slot.member!.pause()
    await sleep(wait, this.#options.signal)
    slot.member!.resume()
  }

  async #replace(slot: Slot, how: 'SIGKILL' | 'SIGTERM', renew: boolean, wait: number): Promise<void> {
    const member = slot.member!
    const old = member.age(performance.now()) > OLD
    await this.#end(slot, how)
    await sleep(wait, this.#options.signal)
    if (renew) {
      slot.person++
      this.#counts.renewed++
    }
    await this.#start(slot, renew || !old)
  }

  async #end(slot: Slot, how: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const member = slot.member!
    const unaware = this.#slots.filter(one => one.steady && one !== slot && !one.member!.paused)
    for (const { name } of this.#ends.get(member.peerId)?.unaware ?? [])
      this.#fault(`${name} never learned that ${slot.name} ended before`)
    this.#ends.set(member.peerId, {
      at: performance.now(),
      what: `${how} of ${slot.name} (${slot.transport})`,
      unaware: new Set(member.age(performance.now()) > YOUNG ? unaware.map(one => one.member!) : []),
    })
    this.#counts[how === 'SIGKILL' ? 'killed' : 'ended']++
    const { code, signal, after, left } = await member.end(how)
    if (how === 'SIGKILL') return
    if (code !== 0) this.#fault(`${slot.name} was told to end, and did with ${code ?? signal}`)
    if (after > END_PATIENCE) this.#fault(`${slot.name} took ${after.toFixed(0)} ms to end`)
    if (left === undefined || left.length > 0)
      this.#fault(`${slot.name} ended holding ${left ?? 'who knows'}`)
  }

  #lost(member: Member, peerId: string, reason: string): void {
    const end = this.#ends.get(peerId)
    if (!end?.unaware.delete(member)) return
    const [after, at] = [performance.now() - end.at, (end.at - this.#begun) / 1000]
    this.#learned.push({ after, what: `${member.name}, ${at.toFixed(0)} s, ${end.what}, by '${reason}'` })
  }

  #learning(): { learnedMedianMs: number; learnedMaxMs: number } {
    for (const [peerId, { unaware }] of this.#ends)
      for (const member of unaware) this.#fault(`${member.name} never learned that ${peerId} ended`)
    const sorted = this.#learned.map(({ after }) => after).sort((a, b) => a - b)
    const [median, max] = [sorted[sorted.length >> 1] ?? 0, sorted.at(-1) ?? 0]
    // Who was stopped meanwhile learns late: its pause counts for it.
    for (const { after, what } of this.#learned)
      if (after > LEARN_PATIENCE + PAUSE_MAX)
        this.#fault(`an end was learned ${after.toFixed(0)} ms later: ${what}`)
    return { learnedMedianMs: Math.round(median), learnedMaxMs: Math.round(max) }
  }

  async #farewell(): Promise<void> {
    for (const slot of this.#slots) await this.#end(slot, 'SIGTERM')
    const stray = await this.fleet.gone()
    if (stray.length > 0) this.#fault(`processes that stayed: ${stray.join(', ')}`)
  }

  // Traffic

  #traffic(): void {
    const now = performance.now()
    this.#ledger.judge(now)
    const able = this.#slots.filter(({ member }) => member !== undefined && member.age(now) > YOUNG)
    const [from, to] = [pick(this.#topics, able), pick(this.#topics, able)]
    const choice = this.#topics.below(3)
    const [size, seed] = [1 + this.#topics.below(1 << (10 + this.#topics.below(11))), this.#topics.u32()]
    if (from === undefined || to === undefined) return
    if (choice === 0) this.#beside(this.#chat(from.member!))
    else if (from === to) return
    else if (choice === 1) this.#beside(this.#message(from.member!, to.member!))
    else this.#beside(this.#echo(from.member!, to.member!, size, seed))
  }

  async #chat(from: Member): Promise<void> {
    const text = `word ${++this.#words}`
    const now = performance.now()
    this.#counts.chats++
    this.#ledger.announce(text, from, now)
    try {
      const linked = new Set(await from.ask<string[]>({ do: 'say', text }))
      const old = [...this.fleet.members].filter(one => one !== from && one.age(now) > YOUNG)
      this.#ledger.owe(
        text,
        old.filter(one => linked.has(one.peerId)),
      )
    } catch (error) {
      this.#ledger.withdraw(text)
      this.#excuse(error, from)
    }
  }

  /** Through the control socket, as another process of the same user would. */
  async #message(from: Member, to: Member): Promise<void> {
    const text = `letter ${++this.#words}`
    this.#counts.messages++
    this.#ledger.announce(text, from, performance.now())
    try {
      await using control = await openControl({ dataDir: `${this.fleet.folder}/${from.dataDir}` })
      await control.send(text, { to: to.peerId })
      this.#ledger.owe(text, [to])
    } catch (error) {
      this.#ledger.withdraw(text)
      this.#excuse(error, from, to)
    }
  }

  async #echo(from: Member, to: Member, bytes: number, seed: number): Promise<void> {
    this.#counts.echoes++
    try {
      this.#counts.echoedBytes += await from.ask<number>({ do: 'echo', to: to.peerId, bytes, seed })
    } catch (error) {
      this.#excuse(error, from, to)
    }
  }

  /** What failed failed rightly only where one of the two has ended. */
  #excuse(error: unknown, ...members: readonly Member[]): void {
    if (members.some(member => !member.alive)) this.#counts.excused++
    else this.#fault(`between ${members.map(({ name }) => name).join(' and ')}: ${error}`)
  }

  // Looking

  async #sample(): Promise<void> {
    this.#counts.samples++
    const at = (performance.now() - this.#begun) / 1000
    await Promise.all(
      this.#slots.map(async slot => {
        const { member } = slot
        if (member === undefined || !member.alive || member.paused) return
        const now = performance.now()
        const must = this.#slots
          .filter(one => one !== slot && one.member !== undefined && one.member.age(now) > OLD)
          .map(one => one.member!)
        try {
          const sample = await member.sample()
          if (member.age(now) > OLD)
            for (const one of must)
              if (one.alive && member.alive && !sample.peers.includes(one.peerId))
                this.#fault(`${slot.name} is not linked to ${one.name}, both being old`)
          if (!slot.steady) return
          const track = this.#tracks.get(slot) ?? { name: slot.name, samples: [] }
          this.#tracks.set(slot, track)
          const descriptors = member.descriptors()
          track.samples.push({ at, ...sample, peers: sample.peers.length, descriptors })
        } catch (error) {
          if (member.alive) this.#fault(String(error))
        }
      }),
    )
  }

  /** Until everybody is linked to everybody. */
  async #whole(): Promise<void> {
    const end = performance.now() + WHOLE_PATIENCE
    for (;;) {
      const members = this.#slots.map(({ member }) => member!)
      if (members.some(member => !member.alive)) return this.#fault('a process is missing')
      const samples = await Promise.all(members.map(member => member.sample()))
      const holes = samples.filter(({ peers }) => peers.length !== members.length - 1)
      if (holes.length === 0) return
      if (performance.now() > end) {
        const numbers = samples.map(({ peers }) => peers.length).join(' ')
        return this.#fault(`the mesh of ${members.length} is not whole, peers of each: ${numbers}`)
      }
      await sleep(200, this.#options.signal)
    }
  }

  #progress(): string {
    const minutes = (performance.now() - this.#begun) / 60_000
    const { said, delivered, open } = this.#ledger
    const faults = this.#faults.length + this.#ledger.faults.length
    const kept = [...this.#tracks.values()].map(({ samples }) => (samples.at(-1)!.kept / 2 ** 20).toFixed(1))
    const { killed, ended, renewed, paused, echoes } = this.#counts
    const churn = `killed ${killed}, ended ${ended}, renewed ${renewed}, paused ${paused}`
    return `${minutes.toFixed(0)} min: said ${said}, shown ${delivered}, open ${open}, echoes ${echoes}; ${churn}; MiB kept ${kept.join(' ')}; faults ${faults}`
  }

  #fault(what: string): void {
    if (this.#options.signal.aborted) return // everything fails once it is called off
    if (this.#faults.length < FAULTS_MAX) this.#faults.push(what)
    this.#options.say(`FAULT ${what}`)
  }
}

function pick<T>(dice: Seeded, from: readonly T[]): T | undefined {
  return from[dice.below(Math.max(1, from.length))]
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const abort = (): void => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(
      () => {
        signal.removeEventListener('abort', abort)
        resolve()
      },
      Math.max(0, milliseconds),
    )
    signal.addEventListener('abort', abort, { once: true })
  })
}
