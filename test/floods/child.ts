/**
 * The other processes of a flood: started, asked, and gone with us whatever happens.
 *
 *   run.ts ── fork ──▶ victim.ts      one node, with gauges
 *             fork ──▶ honest.ts      members that behave
 *             fork ──▶ attacker.ts    strangers, and members gone bad; at the lowest priority
 *             fork ──▶ sink.ts        a bare TCP server, for control runs
 *
 * A question is a name and an object, the answer an object; many may be under way. A child
 * ends with its channel, so none outlives the parent. Attackers have the lowest priority:
 * elsewhere they would be on machines of their own.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { constants, setPriority } from 'node:os'
import { fileURLToPath } from 'node:url'

interface Question {
  readonly id: number
  readonly command: string
  readonly args: unknown
}

type Answer = { readonly id: number } & ({ readonly value: unknown } | { readonly error: string })

type Waiting = { resolve: (value: unknown) => void; reject: (error: Error) => void }

const scripts = { victim: './victim.js', honest: './honest.js', attacker: './attacker.js', sink: './sink.js' }

/** An orderly end may take this long. */
const PATIENCE = 2_000

/** A process of ours, asked by name. `Commands`: what its script offers. */
export class Child<Commands extends object> {
  readonly #process: ChildProcess
  readonly #waiting = new Map<number, Waiting>()
  #nextId = 1

  constructor(script: keyof typeof scripts) {
    this.#process = fork(fileURLToPath(new URL(scripts[script], import.meta.url)), [], {
      serialization: 'advanced',
      execArgv: ['--expose-gc'],
    })
    if (script === 'attacker') setPriority(this.#process.pid!, constants.priority.PRIORITY_LOW)
    this.#process.on('message', message => this.#answered(message as Answer))
    this.#process.on('error', error => this.#broken(error))
    this.#process.on('exit', (code, signal) =>
      this.#broken(new Error(`the ${script} ended with ${code ?? signal}`)),
    )
  }

  /** Rejects when the child fails at it, ends, or takes longer than `patience` milliseconds. */
  ask<Name extends keyof Commands & string>(
    command: Name,
    args: Asked<Commands[Name]>,
    patience = 120_000,
  ): Promise<Told<Commands[Name]>> {
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        this.#waiting.delete(id)
        reject(new Error(`no answer to "${command}" after ${patience / 1000} s`))
      }, patience)
      const done = (): void => {
        clearTimeout(late)
        this.#waiting.delete(id)
      }
      this.#waiting.set(id, {
        resolve: value => {
          done()
          resolve(value as Told<Commands[Name]>)
        },
        reject: error => {
          done()
          reject(error)
        },
      })
      this.#process.send({ id, command, args } satisfies Question, error => {
        if (error !== null) this.#waiting.get(id)?.reject(error)
      })
    })
  }

  /** Asks by closing the channel, then does not ask. */
  end(): Promise<void> {
    const child = this.#process
    if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
    return new Promise(resolve => {
      const late = setTimeout(() => child.kill('SIGKILL'), PATIENCE)
      child.once('exit', () => {
        clearTimeout(late)
        resolve()
      })
      if (child.connected) child.disconnect()
    })
  }

  #answered(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id)
    if ('error' in answer) waiting?.reject(new Error(answer.error))
    else waiting?.resolve(answer.value)
  }

  #broken(error: Error): void {
    for (const one of [...this.#waiting.values()]) one.reject(error)
  }
}

// biome-ignore lint/suspicious/noExplicitAny: any command
type Asked<Command> = Command extends (args: infer Args) => any ? Args : never
// biome-ignore lint/suspicious/noExplicitAny: any command
type Told<Command> = Command extends (args: any) => infer Value ? Awaited<Value> : never

/** In the child: answers questions until the channel closes. */
// biome-ignore lint/suspicious/noExplicitAny: each command has arguments of its own
export function answer(commands: Readonly<Record<string, (args: any) => unknown>>): void {
  process.once('disconnect', () => process.exit(0))
  process.on('message', async ({ id, command, args }: Question) => {
    const told = await Promise.resolve()
      .then(() => commands[command]!(args))
      .then(
        value => ({ id, value }),
        error => ({ id, error: `${command}: ${(error as Error)?.stack ?? error}` }),
      )
    // Whoever asked may be gone by now.
    if (process.connected) process.send?.(told satisfies Answer, () => {})
  })
}
