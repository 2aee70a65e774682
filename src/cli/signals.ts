/**
 * Ctrl-C once: end in order. Twice: end now.
 *
 * The first SIGINT, SIGTERM or SIGHUP aborts a signal that everything waiting
 * listens to, from the first moment of a start. npm passes Ctrl-C on to a
 * program that the terminal has already told, so a second one within a tenth of a
 * second counts as the first.
 *
 * Floor: cli. Faults: CL-05.
 */
import { exitCodes } from './exit-codes.ts'
import type { Io } from './io.ts'

const echo = 100
const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
type Name = (typeof names)[number]

export interface Interruption {
  readonly signal: AbortSignal
  /** What a signal would do, for a terminal that reads Ctrl-C as a key. */
  interrupt(name: Name): void
  /** An orderly end for another reason: `/quit`, or nobody reads any more. */
  end(): void
  /** Signals have their usual effect again. */
  close(): void
}

export function listenForSignals(io: Pick<Io, 'signals' | 'exit' | 'now'>): Interruption {
  const controller = new AbortController()
  let first: number | undefined
  const interrupt = (name: Name) => {
    const at = io.now().getTime()
    if (first === undefined) {
      first = at
      controller.abort()
    } else if (at - first >= echo || at < first)
      io.exit(name === 'SIGINT' ? exitCodes.interrupted : exitCodes.terminated)
  }
  const listeners = names.map(name => [name, () => interrupt(name)] as const)
  for (const [name, listener] of listeners) io.signals.on(name, listener)
  return {
    signal: controller.signal,
    interrupt,
    end: () => controller.abort(),
    close() {
      for (const [name, listener] of listeners) io.signals.off(name, listener)
    },
  }
}

/** Resolves once it is aborted. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
