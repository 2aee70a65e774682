/**
 * The figures as tables: one for a terminal, one for a page. Pure.
 *
 * @import { Figure, Figures } from '../types.ts'
 */
import { figureText, find, ratioText, shown, titles } from './figures.mjs'

const START = '<!-- peers -->'
const END = '<!-- /peers -->'
/** The others that encrypt and prove who is there. */
const sealed = ['tls', 'secret-stream', 'hypercore', 'libp2p', 'helia']

/** @param {readonly Figure[]} figures */
export function textTable(figures) {
  return tables(figures).map(aligned).join('\n\n')
}

/** @param {readonly (readonly string[])[]} rows */
function aligned(rows) {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map(row => row[column]?.length ?? 0)))
  return rows
    .map(row =>
      row
        .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** @param {readonly Figure[]} figures */
export function pageTable(figures) {
  return tables(figures)
    .map(([head = [], ...rows]) =>
      [head, ['---', ...head.slice(1).map(() => '--:')], ...rows]
        .map(row => `| ${row.join(' | ')} |`)
        .join('\n'),
    )
    .join('\n\n')
}

/**
 * A page with the table between its two marks made new.
 *
 * @param {string} page
 * @param {Figures} told
 */
export function withTable(page, { cores, node, rounds, figures }) {
  const [from, to] = [page.indexOf(START), page.indexOf(END)]
  if (from === -1 || to < from) throw new Error(`the page lacks ${START} … ${END}`)
  const machine = `Node ${node}, ${cores} shared cores, loopback, two processes, medians of ${rounds} rounds.`
  const parts = [machine, pageTable(figures), better(figures)]
  return `${page.slice(0, from)}${START}\n\n${parts.join('\n\n')}\n\n${page.slice(to)}`
}

/**
 * Where another of those that encrypt is better than ours, in words.
 *
 * @param {readonly Figure[]} figures
 */
export function better(figures) {
  const said = sealed.flatMap(way => {
    const rows = shown.filter(({ name, better }) => {
      const [theirs, ours] = [way, 'guild-home'].map(one => find(figures, name, one)?.value)
      if (theirs === undefined || ours === undefined) return false
      return better === 'more' ? theirs > ours : theirs < ours
    })
    return rows.length === 0 ? [] : [`- ${titles[way]}: ${rows.map(({ title }) => title).join('; ')}`]
  })
  return said.length === 0
    ? 'Of those that encrypt none is better than guild-home in any row.'
    : ['Of those that encrypt, better than guild-home in this run:', '', ...said].join('\n')
}

/**
 * A table for links and one for contents, where there are figures of either: a row for each measure, a column for each
 * way that has one.
 *
 * @param {readonly Figure[]} figures
 */
function tables(figures) {
  return /** @type {const} */ (['links', 'contents']).flatMap(about => {
    const measures = shown.filter(
      one => one.about === about && figures.some(({ measure }) => measure === one.name),
    )
    const ways = Object.keys(titles).filter(way => measures.some(({ name }) => find(figures, name, way)))
    const rows = measures.map(({ name, title, unit }) => [
      `${title}, ${unit}`,
      ...ways.map(way => {
        const figure = find(figures, name, way)
        if (figure === undefined) return ''
        const ratio = figure.ratio === null || way === 'net' ? '' : ` (${ratioText(figure.ratio)})`
        return `${figureText(figure.value)}${ratio}`
      }),
    ])
    return rows.length === 0 ? [] : [[['', ...ways.map(way => titles[way] ?? way)], ...rows]]
  })
}
