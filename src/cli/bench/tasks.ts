/**
 * What the worker of a measurement does for its asker, over raw sockets and over streams alike.
 *
 *   sink      reads to the end, then answers how many bytes came
 *   echo      sends back what comes
 *   messages  cuts what comes into messages, counts them, and answers how many at the end
 *   greet     sends one byte to whoever connects, so that the connection is known to stand
 *
 * Floor: cli.
 */

/** Each task with its protocol id. */
export const tasks = {
  sink: '/guild-home/bench-sink/1',
  echo: '/guild-home/bench-echo/1',
  messages: '/guild-home/bench-messages/1',
  greet: '/guild-home/bench-greet/1',
} as const

export type Task = keyof typeof tasks

/** One message of a hundred bytes. */
export const MESSAGE_BYTES = 100

/** What links are made of. `mtu` as of the node's options. */
export interface Carried {
  readonly transport: 'tcp' | 'udp'
  readonly mtu?: number
}

export type Question =
  | { readonly kind: 'start'; readonly swarmKey: Uint8Array; readonly carried: Carried }
  | { readonly kind: 'cpu' }

export type Answer =
  | {
      readonly kind: 'ready'
      readonly peerId: string
      readonly address: string
      readonly ports: Readonly<Record<Task, number>>
      /** Of raw datagrams: a sink that opens what was sealed under the swarm key, and an echo. */
      readonly datagrams: Readonly<Record<'sink' | 'echo', number>>
    }
  | { readonly kind: 'cpu'; readonly seconds: number }
