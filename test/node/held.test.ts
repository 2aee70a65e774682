/**
 * P15: whole nodes in a world so slow that every look at the clock costs a third of a millisecond: nearly all that
 * comes is held, and a transfer must not notice.
 */
import { createHash, randomBytes } from 'node:crypto'
import t from 'tap'
import type { Runtime, Transport } from '../../src/base/ports.ts'
import { nativeSuite } from '../../src/crypto/index.ts'
import { systemRuntime } from '../../src/runtime/system.ts'
import { tcpTransport } from '../../src/transport/tcp.ts'
import { at, Nodes, until } from '../support/nodes.ts'

const BYTES = 2_000_000

/** Counts pauses; a read that comes in one is a fault. */
function slow(): { runtime: Runtime; pauses: () => number; faults: () => number } {
  let [pauses, faults, ahead] = [0, 0, 0]
  const tcp = tcpTransport()
  const transport: Transport = {
    ...tcp,
    listen: options =>
      tcp.listen({
        ...options,
        onPipe: pipe => {
          const { attach, pause, resume } = pipe
          let paused = false
          Object.assign(pipe, {
            attach: (events: Parameters<typeof attach>[0]) =>
              attach.call(pipe, {
                ...events,
                data: bytes => {
                  if (paused) faults++
                  events.data(bytes)
                },
                end: () => {
                  if (paused) faults++
                  events.end()
                },
              }),
            pause: () => {
              paused = true
              pauses++
              pause.call(pipe)
            },
            resume: () => {
              paused = false
              resume.call(pipe)
            },
          })
          options.onPipe(pipe)
        },
      }),
  }
  const system = systemRuntime({ suite: nativeSuite, transports: [transport] })
  const now = (): number => {
    ahead += 0.3
    return system.clock.now() + ahead
  }
  return {
    runtime: { ...system, clock: { now, wall: () => system.clock.wall() } },
    pauses: () => pauses,
    faults: () => faults,
  }
}

const patient = { interval: 3600, discoveryInterval: 3600, peerTimeout: 86_400 }

t.test('P15 held again and again, streams of several peers arrive whole, each with its end', async t => {
  const nodes = new Nodes(t)
  const { runtime, pauses, faults } = slow()
  const server = await nodes.start({ ...patient, runtime })
  const came = new Map<string, string>()
  server.handle('/sum/1', async stream => {
    const sum = createHash('sha256')
    for await (const chunk of stream) sum.update(chunk)
    came.set(stream.peerId, sum.digest('hex'))
    stream.end()
  })
  const sent = new Map<string, string>()
  const clients = await Promise.all([1, 2, 3].map(() => nodes.start(patient)))
  await Promise.all(
    clients.map(async client => {
      await client.connect(at(server))
      const stream = await client.open(server.peerId, '/sum/1')
      const sum = createHash('sha256')
      for (let left = BYTES; left > 0; ) {
        // Now tiny pieces, now large ones: many frames a record, and many records a read.
        const piece = new Uint8Array(randomBytes(Math.min(left, left % 3 === 0 ? 50 : 20_000)))
        left -= piece.length
        sum.update(piece)
        if (!stream.write(piece)) await stream.drained()
      }
      stream.end()
      sent.set(client.peerId, sum.digest('hex'))
    }),
  )
  await until(() => came.size === clients.length, 'all streams have ended')
  t.same([...came].sort(), [...sent].sort())
  t.ok(pauses() > 10, `held ${pauses()} times`)
  t.equal(faults(), 0)
  // A goodbye is heard at its place behind what was held.
  await clients[0]!.stop()
  await until(() => server.peers.length === clients.length - 1, 'it has left')
})
