/**
 * The simulation: one seed, one world, hosts in it, and what can go wrong between them.
 *
 *   const sim = new Simulation({ seed: 7, suite: nativeSuite })
 *   const alice = await createNode({ runtime: sim.host('alice').runtime(), port: 8000 })
 *   await sim.settle(alice.start())
 *   sim.partition([a], [b, c])
 *   await sim.run(() => alice.peers.length === 0, { limit: 90_000 })
 *
 * Nothing happens but inside `run`, `pass` and `settle`. The same seed and the same program
 * give the same `hash()`.
 *
 * Floor: testing.
 */
import type { Millis } from '../base/machine.ts'
import type { Suite } from '../base/ports.ts'
import type { Fault } from './faults.ts'
import type { Form } from './form.ts'
import { Host, type HostOptions } from './host.ts'
import type { LinkConditions, Tamper } from './link.ts'
import { NatBox } from './nat.ts'
import { type Computer, Network } from './network.ts'
import { type Seed, SeededRandom } from './random.ts'
import { Transcript } from './transcript.ts'
import { type RunOptions, World } from './world.ts'

export interface SimulationOptions {
  readonly seed: Seed
  /** The cryptography of nodes; must be synchronous. */
  readonly suite?: Suite
  /** The weather between hosts. Default: 1 ms each way and nothing goes wrong. */
  readonly conditions?: Partial<LinkConditions>
  /** What is left of the run, where it was made smaller. */
  readonly form?: Form
}

/** A NAT box of a simulation. */
export type Nat = NatBox<Computer>

export class Simulation {
  readonly seed: bigint
  /** Dice for the scenario's own choices. */
  readonly random: SeededRandom
  readonly world = new World()
  readonly transcript = new Transcript()
  readonly network: Network
  readonly form: Form
  /** Those that `trouble` has begun so far. */
  readonly faults: Fault[] = []
  readonly #root: SeededRandom
  readonly #suite: Suite | undefined
  readonly #hosts = new Map<string, Host>()
  readonly #boxes = new Map<string, NatBox<Computer>>()

  constructor(options: SimulationOptions) {
    this.#root = new SeededRandom(options.seed)
    this.seed = this.#root.seed
    this.random = this.#root.split('scenario')
    this.network = new Network(this.#root.split('network'), options.conditions)
    this.#suite = options.suite
    this.form = options.form ?? {}
  }

  /** Virtual milliseconds since the start. */
  get now(): Millis {
    return this.world.now
  }

  get hosts(): Host[] {
    return [...this.#hosts.values()]
  }

  /** The host of this name, made when it is new. Its name resolves to its addresses. */
  host(name: string, options: HostOptions = {}): Host {
    const known = this.#hosts.get(name)
    if (known !== undefined) return known
    const number = this.#hosts.size + 1
    const host = new Host(
      name,
      options.addresses ?? [`10.0.${number >> 8}.${number & 255}`],
      options.clockOffset ?? 0,
      options.behind,
      {
        world: this.world,
        network: this.network,
        transcript: this.transcript,
        random: this.#root,
        suite: this.#suite,
      },
    )
    this.#hosts.set(name, host)
    return host
  }

  /** A NAT box with these addresses of its own; put hosts behind it with `host(name, { behind })`. */
  nat(name: string, addresses: readonly string[]): Nat {
    const known = this.#boxes.get(name)
    if (known !== undefined) return known
    const box = new NatBox<Computer>(name, addresses)
    this.network.addBox(box)
    this.#boxes.set(name, box)
    return box
  }

  /** The box forgets whom it let out: from now on they are seen at other ports, or at another address too. */
  rebind(box: Nat, to: 'port' | 'address'): void {
    box.forget(to === 'address')
    this.transcript.record(this.now, 'rebind', box.name, '', undefined, to)
  }

  /** Lets time pass until that virtual time, or until `until()` holds. */
  run(until: Millis | (() => boolean), options?: RunOptions): Promise<void> {
    return this.world.run(until, options)
  }

  /** Lets this much time pass. */
  pass(wait: Millis, options?: RunOptions): Promise<void> {
    return this.world.pass(wait, options)
  }

  /** Lets time pass until the promise settles. */
  settle<T>(promise: Promise<T>, options?: RunOptions): Promise<T> {
    return this.world.settle(promise, options)
  }

  /** The weather wherever no pair has its own. */
  weather(conditions: Partial<LinkConditions>): void {
    this.network.weather(conditions)
    this.#note('weather', conditions)
  }

  /** The weather between two hosts, both ways. */
  link(a: Host, b: Host, conditions: Partial<LinkConditions>): void {
    this.linkOneWay(a, b, conditions)
    this.linkOneWay(b, a, conditions)
  }

  /** The weather from one host to another. */
  linkOneWay(from: Host, to: Host, conditions: Partial<LinkConditions>): void {
    this.network.set(from.computer, to.computer, conditions)
    this.#note('weather', conditions, from, to)
  }

  /** Nothing passes between hosts of different groups. Hosts in no group are untouched. */
  partition(...groups: readonly (readonly Host[])[]): void {
    for (const [i, group] of groups.entries())
      for (const other of groups.slice(i + 1)) for (const a of group) for (const b of other) this.cut(a, b)
  }

  /** Nothing passes between these two; both still reach a third (a triangle's missing side). */
  cut(a: Host, b: Host): void {
    this.cutOneWay(a, b)
    this.cutOneWay(b, a)
  }

  /** Nothing passes from the one to the other; answers still come back. */
  cutOneWay(from: Host, to: Host): void {
    this.network.cut(from.computer, to.computer)
    this.#note('cut', {}, from, to)
  }

  /** Heals the two directions between a pair, or every cut there is. */
  heal(a?: Host, b?: Host): void {
    if (a !== undefined && b !== undefined) {
      this.network.cut(a.computer, b.computer, false)
      this.network.cut(b.computer, a.computer, false)
    } else this.network.heal()
    this.#note('heal', {}, a, b)
  }

  /** Puts somebody on the path from one to the other who may change what passes; or takes them away. */
  tamper(from: Host, to: Host, by: Tamper | undefined): void {
    this.network.path(from.computer, to.computer).tamper = by
    this.#note(by === undefined ? 'honest' : 'tamper', {}, from, to)
  }

  /** The hash of everything that happened so far. */
  hash(): string {
    return this.transcript.hash()
  }

  /** A line of the scenario's own in the transcript. */
  note(text: string): void {
    this.transcript.record(this.now, 'note', '', '', undefined, text)
  }

  #note(kind: string, conditions: Partial<LinkConditions>, from?: Host, to?: Host): void {
    const detail = Object.entries(conditions).map(([name, value]) => `${name}=${value}`)
    this.transcript.record(this.now, kind, from?.name ?? '', to?.name ?? '', undefined, detail.join(' '))
  }
}
