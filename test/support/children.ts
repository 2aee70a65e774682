/** Real processes for a test: started together, asked by JSON lines, ended with the test. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export class Child {
  readonly process: ChildProcess
  readonly #waiting: ((answer: unknown) => void)[] = []

  constructor(cwd?: string) {
    const script = fileURLToPath(new URL('./store-child.js', import.meta.url))
    this.process = spawn(process.execPath, [script], {
      stdio: ['pipe', 'pipe', 'inherit'],
      ...(cwd === undefined ? {} : { cwd }),
    })
    createInterface({ input: this.process.stdout! }).on('line', line =>
      this.#waiting.shift()?.(JSON.parse(line)),
    )
    this.process.on('exit', () => {
      for (const answer of this.#waiting.splice(0)) answer({ exited: true })
    })
  }

  // biome-ignore lint/suspicious/noExplicitAny: answers have many shapes
  ask(command: Record<string, unknown>): Promise<any> {
    return new Promise(resolve => {
      this.#waiting.push(resolve)
      this.process.stdin!.write(`${JSON.stringify(command)}\n`)
    })
  }

  async end(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return
    const gone = new Promise(resolve => this.process.once('exit', resolve))
    this.process.kill(signal)
    await gone
  }
}

/** So many processes, ready to be asked. */
export async function startChildren(count: number, cwd?: string): Promise<Child[]> {
  const children = Array.from({ length: count }, () => new Child(cwd))
  await Promise.all(children.map(child => child.ask({ do: 'nothing' })))
  return children
}

/** The same command to all of them at one moment. */
// biome-ignore lint/suspicious/noExplicitAny: answers have many shapes
export async function race(children: readonly Child[], command: Record<string, unknown>): Promise<any[]> {
  const at = Date.now() + 5
  return await Promise.all(children.map(child => child.ask({ ...command, at })))
}
