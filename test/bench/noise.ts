/**
 * Handshakes a second and bytes a second of both suites, on this machine.
 *
 *   node dist/test/bench/noise.js
 */
import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { empty } from '../../src/base/bytes.ts'
import type { Suite } from '../../src/base/ports.ts'
import { nativeSuite, nobleSuite } from '../../src/crypto/index.ts'
import {
  CipherState,
  HandshakeState,
  precompute,
  type ResumedOptions,
  XXpsk0,
} from '../../src/noise/index.ts'

const RECORD = 65_519
const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length))

for (const [name, suite, runs] of [
  ['native', nativeSuite, 1000],
  ['noble', nobleSuite, 20],
] as const) {
  const snapshot = precompute(suite, XXpsk0, empty, random(32))
  const s = suite.keyPair(random(32))
  const common = { snapshot, s, random }
  const handshake = rate(runs, () => {
    const initiator = new HandshakeState({ ...common, initiator: true })
    const responder = new HandshakeState({ ...common, initiator: false })
    responder.readMessage(initiator.writeMessage())
    initiator.readMessage(responder.writeMessage())
    responder.readMessage(initiator.writeMessage())
    initiator.split()
    responder.split()
  })
  const stranger = strangers(suite, runs, common)
  console.log(
    `${name}: ${handshake.toFixed(0)} handshakes/s, both sides; ${stranger.toFixed(0)} strangers/s refused`,
  )

  const key = random(32)
  const record = random(RECORD)
  const sender = new CipherState().initializeKey(suite, key)
  const receiver = new CipherState().initializeKey(suite, key)
  const sealed = sender.encryptWithAd(empty, record)
  const sealing = rate(runs, () => sender.encryptParts(empty, record))
  const opening = rate(runs, () => {
    receiver.setNonce(0)
    receiver.decryptWithAd(empty, sealed)
  })
  const megabytes = (perSecond: number): string => ((perSecond * RECORD) / 1e6).toFixed(0)
  console.log(
    `${name}: records of ${RECORD} bytes: seal ${megabytes(sealing)} MB/s, open ${megabytes(opening)} MB/s`,
  )
}

/** How many first messages under another swarm key one responder turns away. */
function strangers(suite: Suite, runs: number, common: Omit<ResumedOptions, 'initiator'>): number {
  const other = precompute(suite, XXpsk0, empty, random(32))
  const message = new HandshakeState({ snapshot: other, initiator: true, random }).writeMessage(random(40))
  const responder = new HandshakeState({ ...common, initiator: false })
  return rate(runs * 10, () => {
    try {
      responder.readMessage(message)
    } catch {
      return
    }
    throw new Error('a stranger was let in')
  })
}

function rate(runs: number, work: () => void): number {
  for (let i = 0; i < runs / 10; i++) work()
  const start = performance.now()
  for (let i = 0; i < runs; i++) work()
  return (runs * 1000) / (performance.now() - start)
}
