/**
 * guild-home beside other ways to carry bytes, in one run.
 *
 *   npm run bench:peers -- [--rounds N] [--only bulk,messages] [--mib 64] [--keep] [--json]
 *
 * Prints a table. A whole run, one without --only, --mib and --keep, also writes figures.json, peers.svg and the
 * table of the README between its marks. With --json standard output holds the figures, one JSON object a line.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { measures } from './measures.mjs'
import { Pair } from './pair.mjs'
import { chart } from './report/chart.mjs'
import { textTable, withTable } from './report/table.mjs'
import { identity } from './ways/certificate.mjs'

const ROUNDS = 5
const MOST_ROUNDS = 50
const MIB = 64
const MOST_MIB = 4_096
/** A whole run takes three to four minutes; more rounds and larger files may take as much more. */
const SECONDS_A_ROUND = 60
/** Of the slowest way, in a round and with what adding it takes. */
const MIB_A_SECOND = 8

const here = import.meta.dirname
const readme = join(here, '../../../README.md')
/** @param {string} said */
const say = said => void process.stderr.write(`${said}\n`)

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: String(ROUNDS) },
    only: { type: 'string' },
    mib: { type: 'string' },
    keep: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)
const mebibytes = Number(values.mib ?? MIB)
const names = values.only?.split(',') ?? Object.keys(measures)
const unknown = names.filter(name => !(name in measures))
if (!Number.isInteger(rounds) || rounds < 1 || rounds > MOST_ROUNDS)
  usage(`--rounds takes 1 to ${MOST_ROUNDS}`)
if (!Number.isInteger(mebibytes) || mebibytes < 1 || mebibytes > MOST_MIB)
  usage(`--mib takes 1 to ${MOST_MIB}`)
if (unknown.length > 0) usage(`--only knows ${Object.keys(measures).join(', ')}, not ${unknown.join(', ')}`)

/** @type {{ dependencies: Record<string, string> }} */
const { dependencies } = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8'))
if (Object.keys(dependencies).some(name => !existsSync(join(here, 'node_modules', name)))) {
  say('Installing the other ways into test/bench/peers/node_modules, once (npm ci)')
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: here,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  })
  if (status !== 0) {
    say('They could not be installed')
    process.exit(1)
  }
}

const env = { ...process.env, PEERS_TLS: JSON.stringify(identity()) }
/** @type {Map<string, Promise<Pair>>} */
const pairs = new Map()
const run = {
  rounds,
  mebibytes,
  keep: values.keep,
  env,
  /** @param {string} way */
  pair: way => {
    const known = pairs.get(way) ?? Pair.start(way, env)
    pairs.set(way, known)
    return known
  },
}
const late = setTimeout(
  () => {
    say('The run took too long and was ended')
    process.exit(1) // the channels close, and the processes end with them
  },
  (SECONDS_A_ROUND + mebibytes / MIB_A_SECOND) * Math.max(rounds, ROUNDS) * 1_000,
)

const figures = []
try {
  for (const name of names) {
    say(`${name} …`)
    figures.push(...((await measures[name]?.(run)) ?? []))
  }
} finally {
  clearTimeout(late)
  for (const pair of pairs.values()) await pair.then(made => made.close()).catch(() => {})
}

if (values.json) for (const figure of figures) console.log(JSON.stringify(figure))
else console.log(textTable(figures))
if (values.only === undefined && values.mib === undefined && !values.keep) {
  const told = {
    cores: availableParallelism(),
    node: Number.parseInt(process.versions.node, 10),
    rounds,
    figures,
  }
  writeFileSync(join(here, 'figures.json'), `${JSON.stringify(told, null, 2)}\n`)
  writeFileSync(join(here, 'peers.svg'), chart(told))
  writeFileSync(readme, withTable(readFileSync(readme, 'utf8'), told))
  say('Wrote test/bench/peers/figures.json, test/bench/peers/peers.svg and the table of README.md')
}

/** @param {string} why @returns {never} */
function usage(why) {
  say(why)
  process.exit(2)
}
