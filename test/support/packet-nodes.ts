/**
 * Two nodes that link over datagrams, without node.ts: door, packet links and streams, in virtual time.
 *
 *   bob.dial(alice) ─▶ path with weather ─▶ alice.door ─▶ newcomer ─▶ her link, which admits or refuses
 *
 * With the keys of a link that stands, `Member` says in well-sealed packets whatever it likes.
 */
import type { GuildError } from '../../src/base/errors.ts'
import type { Endpoint } from '../../src/base/ports.ts'
import { ByteWriter } from '../../src/base/writer.ts'
import { ConnectionIds } from '../../src/link/connection-ids.ts'
import { Door } from '../../src/link/door.ts'
import type { PacketKeys, Proved } from '../../src/link/handshake.ts'
import type { LinkEnd } from '../../src/link/link-end.ts'
import type { LinkOutput } from '../../src/link/link-io.ts'
import { type LinkObserver, PacketLink, type PacketLinkOptions } from '../../src/link/packet-link.ts'
import type { Self } from '../../src/link/self.ts'
import type { PacketConnection } from '../../src/packets/connection.ts'
import { Protection } from '../../src/packets/protection.ts'
import { Slab } from '../../src/packets/slab.ts'
import type { Stream } from '../../src/streams/stream.ts'
import { Streams } from '../../src/streams/streams.ts'
import type { MeshFrames } from '../../src/wire/frames/index.ts'
import type { PeerEntry } from '../../src/wire/frames/peers.ts'
import type { Refusal } from '../../src/wire/registry.ts'
import { makeSelf, START, yes } from './link-pair.ts'
import { recorder, type Weather } from './packet-pair.ts'
import { Seeded } from './seeded.ts'

/** What a node does with who proved itself. */
export interface Verdict {
  readonly refuse?: Refusal
  readonly detail?: string
  readonly entries?: readonly PeerEntry[]
  /** Neither let in nor refused: it waits. */
  readonly waits?: true
}

export interface NodeOptions {
  readonly seed: number
  readonly host: string
  readonly onStream?: (stream: Stream) => void
  readonly verdict?: Verdict
  readonly mtu?: PacketLinkOptions['mtu']
  readonly self?: Self
}

const nothing = (): void => {}
const blind: LinkObserver = {
  sent: nothing,
  received: nothing,
  dropped: nothing,
  lost: nothing,
  measured: nothing,
  moved: nothing,
  handshake: nothing,
  proved: nothing,
  joined: nothing,
  ended: nothing,
  gone: nothing,
}

export class LinkEndpoint {
  readonly link: PacketLink
  readonly outputs: LinkOutput[] = []
  /** Frames of the mesh, DATAGRAM among them, by name. */
  readonly told: unknown[][] = []
  proved: Proved | undefined
  streams: Streams | undefined
  packets: PacketConnection | undefined
  end: LinkEnd | undefined
  gone = false
  readonly #node: PacketNode

  constructor(node: PacketNode, whom: Pick<PacketLinkOptions, 'dial' | 'newcomer'>) {
    this.#node = node
    const { path, door, ids, self } = node
    this.link = new PacketLink(
      {
        ...whom,
        self,
        carry: proved => {
          this.proved = proved
          this.streams = new Streams({
            lower: whom.dial !== undefined,
            packets: true,
            now: () => path.now,
            rtt: () => this.link.rtt,
            wake: () => this.link.streamsWaiting(),
            onStream: stream => node.options.onStream?.(stream),
          })
          return {
            streams: this.streams,
            mesh: recorder<MeshFrames>(this.told),
            datagram: bytes => void this.told.push(['datagram', bytes.slice()]),
          }
        },
        ids: {
          mint: () => ids.mint(),
          token: id => ids.token(id),
          added: id => door.open(id, this),
          removed: id => door.close(id),
          expect: id => door.expect(id, this),
          forget: id => door.forget(id),
          watch: token => door.watch(token, this),
          unwatch: token => door.unwatch(token),
        },
        mtu: node.options.mtu ?? { ceiling: 1_472 },
        send: (to, datagram) => {
          path.send(node, to, datagram) // which copies it
          return true
        },
        slab: path.slab,
        plaintext: path.plaintext,
        onMore: () => {},
        observer: {
          ...blind,
          proved: (_, packets) => {
            this.packets = packets
          },
        },
      },
      path.now,
    )
    node.links.add(this)
    this.drain()
  }

  feed(input: Parameters<PacketLink['handle']>[0]): void {
    this.link.handle(input, this.#node.path.now)
    this.drain()
    this.flush()
  }

  flush(): void {
    for (let turns = 0; this.link.wantsFlush && turns < 10_000; turns++)
      this.link.handle({ kind: 'flush', buffered: 0 }, this.#node.path.now)
    this.drain()
  }

  drain(): void {
    for (let output = this.link.poll(); output !== undefined; output = this.link.poll()) {
      this.outputs.push(output)
      if (output.kind === 'ended') {
        this.end = output.end
        this.streams?.close(output.end.error)
      }
      if (output.kind === 'end-carrier') {
        this.gone = true
        this.#node.links.delete(this)
      }
      if (output.kind !== 'proved') continue
      this.proved = output.proved
      const { refuse, detail = '', entries = [], waits } = this.#node.options.verdict ?? {}
      if (waits) continue
      if (refuse === undefined)
        this.link.handle({ kind: 'admit', observed: new Uint8Array(0) }, this.#node.path.now)
      else this.link.handle({ kind: 'refuse', reason: refuse, detail, entries }, this.#node.path.now)
    }
  }

  get names(): unknown[] {
    return this.told.map(([name]) => name)
  }
}

export class PacketNode {
  readonly self: Self
  readonly door: Door<LinkEndpoint>
  readonly ids: ConnectionIds
  readonly links = new Set<LinkEndpoint>()
  /** Every link of ours that ever was, the newest last. */
  readonly all: LinkEndpoint[] = []
  readonly path: PacketPath
  readonly options: NodeOptions
  place: Endpoint

  constructor(path: PacketPath, options: NodeOptions) {
    this.path = path
    this.options = options
    this.place = { host: options.host, port: 8000 }
    this.self = options.self ?? makeSelf({ seed: options.seed, name: options.host })
    this.ids = new ConnectionIds(this.self.suite, this.self.random.bytes(32), this.self.random)
    this.door = new Door(this.self, this.ids, path.now)
  }

  get link(): LinkEndpoint {
    return this.all.at(-1)!
  }

  dial(to: PacketNode, timeout?: number): LinkEndpoint {
    return this.#keep(
      new LinkEndpoint(this, {
        dial: { proceed: yes, remote: to.place, ...(timeout !== undefined && { timeout }) },
      }),
    )
  }

  take(bytes: Uint8Array, from: Endpoint): void {
    const judged = this.door.judge(bytes, from, this.path.now)
    switch (judged.kind) {
      case 'packet':
        return judged.key.feed({ kind: 'datagram', bytes, from })
      case 'unit':
        return judged.key.feed({ kind: 'unit', unit: judged.unit, size: bytes.length })
      case 'reset':
        return judged.key.feed({ kind: 'reset' })
      case 'reply':
        return this.path.send(this, from, judged.datagram)
      case 'proved': {
        const made = this.#keep(new LinkEndpoint(this, { newcomer: judged.newcomer }))
        made.flush()
      }
    }
  }

  #keep(link: LinkEndpoint): LinkEndpoint {
    this.all.push(link)
    return link
  }

  deadline(): number {
    let first = this.door.deadline() ?? Number.POSITIVE_INFINITY
    for (const { link } of this.links) first = Math.min(first, link.deadline() ?? Number.POSITIVE_INFINITY)
    return first
  }

  tick(now: number): void {
    this.door.tick(now)
    for (const one of [...this.links])
      if ((one.link.deadline() ?? Number.POSITIVE_INFINITY) <= now) one.feed({ kind: 'tick' })
  }
}

interface Planned {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

export class PacketPath {
  now: number = START
  readonly plaintext = new ByteWriter(new Uint8Array(65_535))
  readonly slab = new Slab()
  readonly nodes: PacketNode[] = []
  weather: Required<Weather>
  drops: (bytes: Uint8Array, from: PacketNode, number: number) => boolean = () => false
  sent = 0
  readonly bytes = new Map<PacketNode, number>()
  readonly #dice: Seeded
  #agenda: Planned[] = []
  #order = 0

  constructor(weather: Weather = {}) {
    this.weather = { seed: 1, delay: 10, loss: 0, doubled: 0, late: 0, lateness: 30, ...weather }
    this.#dice = new Seeded(this.weather.seed)
  }

  node(options: NodeOptions): PacketNode {
    const node = new PacketNode(this, options)
    this.nodes.push(node)
    return node
  }

  send(from: PacketNode, to: Endpoint, sent: Uint8Array): void {
    const bytes = sent.slice()
    this.bytes.set(from, (this.bytes.get(from) ?? 0) + bytes.length)
    const dice = this.#dice
    const { loss, doubled, late, lateness, delay } = this.weather
    const dropped = this.drops(bytes, from, this.sent++)
    if (dropped || dice.below(100) < loss) return
    const place = from.place
    for (let copies = dice.below(100) < doubled ? 2 : 1; copies > 0; copies--) {
      const extra = dice.below(100) < late ? dice.fraction() * lateness : 0
      this.at(this.now + delay + extra, () =>
        this.nodes
          .find(one => one.place.host === to.host && one.place.port === to.port)
          ?.take(bytes.slice(), place),
      )
    }
  }

  at(at: number, run: () => void): void {
    this.#agenda.push({ at, order: this.#order++, run })
  }

  run(until: number, done: () => boolean = () => false): boolean {
    for (let steps = 0; steps < 3_000_000; steps++) {
      if (done()) return true
      let first: Planned | undefined
      for (const one of this.#agenda)
        if (first === undefined || one.at < first.at || (one.at === first.at && one.order < first.order))
          first = one
      const at = Math.min(first?.at ?? Number.POSITIVE_INFINITY, ...this.nodes.map(node => node.deadline()))
      if (at > until) {
        this.now = until
        return false
      }
      this.now = Math.max(this.now, at)
      if (first !== undefined && first.at <= this.now) {
        this.#agenda.splice(this.#agenda.indexOf(first), 1)
        first.run()
      } else for (const node of this.nodes) node.tick(this.now)
    }
    throw new Error('it does not come to rest')
  }
}

/** Alice listens, bob dials; `linked` once both links are open. */
export function packetNodes(
  options: { weather?: Weather; alice?: Partial<NodeOptions>; bob?: Partial<NodeOptions> } = {},
): { path: PacketPath; alice: PacketNode; bob: PacketNode } {
  const path = new PacketPath(options.weather)
  const alice = path.node({ seed: 1, host: '10.0.0.1', ...options.alice })
  const bob = path.node({ seed: 2, host: '10.0.0.2', ...options.bob })
  return { path, alice, bob }
}

export function linked(options: Parameters<typeof packetNodes>[0] = {}): ReturnType<typeof packetNodes> {
  const all = packetNodes(options)
  all.bob.dial(all.alice)
  const open = (): boolean => all.bob.link.link.open && all.alice.all.some(one => one.link.open)
  if (!all.path.run(all.path.now + 30_000, open)) throw new Error('they did not link')
  all.path.run(all.path.now + 1_000) // ids are told
  return all
}

/** A member gone bad: bob's keys, and no rules. Bob himself is not heard any more. */
export class Member {
  readonly #protection: Protection
  readonly #victim: LinkEndpoint
  readonly #id: Uint8Array
  readonly #path: PacketPath
  readonly #from: Endpoint
  number: number

  constructor(path: PacketPath, bob: PacketNode, alice: PacketNode) {
    const mine = bob.link
    const { send, receive, sendMask, receiveMask } = mine.proved!.packetKeys as PacketKeys
    const { suite } = bob.self
    this.#path = path
    this.#victim = alice.link
    this.#from = bob.place
    const { departures } = mine.packets!
    this.#id = departures.remoteIds.current.slice()
    this.number = departures.recovery.next
    this.#protection = new Protection({
      ...{ send, receive, now: path.now, pto: () => 100 },
      sendMask: suite.headerMask(sendMask),
      receiveMask: suite.headerMask(receiveMask),
    })
    path.nodes.splice(path.nodes.indexOf(bob), 1)
  }

  packet(frames: Uint8Array): Uint8Array {
    return this.#protection.sealed(this.#id, this.number++, -1, frames, this.#path.now)
  }

  say(...frames: readonly (Uint8Array | readonly number[])[]): GuildError | undefined {
    const bytes = this.packet(Uint8Array.from(frames.flatMap(one => [...one])))
    this.#victim.feed({ kind: 'datagram', bytes, from: this.#from })
    return this.#victim.end?.error
  }
}
