/**
 * How wide a text stands on a terminal, and texts made to fit.
 *
 * Wide are the scripts and symbols that Unicode calls East Asian Wide or Fullwidth; marks that
 * combine take no column. Terminals differ about some emoji: the screen puts its cursor anew
 * for each line, so that a wrong guess costs a crooked column and nothing else.
 *
 * Floor: cli.
 */
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u
const none = /\p{Mn}|\p{Me}|\ufe0e|\ufe0f/u

/** Columns of a text without control characters. */
export function columnsOf(text: string): number {
  let columns = 0
  for (const character of text) columns += columnsOfOne(character)
  return columns
}

/** At most so many columns; a longer text ends in an ellipsis. */
export function cut(text: string, most: number): string {
  if (columnsOf(text) <= most) return text
  let out = ''
  let columns = 0
  for (const character of text) {
    columns += columnsOfOne(character)
    if (columns > most - 1) break
    out += character
  }
  return most < 1 ? '' : `${out}…`
}

/** Exactly so many columns. */
export function fit(text: string, columns: number): string {
  const short = cut(text, columns)
  return short + ' '.repeat(columns - columnsOf(short))
}

function columnsOfOne(character: string): number {
  if (character < '\u0300') return 1
  return wide.test(character) ? 2 : none.test(character) ? 0 : 1
}
