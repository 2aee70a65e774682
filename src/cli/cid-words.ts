/**
 * The words of a command that are CIDs, paths behind CIDs, or an action: checked before anything is opened.
 *
 *   bafybei…/photos/sea.jpg     /ipfs/bafybei…/photos     ipfs://bafybei…
 *
 * Floor: cli.
 */
import { type CID, formatCid, parseCid } from '../wire/cid.ts'
import { visible } from './api.ts'
import { suggestion, UsageError } from './usage.ts'

export { formatCid } from '../wire/cid.ts'

export interface CidPath {
  /** As the library takes it: the CID, and the path behind it. */
  readonly text: string
  readonly cid: CID
  /** A name to write it to: the last one in it, or the CID. */
  readonly name: string
}

/** Throws GH_CID_INVALID, GH_CID_UNSUPPORTED or a UsageError; a path is looked at only later. */
export function cidPath(word: string): CidPath {
  const bare = word.replace(/^(?:ipfs:\/\/|\/ipfs\/)/, '')
  const [first = '', ...rest] = bare.split('/')
  const cid = parseCid(first)
  const segments = rest.filter(segment => segment !== '')
  const last = segments.at(-1) ?? first
  // Whoever made the folder chose its names: one that is a way is no place to write to.
  const name = /^\.{1,2}$|[\\\0]/.test(last) ? formatCid(cid) : last
  return { text: [first, ...segments].join('/'), cid, name }
}

/** The one word of a command. */
export function onlyWord(command: string, what: string, words: readonly string[]): string {
  const [word, extra] = words
  if (word === undefined) throw new UsageError(`${command} needs ${what}; see guild-home ${command} --help`)
  if (extra !== undefined)
    throw new UsageError(`'${visible(extra, 100)}' is one word too many for ${command}`)
  return word
}

/** The first word, which is one of few. */
export function actionOf<const Action extends string>(
  command: string,
  actions: readonly Action[],
  words: readonly string[],
): { action: Action; rest: readonly string[] } {
  const [word, ...rest] = words
  if (word === undefined) throw new UsageError(`${command} needs one of ${actions.join(', ')}`)
  const action = actions.find(name => name === word)
  if (action === undefined)
    throw new UsageError(
      `${command} does not know '${visible(word, 100)}'${suggestion(word, actions) || `; give ${actions.join(', ')}`}`,
    )
  return { action, rest }
}
