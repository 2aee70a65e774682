/**
 * Processes of a measurement: started, asked, and gone with this one whatever happens.
 *
 * Each ends when its channel closes, and the system closes that when this process ends.
 *
 * Floor: cli.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** How long one has for an orderly end. */
const PATIENCE = 1_000

/** `module` stands beside this file, in the bundle as well, of which it is an entry: the script `bundle` of package.json. */
export function startChild(module: string, flags: readonly string[] = []): ChildProcess {
  return fork(fileURLToPath(new URL(module, import.meta.url)), [], {
    serialization: 'advanced',
    execArgv: [...ownFlags(), ...flags],
  })
}

/** A profile of this process is wanted of its children too. No other flag is: of `-e` each child would start the next. */
function ownFlags(): string[] {
  return process.execArgv.filter(flag => /^--(cpu|heap)-prof/.test(flag))
}

/** Asks, and resolves with the next thing it says. */
export function answerOf<T>(child: ChildProcess, signal: AbortSignal, question: object): Promise<T> {
  return new Promise((resolve, reject) => {
    const settle = (done: () => void): void => {
      child.off('message', onMessage)
      child.off('exit', onExit)
      child.off('error', onError)
      signal.removeEventListener('abort', onAbort)
      done()
    }
    const onMessage = (answer: unknown): void => settle(() => resolve(answer as T))
    const onExit = (code: number | null): void =>
      settle(() => reject(new Error(`the other process of the measurement ended with ${code}`)))
    const onError = (error: Error): void => settle(() => reject(error))
    const onAbort = (): void => settle(() => reject(signal.reason))
    if (signal.aborted) return onAbort()
    child.on('message', onMessage)
    child.on('exit', onExit)
    child.on('error', onError)
    signal.addEventListener('abort', onAbort)
    child.send(question)
  })
}

/** Asks by closing the channel, then does not ask. */
export function endOf(child: ChildProcess): Promise<void> {
  return new Promise(resolve => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return resolve()
    const late = setTimeout(() => child.kill('SIGKILL'), PATIENCE)
    child.once('exit', () => {
      clearTimeout(late)
      resolve()
    })
    if (child.connected) child.disconnect()
  })
}
