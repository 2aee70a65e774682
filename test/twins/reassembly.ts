/** The obvious reassembly: every byte that came, by its place. Twin of `src/base/reassembly.ts`. */
export class NaiveReassembly {
  readonly #bytes = new Map<number, number>()
  contiguous = 0

  add(offset: number, data: Uint8Array): number[] {
    data.forEach((byte, i) => {
      if (!this.#bytes.has(offset + i)) this.#bytes.set(offset + i, byte)
    })
    const out: number[] = []
    for (let byte = this.#bytes.get(this.contiguous); byte !== undefined; ) {
      out.push(byte)
      byte = this.#bytes.get(++this.contiguous)
    }
    return out
  }

  get gaps(): number {
    let count = 0
    for (const place of this.#bytes.keys())
      if (place > this.contiguous && !this.#bytes.has(place - 1)) count++
    return count
  }
}
