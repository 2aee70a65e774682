/**
 * Datagrams of strangers, and how many of them a door turns away in a second.
 *
 * `node dist/test/floods/datagrams.js [count]` gives the long form and its figures: without a socket, so
 * what is measured is the door alone.
 */
import { pathToFileURL } from 'node:url'
import type { Endpoint } from '../../src/base/ports.ts'
import { ConnectionIds } from '../../src/link/connection-ids.ts'
import { sealedDatagram } from '../../src/link/datagram-mac.ts'
import { Door } from '../../src/link/door.ts'
import type { Self } from '../../src/link/self.ts'
import { createSwarm } from '../../src/link/swarm.ts'
import { makeSelf, START } from '../support/link-pair.ts'
import { Seeded } from '../support/seeded.ts'

export const kinds = [
  'random',
  'wrong MAC',
  'cut short',
  'another swarm',
  'an id made up',
  'wrong length',
  'each length',
] as const
export type Kind = (typeof kinds)[number]

/** Makes datagrams of one kind, each another one. */
export function maker(kind: Kind, self: Self, dice: Seeded): () => Uint8Array {
  const full = dice.bytes(1_500)
  const swarm = createSwarm(self.suite, new Uint8Array(32).fill(0xee))
  const other = sealedDatagram(self.suite, swarm, {
    kind: 'MESSAGE_1',
    initiatorId: full.slice(0, 12),
    body: full.slice(0, 70),
  })
  const change = (bytes: Uint8Array, from: number): Uint8Array => {
    for (let i = 0; i < 4; i++) bytes[from + dice.below(bytes.length - from)] = dice.below(256)
    return bytes
  }
  switch (kind) {
    case 'random':
      return () => change(full, 0).subarray(0, dice.below(1_501))
    case 'each length': {
      let length = 0
      return () => change(full, 0).subarray(0, length++ % 1_501)
    }
    case 'wrong MAC':
      return () => {
        const bytes = change(full.subarray(0, 1_200), 1)
        bytes[0] = 1 + dice.below(3)
        return bytes
      }
    case 'cut short':
      return () => other.subarray(0, dice.below(1_200))
    case 'another swarm':
      return () => other
    case 'an id made up':
      return () => {
        const bytes = change(full.subarray(0, 60 + dice.below(1_000)), 1)
        bytes[0] = 0x40 | dice.below(64)
        return bytes
      }
    case 'wrong length':
      return () => {
        const bytes = change(full.subarray(0, 1_201 + dice.below(200)), 1)
        bytes[0] = 1 + dice.below(3)
        return bytes
      }
  }
}

/** `count` datagrams of all kinds in turn: how many of them were answered. */
export function strangers(
  door: Door<string>,
  self: Self,
  count: number,
  seed: number,
  only: readonly Kind[] = kinds,
): { asked: number; answered: number; bytes: number } {
  const dice = new Seeded(seed)
  const makers = only.map(kind => maker(kind, self, dice))
  const from: Endpoint = { host: '198.51.100.1', port: 9 }
  let [asked, answered, bytes] = [0, 0, 0]
  for (; asked < count; asked++) {
    const judgement = door.judge(makers[asked % makers.length]!(), from, START + asked / 100)
    if (judgement.kind === 'drop') continue
    answered++
    if (judgement.kind === 'reply') bytes += judgement.datagram.length
  }
  return { asked, answered, bytes }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const count = Number(process.argv[2] ?? 500_000)
  const self = makeSelf({ seed: 2 })
  const ids = new ConnectionIds(self.suite, new Uint8Array(32).fill(5), self.random)
  const door = new Door<string>(self, ids, START)
  const { answered } = strangers(door, self, count, 1)
  console.log(`P1: ${count} datagrams of strangers, ${answered} answered`)
  for (const kind of kinds) {
    const rates = [1, 2, 3, 4, 5].map(seed => {
      const began = performance.now()
      strangers(door, self, 50_000, seed, [kind])
      return 50_000 / ((performance.now() - began) / 1_000)
    })
    const median = rates.sort((a, b) => a - b)[2]!
    console.log(
      `P2: ${kind.padEnd(15)} ${Math.round(median).toLocaleString('en')} a second refused (median of 5)`,
    )
  }
  process.exitCode = answered === 0 ? 0 : 1
}
