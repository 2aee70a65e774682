/**
 * P24: blocks from peers of whom many forge, through inlet, hash and engine, without a network.
 *
 * `FORGED_BLOCKS=100000` has the figure of the property; the suite has a twentieth of it.
 */
import { createHash } from 'node:crypto'
import t from 'tap'
import { ExchangePeer, type PeerHost } from '../../src/node/exchange-peer.ts'
import { Bitswap } from '../../src/protocols/bitswap/bitswap.ts'
import type { BitswapInput } from '../../src/protocols/bitswap/messages.ts'
import type { Stream } from '../../src/streams/stream.ts'
import { SeededRandom } from '../../src/testing/index.ts'
import { bitswapPreamble } from '../../src/wire/bitswap.ts'
import { blockKey, type CID } from '../../src/wire/cid.ts'
import { cidOf } from '../sim/bitswap.ts'

const COUNT = Number(process.env.FORGED_BLOCKS ?? 5_000)
const PEERS = 12
// A hundred thousand take about a minute where much else runs.
t.setTimeout(30_000 + 2 * COUNT)
/** Of what the eleven liars among them send. */
const FORGED = 0.12

/** As much of a stream as a peer's is: what it writes is read here. */
class Pipe {
  handler: Stream['handler']
  readonly #pieces: Uint8Array[] = []

  read(): Uint8Array | undefined {
    return this.#pieces.shift()
  }

  end(): void {}
  reset(): void {}
  abort(): void {}

  write(bytes: Uint8Array): boolean {
    this.#pieces.push(bytes)
    return true
  }
}

t.test(
  `P24 BITSWAP-2 BX-01 ${COUNT} blocks, one in ten forged: none stored, none served, all found`,
  async t => {
    const dice = new SeededRandom(24)
    const engine = new Bitswap()
    const truth = new Map<string, Uint8Array>()
    const cids = Array.from({ length: COUNT }, (_, i) => {
      const bytes = new Uint8Array(100 + (i % 200))
      new DataView(bytes.buffer).setUint32(0, i)
      const cid = cidOf(bytes)
      truth.set(blockKey(cid), bytes)
      return cid
    })
    const stored = new Map<string, Uint8Array>()
    const served = new Map<string, number>()
    const speaking = new Set<string>()
    const refused: string[] = []
    let now = 0
    const feed = (input: BitswapInput): void => {
      engine.handle(input, now)
      for (let one = engine.poll(); one !== undefined; one = engine.poll())
        if (one.kind === 'speak') speaking.add(one.peer)
        else if (one.kind === 'misdeed' && one.refused) refused.push(one.peer)
        else if (one.kind === 'store') {
          stored.set(one.key, one.bytes)
          feed({ kind: 'stored', key: one.key, length: one.bytes.length, kept: true })
        } else if (one.kind === 'serve')
          for (const { key } of one.serving.blocks) served.set(key, (served.get(key) ?? 0) + 1)
    }
    const pipes = new Map<string, Pipe>()
    const host: PeerHost = {
      engine,
      now: () => now,
      feed,
      open: () => new Pipe() as unknown as Stream,
      after: () => () => {},
      full: false,
    }
    const peers = new Map<string, ExchangePeer>()
    let born = 0
    const join = (honest = false): void => {
      const peer = `${honest ? 'honest' : 'liar'} ${born++}`
      const pipe = new Pipe()
      pipes.set(peer, pipe)
      const one = new ExchangePeer(peer, host)
      peers.set(peer, one)
      feed({ kind: 'peer-up', peer })
      one.attend(pipe as unknown as Stream)
      one.read()
    }
    join(true)
    while (peers.size < PEERS) join()
    feed({ kind: 'open', session: 1 })
    for (let at = 0; at < COUNT; at += 10_000)
      feed({ kind: 'want', session: 1, cids: cids.slice(at, at + 10_000), priority: 1 })
    let forged = 0
    for (let round = 0; stored.size < COUNT && round < 100 * COUNT; round++) {
      if (speaking.size === 0) {
        now = Math.max(now + 1, engine.deadline() ?? now)
        feed({ kind: 'tick' })
      }
      for (const peer of [...speaking]) {
        speaking.delete(peer)
        const pipe = pipes.get(peer)!
        for (let head = engine.take(peer); head !== undefined; head = engine.take(peer))
          for (const want of head.wants) {
            if (want.cancel) continue
            const none = { full: false, pendingBytes: 0, wants: [], presences: [], blocks: [] }
            if (want.have) {
              pipe.write(bitswapPreamble({ ...none, presences: [{ cid: want.cid, have: true }] }))
              continue
            }
            const bytes = truth.get(blockKey(want.cid))!.slice()
            if (!peer.startsWith('honest') && dice.chance(FORGED)) {
              bytes[bytes.length - 1]! ^= 1
              forged++
            }
            pipe.write(bitswapPreamble({ ...none, blocks: [{ cid: want.cid, length: bytes.length }] }))
            for (let piece = 0; piece < bytes.length; piece += 64)
              pipe.write(bytes.subarray(piece, piece + 64))
          }
        peers.get(peer)!.read()
      }
      // Who is refused leaves, and another comes in its place, under another name.
      for (const peer of refused.splice(0)) {
        peers.get(peer)!.close()
        peers.delete(peer)
        pipes.delete(peer)
        speaking.delete(peer)
        feed({ kind: 'peer-down', peer })
        join()
      }
      now++
    }
    t.equal(stored.size, COUNT, 'all are found')
    const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest()
    const right = (cid: CID): boolean => sha256(stored.get(blockKey(cid))!).equals(cid.multihash.digest)
    t.ok(cids.every(right), 'none of it is forged')
    t.ok(forged > 0.08 * COUNT, `${forged} were forged`)
    t.ok(engine.figures().badBlocks > 0 && engine.figures().badBlocks <= forged)
    t.equal(engine.figures().wantListSize, 0)
    t.equal(engine.inFlight, 0)
    t.equal(served.size, 0)
  },
)
