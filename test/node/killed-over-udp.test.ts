/** A process that is killed says nothing, and over UDP neither does its system unless it is asked. */
import t from 'tap'
import type { DatagramSocket, Runtime } from '../../src/base/ports.ts'
import { nativeSuite } from '../../src/crypto/native.ts'
import { systemRuntime } from '../../src/runtime/system.ts'
import { tcpTransport } from '../../src/transport/tcp.ts'
import { udpDatagrams } from '../../src/transport/udp.ts'
import { Nodes, next } from '../support/nodes.ts'

/** As the system's own, and `kill` closes its sockets under it: no word gets out, the port is free. */
function mortal(): { runtime: Runtime; kill: () => void } {
  const sockets: DatagramSocket[] = []
  const real = udpDatagrams()
  const datagrams = {
    ...real,
    open: async (...options: Parameters<typeof real.open>) => {
      const socket = await real.open(...options)
      sockets.push(socket)
      return socket
    },
  }
  return {
    runtime: systemRuntime({ suite: nativeSuite, transports: [tcpTransport()], datagrams }),
    kill: () => {
      for (const socket of sockets) socket.close()
    },
  }
}

t.test('PATH-18 a peer that is killed is missed soon over UDP too, not after half a minute', async t => {
  const nodes = new Nodes(t)
  const { runtime, kill } = mortal()
  const udp = { transport: ['udp'], peerTimeout: 60 } as const
  const [, b] = await nodes.pair({ ...udp, runtime }, udp)
  t.equal(b.peers[0]!.transport, 'udp')
  const missed = next(b, 'peer-disconnected')
  const begun = performance.now()
  kill()
  b.broadcast('are you there?')
  await missed
  const took = performance.now() - begun
  t.ok(took < 9_000, `missed after ${took.toFixed(0)} ms, silence alone takes 30 s`)
})

t.test('PATH-18 so it is where somebody else has taken its port meanwhile', async t => {
  const nodes = new Nodes(t)
  const { runtime, kill } = mortal()
  const udp = { transport: ['udp'], peerTimeout: 60 } as const
  const [a, b] = await nodes.pair({ ...udp, runtime }, udp)
  const { port, peerId } = a
  const missed = next(b, 'peer-disconnected')
  const begun = performance.now()
  kill()
  const heir = await nodes.start({ ...udp, port })
  await heir.connect(`127.0.0.1:${b.port}`)
  b.broadcast('are you there?')
  t.equal((await missed).peerId, peerId)
  const took = performance.now() - begun
  t.ok(took < 9_000, `missed after ${took.toFixed(0)} ms`)
  t.ok(b.peers.some(peer => peer.peerId === heir.peerId))
})

t.test('PATH-18 so it is where the link of that one is over TCP', async t => {
  const nodes = new Nodes(t)
  const { runtime, kill } = mortal()
  const both = { transport: ['tcp', 'udp'], peerTimeout: 60 } as const
  const [a, b] = await nodes.pair({ transport: ['udp'], peerTimeout: 60, runtime }, both)
  const { port, peerId } = a
  t.equal(b.peers[0]!.transport, 'udp')
  const missed = next(b, 'peer-disconnected')
  const begun = performance.now()
  kill()
  const heir = await nodes.start({ ...both, port })
  await heir.connect(`/ip4/127.0.0.1/tcp/${b.port}`)
  t.equal(b.peers.find(peer => peer.peerId === heir.peerId)?.transport, 'tcp')
  b.broadcast('are you there?')
  t.equal((await missed).peerId, peerId)
  const took = performance.now() - begun
  t.ok(took < 9_000, `missed after ${took.toFixed(0)} ms`)
})
