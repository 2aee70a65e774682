/**
 * Somebody on the path, and somebody in the cryptography: what crossed, and what it was once opened.
 *
 *   host ══ tap ══▶ host        the tap copies the bytes of each direction
 *   suite.open(sealed)          what a receiver opened, by its sealed bytes
 *
 * For pages that print what simulated nodes say.
 */
import { concat, copy, toHex } from '../../src/base/bytes.ts'
import type { Cipher, Suite } from '../../src/base/ports.ts'
import type { Simulation } from '../../src/testing/index.ts'

/** One unit that crossed: a handshake message or a record. */
export interface Crossing {
  readonly from: string
  readonly to: string
  /** Which one of this direction, from 0. */
  readonly turn: number
  /** Virtual milliseconds since the first node started. */
  readonly at: number
  readonly bytes: Uint8Array
}

/** Notes every unit between hosts of these names, in the order in which they cross. */
export function overhear(sim: Simulation, names: readonly string[]): Crossing[] {
  const crossings: Crossing[] = []
  for (const from of names)
    for (const to of names)
      if (from !== to) {
        const cut = cutter()
        let turn = 0
        sim.tamper(sim.host(from), sim.host(to), bytes => {
          for (const unit of cut(bytes)) crossings.push({ from, to, turn: turn++, at: sim.now, bytes: unit })
          return bytes
        })
      }
  return crossings
}

/** The suite, with an eye on what is opened. */
export function watched(suite: Suite, opened: Map<string, Uint8Array>): Suite {
  return { ...suite, cipher: key => watchedCipher(suite.cipher(key), opened) }
}

function watchedCipher(cipher: Cipher, opened: Map<string, Uint8Array>): Cipher {
  return {
    seal: (...args) => cipher.seal(...args),
    sealInto: (...args) => cipher.sealInto(...args),
    sealParts: (...args) => cipher.sealParts(...args),
    open(nonce, associated, sealed) {
      const name = toHex(sealed)
      const plaintext = cipher.open(nonce, associated, sealed)
      opened.set(name, copy(plaintext))
      return plaintext
    },
    rekeyed: () => watchedCipher(cipher.rekeyed(), opened),
  }
}

/** Cuts ordered bytes into units with their lengths. */
function cutter(): (bytes: Uint8Array) => Uint8Array[] {
  let rest = new Uint8Array(0)
  return bytes => {
    rest = concat(rest, bytes) as Uint8Array<ArrayBuffer>
    const units: Uint8Array[] = []
    for (;;) {
      const size = 2 + ((rest[0] ?? 0) << 8) + (rest[1] ?? 0)
      if (rest.length < 2 || rest.length < size) return units
      units.push(copy(rest.subarray(0, size)))
      rest = rest.slice(size)
    }
  }
}

/**
 * A page with its markers filled: `<!-- NAME 3 -->` with one in full, `<!-- NAME 12-18 brief -->` with one line
 * each. Every one of `total` has to be shown, once and in its order.
 */
export function shown(
  page: string,
  name: string,
  total: number,
  print: (number: number, brief: boolean) => string,
): string {
  let last = 0
  const markers = new RegExp(`<!-- (${name}s (\\d+)(?:-(\\d+))?( brief)?) -->\\n[\\s\\S]*?<!-- end -->`, 'g')
  const filled = page.replace(
    markers,
    (_, marker: string, from: string, to: string | undefined, brief: string | undefined) => {
      let out = ''
      for (let number = Number(from); number <= Number(to ?? from); number++) {
        if (number !== ++last) throw new Error(`${name} ${last} is not where ${name} ${number} is shown`)
        if (number > total) throw new Error(`there is no ${name} ${number}`)
        out += print(number, brief !== undefined)
      }
      return marked(marker, out)
    },
  )
  if (last !== total) throw new Error(`${name}s from ${last + 1} on are not shown`)
  return filled
}

/** A marker with what stands in its place. */
export function marked(marker: string, text: string): string {
  return `<!-- ${marker} -->\n\`\`\`text\n${text}\`\`\`\n<!-- end -->`
}

/** `#12    30 ms   alice → bob     67 bytes   message 1` */
export function headOf(
  number: number,
  { from, to, at }: { readonly from: string; readonly to: string; readonly at: number },
  length: number,
  name: string,
): string {
  const time = `${at.toFixed(0).padStart(5)} ms`
  const way = `${from} → ${to}`.padEnd(14)
  return `${`#${number}`.padEnd(4)}${time}   ${way}${String(length).padStart(4)} bytes   ${name}\n`
}
