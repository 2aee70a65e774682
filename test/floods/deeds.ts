/**
 * What members gone bad do on links of their own, each until it has done its fill.
 *
 * Whoever is shown out comes back at once with another identity: there is no end to those.
 */
import type { ByteWriter } from '../../src/base/writer.ts'
import { nativeSuite } from '../../src/crypto/native.ts'
import { chatSignedBytes, encodeChat } from '../../src/wire/frames/chat.ts'
import { encodeRequestPeers } from '../../src/wire/frames/peers.ts'
import { encodePing } from '../../src/wire/frames/ping.ts'
import { encodeStreamHead } from '../../src/wire/frames/stream.ts'
import {
  encodeMaxData,
  encodeMaxStreamData,
  encodeResetStream,
} from '../../src/wire/frames/stream-control.ts'
import { encodeStreamHeader } from '../../src/wire/stream-header.ts'
import { BadMember, memberSelf } from './bad-member.ts'
import { PacketMember } from './packet-member.ts'

export interface DeedOptions {
  readonly port: number
  readonly swarmKey: Uint8Array
  /** How many frames, streams, bytes: what the deed counts. */
  readonly fill: number
  /** Do it so often a second. Default: as fast as possible. */
  readonly rate?: number
  /** So many more on one link only where the link stands 100 ms later. */
  readonly look?: number
  /** By datagrams. */
  readonly udp?: boolean
}

export interface DeedFigures {
  /** What was sent of it. */
  readonly sent: number
  readonly links: number
  /** Links that were shown out, by the code of the CLOSE: 7 is BUDGET, 4 STREAM_LIMIT. */
  readonly shownOut: Readonly<Record<number, number>>
  /** The most of it that went into one link before that stood no more. */
  readonly mostOnOne: number
  readonly seconds: number
}

/** In place of a code: the connection was cut. */
export const NO_WORD = -1

type Stopped = () => boolean

export type Deed = (options: DeedOptions, stopped: Stopped) => Promise<DeedFigures>

type Member = BadMember | PacketMember

/** Fills one record or packet with as many as fit; `number` counts what was written on this link. */
type Writer = (w: ByteWriter, member: Member, number: number) => number

const nonce = new Uint8Array(8)

/** How often in a row one may be left outside before it gives up. */
const TRIES = 200

/** A link, tried for again where strangers crowd the door; nothing once it is to stop. */
async function linked({ port, swarmKey, udp }: DeedOptions, stopped: Stopped): Promise<Member | undefined> {
  for (let tries = 1; !stopped(); tries++) {
    try {
      return await (udp === true ? PacketMember : BadMember).link(port, swarmKey)
    } catch (error) {
      if (tries === TRIES) throw error
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }
  return undefined
}

/** Frames of a kind, record after record, link after link. `inControl`: by datagrams they go so, and how many went. */
function stuffing(write: Writer, inControl?: (member: PacketMember) => number): Deed {
  return async (options, stopped) => {
    const { fill, rate, look = Number.POSITIVE_INFINITY } = options
    const begun = performance.now()
    const shownOut: Record<number, number> = {}
    let [sent, links, mostOnOne] = [0, 0, 0]
    while (sent < fill && !stopped()) {
      const member = await linked(options, stopped)
      if (member === undefined) break
      links++
      let onThis = 0
      while (member.stands && sent < fill && !stopped()) {
        if (rate !== undefined) await pace(begun, sent, rate)
        const before = onThis
        // One a turn: what is sent behind the frame that ends the link nobody looks at.
        const wrote = (count: number): void => {
          onThis += count
          sent += count
        }
        if (inControl !== undefined && member instanceof PacketMember) wrote(inControl(member))
        else member.record(w => wrote(write(w, member, onThis)))
        await member.drained()
        if (Math.floor(onThis / look) > Math.floor(before / look)) await member.ended(100)
        if (onThis === before) await new Promise(resolve => setTimeout(resolve, 1))
      }
      await member.ended(sent < fill && !stopped() ? 2_000 : 200)
      if (!member.stands) {
        const code = member.end?.closeCode ?? NO_WORD
        shownOut[code] = (shownOut[code] ?? 0) + 1
      }
      if (!member.stands) mostOnOne = Math.max(mostOnOne, onThis)
      member.leave()
    }
    return { sent, links, shownOut, mostOnOne, seconds: (performance.now() - begun) / 1000 }
  }
}

/** Waits until the number-th of so many a second is due. */
async function pace(begun: number, number: number, rate: number): Promise<void> {
  const ahead = begun + (number / rate) * 1000 - performance.now()
  if (ahead > 1) await new Promise(resolve => setTimeout(resolve, ahead))
}

/** As many as have room, but no more than a node takes of the cheap ones at once. */
function full(w: ByteWriter, least: number, one: (count: number) => void, most = AT_ONCE): number {
  let count = 0
  while (w.room >= least && count < most) one(count++)
  return count
}

const AT_ONCE = 2_000
const padding = new Uint8Array(AT_ONCE)

/** Frames that are control on packets. */
function control(least: number, one: (w: ByteWriter, member: Member) => void, atOnce = AT_ONCE): Deed {
  return stuffing(
    (w, member) => full(w, least, () => one(w, member), atOnce),
    member => member.control(atOnce, w => one(w, member)),
  )
}

const open = (w: ByteWriter, id: number, header: Uint8Array): void => {
  encodeStreamHead(w, id, 0, header.length, false)
  w.raw(header)
}

const unreadHeader = encodeStreamHeader('/unread/1')
const sinkLength = encodeStreamHeader('/sink/1').length

export const deeds = {
  /** FR-04: PADDING, a byte each. */
  padding: stuffing(w => {
    const count = Math.min(w.room, padding.length)
    w.raw(padding.subarray(0, count))
    return count
  }),
  /** FR-04: PING, each of which asks for an answer. */
  pings: control(16, w => encodePing(w, nonce)),
  /** FR-04: STREAM frames without a byte, on one open stream. */
  emptyStreams: stuffing((w, member, number) => {
    if (number === 0) open(w, member.streamId(0), unreadHeader)
    return full(w, 32, () => encodeStreamHead(w, member.streamId(0), unreadHeader.length, 0, false))
  }),
  /** FR-07: streams that are opened and left so, whatever was granted. */
  opens: stuffing((w, member, number) =>
    full(w, 64, count => open(w, member.streamId(number + count), unreadHeader)),
  ),
  /** FR-08: opened and given up in one breath. */
  churn: stuffing((w, member, number) => {
    // No more than it may open: the limit is not what this is about.
    const right = Math.max(256, member.heard.maxStreams) - number
    let count = 0
    for (; count < right && w.room >= 96; count++) {
      const id = member.streamId(number + count)
      open(w, id, unreadHeader)
      encodeResetStream(w, id, 0, unreadHeader.length)
    }
    return count
  }),
  /** PT-04. */
  requests: control(8, encodeRequestPeers, 1),
  /** Chat, signed as it should be, without end. */
  chats: control(300, (w, { identity }) => {
    const unsigned = {
      from: identity.publicKey,
      timestamp: ++chatTime,
      line: '',
      name: 'mallory',
      text: 'buy now',
    }
    encodeChat(w, { ...unsigned, signature: identity.sign(chatSignedBytes(unsigned)) })
  }),
  /** Chat whose signatures are worth nothing but have to be checked. */
  forgedChats: control(300, (w, { identity }) => {
    const signature = nativeSuite.hash(new Uint8Array([chatTime & 255, chatTime >> 8]))
    encodeChat(w, {
      from: identity.publicKey,
      timestamp: ++chatTime,
      line: '',
      name: 'mallory',
      text: 'buy now',
      signature: Buffer.concat([signature, signature.fill(0, 31)]),
    })
  }),
  /** Streams' bytes one by one, again and again the same: a datagram as large as loopback takes costs as much as it can. */
  crumbs: stuffing((w, member, number) => {
    const id = member.streamId(0)
    if (number === 0) open(w, id, encodeStreamHeader('/sink/1'))
    let count = 0
    for (; w.room > 32; count++) {
      encodeStreamHead(w, id, sinkLength + count, 1, false)
      w.u8(7)
    }
    return count
  }),
} satisfies Record<string, Deed>

let chatTime = Date.now()

export type DeedName = keyof typeof deeds

export type Shape = 'nothing' | 'records' | 'half records' | 'kilobytes' | 'bytes'

/**
 * P13, FR-12: sends into streams that nobody reads, in pieces of a shape that costs the
 * receiver as much as it can, until the credit is used up. The member stays.
 */
export async function unread(
  { port, swarmKey, shape, udp }: { port: number; swarmKey: Uint8Array; shape: Shape; udp?: boolean },
  stopped: Stopped,
): Promise<{ member: Member; sent: number; granted: number }> {
  const member: Member = await (udp === true ? PacketMember : BadMember).link(port, swarmKey)
  const [streams, window] = [256, 256 * 1024]
  const offsets = new Array<number>(streams).fill(unreadHeader.length)
  let sent = streams * unreadHeader.length
  for (let at = 0; at < streams && member.stands; await member.drained())
    member.record(w => {
      for (; at < streams && w.room > 64; at++) open(w, member.streamId(at), unreadHeader)
    })
  const size = { nothing: 0, records: 65_000, 'half records': 32_600, kilobytes: 1_030, bytes: 1 }[shape]
  const piece = new Uint8Array(65_000).fill(7)
  let which = 0
  /** Its next bytes, as much as the credit allows; false when there is none. */
  const one = (w: ByteWriter, most: number): boolean => {
    const linkLeft = Math.max(member.heard.maxData, 4 * 2 ** 20) - sent
    for (let tried = 0; tried < streams; tried++, which = (which + 1) % streams) {
      const left = Math.min(window - offsets[which]!, linkLeft, most)
      if (left <= 0) continue
      const id = member.streamId(which)
      encodeStreamHead(w, id, offsets[which]!, left, false)
      w.raw(piece.subarray(0, left))
      offsets[which]! += left
      sent += left
      // What is said again costs no credit, and makes the record that holds the piece larger.
      if (shape === 'half records' && offsets[which]! > 31_000 && w.room > 31_100) {
        encodeStreamHead(w, id, 0, 31_000, false)
        w.raw(piece.subarray(0, 31_000))
      }
      if (shape !== 'bytes') which = (which + 1) % streams
      return true
    }
    return false
  }
  if (shape === 'nothing') await new Promise(resolve => setTimeout(resolve, 200))
  else
    for (let idle = 0; member.stands && idle < 40 && !stopped(); ) {
      let wrote = false
      const more = member.record(w => {
        w.u8(0)
        while (w.room > size + 32 && one(w, size)) {
          wrote = true
          if (size > 20_000) break
        }
      })
      idle = wrote ? 0 : idle + 1
      if (!more) await member.drained()
      if (!wrote) await new Promise(resolve => setTimeout(resolve, 25))
    }
  return { member, sent, granted: Math.max(member.heard.maxData, 4 * 2 ** 20) }
}

/** P13, FR-16: asks for all there is on as many streams as it may open, and never reads a byte of it. */
export async function neverReads({
  port,
  swarmKey,
  udp,
}: {
  port: number
  swarmKey: Uint8Array
  udp?: boolean
}): Promise<Member> {
  const member: Member = await (udp === true ? PacketMember : BadMember).link(port, swarmKey)
  const header = encodeStreamHeader('/gush/1')
  const much = 2 ** 40
  for (let number = 0; number < 256 && member.stands; ) {
    member.record(w => {
      encodeMaxData(w, much)
      for (; number < 256 && w.room > 64; number++) {
        open(w, member.streamId(number), header)
        encodeMaxStreamData(w, member.streamId(number), much)
      }
    })
    await member.drained()
  }
  member.deaf()
  return member
}

/**
 * P8, UQ-10: has much sent to it, and then says every word from a port of its own at which it never
 * answers. Those ports.
 */
export async function wanders({
  port,
  swarmKey,
  ports,
}: {
  port: number
  swarmKey: Uint8Array
  ports: number
}): Promise<{ member: PacketMember; ports: readonly number[] }> {
  const member = await PacketMember.link(port, swarmKey, memberSelf(swarmKey), { most: 1_452 })
  const header = encodeStreamHeader('/gush/1')
  member.record(w => {
    encodeMaxData(w, 2 ** 40)
    open(w, member.streamId(0), header)
    encodeMaxStreamData(w, member.streamId(0), 2 ** 40)
  })
  await member.drained()
  const places: number[] = []
  while (places.length < ports && member.stands) {
    await new Promise(resolve => setTimeout(resolve, 30))
    places.push(await member.wander())
  }
  await new Promise(resolve => setTimeout(resolve, 100))
  return { member, ports: places }
}

/** FR-13: one stream, a byte a frame, and what the other side made of it. */
export async function singleBytes(
  { port, swarmKey, fill }: DeedOptions,
  stopped: Stopped,
): Promise<{ sent: number; seconds: number; standing: boolean }> {
  const begun = performance.now()
  const self = memberSelf(swarmKey)
  const member = await BadMember.link(port, swarmKey, self)
  const header = encodeStreamHeader('/sink/1')
  const one = Uint8Array.of(7)
  const id = member.streamId(0)
  let [sent, window] = [0, 0]
  member.record(w => open(w, id, header))
  while (sent < fill && member.stands && !stopped()) {
    // A window of one stream at a time; MAX_DATA tells that it was read.
    window = Math.max(256 * 1024, member.heard.maxStreamData) - header.length
    let more = sent < window
    while (more && sent < Math.min(fill, window))
      more = member.record(w => {
        for (; w.room > 32 && sent < Math.min(fill, window); sent++) {
          encodeStreamHead(w, id, header.length + sent, 1, sent === fill - 1)
          w.raw(one)
        }
      })
    await member.drained()
  }
  for (let i = 0; i < 400 && member.heard.bytes === 0 && member.stands && !stopped(); i++)
    await new Promise(resolve => setTimeout(resolve, 25))
  const standing = member.stands
  member.leave()
  return { sent, seconds: (performance.now() - begun) / 1000, standing }
}
