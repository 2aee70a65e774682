/**
 * The system's runtime with meters: Diffie-Hellmans, rekeys, open pipes, and a clock to set on.
 */
import { empty } from '../../src/base/bytes.ts'
import type { Cipher, Datagrams, Pipe, PipeEvents, Runtime, Scheduler, Suite } from '../../src/base/ports.ts'
import { nativeSuite } from '../../src/crypto/native.ts'
import { systemRuntime } from '../../src/runtime/system.ts'
import { tcpTransport } from '../../src/transport/tcp.ts'
import { udpDatagrams } from '../../src/transport/udp.ts'

export interface Counters {
  dhs: number
  /** Keys that followed another, sending and receiving together. */
  rekeys: number
  /** Datagrams, in and out. */
  datagramsIn: number
  datagramsOut: number
}

const HEAD = 13

/** Bytes of datagrams to and from one address and port. */
export interface Traffic {
  in: number
  out: number
  /** The most that had gone out for each byte that had come, at any time. */
  worst: number
  /** How the last packet from there began: first byte and connection id, as anybody on the path sees them. */
  head: Uint8Array
}

export interface FastClock {
  /** So many milliseconds at once. */
  advance(milliseconds: number): void
  /** From now on it runs so many times as fast. */
  pace(times: number): void
}

export function countingRuntime(): {
  runtime: Runtime
  counters: Counters
  clock: FastClock
  /** Pipes that neither side has closed and we have not given up. */
  pipes: ReadonlySet<Pipe>
  /** By port of the other side. */
  traffic: ReadonlyMap<number, Traffic>
} {
  const counters: Counters = { dhs: 0, rekeys: 0, datagramsIn: 0, datagramsOut: 0 }
  const traffic = new Map<number, Traffic>()
  const pipes = new Set<Pipe>()
  const system = systemRuntime({
    suite: countingSuite(counters),
    transports: [tcpTransport()],
    datagrams: udpDatagrams(),
  })
  const { clock, now, scheduler } = fastClock(system)
  const { transports } = system.network
  const runtime: Runtime = {
    ...system,
    clock: { now, wall: () => system.clock.wall() },
    scheduler,
    network: {
      datagrams: countedDatagrams(system.network.datagrams!, counters, traffic),
      interfaces: () => system.network.interfaces(),
      transports: transports.map(one => ({
        name: one.name,
        listen: options => one.listen({ ...options, onPipe: pipe => options.onPipe(counted(pipe, pipes)) }),
        dial: options => one.dial(options).then(pipe => counted(pipe, pipes)),
      })),
    },
  }
  return { runtime, counters, clock, pipes, traffic }
}

function countedDatagrams(inner: Datagrams, counters: Counters, traffic: Map<number, Traffic>): Datagrams {
  const of = (port: number): Traffic => {
    const one = traffic.get(port) ?? { in: 0, out: 0, worst: 0, head: empty }
    traffic.set(port, one)
    return one
  }
  return {
    resolve: (...name) => inner.resolve(...name),
    open: async options => {
      const socket = await inner.open({
        ...options,
        onDatagram: (bytes, from) => {
          counters.datagramsIn++
          const one = of(from.port)
          one.in += bytes.length
          if (bytes[0]! >= 0x40 && bytes.length > HEAD) one.head = Uint8Array.from(bytes.subarray(0, HEAD))
          return options.onDatagram(bytes, from)
        },
      })
      return {
        local: socket.local,
        send: (to, bytes) => {
          counters.datagramsOut++
          const one = of(to.port)
          one.out += bytes.length
          one.worst = Math.max(one.worst, one.out / one.in)
          return socket.send(to, bytes)
        },
        close: () => socket.close(),
      }
    },
  }
}

function countingSuite(counters: Counters): Suite {
  const counting = (inner: Cipher): Cipher => ({
    seal: (...args) => inner.seal(...args),
    sealInto: (...args) => inner.sealInto(...args),
    sealParts: (...args) => inner.sealParts(...args),
    open: (...args) => inner.open(...args),
    rekeyed: () => {
      counters.rekeys++
      return counting(inner.rekeyed())
    },
  })
  return {
    ...nativeSuite,
    dh: (pair, publicKey) => {
      counters.dhs++
      return nativeSuite.dh(pair, publicKey)
    },
    cipher: key => counting(nativeSuite.cipher(key)),
  }
}

/** A clock that may be ahead of the system's, and a scheduler that knows by how much. */
function fastClock(system: Runtime): { clock: FastClock; now: () => number; scheduler: Scheduler } {
  let [base, since, times] = [system.clock.now(), system.clock.now(), 1]
  let armed: { at: number; wake: () => void } | undefined
  const now = (): number => base + (system.clock.now() - since) * times
  const arm = (at: number, wake: () => void): void => {
    armed = { at, wake }
    system.scheduler.arm(since + (at - base) / times, () => {
      armed = undefined
      wake()
    })
  }
  const change = (ahead: number, pace: number): void => {
    ;[base, since, times] = [now() + ahead, system.clock.now(), pace]
    if (armed !== undefined) arm(armed.at, armed.wake)
  }
  return {
    clock: { advance: ahead => change(ahead, times), pace: pace => change(0, pace) },
    now,
    scheduler: {
      arm,
      disarm: () => {
        armed = undefined
        system.scheduler.disarm()
      },
      defer: work => system.scheduler.defer(work),
    },
  }
}

function counted(inner: Pipe, pipes: Set<Pipe>): Pipe {
  pipes.add(inner)
  const { remote, transport } = inner
  return {
    get local() {
      return inner.local
    },
    remote,
    transport,
    get buffered() {
      return inner.buffered
    },
    attach: (events: PipeEvents) =>
      inner.attach({
        data: bytes => events.data(bytes),
        drain: () => events.drain(),
        end: () => events.end(),
        close: error => {
          pipes.delete(inner)
          events.close(error)
        },
      }),
    write: chunks => inner.write(chunks),
    end: () => inner.end(),
    pause: () => inner.pause(),
    resume: () => inner.resume(),
    destroy: () => {
      pipes.delete(inner)
      inner.destroy()
    },
  }
}
