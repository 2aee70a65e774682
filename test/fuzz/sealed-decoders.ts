/**
 * The registry's entries for what is sealed: handshake messages, responder units, records, links.
 *
 * A seal lets nothing pass that was altered, so beside the sealed bytes themselves their
 * plaintext is mutated and sealed again by one who has the keys: a member gone bad.
 * Commit last: a message that is refused leaves the machine as it was.
 */
import { empty, equal, toHex } from '../../src/base/bytes.ts'
import type { GuildError } from '../../src/base/errors.ts'
import { nativeSuite } from '../../src/crypto/index.ts'
import { Initiator } from '../../src/link/initiator.ts'
import { RecordReceiver } from '../../src/link/records.ts'
import { Responder } from '../../src/link/responder.ts'
import { createSwarm } from '../../src/link/swarm.ts'
import { HandshakeState } from '../../src/noise/index.ts'
import { makeSelf, START, unitsOf, yes } from '../support/link-pair.ts'
import { pattern } from '../support/pair.ts'
import { Seeded } from '../support/seeded.ts'
import { must, Refused, refused } from './common.ts'
import { messages } from './corpus.ts'
import { codesOf, type Decoder, type Value } from './fuzz.ts'
import { joined, meshFrames, recordSession, Speaker, saidBy } from './session.ts'

/** Made at the first use: what nobody asks for costs nothing. */
export function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}

/** A decoder whose machine is made at its first input. */
export function lazily(make: () => (input: Uint8Array) => Value): (input: Uint8Array) => Value {
  const made = once(make)
  return input => made()(input)
}

const session = once(recordSession)
const swarm = once(() => createSwarm(nativeSuite, new Uint8Array(32).fill(7)))

/** The n-th unit of a side in the recorded session, without its length. */
function unit(from: 'initiator' | 'responder', n: number): Uint8Array {
  return unitsOf(saidBy(session().all, from))[n]!.subarray(2)
}

function handshakeState(initiator: boolean, seed: number): HandshakeState {
  const dice = new Seeded(seed)
  return new HandshakeState({
    snapshot: swarm().snapshot,
    initiator,
    s: nativeSuite.keyPair(dice.bytes(32)),
    random: length => dice.bytes(length),
  })
}

/** For each message of the handshake: that message, and a reader that waits for it. */
const awaiting = [1, 2, 3].map(n =>
  once(() => {
    const [initiator, responder] = [handshakeState(true, 31), handshakeState(false, 32)]
    for (let i = 1; ; i++) {
      const [writer, reader] = i % 2 === 1 ? [initiator, responder] : [responder, initiator]
      const message = writer.writeMessage(pattern(40 * i))
      if (i === n) return { reader, message }
      reader.readMessage(message)
    }
  }),
)

const noise: readonly Decoder[] = awaiting.map((made, i) => ({
  name: `noise-message-${i + 1}`,
  covers: [],
  corpus: () => [made().message],
  most: 66_000,
  sealed: true,
  share: 4,
  decode(input) {
    const { reader, message } = made()
    if (equal(input, message)) throw new Refused() // not altered after all; it would end the wait
    const state = (): string => toHex(reader.handshakeHash) + toHex(reader.chainingKey)
    const before = state()
    try {
      reader.readMessage(input)
    } catch (error) {
      must(state() === before && reader.rs === rsOf(i, reader), 'refused, it changes nothing')
      throw error
    }
    throw new Error('a forged message was taken')
  },
  refuses: error =>
    refused(error) || codesOf('GH_NOISE_OPEN', 'GH_NOISE_KEY', 'GH_WIRE_SHORT', 'GH_WIRE_LENGTH')(error),
}))

/** The peer's static key is known from message 2 on, and by the initiator alone. */
function rsOf(index: number, reader: HandshakeState): Uint8Array | undefined {
  return index < 2 ? undefined : reader.rs
}

/** A fault of our own has no place among the ends of a link. */
function endedWell(error: GuildError | undefined): void {
  must(error?.code !== 'GH_INTERNAL', `an end that is no fault of ours: ${error?.message}`)
}

export const sealedDecoders: readonly Decoder[] = [
  ...noise,
  {
    name: 'responder',
    covers: [],
    corpus: () => [unit('initiator', 0)],
    sealed: true,
    share: 4,
    decode: lazily(() => {
      const responder = new Responder(makeSelf({ seed: 2 }))
      const genuine = unit('initiator', 0)
      return input => {
        if (equal(input, genuine)) throw new Refused()
        responder.unit(input, START)
        throw new Error('a forged message was taken')
      }
    }),
    refuses: error => refused(error) || codesOf('GH_HANDSHAKE_SWARM')(error),
  },
  {
    // Message 1 of a member: its payload is what was mutated.
    name: 'responder-opened',
    covers: [],
    corpus: () => messages('message-1').filter(payload => payload.length < 1_000),
    most: 1_100,
    share: 20,
    decode: lazily(() => {
      let count = 0
      const self = makeSelf({ seed: 2, startedAt: START })
      return input => {
        const message = handshakeState(true, count++).writeMessage(input)
        const { send, end, proved } = new Responder(self).unit(message, START)
        must(proved === undefined, 'nobody is proved by message 1')
        must(send !== undefined && send.length <= 3 * message.length, 'no more than three bytes for one')
        endedWell(end)
        return undefined
      }
    }),
    refuses: codesOf('GH_HANDSHAKE_FAILED'),
  },
  {
    name: 'initiator',
    covers: [],
    corpus: () => [
      unit('responder', 0),
      Uint8Array.of(3, ...pattern(48)),
      Uint8Array.of(4, ...pattern(34)),
      Uint8Array.of(2),
    ],
    sealed: true,
    share: 8,
    decode: lazily(() => {
      const initiator = new Initiator({ self: makeSelf({ seed: 1 }), proceed: yes })
      initiator.begin(START)
      const genuine = unit('responder', 0)
      return input => {
        if (equal(input, genuine)) throw new Refused()
        try {
          initiator.unit(input, START)
        } catch (error) {
          must(initiator.stage === 'message 1' && initiator.peerId === undefined, 'nobody answered yet')
          throw error
        }
        throw new Error('a forged message was taken')
      }
    }),
    refuses: error => refused(error) || codesOf('GH_HANDSHAKE_FAILED')(error),
  },
  {
    name: 'record',
    covers: [],
    corpus: () => [sealedRecord().record],
    most: 66_000,
    sealed: true,
    decode: lazily(() => {
      const { receiver, twin, record } = sealedRecord()
      let count = 0
      return input => {
        if (equal(input, record)) throw new Refused()
        try {
          receiver.open(input)
        } catch (error) {
          // It waits for the same record as before: a twin of it shows that.
          if (count++ % 512 === 0) must(new RecordReceiver(twin()).open(record).length > 0, 'still waiting')
          throw error
        }
        throw new Error('a forged record was taken')
      }
    }),
    refuses: error => refused(error) || codesOf('GH_NOISE_OPEN')(error),
  },
  {
    // A whole session as its carrier brings it, to a node that has not seen it.
    name: 'link',
    covers: [],
    corpus: () => [saidBy(session().all, 'initiator')],
    most: 8_192,
    sealed: true,
    share: 40,
    decode: lazily(() => {
      const genuine = session().responder.story
      return input => {
        const node = new Speaker('responder')
        node.end.give(input)
        const { end } = node.end
        endedWell(end?.error)
        must(node.end.sent <= 3 * input.length + 4_096, 'no flood for an answer')
        const told = node.story.join('\n')
        must(
          `${genuine.join('\n')}\n`.startsWith(told === '' ? '' : `${told}\n`),
          'believed only what was said',
        )
        if (end !== undefined) throw end.error
        return told
      }
    }),
    refuses: error => (error as { code?: string }).code !== undefined,
  },
  {
    // Frames of a member, sealed as they should be, to a link that is open.
    name: 'link-opened',
    covers: [],
    corpus: () => [meshFrames(), ...messages('frames')].filter(frames => frames.length > 0),
    most: 20_000,
    share: 40, // one in eight is taken: of 50 it is some, whatever the corpus
    decode: lazily(() => {
      let pair: { a: Speaker; b: Speaker } | undefined
      return input => {
        if (input.length === 0) throw new Refused()
        pair ??= joined()
        const { a, b } = pair
        b.end.now += 1_000
        const sealed = a.end.proved!.send.encryptWithAd(empty, input)
        b.end.give(Uint8Array.of(sealed.length >>> 8, sealed.length, ...sealed))
        const { end } = b.end
        // A new key, or streams enough to slow us down: begin again.
        if (end !== undefined || input.includes(0x24) || b.streams!.size > 50) pair = undefined
        endedWell(end?.error)
        if (end !== undefined) throw end.error
        return undefined
      }
    }),
    refuses: error => refused(error) || (error as { code?: string }).code !== undefined,
  },
]

const sealedRecord = once(() => {
  const { all } = session()
  const { a, b } = joined()
  const receiving = b.end.proved!.receive
  const sealed = a.end.proved!.send.clone().encryptWithAd(empty, meshFrames())
  must(all.length > 0, 'a session was recorded')
  return { receiver: new RecordReceiver(receiving.clone()), twin: () => receiving.clone(), record: sealed }
})
