/**
 * The process attacks come from: it holds what they hold open, and ends when told to.
 */
import { connect, createServer, type Socket } from 'node:net'
import { BadMember, memberSelf } from './bad-member.ts'
import { answer } from './child.ts'
import { type CookieFigures, cookies, type ReplayFigures, replays } from './cookies.ts'
import {
  type AskFigures,
  Asking,
  type DatagramReplays,
  replayDatagrams,
  type VolleyFigures,
  type VolleyOptions,
  volley,
} from './datagram-attacks.ts'
import {
  type DeedFigures,
  type DeedName,
  type DeedOptions,
  deeds,
  neverReads,
  type Shape,
  singleBytes,
  unread,
  wanders,
} from './deeds.ts'
import { HalfOpen, type VisitFigures, type VisitOptions, visits } from './strangers.ts'

interface Where {
  readonly port: number
  readonly swarmKey: Uint8Array
}

export interface AttackerCommands {
  visits(options: VisitOptions): Promise<VisitFigures>
  /** Half-open connections that stay. `standing`: whether each stands, the oldest first. */
  halfOpen(
    options: Where & { count: number; atOnce: number; mixed: boolean },
  ): Promise<{ standing: readonly boolean[] }>
  /** Goes on with them until told to stop: how many it made. */
  halfOpenOn(options: Where & { atOnce: number; count: number }): Promise<{ made: number }>
  /** Datagrams of strangers. */
  volley(options: VolleyOptions): Promise<VolleyFigures>
  replayDatagrams(options: Where & { times: number }): Promise<DatagramReplays>
  /** Handshakes over datagrams that stay half-open. */
  ask(options: Where & { count: number; atOnce: number; answering: boolean }): Promise<AskFigures>
  /** Ends the newest of them, if they still stand. */
  prove(options: { count: number }): Promise<void>
  standing(_: object): { standing: readonly boolean[] }
  deed(options: DeedOptions & { deed: DeedName }): Promise<DeedFigures>
  unread(
    options: Where & { shape: Shape; udp?: boolean },
  ): Promise<{ sent: number; granted: number; standing: boolean }>
  neverReads(options: Where & { members: number; udp?: boolean }): Promise<void>
  wanders(options: Where & { ports: number }): Promise<{ ports: readonly number[]; heard: number }>
  singleBytes(options: DeedOptions): Promise<{ sent: number; seconds: number; standing: boolean }>
  cookies(options: Where & { count: number }): Promise<CookieFigures>
  replays(options: Where & { sent: Uint8Array; times: number }): Promise<ReplayFigures>
  /** A relay on a port of its own that keeps what the dialler sends. `echo`: it sends that back instead. */
  relay(options: { port: number; echo: boolean }): Promise<{ port: number }>
  /** What the last connection through the relay said, and how many there were. */
  recorded(_: object): { forth: Uint8Array; connections: number }
  /** From now on the relay sends every byte of the dialler twice. */
  stutter(_: object): void
  /** One identity, one process, so many handshakes at once: how many links were let in. */
  dials(options: Where & { count: number; seed: Uint8Array }): Promise<{ open: number; standing: number }>
  /** Ends what is under way, and lets go of everything. */
  stop(_: object): void
}

let stopping = false
const held: { leave(): void }[] = []
let halfOpen: HalfOpen | undefined
let asking: Asking | undefined
const relay = { forth: [] as Uint8Array[], connections: 0, stutter: false }
const stopped = (): boolean => stopping

/** Until it is told to stop; what comes to stand after that leaves at once. */
function hold<T extends { leave(): void }>(one: T): T {
  if (stopping) one.leave()
  else held.push(one)
  return one
}

answer({
  visits: options => visits(options, stopped),
  async halfOpen({ count, atOnce, ...rest }) {
    halfOpen ??= hold(new HalfOpen(rest))
    await halfOpen.add(count, atOnce)
    return { standing: halfOpen.standing }
  },
  async halfOpenOn({ count, atOnce, port, swarmKey }) {
    const one = hold(new HalfOpen({ port, swarmKey, mixed: true }))
    await one.add(count, atOnce)
    return { made: one.standing.length }
  },
  volley: options => volley(options, stopped),
  replayDatagrams,
  async ask({ count, atOnce, answering, ...where }) {
    asking ??= hold(await Asking.at(where))
    return asking.ask(count, atOnce, answering, stopped)
  },
  prove: ({ count }) => asking!.prove(count),
  standing: () => ({ standing: halfOpen?.standing ?? [] }),
  deed: options => deeds[options.deed](options, stopped),
  async unread(options) {
    const { member, ...rest } = await unread(options, stopped)
    hold(member)
    return { ...rest, standing: member.stands }
  },
  async neverReads({ members, ...where }) {
    for (let i = 0; i < members; i++) hold(await neverReads(where))
  },
  async wanders(options) {
    const { member, ports } = await wanders(options)
    hold(member)
    return { ports, heard: member.heard.bytes }
  },
  singleBytes: options => singleBytes(options, stopped),
  cookies,
  replays,
  relay: ({ port, echo }) =>
    new Promise(resolve => {
      const server = createServer({ noDelay: true, allowHalfOpen: true }, socket =>
        relayed(socket, port, echo),
      )
      server.listen(0, '127.0.0.1', () => resolve({ port: (server.address() as { port: number }).port }))
      hold({ leave: () => server.close() })
    }),
  recorded: () => ({ forth: new Uint8Array(Buffer.concat(relay.forth)), connections: relay.connections }),
  stutter() {
    relay.stutter = true
  },
  async dials({ port, swarmKey, count, seed }) {
    const self = memberSelf(swarmKey, seed)
    const all = await Promise.allSettled(
      Array.from({ length: count }, () => BadMember.link(port, swarmKey, self)),
    )
    const members = all.flatMap(one => (one.status === 'fulfilled' ? [hold(one.value)] : []))
    await new Promise(resolve => setTimeout(resolve, 500))
    return { open: members.length, standing: members.filter(one => one.stands).length }
  },
  stop() {
    stopping = true
    for (const one of held.splice(0)) one.leave()
  },
} satisfies AttackerCommands)

function relayed(socket: Socket, port: number, echo: boolean): void {
  relay.connections++
  relay.forth = []
  socket.on('error', () => {})
  if (echo) {
    socket.pipe(socket)
    return
  }
  const onward = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
  onward.on('error', () => {})
  socket.on('data', data => {
    relay.forth.push(data)
    onward.write(data)
    if (relay.stutter) onward.write(data)
  })
  onward.on('data', data => socket.write(data))
  socket.on('end', () => onward.end())
  onward.on('end', () => socket.end())
  socket.on('close', () => onward.destroy())
  onward.on('close', () => socket.destroy())
  hold({
    leave: () => {
      socket.destroy()
      onward.destroy()
    },
  })
}
