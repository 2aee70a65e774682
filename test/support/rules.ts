/**
 * Rules and faults: where a page defines them, where the source meets them, which test proves them.
 *
 *   page     **[FRAME-3]** …                        defines it, once
 *   source   spec: FRAME-3 · Faults: HS-05          meets it
 *   test     test('FRAME-3 HS-14 two directions …   proves it: the title says so
 *
 * Takes texts and knows no file system, so that a test can hand it what is broken on purpose.
 */
import type { Sources } from './source.ts'

const definition = /\*\*\[([A-Z]+-?\d+)\]\*\*/g
const FAULTS = 'protocol/faults.md'

/** Id → the pages that define it. */
export function definitionsOf(pages: Sources): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const [path, text] of pages)
    for (const [, id] of text.matchAll(definition)) found.set(id!, [...(found.get(id!) ?? []), path])
  return found
}

/** Ids behind `spec:` or `Faults:`, and whatever looks like an id of a known family. */
export function citationsOf(text: string, families: ReadonlySet<string>): Set<string> {
  const found = new Set<string>()
  const plain = text.replace(definition, '') // where a page is made, an id is defined, not cited
  for (const [, list] of plain.matchAll(/\b(?:spec|[Ff]aults): ((?:[A-Z]+-?\d+(?:,\s+(?:\* )?)?)+)/g))
    for (const [id] of list!.matchAll(/[A-Z]+-?\d+/g)) found.add(id)
  for (const [id, family] of plain.matchAll(/\b([A-Z]{2,})-\d+\b/g)) if (families.has(family!)) found.add(id)
  return found
}

const title = /\btest\(\s*(?:'((?:[^'\\\n]|\\.)*)'|"([^"\n]*)"|`([^`]*)`)/g

/** Ids in the titles of tests. */
export function provedIn(text: string, defined: ReadonlyMap<string, unknown>): Set<string> {
  const found = new Set<string>()
  for (const [, single, double, template] of text.matchAll(title))
    for (const [id] of (single ?? double ?? template ?? '').matchAll(/\b[A-Z]+-?\d+\b/g))
      if (defined.has(id)) found.add(id)
  return found
}

export type Lack = 'source' | 'test' | 'both'

/** The rows of the exceptions: an id, or a family such as `UQ`, what it lacks, and why. */
export function exceptionsOf(page: string): Map<string, { lacks: Lack; why: string }> {
  const rows = page.matchAll(/^\| ([A-Z]+(?:-?\d+)?) \| (source|test|both) \| (.+) \|$/gm)
  return new Map([...rows].map(([, id, lacks, why]) => [id!, { lacks: lacks as Lack, why: why! }]))
}

export function familyOf(id: string): string {
  return id.replace(/-?\d+$/, '')
}

/** What is wrong between pages, source and tests, in words; and what was left out for no reason. */
export function disagreements(
  pages: Sources,
  source: Sources,
  tests: Sources,
  exceptions: ReadonlyMap<string, { readonly lacks: Lack }>,
): { faults: string[]; needless: string[] } {
  const faults: string[] = []
  const needless: string[] = []
  const defined = definitionsOf(pages)
  const families = new Set([...defined.keys()].map(familyOf))
  for (const [id, places] of defined)
    if (places.length > 1) faults.push(`${id} is defined on ${places.join(' and ')}`)

  const met = new Set<string>()
  const proved = new Set<string>()
  for (const [path, text] of [...pages, ...source, ...tests])
    for (const id of citationsOf(text, families)) {
      if (!defined.has(id)) faults.push(`${path} cites ${id}, which no page defines`)
      if (source.has(path)) met.add(id)
    }
  for (const text of tests.values()) for (const id of provedIn(text, defined)) proved.add(id)

  for (const [id, [page]] of defined) {
    const exception = exceptions.get(id) ?? exceptions.get(familyOf(id))
    // A property is a figure, which no one line of the source meets.
    const lacks = {
      source: !met.has(id) && !(page === FAULTS && familyOf(id) === 'P'),
      test: !proved.has(id),
    }
    for (const what of ['source', 'test'] as const) {
      const excused = exception?.lacks === what || exception?.lacks === 'both'
      if (lacks[what] && !excused)
        faults.push(what === 'source' ? `no source cites ${id}` : `no test has ${id} in its title`)
    }
    if (exceptions.has(id) && exception?.lacks !== 'source' && !lacks.test) needless.push(id)
    if (exceptions.has(id) && exception?.lacks === 'source' && !lacks.source) needless.push(id)
  }
  for (const id of exceptions.keys())
    if (!defined.has(id) && !families.has(id)) faults.push(`an exception for ${id}, which no page defines`)
  return { faults, needless }
}
