/** A real terminal to look at: tmux, with a server of its own that ends with the test. */
import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'

/** Why it cannot be used, if it cannot. */
export const noTmux: { skip: string } | Record<string, never> =
  spawnSync('tmux', ['-V']).status === 0 ? {} : { skip: 'tmux is not installed here' }

let count = 0

export class Tmux {
  readonly #socket: string

  /** `folder` holds the socket of its server: one each, for a server that ends is still there for a moment. */
  constructor(folder: string) {
    this.#socket = join(folder, `t${++count}`)
  }

  /** Opens a window of this size that runs a shell command, and stays when that has ended. */
  open(command: string, folder: string, env: Readonly<Record<string, string>>): void {
    const vars = Object.entries(env).flatMap(([name, value]) => ['-e', `${name}=${value}`])
    const size = ['-x', '100', '-y', '20']
    this.#run('-f', '/dev/null', 'new-session', '-d', ...size, '-c', folder, ...vars, `${command}; exec cat`)
  }

  /** The rows on the screen, with the styles that are on them if asked. */
  rows(styles = false): string[] {
    return this.#run('capture-pane', '-p', ...(styles ? ['-e'] : []))
      .replace(/\n$/, '')
      .split('\n')
  }

  /** `#{cursor_y}` and the like. */
  says(format: string): string {
    return this.#run('display-message', '-p', format).trim()
  }

  keys(...keys: string[]): void {
    this.#run('send-keys', ...keys)
  }

  resize(columns: number, rows: number): void {
    this.#run('resize-window', '-x', String(columns), '-y', String(rows))
  }

  /** Resolves once `holds` of what is on the screen. */
  async shows(pattern: RegExp): Promise<string> {
    const end = performance.now() + 15_000
    for (;;) {
      const screen = this.rows().join('\n')
      if (pattern.test(screen)) return screen
      if (performance.now() > end) throw new Error(`no ${pattern} on the screen:\n${screen}`)
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }

  close(): void {
    spawnSync('tmux', ['-S', this.#socket, 'kill-server'])
  }

  #run(...args: string[]): string {
    // -u: the terminal is UTF-8 whatever the locale of the test.
    return execFileSync('tmux', ['-u', '-S', this.#socket, ...args], { encoding: 'utf8' })
  }
}
