/** What a plain `run` loads: nothing native, nothing it was not asked for. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Folder } from '../support/processes.ts'

t.test('a plain run loads no native module, no yargs and no part that was not asked for', async t => {
  const folder = new Folder()
  t.teardown(() => folder.remove())
  const coverage = join(folder.path, 'coverage')
  const running = folder.launch(['run', '--port', '0', '--host', '127.0.0.1', '--open', 'startup'], {
    NODE_V8_COVERAGE: coverage, // Node lists every script of the process there when it ends
  })
  await running.shows(/listening on port/)
  running.types('/quit')
  await running.ends()
  const scripts = readdirSync(coverage).flatMap(file => {
    const { result } = JSON.parse(readFileSync(join(coverage, file), 'utf8')) as { result: { url: string }[] }
    return result.map(({ url }) => url)
  })
  const packages = new Set(
    scripts.flatMap(url => /node_modules\/((?:@[^/]+\/)?[^/]+)\/[^:]*$/.exec(url)?.[1] ?? []),
  )
  t.strictSame([...packages], ['multiformats'], 'the only package')
  const own = scripts.flatMap(url => /\/dist\/src\/(.*)\.js$/.exec(url)?.[1] ?? [])
  t.ok(own.includes('cli/commands/run') && own.includes('node/mesh'), 'and ours')
  const unasked =
    /^(cli\/(bench|help|monitor\/(screen|views))|http|testing|discovery|crypto\/noble|node\/(lan|line-port))/
  t.strictSame(
    own.filter(name => unasked.test(name)),
    [],
  )
})
