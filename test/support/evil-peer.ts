/** A member of the swarm whose name no honest node would take. */

import { nativeSuite } from '../../src/crypto/native.ts'
import { checkOptions } from '../../src/node/config.ts'
import { Happenings } from '../../src/node/emitter.ts'
import { Mesh } from '../../src/node/mesh.ts'
import { systemRuntime } from '../../src/runtime/system.ts'
import { tcpTransport } from '../../src/transport/tcp.ts'
import { parseAddress } from '../../src/wire/address.ts'

export interface EvilPeer {
  start(): Promise<void>
  connect(address: string): Promise<string>
  say(text: string): void
  stop(): Promise<void>
}

export function evilPeer({ swarmKey, name }: { swarmKey: Uint8Array; name: string }): EvilPeer {
  const runtime = systemRuntime({ suite: nativeSuite, transports: [tcpTransport()] })
  const mesh = new Mesh({
    config: { ...checkOptions({ host: '127.0.0.1' }), name },
    runtime,
    swarmKeys: [swarmKey],
    identitySeed: runtime.random.bytes(32),
    happenings: new Happenings(),
  })
  return {
    async start() {
      await mesh.start()
      mesh.join()
    },
    connect: address => mesh.connect(parseAddress(address)),
    say: text => mesh.say(text),
    stop: () => mesh.stop(),
  }
}
