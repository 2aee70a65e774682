/**
 * A small network of Membership machines: no crypto, links as objects, virtual time.
 *
 * Each connection is two first-in, first-out queues of messages. They are delivered
 * either in time (`run`: seeded delays) or one by one in an order the test chooses
 * (`moves`, `deliver`: for walking every interleaving).
 */
import { GuildError } from '../../src/base/errors.ts'
import { type Timed, TimeHeap } from '../../src/base/heap.ts'
import type { Random } from '../../src/base/ports.ts'
import { defaults } from '../../src/membership/defaults.ts'
import { Membership } from '../../src/membership/membership.ts'
import type { MembershipEvent, MembershipInput, MembershipOutput } from '../../src/membership/messages.ts'
import type { MembershipOptions } from '../../src/membership/parts.ts'
import type { Address } from '../../src/wire/address.ts'
import type { PeerEntry } from '../../src/wire/frames/peers.ts'
import { limits } from '../../src/wire/limits.ts'
import { peerIdFromKey } from '../../src/wire/peer-id.ts'
import { closeCodes } from '../../src/wire/registry.ts'

/** mulberry32: small, seeded, good enough for tests. */
export function seeded(seed: number): Random {
  let state = seed >>> 0
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    fraction,
    bytes: length => Uint8Array.from({ length }, () => Math.floor(fraction() * 256)),
  }
}

/** An identity key of a test node; the first byte decides who is lower. */
export function keyOf(number: number): Uint8Array {
  const key = new Uint8Array(32)
  key[0] = number
  key[1] = number >> 8
  key[31] = 1
  return key
}

interface Process {
  readonly node: MeshNode
  readonly membership: Membership
  readonly staticKey: Uint8Array
  readonly links: Map<number, Connection>
  alive: boolean
}

export interface MeshNode {
  readonly key: Uint8Array
  readonly peerId: string
  readonly name: string
  readonly address: Address
  /** Where it can be reached; `address` has the first. */
  readonly hosts: string[]
  readonly options: Partial<MembershipOptions>
  process: Process
  readonly events: MembershipEvent[]
  /** Its host is gone: not even a reset comes back. */
  dark: boolean
  dials: number
  nextLink: number
}

class Side {
  readonly process: Process
  readonly connection: Connection
  readonly link: number
  /** This side uses the connection. */
  open = true
  constructor(process: Process, connection: Connection) {
    this.process = process
    this.connection = connection
    this.link = process.node.nextLink++
  }
}

type Message = (to: Side) => void

export class Queue {
  readonly messages: Message[] = []
  lastAt = 0
  readonly connection: Connection
  readonly from: 'dialler' | 'other'
  constructor(connection: Connection, from: 'dialler' | 'other') {
    this.connection = connection
    this.from = from
  }
}

export class Connection {
  readonly dialler: Side
  other: Side | undefined
  readonly target: MeshNode | undefined
  readonly dialled: Address
  readonly forth: Queue
  readonly back: Queue
  settled = false
  /** What each side's HELLO said of its links. */
  readonly linkCounts = { dialler: 0, other: 0 }
  constructor(process: Process, target: MeshNode | undefined, dialled: Address) {
    this.dialler = new Side(process, this)
    this.target = target
    this.dialled = dialled
    this.forth = new Queue(this, 'dialler')
    this.back = new Queue(this, 'other')
  }
}

interface Event extends Timed {
  readonly run: () => void
}

export interface MiniMeshOptions {
  readonly seed?: number
  /** One way, in ms: from and spread. */
  readonly delay?: readonly [number, number]
  /** Order is chosen by the test; only the life of links is carried. */
  readonly chosen?: boolean
  readonly node?: Partial<MembershipOptions>
}

export class MiniMesh {
  now = 0
  readonly nodes: MeshNode[] = []
  readonly random: Random
  handshakes = 0
  connections: Connection[] = []
  /** True when nothing passes between the two. */
  blocked: (a: MeshNode, b: MeshNode) => boolean = () => false
  /** True when frames of the one do not reach the other, though handshakes do. */
  muted: (from: MeshNode, to: MeshNode) => boolean = () => false
  readonly #options: MiniMeshOptions
  readonly #events = new TimeHeap<Event>()
  #order = 0
  #chosen: boolean

  constructor(options: MiniMeshOptions = {}) {
    this.#options = options
    this.#chosen = options.chosen ?? false
    this.random = seeded(options.seed ?? 1)
  }

  add(number: number, options: Partial<MembershipOptions> = {}): MeshNode {
    const key = keyOf(number)
    const host = `10.0.${number >> 8}.${number & 255}`
    const node = {
      key,
      peerId: peerIdFromKey(key),
      name: `n${number}`,
      address: { transport: 'tcp', host, port: 8000 },
      hosts: [host],
      options: { ...this.#options.node, ...options },
      events: [],
      dark: false,
      dials: 0,
      nextLink: 1,
    } as unknown as MeshNode
    node.process = this.#process(node)
    this.nodes.push(node)
    return node
  }

  start(node: MeshNode, ...bootstrap: readonly Address[]): void {
    if (bootstrap.length > 0) this.tell(node, { kind: 'learned', addresses: bootstrap, source: 'bootstrap' })
    this.tell(node, { kind: 'start' })
  }

  tell(node: MeshNode, input: MembershipInput): void {
    this.#handle(node.process, input)
  }

  /** How often an event was said. */
  count(node: MeshNode, event: MembershipEvent['event']): number {
    return node.events.filter(message => message.event === event).length
  }

  /** Kill -9. `silent`: the host is gone too, so that nobody is told. */
  crash(node: MeshNode, silent = false): void {
    const { process } = node
    process.alive = false
    node.dark = silent
    for (const connection of this.connections) {
      const { dialler, other } = connection
      const side = dialler.process === process ? dialler : other?.process === process ? other : undefined
      if (side === undefined || !side.open) continue
      side.open = false
      if (!silent) this.#send(this.#outOf(connection, process), to => this.#down(to, false, undefined, ''))
    }
    process.links.clear()
  }

  restart(node: MeshNode, ...bootstrap: readonly Address[]): void {
    node.process = this.#process(node)
    node.dark = false
    this.start(node, ...bootstrap)
  }

  /** Runs until nothing is due before `until`, or `done` says so. */
  run(until: number, done: () => boolean = () => false): boolean {
    for (;;) {
      if (done()) return true
      const next = this.#events.first
      if (next === undefined || next.at > until) break
      this.#events.pop()
      this.now = Math.max(this.now, next.at)
      next.run()
    }
    this.now = until
    return done()
  }

  /** Queues with something to deliver, for a test that chooses the order. */
  moves(): Queue[] {
    const queues = this.connections.flatMap(({ forth, back }) => [forth, back])
    return queues.filter(queue => queue.messages.length > 0)
  }

  /** Breaks a connection: what was on its way is lost, each side hears of it in its turn. */
  cut(connection: Connection): void {
    const { forth, back, other } = connection
    forth.messages.length = 0
    back.messages.length = 0
    if (other !== undefined) this.#send(forth, to => this.#down(to, false, undefined, 'reset'))
    this.#send(back, to => this.#down(to, false, undefined, 'reset'))
  }

  /** From here on messages travel in time. Everything chosen has been delivered. */
  timed(): void {
    this.#chosen = false
    for (const { process } of this.nodes) this.#arm(process)
  }

  deliver(queue: Queue): void {
    const message = queue.messages.shift()
    const { connection } = queue
    if (message === undefined) return // it was cut
    const { dialler, target } = connection
    if (queue.from === 'dialler') {
      if (connection.other === undefined) {
        if (target?.dark === true) return
        if (target?.process.alive !== true) return this.#fail(connection, 'GH_DIAL_REFUSED')
        connection.other = new Side(target.process, connection)
      }
      this.#hand(message, connection.other, dialler, connection.back)
    } else this.#hand(message, dialler, connection.other!, connection.forth)
  }

  /** Hands a message over; a host answers for a process that is gone, unless it is dark. */
  #hand(message: Message, to: Side, from: Side, answer: Queue): void {
    if (to.process.alive && to.open) message(to)
    else if (from.open && from.process.alive && !to.process.node.dark)
      this.#send(answer, side => this.#down(side, false, undefined, ''))
  }

  linked(a: MeshNode, b: MeshNode): boolean {
    const link = this.linkBetween(a, b)
    return link !== undefined && link === this.linkBetween(b, a)
  }

  linkBetween(a: MeshNode, b: MeshNode): Connection | undefined {
    const link = a.process.membership.linkOf(b.peerId)
    return link === undefined ? undefined : a.process.links.get(link)
  }

  /** Everybody who lives is linked with everybody, over one and the same link. */
  whole(nodes: readonly MeshNode[] = this.nodes): boolean {
    return nodes.every(a => nodes.every(b => a === b || this.linked(a, b)))
  }

  /** … and no second link is left anywhere. */
  single(nodes: readonly MeshNode[] = this.nodes): boolean {
    return nodes.every(node => node.process.links.size === nodes.length - 1)
  }

  #process(node: MeshNode): Process {
    const process: Process = {
      node,
      staticKey: this.random.bytes(32),
      links: new Map(),
      alive: true,
      membership: new Membership({
        ownKey: node.key,
        ownId: node.peerId,
        ownName: () => node.name,
        random: seeded(Math.floor(this.random.fraction() * 2 ** 32)),
        maxPeers: 1_000,
        ...node.options,
      }),
    }
    return process
  }

  #handle(process: Process, input: MembershipInput): void {
    if (!process.alive) return
    process.membership.handle(input, this.now)
    this.#drain(process)
    this.#arm(process)
  }

  #drain(process: Process): void {
    const { membership } = process
    for (let output = membership.poll(); output !== undefined; output = membership.poll())
      this.#act(process, output)
  }

  #arm(process: Process): void {
    if (this.#chosen) return
    const at = process.membership.deadline()
    if (at === undefined) return
    const armed = (process as { armed?: number }).armed
    if (armed !== undefined && armed <= at) return
    ;(process as { armed?: number }).armed = at
    this.at(Math.max(at, this.now), () => {
      if ((process as { armed?: number }).armed === at) delete (process as { armed?: number }).armed
      this.#handle(process, { kind: 'tick' })
    })
  }

  #act(process: Process, output: MembershipOutput): void {
    const quiet = this.#chosen
    switch (output.kind) {
      case 'event':
        process.node.events.push(output.message)
        return
      case 'dial':
        return this.#dial(process, output.address, output.expect)
      case 'admit': {
        const connection = process.links.get(output.link)!
        const proof = this.#proof(connection, connection.other!, connection.dialler)
        return this.#send(connection.back, to => {
          if (connection.settled) return
          connection.settled = true
          to.process.links.set(to.link, connection)
          this.#handle(to.process, { kind: 'accepted', dialled: connection.dialled, ...proof, link: to.link })
        })
      }
      case 'refuse': {
        const connection = process.links.get(output.link)!
        const { peerId } = process.node
        const { reason, detail, entries } = output
        process.links.delete(output.link)
        connection.other!.open = false
        return this.#send(connection.back, to => {
          connection.settled = true
          to.open = false
          const address = connection.dialled
          this.#handle(to.process, { kind: 'refused', address, reason, detail, peerId, entries })
        })
      }
      case 'close': {
        const connection = process.links.get(output.link)
        if (connection === undefined) return
        process.links.delete(output.link)
        const side = connection.dialler.process === process ? connection.dialler : connection.other!
        side.open = false
        return this.#send(this.#outOf(connection, process), to =>
          this.#down(to, true, output.code, output.detail),
        )
      }
      case 'drain': {
        const connection = process.links.get(output.link)!
        return this.#send(this.#outOf(connection, process), to => {
          this.#handle(to.process, { kind: 'drain', link: to.link })
          if (!quiet) this.at(this.now + 20, () => this.#handle(to.process, { kind: 'idle', link: to.link }))
        })
      }
    }
    if (quiet) return
    const connection = process.links.get(output.link)
    if (connection === undefined) throw new GuildError('GH_INTERNAL', `${output.kind} on no link`)
    this.#send(this.#outOf(connection, process), to => {
      if (this.muted(process.node, to.process.node)) return
      to.process.membership.heard(to.link, this.now)
      switch (output.kind) {
        case 'ping':
          return this.#send(this.#outOf(connection, to.process), back => {
            if (this.muted(to.process.node, back.process.node)) return
            back.process.membership.heard(back.link, this.now)
            this.#handle(back.process, { kind: 'pong', link: back.link, nonce: output.nonce })
          })
        case 'requestPeers':
          return this.#handle(to.process, { kind: 'requestPeers', link: to.link })
        case 'peers':
          return this.#handle(to.process, { kind: 'peers', link: to.link, entries: checked(output.entries) })
        default:
          return this.#handle(to.process, {
            kind: 'mesh',
            link: to.link,
            linked: output.linked,
            known: output.known,
          })
      }
    })
  }

  #dial(process: Process, address: Address, expect: string | undefined): void {
    process.node.dials++
    const target = this.nodes.find(
      ({ address: { port }, hosts }) => hosts.includes(address.host) && port === address.port,
    )
    const connection = new Connection(process, target, address)
    this.connections.push(connection)
    if (!this.#chosen) this.at(this.now + 10_000, () => this.#fail(connection, 'GH_DIAL_TIMEOUT'))
    const { linkCounts } = connection
    // message 1, message 2, message 3
    this.#send(connection.forth, other => {
      linkCounts.other = other.process.membership.linkCount
      this.#send(connection.back, to => {
        const { membership, node } = to.process
        const peerId = other.process.node.peerId
        if (peerId === node.peerId) return this.#fail(connection, 'GH_HANDSHAKE_SELF', peerId)
        if (expect !== undefined && expect !== peerId)
          return this.#fail(connection, 'GH_HANDSHAKE_IDENTITY', peerId)
        const objection = membership.objection(peerId, linkCounts.other)
        if (objection !== undefined) return this.#fail(connection, objection.code, peerId)
        this.handshakes++
        linkCounts.dialler = membership.linkCount
        this.#send(connection.forth, there => {
          there.process.links.set(there.link, connection)
          const proof = this.#proof(connection, connection.dialler, there)
          this.#handle(there.process, { kind: 'proved', ...proof })
        })
      })
    })
  }

  /** What `of` proves to `to`. */
  #proof(connection: Connection, of: Side, to: Side) {
    const { node, staticKey } = of.process
    const outward = of === connection.other
    const { dialler, other } = connection.linkCounts
    return {
      link: to.link,
      peerKey: node.key,
      peerId: node.peerId,
      name: node.name,
      staticKey,
      address: outward ? connection.dialled : { ...node.address, port: 40_000 + of.link },
      listenAddress: node.address,
      linkCount: outward ? other : dialler,
    }
  }

  #fail(connection: Connection, code: string, peerId?: string): void {
    if (connection.settled) return
    connection.settled = true
    connection.dialler.open = false
    const { process } = connection.dialler
    if (connection.other !== undefined)
      this.#send(connection.forth, to => this.#down(to, false, undefined, ''))
    this.#handle(process, {
      kind: 'dialFailed',
      address: connection.dialled,
      code: code as 'GH_DIAL_FAILED',
      message: code,
      self: code === 'GH_HANDSHAKE_SELF',
      peerId,
    })
  }

  #down(to: Side, byPeer: boolean, closeCode: number | undefined, detail: string): void {
    const { process, connection, link } = to
    to.open = false
    if (process.links.delete(link)) {
      const goodbye = closeCode === closeCodes.GOODBYE
      this.#handle(process, { kind: 'down', link, byPeer, closeCode, goodbye, detail })
    } else if (to === connection.dialler) this.#fail(connection, 'GH_HANDSHAKE_CLOSED')
  }

  #outOf(connection: Connection, process: Process): Queue {
    return connection.dialler.process === process ? connection.forth : connection.back
  }

  #send(queue: Queue, message: Message): void {
    queue.messages.push(message)
    if (this.#chosen) return
    const [from, spread] = this.#options.delay ?? [1, 10]
    queue.lastAt = Math.max(queue.lastAt, this.now + from + spread * this.random.fraction())
    this.#later(queue, queue.lastAt)
  }

  #later(queue: Queue, at: number): void {
    this.at(at, () => {
      const { dialler, other, target } = queue.connection
      const there = other?.process.node ?? target
      // Held back, never lost: what TCP does.
      if (there !== undefined && this.blocked(dialler.process.node, there))
        return this.#later(queue, this.now + 500)
      this.deliver(queue)
    })
  }

  at(at: number, run: () => void): void {
    this.#events.push({ at, order: this.#order++, run })
  }
}

function checked(entries: readonly PeerEntry[]): readonly PeerEntry[] {
  if (entries.length > limits.peersPerFrame) throw new GuildError('GH_INTERNAL', 'too many entries')
  return entries
}

/** The longest anything takes that has no link: the longest back-off and a dial. */
export const patience = defaults.backoffMax + 15_000
