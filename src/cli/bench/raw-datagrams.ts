/**
 * Raw datagrams with a window: what UDP bulk is measured beside.
 *
 *   sender   number 4 ‖ zeros …, or sealed ─────▶ sink    opens it, counts
 *            ◀──── next 4: one more than the highest ────  one for every 16, and when a turn ends
 *
 * Less than any transport needs: nothing is sent again, nothing comes in order, and the window is
 * fixed. It is there because a sender without one loses every second datagram at the receiver's
 * door, and that is no measure of anything. The socket is unconnected, as one that serves many
 * peers must be. With AEAD each datagram is sealed as a QUIC packet is: ChaCha20-Poly1305 under a
 * nonce of its own, by node:crypto.
 *
 * Floor: cli.
 */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'

/** In bytes: what a path of 1,500 takes over IPv6, and the most a datagram holds. */
export const ETHERNET = 1452
export const LARGEST = 65_507

export const NUMBER = 4
const TAG = 16
/** Acknowledged at once after so many. */
const EVERY = 16
/** Sent in one turn of the event loop. */
const BATCH = 32
/** Asked of the system for each direction. */
const BUFFER = 4 * 1024 * 1024
/** Bytes in flight: a small part of what the receiver's buffer takes, since the system counts its own overhead too. */
const WINDOW = 1024 * 1024
const SHARE = 4
/** After so long without an answer what is in flight counts as lost. Milliseconds. */
const PATIENCE = 50

/** Seals or opens by number, under one key. */
export class Seal {
  readonly #key: KeyObject
  readonly #nonce = Buffer.alloc(12)

  constructor(key: Uint8Array) {
    this.#key = createSecretKey(key)
  }

  /** Into `out`: number ‖ ciphertext ‖ tag. */
  seal(number: number, plaintext: Uint8Array, out: Buffer): void {
    out.writeUInt32BE(number, 0)
    this.#nonce.writeUInt32LE(number, 4)
    const cipher = createCipheriv('chacha20-poly1305', this.#key, this.#nonce, { authTagLength: TAG })
    out.set(cipher.update(plaintext), NUMBER)
    cipher.final()
    out.set(cipher.getAuthTag(), out.length - TAG)
  }

  /** The plaintext's length; throws when it was not sealed so. */
  open(datagram: Buffer): number {
    this.#nonce.writeUInt32LE(datagram.readUInt32BE(0), 4)
    const decipher = createDecipheriv('chacha20-poly1305', this.#key, this.#nonce, { authTagLength: TAG })
    decipher.setAuthTag(datagram.subarray(datagram.length - TAG))
    const { length } = decipher.update(datagram.subarray(NUMBER, datagram.length - TAG))
    decipher.final()
    return length
  }
}

/** A socket on 127.0.0.1 with large buffers, as far as the system grants them. */
export function bound(onMessage: (bytes: Buffer, port: number) => void): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket({
      type: 'udp4',
      recvBufferSize: BUFFER,
      sendBufferSize: BUFFER,
      lookup: (address, _options, found) => found(null, address, 4),
    })
    socket.once('error', reject)
    socket.on('message', (bytes, { port }) => onMessage(bytes, port))
    socket.bind(0, '127.0.0.1', () => resolve(socket))
  })
}

/** The receiving side: one socket, which opens what comes when it was given a seal. */
export async function sink(seal?: Seal): Promise<Socket> {
  let next = 0
  let unacknowledged = 0
  let last = 0
  const acknowledge = (): void => {
    if (unacknowledged === 0) return
    unacknowledged = 0
    const answer = Buffer.allocUnsafe(NUMBER)
    answer.writeUInt32BE(next, 0)
    socket.send(answer, last, '127.0.0.1')
  }
  const socket = await bound((bytes, port) => {
    if (bytes.length < NUMBER) return // from a stranger on this machine
    const number = bytes.readUInt32BE(0)
    seal?.open(bytes)
    if (number === 0 || port !== last) next = 0
    last = port
    if (number >= next) next = number + 1
    if (unacknowledged === 0) setImmediate(acknowledge)
    if (++unacknowledged >= EVERY) acknowledge()
  })
  return socket
}

/** Sends back what comes. */
export async function echo(): Promise<Socket> {
  const socket = await bound((bytes, port) => socket.send(bytes, port, '127.0.0.1'))
  return socket
}

/** One datagram at a time there and back, until the time is over; microseconds of each. */
export async function ask(port: number, size: number, milliseconds: number): Promise<number[]> {
  const question = Buffer.alloc(size, 1)
  const times: number[] = []
  let asked = 0
  let done: (() => void) | undefined
  const until = performance.now() + milliseconds
  const again = (): void => {
    asked = performance.now()
    if (asked >= until) done?.()
    else socket.send(question, port, '127.0.0.1')
  }
  const socket = await bound(() => {
    times.push((performance.now() - asked) * 1000)
    again()
  })
  await new Promise<void>(resolve => {
    done = resolve
    again()
  })
  socket.close()
  return times
}

/** Sends datagrams of this size until the time is over; how many bytes of plaintext were acknowledged. */
export async function pour(port: number, size: number, milliseconds: number, seal?: Seal): Promise<number> {
  const plaintext = Buffer.alloc(size - (seal === undefined ? 0 : NUMBER + TAG), 7)
  let sent = 0
  let acknowledged = 0
  let done: (() => void) | undefined
  let waiting = false
  let heard = performance.now()
  const until = heard + milliseconds
  const socket = await bound(bytes => {
    heard = performance.now()
    acknowledged = Math.max(acknowledged, bytes.readUInt32BE(0))
    if (waiting) turn()
  })
  const window = Math.max(2, Math.floor(Math.min(WINDOW, socket.getRecvBufferSize() / SHARE) / size))
  const turn = (): void => {
    waiting = false
    const now = performance.now()
    if (now >= until) return done?.()
    for (let left = BATCH; left > 0 && sent - acknowledged < window; left--) {
      const datagram = Buffer.allocUnsafe(size)
      if (seal === undefined) {
        datagram.set(plaintext)
        datagram.writeUInt32BE(sent, 0)
      } else seal.seal(sent, plaintext, datagram)
      socket.send(datagram, port, '127.0.0.1')
      sent++
    }
    if (sent - acknowledged < window) setImmediate(turn)
    else waiting = true
  }
  // What the receiver's buffer did not take is lost, and with it perhaps the last of a window.
  const clock = setInterval(() => {
    if (!waiting || performance.now() - heard < PATIENCE) return
    acknowledged = sent
    turn()
  }, PATIENCE)
  await new Promise<void>(resolve => {
    done = resolve
    turn()
  })
  clearInterval(clock)
  socket.close()
  return acknowledged * plaintext.length
}
