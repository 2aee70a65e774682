/**
 * The options of the programs behind `npm run sim`, `soak`, `floods` and the like: those of node:util, and `--help`,
 * which prints the head of the program's own file. What one does not take is said in two lines, with exit code 2.
 */
import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ParseArgsConfig, parseArgs } from 'node:util'
import { root } from './root.ts'

type Options = NonNullable<ParseArgsConfig['options']>
type Values<T extends Options> = ReturnType<typeof parseArgs<{ args: string[]; options: T }>>['values']

/** `url`: of the program, `import.meta.url`. Ends the process where there is nothing to run. */
export function optionsOf<T extends Options>(url: string, options: T): Values<T> {
  const args = process.argv.slice(2)
  if (args.includes('--help')) {
    console.log(headOf(url))
    process.exit(0)
  }
  try {
    return parseArgs({ args, options }).values
  } catch (error) {
    const names = Object.keys(options).map(name => `--${name}`)
    console.error(`${(error as Error).message}\nIt takes ${names.join(', ')}; --help says more.`)
    process.exit(2)
  }
}

/** The comment that a file begins with, without its stars. */
function headOf(url: string): string {
  const source = relative(join(root, 'dist'), fileURLToPath(url)).replace(/\.js$/, '.ts')
  const head = /^\/\*\*\n([\s\S]*?)\n \*\//.exec(readFileSync(join(root, source), 'utf8'))
  return (head?.[1] ?? '').replace(/^ \* ?/gm, '')
}
