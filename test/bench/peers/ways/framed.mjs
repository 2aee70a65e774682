/**
 * Messages on ways that have only bytes: a length of four bytes before each.
 *
 *   | length u32, big-endian | that many bytes |
 */
const HEAD = 4
const MOST = 1 << 20

/**
 * Prefix and message in one piece, for one write.
 *
 * @param {Uint8Array} message
 */
export function framed(message) {
  const out = Buffer.allocUnsafe(HEAD + message.length)
  out.writeUInt32BE(message.length, 0)
  out.set(message, HEAD)
  return out
}

/**
 * Takes bytes as they come, hands out whole messages.
 *
 * @param {(message: Uint8Array) => void} take
 * @returns {(bytes: Uint8Array) => void}
 */
export function cutter(take) {
  /** @type {Buffer} */
  let rest = Buffer.alloc(0)
  return bytes => {
    const all =
      rest.length === 0
        ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
        : Buffer.concat([rest, bytes])
    let at = 0
    while (all.length - at >= HEAD) {
      const length = all.readUInt32BE(at)
      if (length > MOST) throw new RangeError(`a message of ${length} bytes, at most ${MOST}`)
      if (all.length - at < HEAD + length) break
      take(all.subarray(at + HEAD, at + HEAD + length))
      at += HEAD + length
    }
    rest = all.subarray(at)
  }
}
