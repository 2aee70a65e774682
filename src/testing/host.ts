/**
 * A simulated host: give it to a node as its runtime, then make its life hard.
 *
 *            pause ▶◀ resume                 kill: the program dies, its system says so
 *   start ─▶ running ─────────▶ crash        crash: no power; nobody is told anything
 *               ▲                 │
 *               └──── restart ────┘          memory is lost: make a new runtime
 *
 * Floor: testing.
 */
import { GuildError } from '../base/errors.ts'
import type { Millis } from '../base/machine.ts'
import type { Datagrams, Interface, Runtime, Suite, Transport } from '../base/ports.ts'
import { SimulatedDatagrams } from './datagrams.ts'
import { Disk } from './disk.ts'
import type { NatBox } from './nat.ts'
import { Computer, type Network } from './network.ts'
import { Process } from './process.ts'
import { Quartz } from './quartz.ts'
import type { SeededRandom } from './random.ts'
import type { Transcript } from './transcript.ts'
import { SimulatedTransport } from './transport.ts'
import type { World } from './world.ts'

export interface HostOptions {
  /** IP addresses. Default: the next of 10.0.0.0/16. Give IPv6 ones too where they matter. */
  readonly addresses?: readonly string[]
  /** By how much its wall clock is ahead. */
  readonly clockOffset?: Millis
  /** The NAT box it is behind. Default: none. */
  readonly behind?: NatBox<Computer> | undefined
}

export interface RuntimeOptions {
  /** The cryptography. Default: the one the simulation was given. */
  readonly suite?: Suite
  /** The node keeps its files on the host's disk. Default false: it keeps nothing. */
  readonly files?: boolean
}

/** What a host is made in. */
export interface Surroundings {
  readonly world: World
  readonly network: Network
  readonly transcript: Transcript
  readonly random: SeededRandom
  readonly suite: Suite | undefined
}

export class Host {
  readonly name: string
  readonly computer: Computer
  readonly disk = new Disk()
  readonly #quartz: Quartz
  readonly #around: Surroundings
  readonly #random: SeededRandom
  #processes: Process[] = []
  #started = 0
  #paused = false
  #clockOffset: Millis

  constructor(
    name: string,
    addresses: readonly string[],
    clockOffset: Millis,
    behind: NatBox<Computer> | undefined,
    around: Surroundings,
  ) {
    this.name = name
    this.computer = new Computer(name, addresses, behind)
    this.#around = around
    this.#random = around.random.split(`host ${name}`)
    this.#clockOffset = clockOffset
    this.#quartz = new Quartz(around.world)
    around.network.add(this.computer)
  }

  /** Its first address. */
  get address(): string {
    return this.computer.addresses[0]!
  }

  get up(): boolean {
    return this.computer.up
  }

  /** Everything a node needs, for one node: each call is a new process with its own dice. */
  runtime(options: RuntimeOptions = {}): Runtime {
    const suite = options.suite ?? this.#around.suite
    if (suite === undefined)
      throw new GuildError('GH_OPTION_INVALID', 'give the simulation, or runtime(), a crypto suite')
    const process = this.#start()
    const { network } = this.#around
    const transports = [new SimulatedTransport(network, this.computer, process)]
    const datagrams = new SimulatedDatagrams(network, this.computer, process)
    const { clock, scheduler } = process
    return {
      clock,
      scheduler,
      random: this.#random.split(`process ${this.#started}`),
      network: { transports, datagrams, interfaces: () => this.#interfaces() },
      suite,
      ...(options.files === true ? { files: this.disk.files(process) } : {}),
    }
  }

  /** The simulated TCP alone, as a new process. */
  transport(): Transport {
    return new SimulatedTransport(this.#around.network, this.computer, this.#start())
  }

  /** The simulated UDP alone, as a new process. */
  datagrams(): Datagrams {
    return new SimulatedDatagrams(this.#around.network, this.computer, this.#start())
  }

  /** Power fails: pipes vanish without a word, no timer fires, all memory is lost. */
  crash(): void {
    this.#note('crash')
    this.computer.up = false
    this.#stop('vanish')
  }

  /** All programs die, as by `kill -9`; the system lives and resets their connections. */
  kill(): void {
    this.#note('kill')
    this.#stop('release')
  }

  /** Power is back. What still comes for old connections is answered with resets. */
  restart(): void {
    this.#note('restart')
    this.computer.up = true
  }

  /** Programs stand still; the system still acknowledges what its buffers hold. */
  pause(): void {
    this.#note('pause')
    this.#paused = true
    for (const process of this.#processes) process.pause()
  }

  /** Programs go on, and find everything at once that happened meanwhile. */
  resume(): void {
    this.#note('resume')
    this.#paused = false
    for (const process of this.#processes) process.resume()
  }

  /** What its wall clock shows, since 1970. */
  wall(): number {
    return Math.floor(EPOCH + this.#quartz.elapsed() + this.#clockOffset)
  }

  /** The wall clock jumps, forward or back. The monotonic clock does not notice. */
  jumpClock(by: Millis): void {
    this.#note('clock', `${by} ms`)
    this.#clockOffset += by
  }

  /** Its clocks go at this rate from now on: 1.25 is a quarter too fast. Neither jumps. */
  setClockRate(rate: number): void {
    this.#note('rate', String(rate))
    this.#quartz.setRate(rate)
    for (const process of this.#processes) process.retime()
  }

  #start(): Process {
    if (!this.up) throw new GuildError('GH_NODE_STATE', `${this.name} is down`)
    this.#started++
    const process = new Process({
      place: this.computer,
      world: this.#around.world,
      transcript: this.#around.transcript,
      quartz: this.#quartz,
      zero: this.#random.split(`clock ${this.#started}`).below(2 ** 30),
      wall: () => this.wall(),
    })
    if (this.#paused) process.pause()
    this.#processes.push(process)
    return process
  }

  #stop(how: 'vanish' | 'release'): void {
    for (const process of this.#processes) process.stop(how)
    this.#processes = []
    this.#paused = false
  }

  #interfaces(): Interface[] {
    const outside = this.computer.addresses.map(address => ({
      name: 'eth0',
      address,
      prefix: address.includes(':') ? 64 : 16,
      internal: false,
    }))
    return [{ name: 'lo', address: '127.0.0.1', prefix: 8, internal: true }, ...outside]
  }

  #note(kind: string, detail = ''): void {
    const { transcript, world } = this.#around
    transcript.record(world.now, kind, this.name, '', undefined, detail)
  }
}

/** When the world begins on every right clock: 2026-01-01. */
const EPOCH = 1_767_225_600_000
