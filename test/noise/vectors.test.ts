/**
 * Noise by other people's vectors: five sources, 1,476 vectors, each on both backends.
 *
 * Every message is written by one side, compared, and read back by the other; then the
 * handshake hash, where the source gives it.
 */
import t from 'tap'
import { concat, equal, fromHex, toHex } from '../../src/base/bytes.ts'
import {
  type HandshakeKeys,
  HandshakeState,
  precompute,
  protocolName,
  XXpsk0,
} from '../../src/noise/index.ts'
import { sharedJson } from '../support/shared.ts'
import { isOneWay, patternOf } from './support/patterns.ts'
import { type Backend, backends, suiteOf } from './support/suites.ts'

/** One vector of any source, as the sources write it: hex. */
interface Vector {
  readonly name: string
  readonly prologue: string
  readonly initiator: Side
  readonly responder: Side
  readonly messages: readonly { readonly payload: string; readonly ciphertext: string }[]
  readonly hash: string | undefined
  /** Who sends message i once the handshake is over. */
  readonly transport: (i: number, handshake: number) => 'initiator' | 'responder'
}

interface Side {
  readonly s: string | undefined
  readonly e: string | undefined
  readonly rs: string | undefined
  readonly re?: string
  readonly psks: readonly string[]
}

// biome-ignore lint/suspicious/noExplicitAny: foreign JSON
type Raw = any

const ours = '25519_ChaChaPoly_SHA256'

const sources: readonly { file: string; count: number; read: (raw: Raw) => Vector }[] = [
  { file: 'cacophony-25519', count: 354, read: fromCacophony },
  { file: 'snow-25519', count: 306, read: fromCacophony },
  { file: 'flynn-psk-placements-25519', count: 720, read: fromFlynn },
  { file: 'noise-c-basic-25519', count: 90, read: fromCacophony },
]

for (const { file, count, read } of sources) {
  const raw = sharedJson(`vectors/noise/${file}.json`)
  t.test(
    `${file}: ${count} vectors on both suites`,
    { skip: raw === undefined && 'no vectors here' },
    async t => {
      for (const backend of backends) {
        const faults: string[] = []
        let done = 0
        let hashes = 0
        for (const [i, entry] of raw.vectors.entries()) {
          const vector = read(entry)
          const fault = run(vector, backend)
          if (fault !== undefined) faults.push(`${i} ${vector.name}: ${fault}`)
          if (vector.hash !== undefined) hashes++
          done++
        }
        t.strictSame(faults, [], `${backend}: no vector fails`)
        t.equal(done, count, `${backend}: all were run`)
        t.comment(`${backend}: ${hashes} handshake hashes compared`)
      }
    },
  )
}

const fallback = sharedJson('vectors/noise/noise-c-fallback-25519.json')
t.test(
  'noise-c-fallback-25519: 6 vectors',
  { skip: fallback === undefined && 'no vectors here' },
  async t => {
    for (const backend of backends) {
      let done = 0
      for (const raw of fallback.vectors) {
        // An IK message to a key that is not the responder's: written, and not to be read.
        const suiteName = raw.name.split('_').slice(2).join('_')
        const suite = suiteOf(backend, suiteName)
        const common = {
          suite,
          pattern: patternOf('IK'),
          prologue: fromHex(raw.init_prologue)!,
          random: never,
        }
        const alice = new HandshakeState({
          ...common,
          initiator: true,
          s: suite.keyPair(fromHex(raw.init_static)!),
          e: fromHex(raw.init_ephemeral)!,
          rs: fromHex(raw.init_remote_static)!,
        })
        const bob = new HandshakeState({
          ...common,
          initiator: false,
          s: suite.keyPair(fromHex(raw.resp_static)!),
        })
        const first = alice.writeMessage(fromHex(raw.messages[0].payload)!)
        t.equal(toHex(first), raw.messages[0].ciphertext)
        t.throws(() => bob.readMessage(first), { code: 'GH_NOISE_OPEN' })
        // Then the fallback: the roles are exchanged, and e of the first message is known beforehand.
        const e = toHex(suite.keyPair(fromHex(raw.init_ephemeral)!).publicKey)
        const fault = run(
          {
            name: raw.name,
            prologue: raw.init_prologue,
            initiator: { s: raw.resp_static, e: raw.resp_ephemeral, rs: undefined, re: e, psks: [] },
            responder: { s: raw.init_static, e: raw.init_ephemeral, rs: undefined, psks: [] },
            messages: raw.messages.slice(1),
            hash: raw.handshake_hash,
            transport: alternate,
          },
          backend,
        )
        t.equal(fault, undefined, `${backend} ${raw.name}`)
        done++
      }
      t.equal(done, 6)
    }
  },
)

t.test('XXpsk0 from a precomputed state gives the bytes of the vectors', async t => {
  const raw = sharedJson('vectors/noise/flynn-psk-placements-25519.json')
  let done = 0
  for (const entry of raw?.vectors ?? []) {
    const vector = fromFlynn(entry)
    if (!vector.name.startsWith('Noise_XXpsk0_') || vector.prologue === '') continue
    for (const backend of backends)
      t.equal(run(vector, backend, true), undefined, `${backend} ${vector.name}`)
    done++
  }
  t.equal(done, raw === undefined ? 0 : 12)
})

t.test('the vectors are compared with: a wrong byte is noticed', async t => {
  const raw = sharedJson('vectors/noise/cacophony-25519.json')
  if (raw === undefined) return
  const vector = fromCacophony(raw.vectors[0])
  const last = vector.messages.at(-1)!
  const wrong = { ...last, ciphertext: last.ciphertext.replace(/.$/, c => (c === '0' ? '1' : '0')) }
  t.match(run({ ...vector, messages: [...vector.messages.slice(0, -1), wrong] }, 'native'), /ciphertext/)
  t.match(run({ ...vector, hash: '00' }, 'native'), /hash/)
})

/** What went wrong, in words, or undefined. */
function run(vector: Vector, backend: Backend, precomputed = false): string | undefined {
  const [, patternName, ...rest] = vector.name.split('_')
  const pattern = patternOf(patternName!)
  const suite = suiteOf(backend, rest.join('_'))
  const prologue = fromHex(vector.prologue)!
  const make = (initiator: boolean, side: Side): HandshakeState => {
    const psks = side.psks.map(psk => fromHex(psk)!)
    const keys: HandshakeKeys = {
      initiator,
      random: never,
      psks: precomputed ? psks.slice(1) : psks,
      ...(side.s === undefined ? {} : { s: suite.keyPair(fromHex(side.s)!) }),
      ...(side.e === undefined ? {} : { e: fromHex(side.e)! }),
      ...(side.rs === undefined ? {} : { rs: fromHex(side.rs)! }),
      ...(side.re === undefined ? {} : { re: fromHex(side.re)! }),
    }
    return precomputed
      ? new HandshakeState({ ...keys, snapshot: precompute(suite, pattern, prologue, psks[0]!) })
      : new HandshakeState({ ...keys, suite, pattern, prologue })
  }
  const initiator = make(true, vector.initiator)
  const responder = make(false, vector.responder)
  const handshake = pattern.messages.length

  for (let i = 0; i < handshake; i++) {
    const { payload, ciphertext } = vector.messages[i]!
    const [from, to] = i % 2 === 0 ? [initiator, responder] : [responder, initiator]
    let signed: Uint8Array | undefined
    const message = from.writeMessage(h => {
      signed = h
      return fromHex(payload)!
    })
    if (toHex(message) !== ciphertext) return `handshake ciphertext ${i}`
    const read = to.readMessage(message)
    if (toHex(read.payload) !== payload) return `handshake payload ${i}`
    if (!equal(read.hash, signed!)) return `hash under payload ${i}`
    if (!equal(from.chainingKey, to.chainingKey)) return `chaining key after ${i}`
  }
  const ends = { initiator: initiator.split(), responder: responder.split() }
  if (vector.hash !== undefined && toHex(initiator.handshakeHash) !== vector.hash) return 'handshake hash'
  if (!equal(initiator.handshakeHash, responder.handshakeHash)) return 'handshake hash of the responder'
  const none = new Uint8Array(0)
  for (let i = handshake; i < vector.messages.length; i++) {
    const { payload, ciphertext } = vector.messages[i]!
    const sender = vector.transport(i, handshake)
    const [from, to] =
      sender === 'initiator' ? [ends.initiator, ends.responder] : [ends.responder, ends.initiator]
    // Both ways of sealing take turns.
    let sealed: Uint8Array
    if (i % 3 === 0) sealed = from.send.encryptWithAd(none, fromHex(payload)!)
    else {
      const { body, tag } = from.send.encryptParts(none, fromHex(payload)!)
      sealed = concat(body, tag)
    }
    if (toHex(sealed) !== ciphertext) return `transport ciphertext ${i}`
    if (toHex(to.receive.decryptWithAd(none, sealed)) !== payload) return `transport payload ${i}`
  }
  return undefined
}

/** cacophony, snow and noise-c: one form. */
function fromCacophony(raw: Raw): Vector {
  const name: string = raw.protocol_name ?? raw.name
  const oneWay = isOneWay(patternOf(name.split('_')[1]!))
  return {
    name,
    prologue: raw.init_prologue,
    initiator: {
      s: raw.init_static,
      e: raw.init_ephemeral,
      rs: raw.init_remote_static,
      psks: raw.init_psks ?? [],
    },
    responder: {
      s: raw.resp_static,
      e: oneWay ? undefined : raw.resp_ephemeral,
      rs: raw.resp_remote_static,
      psks: raw.resp_psks ?? [],
    },
    messages: raw.messages,
    hash: raw.handshake_hash,
    transport: oneWay ? () => 'initiator' : alternate,
  }
}

/** flynn gives private keys only, and after the handshake the initiator always begins. */
function fromFlynn(raw: Raw): Vector {
  const name: string = raw.protocol_name
  const pattern = patternOf(name.split('_')[1]!)
  const known = (who: 'initiator' | 'responder', secret: string): string | undefined =>
    pattern.preMessages[who].includes('s')
      ? toHex(suiteOf('native', ours).keyPair(fromHex(secret)!).publicKey)
      : undefined
  const psks = raw.preshared_key === undefined ? [] : [raw.preshared_key]
  return {
    name,
    prologue: raw.prologue ?? '',
    initiator: {
      s: raw.init_static,
      e: raw.gen_init_ephemeral,
      rs: known('responder', raw.resp_static),
      psks,
    },
    responder: {
      s: raw.resp_static,
      e: raw.gen_resp_ephemeral,
      rs: known('initiator', raw.init_static),
      psks,
    },
    messages: raw.messages,
    hash: undefined,
    transport: (i, handshake) => ((i - handshake) % 2 === 0 ? 'initiator' : 'responder'),
  }
}

function alternate(i: number): 'initiator' | 'responder' {
  return i % 2 === 0 ? 'initiator' : 'responder'
}

function never(): Uint8Array {
  throw new Error('a vector brings its own keys')
}

t.test('XXpsk0 as we speak it is the one of the paper', async t => {
  t.strictSame(XXpsk0, patternOf('XXpsk0'))
  t.equal(protocolName(XXpsk0, suiteOf('native', ours)), 'Noise_XXpsk0_25519_ChaChaPoly_SHA256')
})
