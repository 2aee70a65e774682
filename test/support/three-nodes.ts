/**
 * Three nodes meet in the simulated network, and everything they say is written down.
 *
 * The dice are seeded, identities follow from names and time is virtual, so every run says the
 * same. The plaintexts are those that the receiving nodes opened themselves; the dumps are made
 * by the decoders. `protocol/three-nodes.md` tells the story around them.
 */
import { toHex, utf8 } from '../../src/base/bytes.ts'
import type { Note } from '../../src/base/reader.ts'
import { nativeSuite } from '../../src/crypto/native.ts'
import { createNode, type GuildNode } from '../../src/index.ts'
import { Simulation } from '../../src/testing/index.ts'
import { explainFrames, explainHello, explainMessage1, formatNotes } from '../../src/wire/index.ts'
import { responderUnits } from '../../src/wire/registry.ts'
import { type Crossing, headOf, marked, overhear, shown, watched } from './overheard.ts'

export const threeNodesPath = 'protocol/three-nodes.md'

const names = ['alice', 'bob', 'carol']

export interface Story {
  /** Name → PeerId. */
  readonly peerIds: ReadonlyMap<string, string>
  /** In the order in which they crossed. */
  readonly crossings: readonly Crossing[]
  /** By the hex of the sealed bytes. */
  readonly opened: ReadonlyMap<string, Uint8Array>
}

export async function threeNodesMeet(): Promise<Story> {
  const opened = new Map<string, Uint8Array>()
  const sim = new Simulation({ seed: 3, suite: watched(nativeSuite, opened) })
  const crossings = overhear(sim, names)
  const start = async (name: string): Promise<GuildNode> => {
    const node = await createNode({
      name,
      swarmKey: new Uint8Array(32).fill(7),
      identityKey: utf8(name.padEnd(32, '.')),
      port: 8000,
      runtime: sim.host(name).runtime(),
    })
    await sim.settle(node.start())
    return node
  }
  const [alice, bob, carol] = [await start('alice'), await start('bob'), await start('carol')]
  carol.handle('/guild/upper/1', stream => {
    stream.on('data', (chunk: Buffer) => stream.write(chunk.toString().toUpperCase()))
    stream.on('end', () => stream.end())
  })
  await sim.settle(alice.connect('10.0.0.2:8000'))
  await sim.pass(200)
  await sim.settle(carol.connect('10.0.0.2:8000'))
  await sim.pass(1_500)
  sim.world.enter(() => alice.broadcast('안녕 🦀'))
  await sim.pass(200)
  const stream = await sim.settle(alice.open(carol.peerId, '/guild/upper/1'))
  stream.resume()
  sim.world.enter(() => void stream.end('hello'))
  await sim.pass(200)
  await sim.settle(alice.stop())
  await sim.pass(200)
  const told = [...crossings]
  await sim.settle(Promise.all([bob.stop(), carol.stop()]))
  const peerIds = new Map([alice, bob, carol].map(node => [node.name, node.peerId]))
  return { peerIds, crossings: told, opened }
}

const EPHEMERAL = 32
const STATIC = 32 + 16

/**
 * The page with its markers filled: `<!-- peers -->` with who is who, `<!-- units 3 -->` with a
 * unit in full, `<!-- units 12-18 brief -->` with one line each. Every unit has to be shown, once
 * and in its order.
 */
export function withUnits(page: string, story: Story): string {
  const peers = [...story.peerIds].map(([name, id]) => `${name.padEnd(6)} ${id}\n`).join('')
  const told = page.replace(/<!-- peers -->\n[\s\S]*?<!-- end -->/, () => marked('peers', peers))
  return shown(told, 'unit', story.crossings.length, (number, brief) => {
    const crossing = story.crossings[number - 1]!
    return brief ? inBrief(number, crossing, story) : inFull(number, crossing, story)
  })
}

function inBrief(number: number, crossing: Crossing, story: Story): string {
  const { name, parts } = read(crossing, story)
  const frames = parts.at(-1)!.notes.filter(({ field }) => field === 'frame type')
  const said = frames.map(({ value }) => value.split(' ')[0]).join(', ')
  return headOf(number, crossing, crossing.bytes.length, said === '' ? name : `${name}: ${said}`)
}

function inFull(number: number, crossing: Crossing, story: Story): string {
  const { name, parts } = read(crossing, story)
  let out = headOf(number, crossing, crossing.bytes.length, name)
  for (const { title, notes } of parts) {
    if (notes.some(({ field }) => field === 'malformed')) throw new Error(`unit ${number}: ${title}`)
    out += `${title}\n${formatNotes(notes)}`
  }
  return out
}

interface Part {
  readonly title: string
  readonly notes: readonly Note[]
}

/** What a unit is, and every byte of it. */
function read({ from, turn, bytes }: Crossing, { opened }: Story): { name: string; parts: Part[] } {
  const notes: Note[] = []
  let at = 0
  const clear = (field: string, length: number, value = `${length} bytes`): void => {
    notes.push({ offset: at, bytes: bytes.subarray(at, at + length), field, value })
    at += length
  }
  const open = (): Uint8Array => {
    const plaintext = opened.get(toHex(notes.at(-1)!.bytes))
    if (plaintext === undefined) throw new Error(`${from}: ${notes.at(-1)!.field} was opened by nobody`)
    return plaintext
  }
  const payload = (
    name: string,
    field: string,
    explain: (bytes: Uint8Array) => Note[],
  ): { name: string; parts: Part[] } => {
    clear(`${field}, sealed`, bytes.length - at)
    const inside = { title: `${field}, opened:`, notes: explain(open()) }
    return { name, parts: [{ title: 'as it crossed:', notes }, inside] }
  }

  clear('length', 2, `${bytes.length - 2}`)
  if (opened.has(toHex(bytes.subarray(2)))) return payload('record', 'frames', explainFrames)
  const unit = Object.entries(responderUnits).find(([, value]) => value === bytes[2])?.[0]
  if (unit === 'COOKIE' && turn === 0) {
    clear('responder unit', 1, 'COOKIE (0x03)')
    clear('salt', 16)
    return payload('cookie', 'cookie', cookieNotes)
  }
  if (unit === 'MESSAGE_2' && turn === 1) {
    clear('responder unit', 1, 'MESSAGE_2 (0x02)')
    clear('ephemeral key', EPHEMERAL)
    clear('static key, sealed', STATIC)
    open()
    return payload('message 2', 'HELLO', explainHello)
  }
  if (turn === 2) {
    clear('static key, sealed', STATIC)
    open()
    return payload('message 3', 'HELLO', explainHello)
  }
  clear('ephemeral key', EPHEMERAL)
  return payload(turn === 0 ? 'message 1' : 'message 1 again', 'payload', explainMessage1)
}

function cookieNotes(cookie: Uint8Array): Note[] {
  return [{ offset: 0, bytes: cookie, field: 'cookie', value: `${cookie.length} bytes` }]
}
