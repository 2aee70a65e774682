/**
 * A name server for TXT records, on loopback: RFC 1035, as much as a resolver needs.
 *
 *   id | flags | counts | question: labels, type, class | answer: pointer to it, type, class, ttl, text
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'

const TXT = 16
const NO_SUCH_NAME = 3

export class DnsServer {
  /** Name → its TXT records. A name that is not here does not exist. */
  readonly records = new Map<string, readonly string[]>()
  /** Names that are never answered. */
  readonly silent = new Set<string>()
  /** Every name that was asked for, in order. */
  readonly asked: string[] = []
  readonly #socket: Socket = createSocket('udp4')

  async start(): Promise<string> {
    this.#socket.on('message', (question, from) => this.#answer(question, from))
    this.#socket.bind(0, '127.0.0.1')
    await once(this.#socket, 'listening')
    return `127.0.0.1:${this.#socket.address().port}`
  }

  stop(): void {
    this.#socket.close()
  }

  #answer(message: Buffer, from: RemoteInfo): void {
    const labels: string[] = []
    let at = 12
    for (let length = message[at]!; length > 0; length = message[at]!) {
      labels.push(message.toString('latin1', at + 1, at + 1 + length))
      at += 1 + length
    }
    const question = message.subarray(12, at + 5)
    const name = labels.join('.').toLowerCase()
    this.asked.push(name)
    if (this.silent.has(name)) return
    const isTxt = message.readUInt16BE(at + 1) === TXT
    const records = isTxt ? this.records.get(name) : undefined
    const answers = (records ?? []).map(record)
    const head = Buffer.from(message.subarray(0, 12))
    head.writeUInt16BE(0x8180 | (records === undefined ? NO_SUCH_NAME : 0), 2)
    head.writeUInt16BE(1, 4)
    head.writeUInt16BE(answers.length, 6)
    head.writeUInt32BE(0, 8)
    this.#socket.send(Buffer.concat([head, question, ...answers]), from.port, from.address)
  }
}

/** A TXT record of the name asked for: in pieces of 255 bytes, as the format wants. */
function record(text: string): Buffer {
  const bytes = Buffer.from(text)
  const pieces: Buffer[] = []
  for (let i = 0; i === 0 || i < bytes.length; i += 255) {
    const piece = bytes.subarray(i, i + 255)
    pieces.push(Buffer.of(piece.length), piece)
  }
  const data = Buffer.concat(pieces)
  const head = Buffer.of(0xc0, 12, 0, TXT, 0, 1, 0, 0, 0, 60, 0, 0)
  head.writeUInt16BE(data.length, 10)
  return Buffer.concat([head, data])
}
