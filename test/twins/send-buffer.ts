/** The obvious send buffer: every byte by itself, with what has become of it. Twin of `src/base/send-buffer.ts`. */
export class NaiveSendBuffer {
  readonly #bytes: number[] = []
  readonly #fate: ('waits' | 'flies' | 'lost' | 'acked')[] = []

  append(bytes: Uint8Array): void {
    for (const byte of bytes) {
      this.#bytes.push(byte)
      this.#fate.push('waits')
    }
  }

  take(from: number, length: number): number[] {
    for (let i = from; i < from + length; i++) this.#fate[i] = 'flies'
    return this.#bytes.slice(from, from + length)
  }

  acked(offset: number, length: number): void {
    for (let i = offset; i < offset + length; i++) this.#fate[i] = 'acked'
  }

  lost(offset: number, length: number): void {
    for (let i = offset; i < offset + length; i++) if (this.#fate[i] !== 'acked') this.#fate[i] = 'lost'
  }

  get next(): number {
    const first = this.#fate.indexOf('waits')
    return first < 0 ? this.#fate.length : first
  }

  get bytes(): number {
    return this.#fate.length - this.next
  }

  get unacked(): number {
    const first = this.#fate.findIndex(fate => fate !== 'acked')
    return first < 0 ? 0 : Math.max(0, this.next - first)
  }

  get lostFrom(): number | undefined {
    const first = this.#fate.indexOf('lost')
    return first < 0 ? undefined : first
  }

  get lostLength(): number {
    let length = 0
    for (let i = this.lostFrom ?? this.#fate.length; this.#fate[i] === 'lost'; i++) length++
    return length
  }
}
