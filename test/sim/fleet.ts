/**
 * Whole nodes in a simulated network, and the checkers that watch them from outside.
 *
 *   Fleet ─┬─ Member n1 ── host, identity ── node of its present process
 *          └─ Member n2 …                      │
 *                     pipes, events, chat ◀────┘ tapped: what a node says is not believed,
 *                                                what its sockets do is counted
 *
 * Every process is watched from its birth: pipes as they open and close, `peer-connected` and
 * `peer-disconnected` in turn for each peer, chat once. A breach
 * fails the run where it happens; a promise nobody caught does too.
 */

import type { Suite } from '../../src/base/ports.ts'
import { createNode, type GuildNode, type NodeOptions, type PeerInfo } from '../../src/index.ts'
import type { Host, Simulation } from '../../src/testing/index.ts'
import { Flows } from './flows.ts'
import { type Tapped, type TappedPipe, tapped } from './tap.ts'

export const PORT = 8000
/** Answers everything with itself. */
export const ECHO = '/echo/1'

export function claim(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what)
}

export interface MemberOptions extends Omit<NodeOptions, 'runtime' | 'name' | 'identityKey'> {
  /** Another swarm than that of the fleet. */
  readonly swarmKey?: Uint8Array
  /** It has files on its host's disk. Default false. */
  readonly keeps?: boolean
  /** The cryptography, where it is not that of the simulation. */
  readonly suite?: Suite
}

/** What one process has shown so far. */
class Watch {
  readonly connected = new Set<string>()
  readonly chat: { readonly from: string; readonly message: string }[] = []
  readonly pipes = new Set<TappedPipe>()
  /** Pipes ever opened. */
  opened: TappedPipe[] = []
  readonly flows: Flows
  /** What had come in datagrams, by host, when somebody looked. */
  heardBefore: (host: string) => number = () => 0
  readonly #ids = new Set<string>()
  readonly #name: string
  readonly #fail: (what: string) => void

  constructor(name: string, now: () => number, fail: (what: string) => void) {
    this.#name = name
    this.#fail = fail
    this.flows = new Flows({ now, fail: what => fail(`${name}: ${what}`) })
  }

  /** From now on only links count over which something comes. */
  doubt(): void {
    for (const pipe of this.pipes) pipe.readBefore = pipe.read
    this.heardBefore = this.flows.reads()
  }

  follow(node: GuildNode): void {
    node.on('peer-connected', ({ peerId, name }) => {
      if (this.connected.has(peerId)) this.#fail(`${this.#name}: ${name} connected twice in a row`)
      this.connected.add(peerId)
    })
    node.on('peer-disconnected', ({ peerId, name }) => {
      if (!this.connected.delete(peerId)) this.#fail(`${this.#name}: ${name} left without having come`)
    })
    node.on('chat-message', ({ id, from, message }) => {
      if (this.#ids.has(id)) this.#fail(`${this.#name}: "${message}" was shown twice`)
      this.#ids.add(id)
      this.chat.push({ from, message })
    })
    node.on('error', ({ code, message }) => this.#fail(`${this.#name}: ${code} ${message}`))
  }
}

export class Member {
  readonly name: string
  host: Host
  node!: GuildNode
  watch!: Watch
  readonly #fleet: Fleet
  #options: MemberOptions
  #identityKey: Uint8Array
  #lives = 1
  #runtime: Tapped | undefined

  constructor(fleet: Fleet, name: string, host: Host, options: MemberOptions) {
    this.#fleet = fleet
    this.name = name
    this.host = host
    this.#options = options
    this.#identityKey = fleet.sim.random.split(`identity ${name}`).bytes(32)
  }

  get address(): string {
    return `${this.host.address}:${this.#options.port ?? PORT}`
  }

  /** From the next start on. */
  change(options: MemberOptions): void {
    this.#options = { ...this.#options, ...options }
  }

  /** Another identity, from the next start on. */
  renew(): void {
    this.#identityKey = this.#fleet.sim.random.split(`identity ${this.name} ${this.#lives++}`).bytes(32)
  }

  /** What a process that has stopped still holds; nothing, if all is well. */
  left(): string {
    const pipes = this.watch.pipes.size
    return [pipes > 0 ? `${pipes} pipes` : '', this.#runtime?.armed() ? 'a timer' : '']
      .filter(Boolean)
      .join(', ')
  }

  /** Its present process was started, dead or halted as it may be since. */
  running = false

  get peers(): string[] {
    return this.node.peers.map(({ peerId }) => peerId).sort()
  }

  /** A new process with the old identity; what happened to the last one is forgotten. */
  async start(): Promise<void> {
    const { sim, swarmKey } = this.#fleet
    const watch = new Watch(
      this.name,
      () => sim.now,
      what => sim.world.fail(new Error(what)),
    )
    this.watch = watch
    const { keeps = false, suite, ...options } = this.#options
    const opened = (pipe: TappedPipe): (() => void) => {
      watch.pipes.add(pipe)
      watch.opened.push(pipe)
      return () => watch.pipes.delete(pipe)
    }
    const inner = this.host.runtime({ files: keeps, ...(suite && { suite }) })
    const runtime = tapped(inner, opened, watch.flows)
    this.#runtime = runtime
    const node = await createNode({
      port: PORT,
      swarmKey,
      ...options,
      name: this.name,
      identityKey: this.#identityKey,
      runtime,
    })
    this.node = node
    watch.follow(node)
    node.handle(ECHO, async stream => {
      for await (const chunk of stream) if (!stream.write(chunk)) await stream.drained()
      stream.end()
    })
    this.running = false
    this.#fleet.started(this)
    await node.start()
    this.running = true
  }

  /** Calls the program from within: soon, after a pause, or, when it is dead, never. */
  enter(work: () => void): void {
    if (this.running) this.#runtime!.scheduler.defer(work)
  }

  /** Starts from within the simulation, where nobody waits. */
  startSoon(): void {
    this.start().catch((error: unknown) => this.#fleet.sim.world.fail(error))
  }

  /** The other as this node shows it. */
  peer(other: Member): PeerInfo | undefined {
    return this.node.peers.find(({ peerId }) => peerId === other.node.peerId)
  }

  get speaksTcp(): boolean {
    return this.#options.transport?.includes('tcp') ?? true
  }

  /** Datagrams of the other have come since somebody looked. */
  hears(other: Member): boolean {
    const { flows, heardBefore } = this.watch
    return other.seenAt.some(address => flows.read(address) > heardBefore(address))
  }

  /** The addresses at which others see it. */
  get seenAt(): readonly string[] {
    const { addresses, box } = this.host.computer
    return box?.addresses ?? addresses
  }

  /** Pipes between this process and a host, open now. */
  pipesTo(other: Member): TappedPipe[] {
    return [...this.watch.pipes].filter(({ remote }) => remote.host === other.host.address)
  }
}

export class Fleet {
  readonly sim: Simulation
  readonly swarmKey: Uint8Array
  readonly members: Member[] = []
  /** Called for every new process, before it starts. */
  started: (member: Member) => void = () => {}
  #said = 0
  readonly #rejected = (error: unknown): void => this.sim.world.fail(error)
  /** Node warns of listeners that pile up, and of rejections that were handled too late. */
  readonly #warned = (warning: Error): void => this.sim.world.fail(warning)

  constructor(sim: Simulation) {
    this.sim = sim
    this.swarmKey = sim.random.split('swarm key').bytes(32)
    process.on('unhandledRejection', this.#rejected)
    process.on('warning', this.#warned)
  }

  add(name: string, options: MemberOptions = {}, host: Host = this.sim.host(name)): Member {
    const member = new Member(this, name, host, options)
    this.members.push(member)
    return member
  }

  /** It is dead, and will not come back. */
  remove(member: Member): void {
    this.members.splice(this.members.indexOf(member), 1)
  }

  /** n1 knows nobody; each other one knows n1. */
  star(count: number, options: MemberOptions = {}): Member[] {
    const first = this.add('n1', options)
    for (let i = 2; i <= count; i++) this.add(`n${i}`, { bootstrap: [first.address], ...options })
    return this.members
  }

  /** Starts these one after the other, without waiting for links. */
  async start(members: readonly Member[] = this.members): Promise<void> {
    for (const member of members) await this.sim.settle(member.start())
  }

  of(host: Host): Member {
    return this.members.find(member => member.host === host)!
  }

  /** From now on only those links count as working over which something comes. */
  doubt(): void {
    for (const { watch } of this.members) watch.doubt()
  }

  /** Everybody is linked to everybody else, and to nobody twice. */
  whole(members: readonly Member[] = this.members): boolean {
    return lacking(members) === undefined
  }

  async untilWhole(limit: number, members: readonly Member[] = this.members): Promise<void> {
    // Asked after every event: what was not so the last time is asked first.
    let missing = lacking(members)
    const isWhole = (): boolean => {
      if (missing?.() === false) return false
      missing = lacking(members)
      return missing === undefined
    }
    try {
      await this.sim.run(isWhole, { limit })
    } catch (error) {
      const views = members.map(({ name, node }) => `${name}: ${node.peers.map(peer => peer.name).join(' ')}`)
      throw new Error(`not whole after ${limit / 1000} s: ${views.join(' | ')}`, { cause: error })
    }
  }

  /** One link a pair, chat to all, streams both ways: what holds when all is well. */
  async check(members: readonly Member[] = this.members, patience = 10_000): Promise<void> {
    const ids = members.map(({ node }) => node.peerId).sort()
    for (const { name, node, peers, watch } of members) {
      const others = ids.filter(id => id !== node.peerId)
      claim(same(peers, others), `${name} sees ${peers.length} of ${others.length} peers`)
      claim(same([...watch.connected].sort(), others), `${name}: events and peers disagree`)
    }
    this.checkPairs(members)
    await this.checkChat(members, patience)
    for (const { watch } of members) watch.flows.forget()
    await this.checkStreams(members, patience)
    this.checkPairs(members)
    this.checkFlows(members)
  }

  /** Two that share no pipe have packets of one connection id each way, the same at both ends. */
  checkFlows(members: readonly Member[] = this.members): void {
    for (const a of members)
      for (const b of members) {
        if (a === b) continue
        const { sent } = a.watch.flows.between(b.seenAt)
        const { came } = b.watch.flows.between(a.seenAt)
        const ids = a.pipesTo(b).length === 0 ? 1 : 0
        const pair = `${a.name} to ${b.name}`
        claim(sent.length === ids, `${pair}: packets to ${sent.length} connection ids`)
        // Others may come as well: a damaged one bears an id that nobody has.
        claim(
          sent.every(id => came.includes(id)),
          `${pair}: other packets came than were sent`,
        )
      }
  }

  /** Exactly one connection between any two, the same one seen from both ends. */
  checkPairs(members: readonly Member[] = this.members): void {
    for (const [i, a] of members.entries())
      for (const b of members.slice(i + 1)) {
        const there = a.pipesTo(b)
        const back = b.pipesTo(a)
        const pair = `${a.name} and ${b.name}`
        const [toB, toA] = [a.peer(b), b.peer(a)]
        const pipes = a.speaksTcp && b.speaksTcp && toB?.transport !== 'udp' ? 1 : 0
        const right = there.length === pipes && back.length === pipes
        claim(right, `${pair}: ${there.length} and ${back.length} pipes, ${pipes} expected`)
        claim(pipes === 0 || mirrored(there[0]!, back[0]!), `${pair} use different connections`)
        claim(toB!.transport === toA!.transport, `${pair} use different transports`)
        claim(toB!.direction !== toA!.direction, `${pair} both say ${toA!.direction}`)
      }
  }

  /** Chat with the next number. Answers the text. */
  say(member: Member): string {
    const text = `${member.name} says ${this.#said++}`
    member.node.broadcast(text)
    return text
  }

  /** Each says three things, and everybody else hears them in order. That it is once, `Watch` sees. */
  async checkChat(members: readonly Member[] = this.members, patience = 10_000): Promise<void> {
    const said = new Map<Member, string[]>(members.map(member => [member, []]))
    this.sim.world.enter(() => {
      for (let i = 0; i < 3; i++) for (const member of members) said.get(member)!.push(this.say(member))
    })
    const missing = (): string[] =>
      members.flatMap(by => {
        const heard = new Set(by.watch.chat.map(({ message }) => message))
        const texts = members.filter(from => from !== by).flatMap(from => said.get(from)!)
        return texts.filter(text => !heard.has(text)).map(text => `${by.name} misses "${text}"`)
      })
    await this.sim
      .run(() => missing().length === 0, { limit: patience })
      .catch(error => {
        throw new Error(missing().join(', '), { cause: error })
      })
    await this.sim.pass(5000) // time for doubles
    for (const by of members)
      for (const [from, texts] of said) {
        const heard = by.watch.chat.map(({ message }) => message).filter(text => texts.includes(text))
        claim(by === from || same(heard, texts), `${by.name} heard ${heard.join(', ')}`)
      }
  }

  /** Everybody asks everybody something, over a stream of its own. */
  async checkStreams(members: readonly Member[] = this.members, patience = 10_000): Promise<void> {
    const asked: Promise<void>[] = []
    for (const a of members)
      for (const b of members) if (a !== b) asked.push(this.echo(a, b.node.peerId, 20_000))
    await this.sim.settle(
      Promise.all(asked).then(() => undefined),
      { limit: patience },
    )
  }

  /** One question, answered with itself. */
  async echo(from: Member, peerId: string, length: number): Promise<void> {
    const message = this.sim.random.bytes(length)
    const answer = await from.node.request(peerId, ECHO, message)
    claim(Buffer.compare(answer, message) === 0, `${from.name}: the echo is not what was sent`)
  }

  /** Stops everybody; then nothing may be left to happen. */
  async end(): Promise<void> {
    const { sim } = this
    await sim.settle(Promise.all(this.members.map(({ node }) => node.stop())), { limit: 1000 })
    const stuck = await sim
      .run(() => false, { limit: 3_600_000 })
      .then(
        () => '',
        (error: unknown) => String(error),
      )
    claim(stuck.includes('nothing is left to happen'), `after stop the world goes on: ${stuck}`)
    for (const { name, watch } of this.members) {
      claim(watch.pipes.size === 0, `${name} left ${watch.pipes.size} pipes open`)
      claim(watch.connected.size === 0, `${name} did not say that its peers are gone`)
    }
  }

  dispose(): void {
    process.off('unhandledRejection', this.#rejected)
    process.off('warning', this.#warned)
  }
}

/** The first thing that these lack to be whole, as a question whether it is so now. */
function lacking(members: readonly Member[]): (() => boolean) | undefined {
  const others = members.length - 1
  for (const a of members) {
    if (a.peers.length !== others) return () => a.peers.length === others
    for (const b of members) if (a !== b && !linked(a, b)) return () => linked(a, b)
  }
  return undefined
}

function linked(a: Member, b: Member): boolean {
  const [there, back] = [a.pipesTo(b), b.pipesTo(a)]
  const pipes = there.length
  if (pipes > 1 || back.length !== pipes || (pipes === 1 && !mirrored(there[0]!, back[0]!))) return false
  const works = pipes === 0 ? a.hears(b) && b.hears(a) : [...there, ...back].every(hasRead)
  if (!works) return false
  // Last, for it is dear. Of two that dialled each other over both transports, one may have chosen already and the other not.
  const [toB, toA] = [a.peer(b), b.peer(a)]
  if (toB === undefined || toA === undefined || toB.direction === toA.direction) return false
  return toB.transport === toA.transport && (toB.transport === 'udp') === (pipes === 0)
}

function hasRead({ read, readBefore }: TappedPipe): boolean {
  return read > readBefore
}

function mirrored(a: TappedPipe, b: TappedPipe): boolean {
  return a.local.port === b.remote.port && a.remote.port === b.local.port
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one, i) => one === b[i])
}
