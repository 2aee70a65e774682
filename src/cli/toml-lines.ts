/**
 * On which line each key of a TOML document stands.
 *
 *   port = 8000          # 1
 *   bootstrap = [        # 2   a value may go on over lines, and hold what looks like a key
 *     "a:1", "port = 3",
 *   ]
 *   [other]              # 5   a table counts as one key; what is in it does not
 *
 * The parser gives values without their places. This walk finds the places in a document
 * that the parser has accepted, so it only has to know where strings, brackets and
 * comments end, and never whether they are right.
 *
 * Floor: cli.
 */

/** The first part of each key at the top, as it was written (quoted or bare), with its line. */
export function keyLines(text: string): [key: string, line: number][] {
  const found: [string, number][] = []
  let at = 0
  let line = 1
  let inTable = false
  while (at < text.length) {
    const one = text[at]!
    if (/\s/.test(one)) at++
    else if (one === '#') at = endOfLine(text, at)
    else {
      const header = one === '['
      while (header && /[[ \t]/.test(text[at]!)) at++
      const key = firstPart(text, at)
      if (header || !inTable) found.push([key, line])
      inTable ||= header
      const end = endOfStatement(text, at + key.length, header)
      line += count(text, at, end)
      at = end
      continue
    }
    if (one === '\n') line++
  }
  return found
}

function firstPart(text: string, at: number): string {
  const quote = text[at]!
  if (quote === '"' || quote === "'") return text.slice(at, endOfQuoted(text, at, quote))
  const rest = /[\w-]+/y
  rest.lastIndex = at
  return rest.exec(text)?.[0] ?? quote
}

/** The line break behind the value, or the end of the text. */
function endOfStatement(text: string, from: number, header: boolean): number {
  // The brackets of a header close without having opened here.
  let depth = 0
  for (let at = from; at < text.length; ) {
    const one = text[at]!
    if (one === '\n' && depth === 0) return at
    if (one === '#') at = endOfLine(text, at)
    else if (one === '"' || one === "'") at = endOfString(text, at, one)
    else {
      if (!header && (one === '[' || one === '{')) depth++
      if (!header && (one === ']' || one === '}')) depth--
      at++
    }
  }
  return text.length
}

function endOfString(text: string, from: number, quote: string): number {
  const three = quote.repeat(3)
  if (!text.startsWith(three, from)) return endOfQuoted(text, from, quote)
  let at = from + 3
  while (at < text.length && !text.startsWith(three, at)) at += quote === '"' && text[at] === '\\' ? 2 : 1
  at += 3
  // Up to two quotes more may stand right before the three that close.
  while (text[at] === quote) at++
  return at
}

function endOfQuoted(text: string, from: number, quote: string): number {
  let at = from + 1
  while (at < text.length && text[at] !== quote) at += quote === '"' && text[at] === '\\' ? 2 : 1
  return at + 1
}

function endOfLine(text: string, from: number): number {
  const at = text.indexOf('\n', from)
  return at === -1 ? text.length : at
}

function count(text: string, from: number, to: number): number {
  let lines = 0
  for (let at = text.indexOf('\n', from); at !== -1 && at < to; at = text.indexOf('\n', at + 1)) lines++
  return lines
}
