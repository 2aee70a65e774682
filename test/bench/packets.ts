/**
 * What it costs to seal and to open one packet, in µs, on this machine.
 *
 *   node dist/test/bench/packets.js [rounds]
 *
 * Beside it: the AEAD alone, and the mask alone. The rest is ours. Medians of interleaved rounds.
 */
import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import type { Suite } from '../../src/base/ports.ts'
import { nativeSuite, nobleSuite } from '../../src/crypto/index.ts'
import { Protection } from '../../src/packets/protection.ts'

const BATCH = 200
const rounds = Number(process.argv[2] ?? 15)
const id = new Uint8Array(12).fill(7)
const always = { isNew: () => true }
const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length))

interface Measured {
  readonly name: string
  readonly run: () => void
  readonly times: number[]
}

function measured(suite: Suite, size: number): Measured[] {
  const [key, back, mask] = [random(32), random(32), random(16)]
  const end = (send: Uint8Array, receive: Uint8Array): Protection =>
    new Protection({
      send: suite.cipher(send),
      receive: suite.cipher(receive),
      sendMask: suite.headerMask(mask),
      receiveMask: suite.headerMask(mask),
      now: 0,
      pto: () => 100,
    })
  const frames = random(size - 12 - 1 - 2 - 16)
  const head = random(15)
  const cipher = suite.cipher(key)
  const header = suite.headerMask(mask)
  const sample = random(16)
  const sender = end(key, back)
  let number = 1_000
  const packets = Array.from({ length: BATCH }, () => sender.sealed(id, number++, number - 200, frames, 0))
  const receiver = end(back, key)
  const sealed = cipher.seal(5, head, frames)
  const repeat = (one: (i: number) => void) => (): void => {
    for (let i = 0; i < BATCH; i++) one(i)
  }
  const named = (name: string, run: () => void): Measured => ({ name, run, times: [] })
  return [
    named(
      'seal a packet',
      repeat(() => sender.sealed(id, number++, number - 200, frames, 0)),
    ),
    named(
      'AEAD seal alone',
      repeat(i => cipher.sealParts(i, head, frames)),
    ),
    named(
      'open a packet',
      repeat(i => receiver.open(packets[i]!, 999 + i, always, 0)),
    ),
    named(
      'AEAD open alone',
      repeat(() => cipher.open(5, head, sealed)),
    ),
    named(
      'mask alone',
      repeat(() => header.mask(sample)),
    ),
  ]
}

for (const [name, suite] of [
  ['native', nativeSuite],
  ['noble', nobleSuite],
] as const)
  for (const size of [1_200, 1_452, 8_192, 60_000]) {
    const all = measured(suite, size)
    for (let round = -3; round < rounds; round++)
      for (const one of all) {
        const begin = performance.now()
        one.run()
        if (round >= 0) one.times.push(((performance.now() - begin) * 1_000) / BATCH)
      }
    const said = all.map(one => {
      const median = one.times.sort((a, b) => a - b)[one.times.length >> 1]!
      return `${one.name} ${median.toFixed(2)}`
    })
    console.log(`${name} ${size} B, µs: ${said.join(' · ')}`)
  }
