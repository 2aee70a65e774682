/**
 * One file fetched from three peers in the simulated network, and every bitswap message of it written down.
 *
 *   records ──opened──▶ STREAM frames ──by stream──▶ bytes of bitswap ──cut──▶ messages
 *
 * Dice, identities and time are seeded, so every run says the same. The bytes are those that the
 * receiving nodes opened; the dumps are made by the decoders. `protocol/one-file.md` tells the story around them.
 */
import { concat, copy, fromUtf8, toHex, utf8 } from '../../src/base/bytes.ts'
import { ByteReader } from '../../src/base/reader.ts'
import { importFile } from '../../src/content/unixfs/file.ts'
import { profiles } from '../../src/content/unixfs/profiles.ts'
import { readFile } from '../../src/content/unixfs/read.ts'
import { nativeSuite } from '../../src/crypto/native.ts'
import { createNode } from '../../src/index.ts'
import { Simulation } from '../../src/testing/index.ts'
import { BITSWAP_PROTOCOL, decodeBitswapHead } from '../../src/wire/bitswap.ts'
import { type CID, formatCid } from '../../src/wire/cid.ts'
import { deaf } from '../../src/wire/frames/deaf.ts'
import { readFrame } from '../../src/wire/frames/index.ts'
import { explainBitswap, formatNotes } from '../../src/wire/index.ts'
import { decodeStreamHeader } from '../../src/wire/stream-header.ts'
import { WatchedStore } from '../sim/bitswap.ts'
import { type Crossing, headOf, marked, overhear, shown, watched } from './overheard.ts'

export const oneFilePath = 'protocol/one-file.md'

const names = ['alice', 'bob', 'carol', 'dave']
/** What `seq 250000` prints: six leaves and a bit. */
export const numbers = Array.from({ length: 250_000 }, (_, i) => `${i + 1}\n`).join('')
/** Dave does not have the fifth leaf. */
const LACKING = 5
/** Between any two: 5 ms there, 5 ms back, 12.5 MB/s. */
const weather = { delay: 5, rate: 12_500_000 }

/** One bitswap message, as it was opened. */
interface Message {
  readonly from: string
  readonly to: string
  /** When the last byte of it crossed. */
  readonly at: number
  readonly head: Uint8Array
  readonly blocks: readonly Uint8Array[]
  /** With the length of its head. */
  readonly length: number
}

export interface FileStory {
  /** The root first, then the leaves. */
  readonly blocks: readonly { readonly cid: CID; readonly bytes: Uint8Array }[]
  readonly messages: readonly Message[]
  /** What came out, byte by byte. */
  readonly text: string
  readonly sources: readonly { readonly name: string; readonly blocks: number; readonly bytes: number }[]
}

/** The file in blocks, the root first. Hashing takes real time, which no simulated node may see pass. */
async function cutFile(): Promise<{ root: CID; blocks: { cid: CID; bytes: Uint8Array }[] }> {
  const blocks: { cid: CID; bytes: Uint8Array }[] = []
  const put = (cid: CID, bytes: Uint8Array): CID => {
    blocks.push({ cid, bytes: copy(bytes) })
    return cid
  }
  const { cid: root } = await importFile(utf8(numbers), { put }, profiles['kubo-v1'])
  blocks.unshift(blocks.pop()!)
  return { root, blocks }
}

export async function oneFileFetched(): Promise<FileStory> {
  const file = await cutFile()
  const opened = new Map<string, Uint8Array>()
  const sim = new Simulation({ seed: 3, suite: watched(nativeSuite, opened) })
  const crossings = overhear(sim, names)
  const begin = async (name: string) => {
    const node = await createNode({
      name,
      swarmKey: new Uint8Array(32).fill(7),
      identityKey: utf8(name.padEnd(32, '.')),
      port: 8000,
      bootstrap: name === 'alice' ? [] : ['10.0.0.1:8000'],
      transport: ['tcp'],
      runtime: sim.host(name).runtime(),
    })
    const store = new WatchedStore(what => sim.world.fail(new Error(`${name}: ${what}`)))
    const exchange = await node.exchange(store)
    await sim.settle(node.start())
    return { name, node, store, exchange }
  }
  const all: Awaited<ReturnType<typeof begin>>[] = []
  for (const name of names) all.push(await begin(name))
  await sim.run(() => all.every(({ node }) => node.peers.length === all.length - 1), { limit: 60_000 })
  await sim.pass(1_000)
  sim.weather(weather)
  type Member = (typeof all)[0]
  const [alice, bob, carol, dave] = all as [Member, Member, Member, Member]

  const { root, blocks } = file
  for (const [i, { cid, bytes }] of blocks.entries())
    for (const { store } of [alice, carol, dave])
      if (store !== dave.store || i !== LACKING) store.put(cid, bytes)

  const session = bob.exchange.session()
  const source = {
    async *get(cid: CID) {
      yield await session.get(cid)
    },
  }
  const read = async (): Promise<Uint8Array> => {
    const parts: Uint8Array[] = []
    for await (const part of readFile(source, root)) parts.push(part)
    return concat(...parts)
  }
  const text = fromUtf8(await sim.settle(read(), { limit: 60_000 }))
  await sim.pass(200)
  const nameOf = (peerId: string): string => all.find(({ node }) => node.peerId === peerId)!.name
  const sources = session.close().sources.map(({ peerId, ...one }) => ({ name: nameOf(peerId), ...one }))
  const messages = messagesOf(crossings, opened)
  await sim.settle(Promise.all(all.map(({ node }) => node.stop())))
  const first = messages[0]!.at
  return { blocks, messages: messages.map(one => ({ ...one, at: one.at - first })), text, sources }
}

interface Spoken {
  readonly from: string
  readonly to: string
  readonly pieces: { readonly at: number; readonly bytes: Uint8Array }[]
}

/** What was written on bitswap streams, cut into messages, in the order in which their last bytes crossed. */
function messagesOf(crossings: readonly Crossing[], opened: ReadonlyMap<string, Uint8Array>): Message[] {
  const streams = new Map<string, Spoken>()
  for (const { from, to, at, bytes } of crossings) {
    const record = opened.get(toHex(bytes.subarray(2)))
    if (record === undefined) continue // of a handshake
    const r = new ByteReader(record)
    const stream = (id: number, _: number, data: Uint8Array): void => {
      const name = `${from} ${to} ${id}`
      if (!streams.has(name)) streams.set(name, { from, to, pieces: [] })
      streams.get(name)!.pieces.push({ at, bytes: data })
    }
    while (r.remaining > 0) readFrame(r, { ...deaf, streams: { ...deaf.streams, stream } })
  }
  return [...streams.values()].flatMap(cut).sort((a, b) => a.at - b.at)
}

function cut({ from, to, pieces }: Spoken): Message[] {
  const bytes = concat(...pieces.map(piece => piece.bytes))
  if (bytes.length === 0) return [] // a half that its side ended without a word
  const r = new ByteReader(bytes)
  if (decodeStreamHeader(r) !== BITSWAP_PROTOCOL) return []
  const messages: Message[] = []
  while (r.remaining > 0) {
    const begin = r.offset
    const head = copy(r.take(r.varint('head length'), 'head'))
    const blocks = decodeBitswapHead(head).blocks.map(({ length }) => copy(r.take(length, 'block')))
    messages.push({ from, to, at: timeOf(pieces, r.offset - 1), head, blocks, length: r.offset - begin })
  }
  return messages
}

function timeOf(pieces: Spoken['pieces'], offset: number): number {
  let end = 0
  for (const { at, bytes } of pieces) {
    end += bytes.length
    if (offset < end) return at
  }
  throw new Error(`byte ${offset} never crossed`)
}

/**
 * The page with its markers filled: `<!-- file -->` with the blocks, `<!-- sources -->` with what came from whom,
 * `<!-- messages 3 -->` with a message in full, `<!-- messages 4-6 brief -->` with one line each.
 */
export function withMessages(page: string, story: FileStory): string {
  const { blocks, messages, sources } = story
  const fill = (text: string, marker: string, lines: readonly string[]): string =>
    text.replace(new RegExp(`<!-- ${marker} -->\\n[\\s\\S]*?<!-- end -->`), () =>
      marked(marker, lines.map(line => `${line}\n`).join('')),
    )
  const told = fill(
    fill(
      page,
      'file',
      blocks.map(({ cid, bytes }, i) => {
        const name = i === 0 ? 'root' : `leaf ${i}`
        return `${name.padEnd(7)} ${formatCid(cid)} ${String(bytes.length).padStart(6)} bytes`
      }),
    ),
    'sources',
    sources.map(one => `${one.name.padEnd(6)} ${one.blocks} blocks ${String(one.bytes).padStart(7)} bytes`),
  )
  const nameOf = (cid: CID): string => {
    const i = blocks.findIndex(one => formatCid(one.cid) === formatCid(cid))
    if (i < 0) throw new Error(`${formatCid(cid)} is no block of the file`)
    return i === 0 ? 'root' : `leaf ${i}`
  }
  return shown(told, 'message', messages.length, (number, brief) => {
    const message = messages[number - 1]!
    const said = headOf(number, message, message.length, sayings(message, nameOf))
    return brief ? said : said + inFull(message)
  })
}

/** `WANT-BLOCK root` */
function sayings({ head }: Message, nameOf: (cid: CID) => string): string {
  const { wants, presences, blocks } = decodeBitswapHead(head)
  const said = [
    ...wants.map(
      ({ cid, cancel, have }) => `${cancel ? 'CANCEL' : have ? 'WANT-HAVE' : 'WANT-BLOCK'} ${nameOf(cid)}`,
    ),
    ...presences.map(({ cid, have }) => `${have ? 'HAVE' : 'DONT_HAVE'} ${nameOf(cid)}`),
    ...blocks.map(({ cid }) => nameOf(cid)),
  ]
  return said.join(', ')
}

function inFull({ head, blocks }: Message): string {
  const notes = explainBitswap(head)
  if (notes.some(({ field }) => field === 'malformed')) throw new Error('a head that does not decode')
  const width = head.length < 64 ? 1 : head.length < 16_384 ? 2 : 4
  let at = width + head.length
  let out = `head, behind its length of ${width} byte${width === 1 ? '' : 's'}:\n${formatNotes(notes)}`
  for (const bytes of blocks) {
    out += `bytes of the block:\n${formatNotes([{ offset: at, bytes, field: 'block', value: `${bytes.length} bytes` }])}`
    at += bytes.length
  }
  return out
}
