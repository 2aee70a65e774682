/**
 * Many links on packets, and many one after the other: what they hold, and what they leave behind.
 *
 * Short here; `GUILD_PAIRS=1000 GUILD_CHURN_MINUTES=30 node dist/test/link/packet-scale.test.js` is the long form.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { GuildError } from '../../src/base/errors.ts'
import type { Stream } from '../../src/streams/stream.ts'
import { closeCodes } from '../../src/wire/registry.ts'
import { linked, packetNodes } from '../support/packet-nodes.ts'
import { pattern } from '../support/pair.ts'
import { Seeded } from '../support/seeded.ts'

const PAIRS = Number(process.env.GUILD_PAIRS ?? 100)
const MINUTES = Number(process.env.GUILD_CHURN_MINUTES ?? 3)
const KIB = 1024
/** Of a hundred links a part is code and tables that the first ones made grow. */
const MOST = (PAIRS < 300 ? 112 : 64) * KIB

if (PAIRS > 100 || MINUTES > 3) t.setTimeout(1_800_000)
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Reads all, and ends with the other side: of such a stream nothing stays. */
function taken(stream: Stream): void {
  stream.handler = {
    readable() {
      while (stream.read() !== undefined);
    },
    writable() {},
    ended: () => stream.end(),
    reset() {},
    stopped() {},
    closed() {},
  }
}

function held(): number {
  for (let i = 0; i < 3; i++) collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

t.test(
  `${PAIRS} idle links between two sockets: ${MOST / KIB} KiB a pair of ends at most, one wait for each`,
  async t => {
    // What is made once is made. A short way: nobody keeps these links, and the last has to stand before the first was idle too long.
    const { path, alice, bob } = linked({ alice: { onStream: taken }, weather: { delay: 1 } })
    const before = held()
    for (let n = 0; n < PAIRS; n++) {
      const dialled = bob.dial(alice)
      if (!path.run(path.now + 30_000, () => dialled.link.open)) t.fail(`link ${n}`)
      // A little of everything, so that what grows with use has grown.
      const stream = dialled.streams!.open('/echo/1')
      stream.write(pattern(20_000))
      stream.end()
      dialled.link.sendDatagram(pattern(100))
      dialled.flush()
    }
    path.run(path.now + 10_000)
    t.equal(alice.links.size, PAIRS + 1)
    t.equal(bob.links.size, PAIRS + 1)
    for (const node of [alice, bob]) for (const one of node.links) one.outputs.length = one.told.length = 0
    const pair = (held() - before) / PAIRS
    t.comment(`${(pair / KIB).toFixed(1)} KiB a pair of ends`)
    t.ok(pair < MOST, `${(pair / KIB).toFixed(1)} KiB`)
    const ends = [...alice.links, ...bob.links].map(({ link }) => link.deadline())
    t.ok(
      ends.every(at => at !== undefined && at > path.now),
      'nothing is due, and nothing is forgotten',
    )
  },
)

t.test(`${MINUTES} virtual minutes of links that come and go: nothing stays behind`, async t => {
  const { path, alice, bob } = packetNodes({ weather: { seed: 4, loss: 5, late: 10 } })
  const dice = new Seeded(11)
  const until = path.now + MINUTES * 60_000
  const half = path.now + MINUTES * 30_000
  let [links, middle] = [0, 0]
  while (path.now < until) {
    const dialled = bob.dial(alice)
    path.run(path.now + 30_000, () => dialled.link.open || dialled.gone)
    if (dialled.link.open) {
      links++
      const stream = dialled.streams!.open('/echo/1')
      stream.write(pattern(1 + dice.below(30_000)))
      dialled.flush()
      path.run(path.now + dice.below(3_000))
      const [end, theirs] = [dice.below(4), alice.all.at(-1)]
      const error = new GuildError('GH_LINK_CLOSED', 'churn')
      if (end === 0)
        dialled.feed({ kind: 'carrier-closed', error: undefined }) // it vanishes without a word
      else if (end === 1 && theirs !== undefined && !theirs.gone)
        theirs.feed({ kind: 'close', code: closeCodes.GOODBYE, error })
      else dialled.feed({ kind: 'close', code: closeCodes.GOODBYE, error })
    }
    alice.all.length = 0
    bob.all.length = 0
    if (middle === 0 && path.now >= half) {
      path.run(path.now + 60_000)
      middle = held()
    }
  }
  path.run(path.now + 60_000)
  const grown = held() - middle
  t.ok(links > 10 * MINUTES, `${links} links`)
  t.equal(alice.links.size + bob.links.size, 0)
  t.equal(alice.door.halfOpen, 0)
  t.equal(Math.min(alice.deadline(), bob.deadline()), Number.POSITIVE_INFINITY, 'nothing is waited for')
  t.comment(`${links} links, ${(grown / KIB).toFixed(0)} KiB more than at half time`)
  t.ok(grown < 512 * KIB, `${(grown / KIB).toFixed(0)} KiB more than at half time`)
})
