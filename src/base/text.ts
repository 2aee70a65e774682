/**
 * Text from a peer, made safe to show.
 *
 * A name or a message may hold escape sequences that move the cursor, newlines
 * that forge a log line, or invisible marks that turn text around. Each such
 * character is shown as an escape; everything else, in any script, stays.
 * JSON output does not need this: JSON.stringify escapes control characters, and
 * `visible` is for people's eyes.
 *
 * Floor: base. Page: protocol/frames.md (spec: TYPE-4) · Faults: CL-02, CL-03.
 */

/**
 * Controls, format characters (bidirectional marks, zero width, tags), lone surrogates, line
 * and paragraph separators, and whatever else Unicode draws as nothing; but for the two
 * selectors that emoji are written with.
 */
const unsafe = /(?![\ufe0e\ufe0f])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu

const short: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\u001b': '\\x1b' }

/** `text` on one line with nothing hidden, at most `max` characters. */
export function visible(text: string, max = 4096): string {
  const cut = text.length > max ? `${text.slice(0, max)}…` : text
  return cut.replace(unsafe, character => {
    const code = character.codePointAt(0)!
    return (
      short[character] ??
      (code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`)
    )
  })
}
