/**
 * Source files as text: found, read, and stripped of comments and strings.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './root.ts'

/** Path (from the root, with `/`) → text, in order of path. */
export type Sources = ReadonlyMap<string, string>

export function readSources(folder: string, ending: string): Sources {
  const files = new Map<string, string>()
  const walk = (path: string): void => {
    for (const name of readdirSync(join(root, path)).sort()) {
      if (name === 'node_modules') continue // other people's, where a part of the tests has its own
      const below = `${path}/${name}`
      if (statSync(join(root, below)).isDirectory()) walk(below)
      else if (name.endsWith(ending)) files.set(below, readFileSync(join(root, below), 'utf8'))
    }
  }
  if (existsSync(join(root, folder))) walk(folder)
  return files
}

/** Source without comments, and where `strings` is false without what stands in quotes. */
export function strip(source: string, strings: boolean): string {
  let out = ''
  let i = 0
  const braces: number[] = [] // of each `${` we are inside, how many braces are open
  while (i < source.length) {
    const two = source.slice(i, i + 2)
    const one = source[i]!
    if (two === '//') i = endOf(source, '\n', i)
    else if (two === '/*') i = endOf(source, '*/', i + 2) + 2
    else if (one === "'" || one === '"') {
      const end = endOfQuoted(source, i, one)
      out += strings ? source.slice(i, end) : one + one
      i = end
    } else if (one === '/' && beginsPattern(out)) {
      const end = endOfPattern(source, i)
      out += strings ? source.slice(i, end) : '/ /'
      i = end
    } else if (one === '`' || (one === '}' && braces.at(-1) === 0)) {
      if (one === '}') braces.pop()
      const end = endOfTemplate(source, i + 1)
      out += strings ? source.slice(i, end) : '``'
      if (source[end - 1] === '{') braces.push(0)
      i = end
    } else {
      if (one === '{' && braces.length > 0) braces[braces.length - 1]!++
      if (one === '}' && braces.length > 0) braces[braces.length - 1]!--
      out += one
      i++
    }
  }
  return out
}

function endOf(source: string, what: string, from: number): number {
  const at = source.indexOf(what, from)
  return at === -1 ? source.length : at
}

function endOfQuoted(source: string, from: number, quote: string): number {
  for (let i = from + 1; i < source.length; i++) {
    if (source[i] === '\\') i++
    else if (source[i] === quote) return i + 1
  }
  return source.length
}

/** Behind the closing backtick, or behind the `${` that interrupts. */
function endOfTemplate(source: string, from: number): number {
  for (let i = from; i < source.length; i++) {
    if (source[i] === '\\') i++
    else if (source[i] === '`') return i + 1
    else if (source[i] === '$' && source[i + 1] === '{') return i + 2
  }
  return source.length
}

/** A slash divides behind a value, and begins a regular expression anywhere else. */
function beginsPattern(before: string): boolean {
  const text = before.trimEnd()
  return text === '' || /(?:[(,=:[!&|?{};>+\-*%<~^]|\b(?:return|typeof|case|in|of))$/.test(text)
}

function endOfPattern(source: string, from: number): number {
  let inClass = false
  for (let i = from + 1; i < source.length; i++) {
    const one = source[i]
    if (one === '\\') i++
    else if (one === '[') inClass = true
    else if (one === ']') inClass = false
    else if (one === '/' && !inClass) return i + 1
    else if (one === '\n') return i
  }
  return source.length
}
