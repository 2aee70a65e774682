/**
 * A runtime whose pipes, datagrams and timers are counted: which pipes are open, who dialled, how many
 * bytes each wrote, what still waits; and every datagram that comes or goes.
 */
import type { Datagrams, Endpoint, Pipe, PipeEvents, Runtime } from '../../src/base/ports.ts'

export interface TappedPipe {
  readonly local: Endpoint
  readonly remote: Endpoint
  readonly dialled: boolean
  /** Bytes our side gave to it. */
  written: number
  /** Bytes our side got from it. */
  read: number
  /** What `read` was when somebody looked: more since shows that the link works. */
  readBefore: number
  /** Bytes our side gave to it that the system has not taken. */
  readonly buffered: () => number
}

/** Sees each datagram as the process does: what it gave to the system, and what it was handed. */
export interface DatagramTap {
  sent(to: Endpoint, bytes: Uint8Array): void
  came(from: Endpoint, bytes: Uint8Array): void
  /** A socket is there; what is handed to `deliver` is to the process as if it had come. */
  opened(deliver: (bytes: Uint8Array, from: Endpoint) => void): void
}

/** A runtime that is watched. */
export interface Tapped extends Runtime {
  /** Does it wait for a timer? */
  readonly armed: () => boolean
}

/** `opened` hears of every pipe; what it returns is called when the pipe has closed. */
export function tapped(
  runtime: Runtime,
  opened: (pipe: TappedPipe) => () => void,
  seen?: DatagramTap,
): Tapped {
  const tap = (inner: Pipe, dialled: boolean): Pipe => {
    const { local, remote, transport } = inner
    const buffered = (): number => inner.buffered
    const pipe: TappedPipe = { local, remote, dialled, written: 0, read: 0, readBefore: 0, buffered }
    const closed = opened(pipe)
    let attached = false
    return {
      local,
      remote,
      transport,
      get buffered() {
        return inner.buffered
      },
      attach: (events: PipeEvents) => {
        attached = true
        inner.attach({
          data: bytes => {
            pipe.read += bytes.length
            events.data(bytes)
          },
          drain: () => events.drain(),
          end: () => events.end(),
          close: error => {
            closed()
            events.close(error)
          },
        })
      },
      write: chunks => {
        for (const chunk of chunks) pipe.written += chunk.length
        return inner.write(chunks)
      },
      end: () => inner.end(),
      pause: () => inner.pause(),
      resume: () => inner.resume(),
      destroy: () => {
        if (!attached) closed() // nobody would be told
        inner.destroy()
      },
    }
  }
  const { network, scheduler } = runtime
  let armed = false
  return {
    ...runtime,
    armed: () => armed,
    scheduler: {
      arm: (at, wake) => {
        armed = true
        scheduler.arm(at, () => {
          armed = false
          wake()
        })
      },
      disarm: () => {
        armed = false
        scheduler.disarm()
      },
      defer: work => scheduler.defer(work),
    },
    network: {
      ...(network.datagrams && { datagrams: seen ? watched(network.datagrams, seen) : network.datagrams }),
      interfaces: () => network.interfaces(),
      transports: network.transports.map(one => ({
        name: one.name,
        listen: options => one.listen({ ...options, onPipe: pipe => options.onPipe(tap(pipe, false)) }),
        dial: options => one.dial(options).then(pipe => tap(pipe, true)),
      })),
    },
  }
}

function watched(datagrams: Datagrams, seen: DatagramTap): Datagrams {
  return {
    open: async options => {
      const socket = await datagrams.open({
        ...options,
        onDatagram: (bytes, from) => {
          seen.came(from, bytes)
          options.onDatagram(bytes, from)
        },
      })
      seen.opened(options.onDatagram)
      return {
        local: socket.local,
        send: (to, bytes) => {
          seen.sent(to, bytes)
          return socket.send(to, bytes)
        },
        close: () => socket.close(),
      }
    },
    resolve: (host, family, signal) => datagrams.resolve(host, family, signal),
  }
}
