/**
 * Two nodes on datagrams whose path changes under them, and somebody who would like it to.
 *
 *   client ── box ══════ server        the box forgets: another port, or another address too
 *                ╲
 *                 attacker             sends on, from an address of its own, what it saw pass
 *
 * P12: nothing is lost, nothing stands still for more than three probe timeouts, and once the new address
 * is proved the old one gets nothing. P8: an address that proved nothing gets at most three times what came
 * from it, which `Flows` looks at with each datagram.
 */
import type { Cipher, DatagramSocket, Suite } from '../../src/base/ports.ts'
import { nativeSuite } from '../../src/crypto/native.ts'
import type { Nat, Scenario, Simulation } from '../../src/testing/index.ts'
import { claim, type Fleet, type Member, PORT } from './fleet.ts'
import { nodes } from './nodes.ts'
import { Parcel } from './parcel.ts'
import { type Extent, long, parcelOf, peace, udp } from './udp-cases.ts'

const DELAY = 20
const RATE = 600_000
/** One bandwidth-delay product. */
const QUEUE = (2 * DELAY * RATE) / 1000
/** The longest a datagram waits in a queue. */
const WAIT = (1000 * QUEUE) / RATE
/** With the queue full, and acknowledgements as late as they may be. */
const PTO = 2 * DELAY + WAIT + 25 + 20

/** A server, and a client behind a box. */
async function behindBox(
  fleet: Fleet,
  sim: Simulation,
): Promise<{ server: Member; client: Member; box: Nat }> {
  sim.weather({ delay: DELAY, rate: RATE, queue: QUEUE })
  const addresses = Array.from({ length: 16 }, (_, i) => `203.0.113.${i + 1}`)
  const box = sim.nat('box', addresses)
  const server = fleet.add('server', udp)
  sim.host('client', { behind: box })
  const client = fleet.add('client', { ...udp, bootstrap: [server.address] })
  await fleet.start()
  await fleet.untilWhole(30_000)
  server.watch.flows.roundTrip = 2 * DELAY
  return { server, client, box }
}

/** A second after the start and every five from then on the client is seen elsewhere (UQ-09, UQ-10). */
const rebinding = (name: string, to: 'port' | 'address', { transfer }: Extent): Scenario =>
  nodes(name, async (fleet, sim) => {
    const { server, client, box } = await behindBox(fleet, sim)
    const parcel = parcelOf(sim, { server, client }, { length: Math.max(transfer, 2.5 * RATE) })
    const changes: number[] = []
    const change = (): void => {
      if (parcel.whole) return
      changes.push(sim.now)
      sim.rebind(box, to)
      sim.world.after(5_000, change)
    }
    sim.world.after(1_000, change)
    await parcel.deliver()
    checkChanges(server, parcel, changes, sim)
    await peace(fleet, sim)
  })

function checkChanges(server: Member, parcel: Parcel, changes: readonly number[], sim: Simulation): void {
  claim(changes.length > 0, 'nothing changed')
  const places = [...server.watch.flows.places.values()]
  const stalls = changes.map(at => parcel.stall(at, at + 5_000))
  sim.note(`stalls of ${stalls.map(stall => stall.toFixed(0)).join(', ')} ms`)
  for (const stall of stalls)
    claim(stall <= 3 * PTO, `P12: ${stall.toFixed(0)} ms without a byte after a change, at most ${3 * PTO}`)
  for (const [i, place] of places.entries()) {
    const after = places[i + 1]
    if (after?.provedAt === undefined || after.firstOut === undefined) continue
    // By then the answer to the first challenge is here, whatever it had to wait for.
    const validated = after.firstOut + 2 * DELAY + 2 * WAIT
    const late = place.lastOut - validated
    claim(
      late <= 0,
      `P12: ${place.endpoint} got a datagram ${late.toFixed(0)} ms after ${after.endpoint} was proved`,
    )
  }
  // The last change may have come with the last byte.
  claim(places.length >= changes.length, `${places.length} places after ${changes.length} changes`)
}

/** How the attacker's copy comes beside the packet it copies. */
const attacks = ['after', 'before', 'instead'] as const

/** Whoever sends on what it saw does not draw the link to it, and the peer that does move is followed (UQ-11). */
const migration = ({ transfer }: Extent): Scenario =>
  nodes('connection-migration', async (fleet, sim) => {
    const { server, client, box } = await behindBox(fleet, sim)
    const attacker = sim.host('attacker')
    sim.linkOneWay(attacker, server.host, { delay: DELAY / 4, rate: Number.POSITIVE_INFINITY })
    server.watch.flows.repeaters.add(attacker.address)
    server.watch.flows.roundTrip = DELAY + DELAY / 4 // its way is shorter
    const dice = sim.random.split('attack')
    const attack = dice.pick(attacks)
    const parcel = parcelOf(sim, { server, client }, { length: Math.max(transfer / 2, 3 * RATE) })
    let [copies, got, largest] = [0, 0, 0]
    const socket: DatagramSocket = await sim.settle(
      attacker.datagrams().open({
        ...{ host: attacker.address, port: 7000 },
        onDatagram: bytes => {
          got += bytes.length
          largest = Math.max(largest, bytes.length)
        },
        onError: error => sim.world.fail(error),
      }),
    )
    const share = attack === 'instead' ? 0.05 : 0.3
    const arrived = new Set<string>()
    server.watch.flows.before = (bytes, { host }) => {
      if (host !== attacker.address) arrived.add(headOf(bytes))
    }
    sim.tamper(client.host, server.host, bytes => {
      if (!dice.chance(share)) return bytes
      copies++
      const copy = bytes.slice()
      const send = (): boolean => socket.send({ host: server.host.address, port: PORT }, copy)
      // What was lost on the way is not sent on: that would be the packet itself.
      const late = (): void => void (arrived.has(headOf(copy)) && send())
      if (attack === 'after') sim.world.after(dice.between(2 * DELAY + WAIT, 500), late)
      else send()
      return attack === 'instead' ? new Uint8Array(0) : bytes
    })
    const moved = sim.now + 2_000
    sim.world.at(moved, () => sim.rebind(box, 'address'))
    await parcel.deliver()
    sim.note(`${attack}: ${copies} copies, ${got} bytes for the attacker`)
    claim(copies > 0, 'nothing was copied')
    claim(attack === 'after' ? got === 0 : got > 0, `the attacker, who came ${attack}, got ${got} bytes`)
    claim(largest <= 1_200, `the attacker got a datagram of ${largest} bytes`)
    const stall = parcel.stall(moved, moved + 5_000)
    // Who takes away the answers to challenges delays the move, and no more than that.
    const most = (attack === 'after' ? 3 : 10) * PTO
    claim(stall <= most, `P12: ${stall.toFixed(0)} ms without a byte, at most ${most}`)
    sim.tamper(client.host, server.host, undefined)
    socket.close()
    await peace(fleet, sim)
  })

/** Connection id, number and the first sealed bytes: no two packets share them. */
function headOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(0, 24)).toString('latin1')
}

/** Counts how often a key of its ciphers is replaced by the next. */
function counted(suite: Suite): { suite: Suite; rekeys: () => number } {
  let rekeys = 0
  const wrap = (inner: Cipher): Cipher => ({
    seal: (nonce, associated, plaintext) => inner.seal(nonce, associated, plaintext),
    sealParts: (nonce, associated, plaintext) => inner.sealParts(nonce, associated, plaintext),
    sealInto: (nonce, associated, plaintext, out) => inner.sealInto(nonce, associated, plaintext, out),
    open: (nonce, associated, sealed) => inner.open(nonce, associated, sealed),
    rekeyed: () => {
      rekeys++
      return wrap(inner.rekeyed())
    },
  })
  return { suite: { ...suite, cipher: key => wrap(suite.cipher(key)) }, rekeys: () => rekeys }
}

/** Both talk for longer than two keys live; on a bad path, so that packets of both keys overtake each other (HS-17). */
const keyUpdate = nodes('key-update', async (fleet, sim) => {
  sim.weather({ delay: DELAY, loss: 0.03, reorder: 0.1, reorderBy: 100 })
  const suites = [counted(nativeSuite), counted(nativeSuite)]
  const server = fleet.add('server', { ...udp, suite: suites[0]!.suite })
  const client = fleet.add('client', { ...udp, bootstrap: [server.address], suite: suites[1]!.suite })
  await fleet.start()
  await fleet.untilWhole(30_000)
  const options = { length: Number.MAX_SAFE_INTEGER, lasts: 260_000, piece: 4096, every: 200 }
  const parcels = [
    new Parcel(sim, 'up', client, server, options),
    new Parcel(sim, 'down', server, client, options),
  ]
  await sim.settle(Promise.all(parcels.map(parcel => parcel.send())), { limit: 400_000 })
  for (const parcel of parcels) parcel.check()
  for (const [i, { rekeys }] of suites.entries()) {
    // Every 120 s, a key to send with and one to receive with.
    const { name } = fleet.members[i]!
    claim(rekeys() >= 4 && rekeys() <= 10, `${name}: ${rekeys()} keys were replaced in 260 s`)
  }
  for (const parcel of parcels) {
    const stall = parcel.stall()
    claim(stall < 2_000, `${stall.toFixed(0)} ms without a byte`)
  }
  await peace(fleet, sim)
})

export function udpPathCases(extent: Extent = long): readonly Scenario[] {
  return [
    rebinding('rebind-port', 'port', extent),
    rebinding('rebind-addr', 'address', extent),
    migration(extent),
    keyUpdate,
  ]
}
