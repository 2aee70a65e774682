/**
 * What a person writes to name a tracker: its URL, its token, texts to be marked with.
 *
 *   http://192.0.2.1:8850    https://tracker.example.org/below
 *
 * Apart from what is said to one (`tracker.ts`), so that a node without trackers does not load that.
 *
 * Page: protocol/tracker.md · Floor: wire.
 */
import { flat } from '../base/bytes.ts'
import { GuildError } from '../base/errors.ts'
import { visible } from '../base/text.ts'

/** Characters, as it is written and as it is sent. */
const URL_MAX = 512

/** A user, a device, a host: bytes of UTF-8. */
export const TRACKER_TEXT_MAX = 256

/**
 * Where a tracker is: `http` or `https`, perhaps below a path; without a slash at its end.
 * GH_OPTION_INVALID says what to write instead, and never repeats a name or token inside a URL.
 */
export function parseTrackerUrl(text: string): string {
  const fail = (why: string, shown = text): never => {
    throw new GuildError('GH_OPTION_INVALID', `tracker "${visible(shown, 120)}": ${why}`)
  }
  if (text.length > URL_MAX) return fail(`it has more than ${URL_MAX} characters`)
  const trimmed = text.trim()
  if (!/^https?:\/\//i.test(trimmed)) return fail('write http://host:8850 or https://host', hidden(trimmed))
  let url: URL
  try {
    url = new URL(trimmed)
  } catch {
    return fail('this is not a URL; write http://host:8850', hidden(trimmed))
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    return fail('write host and path alone; a token is given with --tracker-token', hidden(trimmed))
  const canonical = flat(`${url.origin}${url.pathname.replace(/\/+$/, '')}`)
  // What is not ASCII takes up to nine characters in a path.
  return canonical.length > URL_MAX ? fail(`it has more than ${URL_MAX} characters as it is sent`) : canonical
}

function hidden(text: string): string {
  return text.replace(/\/\/[^/]*@/, '//…@').replace(/[?#].*$/s, '…')
}

/** A word that HTTP takes as a bearer token. */
export function isToken(text: string): boolean {
  return /^[\x21-\x7e]{1,512}$/.test(text)
}
