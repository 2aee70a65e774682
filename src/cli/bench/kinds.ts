/**
 * What `bench` can measure, in the order it does so when no kind is named.
 *
 * Floor: cli.
 */
import { FarSide } from './far-side.ts'
import type { Row } from './rows.ts'

export interface Kind {
  readonly about: string
  /** What each figure is set beside. */
  readonly beside: string
  /** Rejects soon after the signal; leaves no process behind. */
  readonly measure: (signal: AbortSignal) => Promise<readonly Row[]>
}

export const kinds: Readonly<Record<string, Kind>> = {
  tcp: {
    about: 'one TCP connection between two processes on this machine',
    beside: 'raw sockets',
    measure: async signal => withFarSide(signal, (await import('./tcp.ts')).tcp),
  },
  udp: {
    about: 'one link over UDP between two processes on this machine',
    beside: 'raw datagrams',
    measure: async signal => (await import('./udp.ts')).udp(signal),
  },
  messages: {
    about: 'small messages on one link between two processes on this machine',
    beside: 'raw sockets',
    measure: async signal => withFarSide(signal, (await import('./messages.ts')).messages),
  },
  blocks: {
    about: 'blocks in memory between two processes on this machine, from one peer and from ten',
    beside: 'requests and SHA-256 over a raw socket',
    measure: async signal => (await import('./blocks.ts')).blocks(signal),
  },
  mesh: {
    about: 'a full mesh of 50 nodes in one process, from one bootstrap address',
    beside: 'raw sockets',
    measure: async signal => (await import('./mesh.ts')).mesh(signal),
  },
  idle: {
    about: 'a hundred idle links in one process',
    beside: 'raw sockets',
    measure: async signal => (await import('./idle.ts')).idle(signal),
  },
  startup: {
    about: 'from the start of a process to a node that listens',
    beside: 'a process that does nothing',
    measure: async signal => (await import('./startup.ts')).startup(signal),
  },
}

export async function withFarSide<T>(signal: AbortSignal, measure: (far: FarSide) => Promise<T>): Promise<T> {
  const far = await FarSide.start(signal)
  try {
    return await Promise.race([measure(far), far.broken(signal)])
  } finally {
    await far.close()
  }
}
