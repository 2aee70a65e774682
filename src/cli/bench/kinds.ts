/**
 * What `bench` can measure, in the order it does so when no kind is named.
 *
 * Floor: cli.
 */
import type { FarSide } from './far-side.ts'
import type { Row } from './rows.ts'

export interface Kind {
  readonly about: string
  readonly load: () => Promise<(far: FarSide) => Promise<Row[]>>
}

export const kinds: Readonly<Record<string, Kind>> = {
  tcp: {
    about: 'one TCP connection between two processes on this machine',
    load: async () => (await import('./tcp.ts')).tcp,
  },
  messages: {
    about: 'small messages on one link between two processes on this machine',
    load: async () => (await import('./messages.ts')).messages,
  },
}
