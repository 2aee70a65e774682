/**
 * Somebody on the path who alters what passes, and one who says it again.
 *
 *   datagram ──▶ flipped in bit 0, in bit 1, … in the last ──▶ as it was       forgery (P5)
 *   datagram ──▶ as it was ──▶ ten times more, later, also from elsewhere      replay (P4)
 *
 * Every datagram of a session, both ways: handshake, chat, streams, acknowledgements and the end of it. Nothing
 * that is altered is accepted or answered. What is said again is not delivered again, and makes no
 * session; the most it gets is the answer to a handshake datagram, no larger than that.
 */
import type { Endpoint } from '../../src/base/ports.ts'
import type { Scenario, Simulation } from '../../src/testing/index.ts'
import { claim, type Fleet, type Member } from './fleet.ts'
import { nodes } from './nodes.ts'
import { udp } from './udp-cases.ts'

/** What passes is for these two, who say a little of everything. */
async function session(fleet: Fleet, sim: Simulation): Promise<void> {
  await fleet.untilWhole(30_000)
  await fleet.checkChat()
  const [a, b] = fleet.members as [Member, Member]
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const)
    await sim.settle(fleet.echo(from, to.node.peerId, 3_000), { limit: 30_000 })
}

/** Two that are about to meet; `look` hears of each datagram before its receiver does. */
async function watched(
  fleet: Fleet,
  sim: Simulation,
  look: (by: Member, bytes: Uint8Array, from: Endpoint) => void,
): Promise<void> {
  sim.weather({ delay: sim.random.between(1, 30), loss: sim.random.pick([0, 0.05]) })
  fleet.started = member => {
    member.watch.flows.before = (bytes, from) => look(member, bytes, from)
  }
  const server = fleet.add('server', udp)
  fleet.add('client', { ...udp, bootstrap: [server.address] })
  await fleet.start()
}

/** Each connected once, and nobody left. */
function oneSession(fleet: Fleet): () => void {
  const counts = fleet.members.map(({ node }) => {
    const count = { came: 0, left: 0 }
    node.on('peer-connected', () => void count.came++)
    node.on('peer-disconnected', () => void count.left++)
    return count
  })
  return () => {
    for (const { came, left } of counts) claim(came === 1 && left === 0, `${came} sessions, ${left} ended`)
  }
}

/** One bit of `stride` is flipped, another in each datagram. */
const forgery = (name: string, stride: number): Scenario =>
  nodes(name, async (fleet, sim) => {
    let [flips, first] = [0, 0]
    await watched(fleet, sim, (by, bytes, from) => {
      const { flows } = by.watch
      const answers = flows.datagramsOut
      const { length } = by.watch.chat
      first = (first + 1) % stride
      for (let bit = first; bit < 8 * bytes.length; bit += stride) {
        const altered = bytes.slice()
        altered[bit >> 3]! ^= 1 << (bit & 7)
        flows.deliver(altered, from)
        flips++
        if (flows.datagramsOut !== answers || by.watch.chat.length !== length)
          throw new Error(`P5: ${by.name} took a datagram of ${bytes.length} bytes altered in bit ${bit}`)
      }
    })
    const check = oneSession(fleet)
    await session(fleet, sim)
    check()
    sim.note(`${flips} altered datagrams`)
    claim(flips > 100_000 / stride, `only ${flips} altered datagrams`)
    await fleet.check()
    check()
  })

const TIMES = 10

const replay = nodes('replay', async (fleet, sim) => {
  let [repeats, handshakes, answers] = [0, 0, 0]
  const dice = sim.random.split('replay')
  let recording = true
  const recorded: (readonly [Member, Uint8Array, Endpoint])[] = []
  let forgotten = false
  const again = (by: Member, bytes: Uint8Array, from: Endpoint): void => {
    const { flows } = by.watch
    const [out, written] = [flows.datagramsOut, flows.bytesOut]
    repeats++
    flows.deliver(bytes.slice(), from)
    if (flows.datagramsOut === out) return
    // Answers to packets leave at the turn's end, to whoever is known: only handshakes are answered at once.
    answers++
    const said = flows.bytesOut - written
    // Only who has forgotten the link answers a packet: with a reset, shorter than it.
    const right = bytes[0]! < 0x04 || (forgotten && said < bytes.length)
    claim(right, `P4: ${by.name} answered a packet that was sent again`)
    claim(said <= bytes.length, `P4: ${by.name} answered ${bytes.length} bytes with ${said}`)
  }
  await watched(fleet, sim, (by, bytes, from) => {
    if (!recording) return
    const copy = bytes.slice()
    recorded.push([by, copy, from])
    if (copy[0] === 0x01) handshakes++
    const elsewhere = { host: '192.0.2.77', port: 7_777 }
    for (let i = 0; i < TIMES; i++) {
      const place = dice.chance(0.3) ? elsewhere : from
      sim.world.after(dice.below(i < 5 ? 100 : 20_000), () => sim.world.enter(() => again(by, copy, place)))
    }
  })
  const check = oneSession(fleet)
  await session(fleet, sim)
  recording = false
  await sim.pass(25_000)
  check()
  sim.note(`${repeats} of ${recorded.length} datagrams sent again, ${answers} answered`)
  claim(repeats === TIMES * recorded.length, `${repeats} repeats of ${recorded.length} datagrams`)
  // One that began a handshake gets a cookie once; before that, as often as its sender may have meant it.
  claim(
    answers <= 30 * handshakes,
    `P4: ${answers} answers to ${handshakes} datagrams that begin a handshake`,
  )
  await fleet.check()
  check()
  // The same to a process that never heard of any of it, while its peer is away.
  const [server, client] = fleet.members as [Member, Member]
  await sim.settle(client.node.stop(), { limit: 5_000 })
  fleet.remove(client)
  server.host.kill()
  await fleet.start([server])
  forgotten = true
  for (const [by, bytes, from] of recorded) if (by === server) sim.world.enter(() => again(by, bytes, from))
  await sim.pass(60_000)
  claim(server.watch.connected.size === 0, 'P4: a session of what was recorded')
})

export const udpAttacks: readonly Scenario[] = [forgery('forgery', 61), replay]

/** Each bit of each datagram takes half a minute: only when it is named. */
export const slowAttacks: readonly Scenario[] = [forgery('forgery-all', 1)]
