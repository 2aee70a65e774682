/**
 * One row of the table of growth: so many nodes in this process, each linked to each. A process a row,
 * for what one row leaves in memory must not help the next. Started by `growth.ts`.
 *
 * Memory is looked at after collections. Chat is far from its limits; a
 * word costs each of its readers a signature to check, so the cost of one that is shown is the figure
 * that must not grow with the mesh.
 */
import { randomBytes } from 'node:crypto'
import { createNode, type GuildNode } from '../../src/index.ts'
import { at } from '../support/nodes.ts'
import { cpuSeconds, each, settled } from './settled.ts'

export interface MeshRow {
  readonly nodes: number
  readonly links: number
  readonly formedMs: number
  /** CPU milliseconds a link took to be made, both ends. */
  readonly cpuMsPerLink: number
  /** Of a node that listens and has no peer, in bytes that JavaScript can reach. */
  readonly bytesPerNode: number
  /** The same of a link, both ends. */
  readonly bytesPerLink: number
  /** The resident set of the whole process with all its links, in bytes. */
  readonly resident: number
  /** CPU milliseconds a node spends in a second with nothing to do. */
  readonly idleMsPerSecond: number
  /** Words shown to all readers together, a second; and CPU microseconds each. */
  readonly oneToAll: Rate
  readonly allToAll: Rate
}

export interface Rate {
  readonly perSecond: number
  readonly microseconds: number
}

const IDLE_SECONDS = 20
/** Words shown in one measurement of chat, at most. */
const SHOWN = 20_000
/** Words of one speaker: two of these are less than its peers take at once (CHAT-5). */
const BURST = 140
const PATIENCE = 100_000
/** Nodes that join together. */
const AT_ONCE = 10

async function measure(count: number): Promise<MeshRow> {
  await warmUp()
  const before = await settled()
  const nodes = await make(count)
  const made = await settled()
  const [begun, cpuFrom] = [performance.now(), cpuSeconds()]
  await join(nodes)
  const formedMs = performance.now() - begun
  const cpu = cpuSeconds() - cpuFrom
  const linked = await settled()
  const links = (count * (count - 1)) / 2
  const idleFrom = cpuSeconds()
  await new Promise(resolve => setTimeout(resolve, IDLE_SECONDS * 1000))
  const idle = cpuSeconds() - idleFrom
  const readers = count - 1
  const row: MeshRow = {
    nodes: count,
    links,
    formedMs,
    cpuMsPerLink: (cpu * 1000) / links,
    bytesPerNode: each(before, made, count).kept,
    bytesPerLink: each(made, linked, links).kept,
    resident: linked.resident,
    idleMsPerSecond: (idle * 1000) / IDLE_SECONDS / count,
    oneToAll: await talk(nodes, nodes.slice(0, 1), Math.min(BURST, Math.floor(SHOWN / readers))),
    allToAll: await talk(nodes, nodes, Math.min(BURST, Math.max(1, Math.floor(SHOWN / readers / count)))),
  }
  await Promise.all(nodes.map(node => node.stop()))
  return row
}

/** Code is compiled, and what is made once is made. */
async function warmUp(): Promise<void> {
  const nodes = await make(4)
  await join(nodes)
  await talk(nodes, nodes, 20)
  await Promise.all(nodes.map(node => node.stop()))
}

async function make(count: number): Promise<GuildNode[]> {
  const swarmKey = new Uint8Array(randomBytes(32))
  const nodes = await Promise.all(
    Array.from({ length: count }, () =>
      createNode({
        host: '127.0.0.1',
        mdns: false,
        swarmKey,
        maxPeers: count,
      }),
    ),
  )
  for (const node of nodes) await node.start()
  return nodes
}

/**
 * Each knows one address, that of the first. Ten come at a time: on one core the handshakes of a
 * hundred at once would wait for each other longer than a handshake may take, as on no network.
 */
async function join(nodes: readonly GuildNode[]): Promise<void> {
  const [first] = nodes
  for (let from = 1; from < nodes.length; from += AT_ONCE) {
    const present = nodes.slice(0, from + AT_ONCE)
    const whole = linked(present)
    await Promise.all(nodes.slice(from, from + AT_ONCE).map(node => node.connect(at(first!))))
    await whole
  }
}

function linked(nodes: readonly GuildNode[]): Promise<void> {
  const done = new Set<GuildNode>()
  const whole = new Promise<void>(resolve => {
    for (const node of nodes)
      node.on('peer-connected', ({ peers }) => {
        if (peers === nodes.length - 1 && done.add(node).size === nodes.length) resolve()
      })
  })
  return inTime(whole, () => `${nodes.length - done.size} of ${nodes.length} nodes are not linked to all`)
}

/** Everybody hears every word of every speaker but its own. */
async function talk(
  nodes: readonly GuildNode[],
  speakers: readonly GuildNode[],
  words: number,
): Promise<Rate> {
  const expected = speakers.length * words * (nodes.length - 1)
  let shown = 0
  const all = new Promise<void>(resolve => {
    for (const node of nodes)
      node.on('chat-message', () => {
        if (++shown === expected) resolve()
      })
  })
  const [begun, cpu] = [performance.now(), cpuSeconds()]
  for (let word = 0; word < words; word++) {
    for (const speaker of speakers) speaker.broadcast(`word ${word}, about as long as people's words are`)
    // A speaker that never lets go of the loop would have its words wait in memory.
    if (word % 16 === 15) await new Promise(setImmediate)
  }
  await inTime(all, () => `${shown} of ${expected} words were shown`)
  const seconds = (performance.now() - begun) / 1000
  return { perSecond: shown / seconds, microseconds: ((cpuSeconds() - cpu) / shown) * 1e6 }
}

async function inTime(work: Promise<void>, complaint: () => string): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(complaint())), PATIENCE)
  })
  try {
    await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

process.once('disconnect', () => process.exit(3))
process.once('message', ({ count }: { count: number }) => {
  measure(count).then(
    row => process.send!({ row }, () => process.exit(0)),
    (error: Error) => process.send!({ error: error.stack }, () => process.exit(1)),
  )
})
