/**
 * Floods by members gone bad, while an honest member pings: what each is stopped by, and at what cost.
 */

import { limits } from '../../src/wire/limits.ts'
import { closeCodes } from '../../src/wire/registry.ts'
import { type DeedFigures, type DeedName, NO_WORD, type Shape } from './deeds.ts'
import type { PingFigures } from './honest.ts'
import { type Figure, mib } from './report.ts'
import { type Flood, type Scene, sleep } from './scene.ts'
import type { VictimFigures } from './victim.ts'

interface Done extends DeedFigures {
  readonly victim: VictimFigures
  /** Bytes that stayed behind. */
  readonly left: number
  readonly pings: PingFigures
}

interface Pace {
  readonly rate?: number
  readonly look?: number
  /** By datagrams, the honest member too. */
  readonly udp?: boolean
}

/** One deed against a victim that an honest member is linked to. */
async function done(scene: Scene, deed: DeedName, fill: number, pace: Pace = {}): Promise<Done> {
  await scene.start()
  const { victim, where, peerId } = scene
  const honest = await scene.honest(true, pace.udp)
  const attacker = scene.attacker()
  // The first time makes what stays: code, pools, tables.
  await attacker.ask('deed', { ...where, deed, fill: Math.ceil(fill / 20), ...pace })
  await sleep(100)
  const before = await victim.ask('begin', {})
  await honest.ask('startPings', { peerId })
  const told = await attacker.ask('deed', { ...where, deed, fill, ...pace })
  const pings = await honest.ask('pings', {})
  const figures = await victim.ask('figures', {})
  await sleep(300)
  const { live } = await victim.ask('live', {})
  return { ...told, victim: figures, left: live - before.live, pings }
}

/** What holds of every deed. */
function common({ sent, links, seconds, victim, left, pings }: Done): Figure[] {
  return [
    { name: 'sent', value: sent, unit: '' },
    { name: 'links', value: links, unit: '' },
    { name: 'sent a second', value: sent / seconds, unit: '1/s' },
    { name: 'resident memory grown', value: mib(victim.rssGrown), unit: 'MiB', most: 128 },
    { name: 'memory left', value: mib(left), unit: 'MiB', most: 2 },
    { name: 'honest pings', value: pings.count, unit: '', least: 1 },
    { name: 'of them failed', value: pings.failed, unit: '', most: 0 },
    { name: 'honest ping, median', value: pings.median, unit: 'ms' },
    { name: 'honest ping, slowest', value: pings.slowest, unit: 'ms', most: 1_000 },
    { name: 'loop delay p99', value: victim.loopP99, unit: 'ms' },
  ]
}

/** Deeds that a limit or budget ends. `most`: what one link may ever send of it before it is ended. */
export function shownOut(options: {
  readonly name: string
  readonly codes: string
  readonly deed: DeedName
  readonly fill: number
  readonly short?: number
  readonly code: number
  readonly pace?: Pace
  readonly most?: number
}): Flood {
  const { name, codes, deed, fill, short = fill, code, pace, most } = options
  return {
    name,
    codes,
    async run(scene, full) {
      const wanted = full ? fill : short
      const told = await done(scene, deed, wanted, pace)
      // Where answers fill the queue there is no room for a last word.
      const ended = told.shownOut[code] ?? 0
      const cut = told.shownOut[NO_WORD] ?? 0
      return [
        ...common(told),
        { name: 'sent, of what was meant', value: told.sent / wanted, unit: '', least: 1 },
        // The last one may have stopped by itself.
        { name: 'links ended', value: ended + cut, unit: '', least: Math.max(1, told.links - 1) },
        {
          name: `of them by CLOSE ${code}`,
          value: ended,
          unit: '',
          least: deed === 'pings' ? 0 : ended + cut,
        },
        { name: 'most on one link', value: told.mostOnOne, unit: '', ...(most && { most }) },
      ]
    },
  }
}

const { BUDGET, STREAM_LIMIT } = closeCodes

/** Sealed ahead of what was read: what a link may still send after the frame that ends it. */
const ahead = 64

/** Ended on either carrier. */
const onEither = (udp: boolean, called: (name: string) => string): readonly Flood[] => [
  shownOut({
    name: called('pings'),
    codes: 'FR-04',
    deed: 'pings',
    fill: 1_000_000,
    pace: { look: 25000, udp },
    code: BUDGET,
  }),
  shownOut({
    name: called('empty-frames'),
    codes: 'FR-04',
    deed: 'emptyStreams',
    fill: 1_000_000,
    pace: { look: 15000, udp },
    code: BUDGET,
  }),
  shownOut({
    name: called('opens'),
    codes: 'FR-07',
    deed: 'opens',
    fill: 1_000_000,
    pace: { look: 2000, udp },
    code: STREAM_LIMIT,
  }),
  shownOut({
    name: called('churn'),
    codes: 'FR-08',
    deed: 'churn',
    fill: 100_000,
    short: 6_000,
    code: BUDGET,
    pace: { udp },
    most: 4_096 + 500 * 10 + limits.streams,
  }),
  shownOut({
    name: called('requests'),
    codes: 'PT-04',
    deed: 'requests',
    fill: 5_000,
    short: 300,
    code: BUDGET,
    pace: { rate: 1_000, udp },
    most: 10 + 100 + ahead * 4,
  }),
]

function chatting(name: string, deed: 'chats' | 'forgedChats', udp = false): Flood {
  return {
    name,
    codes: 'P15 CHAT-1',
    async run(scene, full) {
      const told = await done(scene, deed, full ? 100_000 : 6_000, { udp })
      const { chats, messagesDropped } = told.victim
      // The warm-up has shown some as well: a link's burst, and the rate.
      const most = deed === 'chats' ? 2 * 4_000 * (told.links + 1) + 2_000 * (told.seconds + 10) : 0
      return [
        ...common(told),
        { name: 'shown', value: chats, unit: '', most },
        { name: 'dropped', value: messagesDropped, unit: '' },
      ]
    },
  }
}

/** MiB: the window of a link, and what may wait for readers without counting against it. */
const ADVERTISED = 12

const unread = (name: string, udp: boolean): Flood => ({
  name,
  codes: 'P13 FR-12',
  async run(scene, full) {
    await scene.start()
    const { victim, peerId } = scene
    const where = { ...scene.where, udp }
    const honest = await scene.honest(true, udp)
    const figures: Figure[] = []
    const shapes: Shape[] = full ? ['records', 'half records', 'kilobytes', 'bytes'] : ['half records']
    // What 256 streams cost beside their bytes.
    const empty = await victim.ask('begin', {})
    const opener = scene.attacker()
    await opener.ask('unread', { ...where, shape: 'nothing' })
    const streams = (await victim.ask('live', {})).live - empty.live
    await opener.ask('stop', {})
    await sleep(300)
    figures.push({ name: '256 streams without a byte', value: mib(streams), unit: 'MiB', most: 4 })
    for (const shape of shapes) {
      const before = await victim.ask('begin', {})
      const attacker = scene.attacker()
      const { sent, granted, standing } = await attacker.ask('unread', { ...where, shape })
      await sleep(200)
      const held = await victim.ask('live', {})
      const move = await honest.ask('send', { peerId, bytes: 4_000_000 })
      await attacker.ask('stop', {})
      await sleep(300)
      const after = await victim.ask('live', {})
      figures.push(
        { name: `${shape}: bytes that wait`, value: mib(sent), unit: 'MiB', most: mib(granted), least: 10 },
        { name: `${shape}: the link stands`, value: Number(standing), unit: '', least: 1 },
        {
          name: `${shape}: memory for them, streams taken off`,
          value: mib(held.live - before.live - streams),
          unit: 'MiB',
          most: ADVERTISED * 1.1,
        },
        { name: `${shape}: others send 4 MB in`, value: move.ms, unit: 'ms', most: 2_000 },
        { name: `${shape}: memory left`, value: mib(after.live - before.live), unit: 'MiB', most: 2 },
      )
    }
    return figures
  },
})

/** Of 256 streams that have all they may hold (2 MiB and 16 KiB each), what Node holds above them, and what is sealed. */
const WRITTEN = 6 + 16 + 8

const slowReaders = (name: string, udp: boolean): Flood => ({
  name,
  codes: 'P13 FR-16',
  async run(scene, full) {
    await scene.start()
    const { victim, peerId } = scene
    const where = { ...scene.where, udp }
    const honest = await scene.honest(true, udp)
    const members = full ? 4 : 1
    const before = await victim.ask('begin', {})
    await honest.ask('startPings', { peerId })
    await scene.attacker().ask('neverReads', { ...where, members })
    await sleep(full ? 4_000 : 1_000)
    const held = await victim.ask('live', {})
    await sleep(1_000)
    const later = await victim.ask('live', {})
    const pings = await honest.ask('pings', {})
    const figures = await victim.ask('figures', {})
    return [
      { name: 'members that never read', value: members, unit: '' },
      { name: 'memory for each', value: mib(held.live - before.live) / members, unit: 'MiB', most: WRITTEN },
      { name: 'and a second later, more by', value: mib(later.live - held.live), unit: 'MiB', most: 2 },
      { name: 'resident memory grown', value: mib(figures.rssGrown), unit: 'MiB' },
      { name: 'honest pings that failed', value: pings.failed, unit: '', most: 0 },
      { name: 'honest ping, slowest', value: pings.slowest, unit: 'ms', most: 1_000 },
    ]
  },
})

export const singleBytes: Flood = {
  name: 'single-bytes',
  codes: 'FR-13',
  async run(scene, full) {
    await scene.start()
    const { victim, where, peerId } = scene
    const honest = await scene.honest()
    const fill = (full ? 10 : 1) * 2 ** 20
    const attacker = scene.attacker()
    await attacker.ask('singleBytes', { ...where, fill: fill / 16 })
    const begun = await victim.ask('figures', {})
    await victim.ask('begin', {})
    await honest.ask('startPings', { peerId })
    const told = await attacker.ask('singleBytes', { ...where, fill })
    const pings = await honest.ask('pings', {})
    const figures = await victim.ask('figures', {})
    return [
      { name: 'bytes sent, each in a frame of its own', value: told.sent, unit: '', least: fill },
      {
        name: 'of them delivered',
        value: figures.delivered - begun.delivered,
        unit: '',
        least: fill,
        most: fill,
      },
      { name: 'the link stands', value: Number(told.standing), unit: '', least: 1 },
      { name: 'frames a second', value: told.sent / told.seconds, unit: '1/s' },
      { name: 'resident memory grown', value: mib(figures.rssGrown), unit: 'MiB', most: 64 },
      { name: 'honest ping, slowest', value: pings.slowest, unit: 'ms', most: 1_000 },
      { name: 'loop delay p99', value: figures.loopP99, unit: 'ms' },
    ]
  },
}

const same = (name: string): string => name
const byDatagrams = (name: string): string => `datagram-${name}`

export const fromInside: readonly Flood[] = [
  shownOut({
    name: 'padding',
    codes: 'FR-04',
    deed: 'padding',
    fill: 1_000_000,
    pace: { look: 25000 },
    code: BUDGET,
  }),
  ...onEither(false, same),
  chatting('chats', 'chats'),
  chatting('forged-chats', 'forgedChats'),
  unread('unread', false),
  slowReaders('slow-readers', false),
  singleBytes,
]

export const fromInsideByDatagrams: readonly Flood[] = [
  ...onEither(true, byDatagrams),
  chatting('datagram-chats', 'chats', true),
  chatting('datagram-forged-chats', 'forgedChats', true),
  unread('datagram-unread', true),
  slowReaders('datagram-slow-readers', true),
]
