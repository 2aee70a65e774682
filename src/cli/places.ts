/**
 * Where things of this package stand, for code that is told to find them.
 *
 *   dist/src/cli/places.js       ┐
 *   dist/command/cli/<name>.js   ┘ three folders below the package
 *
 * A bundler moves code from one file to another, and `import.meta.url` with it. So only this
 * file, and `bench/child.ts` for what stands beside it, may ask where they are.
 *
 * Floor: cli.
 */

/** The package's own folder, a file URL that ends with a slash. */
export const packageRoot = new URL('../../../', import.meta.url)

/** The program. */
export const program = new URL('bin/guild-home.js', packageRoot)
