/**
 * The file that makes a network private: 32 random bytes that every member has.
 *
 *   /key/swarm/psk/1.0.0/
 *   /base16/
 *   6189c5cf0b87fb80…        64 hex digits; or 44 of base64 behind /base64/; or 32 bytes behind /bin/
 *
 * The format of kubo and other libp2p tools, so that one file serves them all. Lines may end
 * in LF or CRLF, the last one in nothing.
 *
 * Refuses what others let pass: more than 32 bytes (go-libp2p drops the rest, and then two
 * files that differ make one network), and passphrases: message 1 is sealed under this key
 * alone, so whoever records one could guess a phrase at leisure. Errors never quote the key.
 *
 * Page: protocol/swarm-key.md (spec: SWARM-1, SWARM-2, SWARM-4) · Vectors: pnet/swarm-key.json · Faults: HS-22
 * Outside package: multiformats, for base64. Floor: wire.
 */
import { base64 } from 'multiformats/bases/base64'
import { copy, equal, fromHex, toHex, utf8 } from '../base/bytes.ts'
import { GuildError } from '../base/errors.ts'
import { visible } from '../base/text.ts'

export const SWARM_KEY_LENGTH = 32

/** A key file is about a hundred bytes. */
const FILE_MAX = 256
const VERSION_LINE = '/key/swarm/psk/1.0.0/'
const HINT = 'a swarm key is 32 random bytes in a file: guild-home swarm-key new'

/** The 32 bytes in a key file, or GH_KEY_INVALID with what the file is instead. */
export function decodeSwarmKey(file: Uint8Array): Uint8Array {
  if (file.length === 0) throw invalid(`it is empty; ${HINT}`)
  refuseOtherEncodings(file)
  if (file.length > FILE_MAX) throw invalid(`it has ${file.length} bytes, at most ${FILE_MAX}; ${HINT}`)
  const version = line(file, 0)
  if (version.text !== VERSION_LINE)
    throw invalid(
      version.text.startsWith('/key/swarm/psk/')
        ? `its version is not 1.0.0: ${visible(version.text, 40)}`
        : `its first line is not ${VERSION_LINE}; ${HINT}, never a passphrase`,
    )
  const encoding = line(file, version.next)
  const psk = decodeKey(encoding.text, file.subarray(encoding.next))
  if (psk.every(byte => byte >= 0x20 && byte < 0x7f))
    throw invalid(`its bytes are all readable text, which is a passphrase; ${HINT}`) // spec: HS-22
  return psk
}

/** The file's text, in base16 with a last newline. */
export function encodeSwarmKey(psk: Uint8Array): string {
  if (psk.length !== SWARM_KEY_LENGTH)
    throw new GuildError(
      'GH_KEY_INVALID',
      `a swarm key has ${SWARM_KEY_LENGTH} bytes, this one ${psk.length}`,
    )
  return `${VERSION_LINE}\n/base16/\n${toHex(psk)}\n`
}

function decodeKey(encoding: string, rest: Uint8Array): Uint8Array {
  switch (encoding) {
    case '/bin/':
      return ofLength(copy(rest))
    case '/base16/': {
      const bytes = fromHex(lastLine(rest))
      if (bytes === undefined) throw invalid('its third line is not whole hex')
      return ofLength(bytes)
    }
    case '/base64/': {
      const digits = lastLine(rest).replace(/={1,2}$/, '')
      if (!/^[A-Za-z0-9+/]*$/.test(digits)) throw invalid('its third line is not base64')
      try {
        return ofLength(base64.baseDecode(digits))
      } catch (error) {
        throw error instanceof GuildError ? error : invalid('its third line is not whole base64')
      }
    }
    default:
      throw invalid('its second line is none of /base16/, /base64/ and /bin/')
  }
}

function ofLength(psk: Uint8Array): Uint8Array {
  if (psk.length !== SWARM_KEY_LENGTH)
    throw invalid(`it holds ${psk.length} bytes of key, not ${SWARM_KEY_LENGTH}`)
  return psk
}

/** One line as text, and where the next begins. Bytes that are not ASCII match nothing. */
function line(file: Uint8Array, from: number): { text: string; next: number } {
  const end = file.indexOf(0x0a, from)
  const until = end < 0 ? file.length : end
  return { text: ascii(file.subarray(from, until)).replace(/\r$/, ''), next: end < 0 ? file.length : end + 1 }
}

function lastLine(rest: Uint8Array): string {
  return ascii(rest).replace(/\r?\n$/, '')
}

function ascii(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes)
}

/** Windows editors and shells save text in ways that look right on the screen. */
function refuseOtherEncodings(file: Uint8Array): void {
  const [a, b] = [file[0], file[1]]
  if ((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff) || a === 0 || b === 0)
    throw invalid('it is saved as UTF-16; save it as plain text (ASCII or UTF-8)')
  if (equal(file.subarray(0, 3), byteOrderMark))
    throw invalid('it begins with a byte order mark; save it as UTF-8 without BOM')
}

const byteOrderMark = utf8('\ufeff')

function invalid(why: string): GuildError {
  return new GuildError('GH_KEY_INVALID', why)
}
