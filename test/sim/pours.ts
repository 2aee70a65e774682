/**
 * Streams whose every byte is known to the one who watches, and to nobody else.
 *
 *   sender ── number, length ── bytes drawn for that number … ──▶ receiver: as drawn? whole? only once?
 *      ◀───────────────────────────────────── length, as read ──┘
 */
import type { GuildNode, GuildStream } from '../../src/index.ts'
import type { SeededRandom, Simulation } from '../../src/testing/index.ts'
import { claim } from './fleet.ts'

export const POUR = '/pour/1'
const HEADER = 8

interface Poured {
  readonly bytes: Uint8Array
  streams: number
  whole: boolean
}

export class Pours {
  readonly #sim: Simulation
  #readers = 0
  readonly #all = new Map<number, Poured>()

  constructor(sim: Simulation) {
    this.#sim = sim
  }

  /** Reads at the pace of the dice, and looks at every byte. */
  serve(node: GuildNode): void {
    node.handle(POUR, stream => this.#read(stream))
  }

  /** Sends so many bytes as the dice say and waits until the peer says that all came; now and then changes its mind. */
  async send(node: GuildNode, to: string, number: number, dice: SeededRandom): Promise<void> {
    const poured = { bytes: dice.bytes(dice.below(200_000)), streams: 0, whole: false }
    const { bytes } = poured
    this.#all.set(number, poured)
    const stream = await node.open(to, POUR)
    const header = new DataView(new ArrayBuffer(HEADER))
    header.setUint32(0, number)
    header.setUint32(4, bytes.length)
    stream.write(new Uint8Array(header.buffer))
    const until = dice.chance(0.1) ? dice.below(bytes.length + 1) : Number.POSITIVE_INFINITY
    for (let at = 0; at < bytes.length; ) {
      if (at >= until) return void stream.destroy()
      const end = Math.min(bytes.length, at + dice.between(1, 30_000))
      if (!stream.write(bytes.subarray(at, end))) await stream.drained()
      at = end
    }
    stream.end()
    let answer = ''
    for await (const chunk of stream as AsyncIterable<Uint8Array>) answer += Buffer.from(chunk).toString()
    claim(
      answer === String(bytes.length),
      `pour ${number}: ${bytes.length} bytes were answered with "${answer}"`,
    )
    claim(poured.whole, `pour ${number} was acknowledged and did not come whole`)
  }

  async #read(stream: GuildStream): Promise<void> {
    const dice = this.#sim.random.split(`reader ${this.#readers++}`)
    let pieces = Buffer.alloc(0)
    let poured: Poured | undefined
    let number = 0
    let read = 0
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      let bytes = Buffer.from(chunk)
      if (poured === undefined) {
        pieces = Buffer.concat([pieces, bytes])
        if (pieces.length < HEADER) continue
        number = pieces.readUInt32BE(0)
        poured = this.#all.get(number)
        this.#must(
          poured !== undefined && pieces.readUInt32BE(4) === poured.bytes.length,
          `no pour ${number}`,
        )
        this.#must(++poured!.streams === 1, `pour ${number} came twice`)
        bytes = pieces.subarray(HEADER)
      }
      const expected = poured!.bytes.subarray(read, read + bytes.length)
      this.#must(Buffer.compare(bytes, expected) === 0, `pour ${number}: wrong bytes at ${read}`)
      read += bytes.length
      if (dice.chance(0.1)) await this.#sim.world.sleep(dice.below(300))
    }
    if (poured === undefined) return
    this.#must(
      read === poured.bytes.length,
      `pour ${number} ended after ${read} of ${poured.bytes.length} bytes`,
    )
    poured.whole = true
    stream.end(String(read))
  }

  /** A handler that throws loses its stream only: a breach here must end the run. */
  #must(condition: boolean, what: string): void {
    if (!condition) this.#sim.world.fail(new Error(what))
  }
}
