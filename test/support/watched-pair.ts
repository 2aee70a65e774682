/** Two nodes in a simulated network, linked over UDP; the one that dialled pours bytes into the other. */
import { nativeSuite } from '../../src/crypto/native.ts'
import { createNode, type GuildNode, type NodeOptions } from '../../src/index.ts'
import { type LinkConditions, type Simulation, simulate } from '../../src/testing/index.ts'

export interface WatchedPair {
  readonly sim: Simulation
  /** Listens. */
  readonly alice: GuildNode
  /** Dialled; stands behind a NAT box. */
  readonly bob: GuildNode
  /** The peer behind the box is seen elsewhere from now on. */
  rebind(): void
  /** So many bytes from bob to alice: resolves when alice has them all. */
  pour(bytes: number): Promise<void>
}

export const poured = 'a text that must not be in any log. '

export async function watchedPair(
  {
    conditions = {},
    seed = 1,
    options = {},
  }: {
    conditions?: Partial<LinkConditions>
    seed?: number
    options?: NodeOptions
  },
  story: (pair: WatchedPair) => Promise<void>,
): Promise<string> {
  const { hash } = await simulate({ name: 'watched', seed, suite: nativeSuite, conditions }, async sim => {
    const box = sim.nat('box', ['203.0.113.1'])
    const hosts = [sim.host('alice', { addresses: ['198.51.100.1'] }), sim.host('bob', { behind: box })]
    const common = { transport: ['udp'], mdns: false, swarmKey: new Uint8Array(32).fill(3), port: 8000 }
    const [alice, bob] = await Promise.all(
      hosts.map((host, i) =>
        createNode({
          ...common,
          name: host.name,
          identityKey: new Uint8Array(32).fill(i + 1),
          bootstrap: i === 0 ? [] : ['198.51.100.1:8000'],
          ...options,
          runtime: host.runtime(),
        }),
      ),
    )
    try {
      await sim.settle(alice!.start())
      await sim.settle(bob!.start())
      await sim.run(() => alice!.peers.length === 1 && bob!.peers.length === 1, { limit: 60_000 })
      let got = 0
      alice!.handle('/sink/1', stream => {
        stream.on('data', (chunk: Uint8Array) => {
          got += chunk.length
        })
        stream.on('end', () => stream.end())
      })
      const pour = async (bytes: number): Promise<void> => {
        const aim = got + bytes
        const stream = await sim.settle(bob!.open(alice!.peerId, '/sink/1'))
        const piece = Buffer.from(poured.repeat(1_000))
        const write = async (): Promise<void> => {
          for (let left = bytes; left > 0; left -= piece.length)
            if (!stream.write(piece.subarray(0, Math.min(left, piece.length)))) await stream.drained()
          stream.end()
        }
        const writing = write()
        await sim.run(() => got >= aim, { limit: 120_000 })
        await sim.settle(writing)
      }
      await story({ sim, alice: alice!, bob: bob!, rebind: () => sim.rebind(box, 'address'), pour })
    } finally {
      await sim.settle(bob!.stop())
      await sim.settle(alice!.stop())
    }
  })
  return hash
}
