/**
 * What every transport must do, as checks that run over any of them.
 *
 *   for (const { title, run } of transportContract('tcp', makePair)) t.test(title, run)
 *
 * A check makes a fresh pair, listens and dials by the port of `base/ports.ts` alone, and
 * throws when a promise of that port is broken. It knows no clock: the pair says how time
 * passes, so the same checks run in virtual time and over real sockets.
 *
 * Floor: testing.
 */
import { deepStrictEqual, equal, ok, rejects } from 'node:assert/strict'
import { concat } from '../base/bytes.ts'
import { SeededRandom } from './random.ts'
import { Bench, fail, type TransportPair } from './transport-bench.ts'

export interface TransportCheck {
  readonly title: string
  readonly run: () => Promise<void>
}

/** The checks, each over a pair of its own. `name` begins their titles. */
export function transportContract(name: string, makePair: () => Promise<TransportPair>): TransportCheck[] {
  return Object.entries(checks).map(([title, check]) => ({
    title: `${name}: ${title}`,
    run: async () => {
      const pair = await makePair()
      const bench = new Bench(pair)
      try {
        await pair.settle(check(bench))
      } finally {
        await pair.settle(bench.close())
      }
    },
  }))
}

const checks: Readonly<Record<string, (bench: Bench) => Promise<void>>> = {
  'connects, and both sides see whom they talk to': async bench => {
    const { near, far } = await bench.connect()
    equal(near.pipe.transport, bench.client.name)
    equal(far.pipe.transport, bench.server.name)
    deepStrictEqual(near.pipe.remote, far.pipe.local)
    deepStrictEqual(near.pipe.local, far.pipe.remote)
    equal(far.pipe.local.host, bench.host)
  },

  'port 0 listens at a real port': async bench => {
    const listener = await bench.listen(0)
    ok(listener.endpoints.length > 0)
    for (const { host, port } of listener.endpoints) {
      equal(host, bench.host)
      ok(port > 0 && port < 65_536, `port ${port}`)
    }
  },

  'no hosts means every family, at one port number': async bench => {
    const listener = await bench.server.listen({ hosts: [], port: 0, onPipe: () => {}, onError: fail })
    bench.listeners.push(listener)
    equal(new Set(listener.endpoints.map(endpoint => endpoint.port)).size, 1)
    equal(new Set(listener.endpoints.map(endpoint => endpoint.host)).size, listener.endpoints.length)
  },

  'a port in use is GH_LISTEN_IN_USE': async bench => {
    const port = (await bench.listen(0)).endpoints[0]!.port
    await rejects(bench.listen(port), { code: 'GH_LISTEN_IN_USE', message: new RegExp(String(port)) })
  },

  'a closed listener accepts no more, keeps its pipes and frees its port': async bench => {
    const { near, far, listener } = await bench.connect()
    const endpoint = listener.endpoints[0]!
    await listener.close()
    await rejects(bench.dial(endpoint), { code: 'GH_DIAL_REFUSED' })
    near.pipe.write([Uint8Array.of(1)])
    await far.until(() => far.length === 1)
    await bench.listen(endpoint.port)
  },

  'nobody listening is GH_DIAL_REFUSED': async bench => {
    const listener = await bench.listen(0)
    const endpoint = listener.endpoints[0]!
    await listener.close()
    await rejects(bench.dial(endpoint), { code: 'GH_DIAL_REFUSED' })
  },

  'a signal aborts a dial, before and during': async bench => {
    const endpoint = (await bench.listen(0)).endpoints[0]!
    await rejects(bench.dial(endpoint, AbortSignal.abort()), { code: 'GH_ABORTED' })
    const controller = new AbortController()
    const dial = bench.dial(endpoint, controller.signal)
    controller.abort()
    await rejects(dial, { code: 'GH_ABORTED' })
  },

  'a signal that fires after the dial changes nothing': async bench => {
    const controller = new AbortController()
    const { near, far } = await bench.connect(controller.signal)
    controller.abort()
    near.pipe.write([Uint8Array.of(1, 2, 3)])
    await far.until(() => far.length === 3)
    equal(near.closed, undefined)
  },

  'bytes arrive in order, both ways, whatever the pieces': async bench => {
    const { near, far } = await bench.connect()
    const dice = new SeededRandom(1)
    const there: Uint8Array[] = []
    const back: Uint8Array[] = []
    for (let i = 0; i < 200; i++) {
      const chunks = [dice.bytes(dice.below(50)), dice.bytes(dice.below(3000))]
      there.push(...chunks)
      near.pipe.write(chunks.map(chunk => chunk.slice()))
      const answer = dice.bytes(dice.below(700))
      back.push(answer)
      far.pipe.write([answer.slice()])
    }
    await far.until(() => far.length === total(there))
    await near.until(() => near.length === total(back))
    deepStrictEqual(far.bytes(), concat(...there))
    deepStrictEqual(near.bytes(), concat(...back))
  },

  'one large write arrives whole': async bench => {
    const { near, far } = await bench.connect()
    const bytes = new SeededRandom(2).bytes(4 * 1024 * 1024)
    near.pipe.write([bytes.slice()])
    await far.until(() => far.length === bytes.length)
    deepStrictEqual(far.bytes(), bytes)
  },

  'FR-16 write says false when too much waits, and drain follows once it is gone': async bench => {
    const { near, far } = await bench.connect(undefined, { attachFar: false })
    const piece = new Uint8Array(64 * 1024).fill(7)
    let written = 0
    let more = true
    for (; more && written < 64 * 1024 * 1024; written += piece.length) {
      more = near.pipe.write([piece.slice()])
      if (more && written % (1024 * 1024) === 0) await bench.sleep(1)
    }
    ok(!more, 'write never said false')
    ok(near.pipe.buffered > 0)
    equal(near.drains, 0)
    far.attach()
    await near.until(() => near.drains > 0)
    equal(near.pipe.buffered, 0)
    await far.until(() => far.length === written)
    equal(near.drains, 1, 'one drain for one false')
  },

  'no drain where write never said false': async bench => {
    const { near, far } = await bench.connect()
    ok(near.pipe.write([Uint8Array.of(1)]))
    await far.until(() => far.length === 1)
    await bench.sleep(20)
    equal(near.drains, 0)
  },

  'half-close: the end arrives behind the data, and the other way stays open': async bench => {
    const { near, far } = await bench.connect()
    near.pipe.write([new Uint8Array(100_000)])
    near.pipe.end()
    await far.until(() => far.ended)
    equal(far.length, 100_000)
    equal(far.closed, undefined)
    far.pipe.write([new Uint8Array(50_000)])
    await near.until(() => near.length === 50_000)
    far.pipe.end()
    await near.until(() => near.closed !== undefined)
    await far.until(() => far.closed !== undefined)
    ok(near.ended && far.ended)
    equal(near.closed!.error, undefined)
    equal(far.closed!.error, undefined)
  },

  'half-close from both sides at once': async bench => {
    const { near, far } = await bench.connect()
    near.pipe.end()
    far.pipe.end()
    await near.until(() => near.closed !== undefined)
    await far.until(() => far.closed !== undefined)
    equal(near.closed!.error, undefined)
    equal(far.closed!.error, undefined)
  },

  'destroy closes here without error, and is seen over there': async bench => {
    const { near, far } = await bench.connect()
    near.pipe.write([Uint8Array.of(1)])
    await far.until(() => far.length === 1)
    near.pipe.destroy()
    equal(near.closed, undefined, 'close comes after destroy returned')
    await near.until(() => near.closed !== undefined)
    equal(near.closed!.error, undefined)
    await far.until(() => far.closed !== undefined)
  },

  'destroy by the accepting side is seen by the dialler': async bench => {
    const { near, far } = await bench.connect()
    far.pipe.destroy()
    await near.until(() => near.closed !== undefined)
    await far.until(() => far.closed !== undefined)
  },

  'nothing is called after close, and calls on a closed pipe are harmless': async bench => {
    const { near, far } = await bench.connect()
    near.pipe.destroy()
    await near.until(() => near.closed !== undefined)
    await far.until(() => far.closed !== undefined)
    for (const { pipe } of [near, far]) {
      equal(pipe.write([Uint8Array.of(1)]), false)
      pipe.end()
      pipe.destroy()
      equal(pipe.buffered, 0)
    }
    await bench.sleep(20)
    equal(near.afterClose + far.afterClose, 0)
  },

  'destroy with much unsent drops it': async bench => {
    const { near, far } = await bench.connect(undefined, { attachFar: false })
    for (let i = 0; i < 64 && near.pipe.write([new Uint8Array(1024 * 1024)]); i++) await bench.sleep(1)
    near.pipe.destroy()
    await near.until(() => near.closed !== undefined)
    equal(near.drains, 0)
    far.attach()
    // A system may show a reset behind unread bytes as an end; ending in turn settles it.
    await far.until(() => far.ended || far.closed !== undefined)
    far.pipe.end()
    await far.until(() => far.closed !== undefined)
  },

  'paused, nothing is heard but drain and close; resumed, all bytes come whole, in order, and the end behind them':
    async bench => {
      const { near, far } = await bench.connect()
      const bytes = new SeededRandom(3).bytes(3 * 1024 * 1024)
      near.pipe.write([bytes.slice(0, 1000)])
      await far.until(() => far.length > 0)
      for (let at = 1000; at < bytes.length; at += 100_000) near.pipe.write([bytes.slice(at, at + 100_000)])
      near.pipe.end()
      for (let pauses = 0; !far.ended; pauses++) {
        far.pipe.pause()
        far.pipe.pause()
        const before = far.length
        if (pauses < 5) await bench.sleep(20)
        equal(far.length, before, 'no data while paused')
        ok(!far.ended, 'no end while paused')
        far.pipe.resume()
        far.pipe.resume()
        await far.until(() => far.ended || far.length > before)
      }
      deepStrictEqual(far.bytes(), bytes)
      far.pipe.write([new Uint8Array(5000)])
      await near.until(() => near.length === 5000)
    },

  'paused at once, the end waits too': async bench => {
    const { near, far } = await bench.connect()
    far.pipe.pause()
    near.pipe.end()
    await bench.sleep(50)
    ok(!far.ended)
    far.pipe.resume()
    await far.until(() => far.ended)
    equal(far.length, 0)
  },

  'the last word of pause and resume counts, also before attach': async bench => {
    const { near, far } = await bench.connect(undefined, { attachFar: false })
    far.pipe.pause()
    near.pipe.write([Uint8Array.of(1, 2, 3)])
    far.attach()
    await bench.sleep(20)
    equal(far.length, 0)
    far.pipe.resume()
    far.pipe.pause()
    await bench.sleep(20)
    equal(far.length, 0)
    far.pipe.resume()
    far.pipe.pause()
    far.pipe.resume()
    await far.until(() => far.length === 3)
    deepStrictEqual(far.bytes(), Uint8Array.of(1, 2, 3))
  },

  'paused within data, the reader hears nothing more until it resumes': async bench => {
    const { near, far } = await bench.connect(undefined, { attachFar: false })
    let [length, calls, whilePaused, paused] = [0, 0, 0, false]
    let whole = (): void => {}
    const done = new Promise<void>(resolve => {
      whole = resolve
    })
    far.pipe.attach({
      data: bytes => {
        calls++
        length += bytes.length
        if (paused) whilePaused++
        paused = true
        far.pipe.pause()
        void bench.sleep(1).then(() => {
          paused = false
          far.pipe.resume()
        })
      },
      drain: () => {},
      end: () => {
        if (paused) whilePaused++
        whole()
      },
      close: () => {},
    })
    near.pipe.write([new Uint8Array(2 * 1024 * 1024)])
    near.pipe.end()
    await done
    equal(length, 2 * 1024 * 1024)
    ok(calls > 1, 'one read would prove nothing')
    equal(whilePaused, 0)
  },

  'paused, it can be written to and destroyed, and a close is heard': async bench => {
    const { near, far } = await bench.connect()
    near.pipe.pause()
    near.pipe.write([Uint8Array.of(1)])
    await far.until(() => far.length === 1)
    far.pipe.write([Uint8Array.of(1)])
    await bench.sleep(20)
    near.pipe.destroy()
    await near.until(() => near.closed !== undefined)
    equal(near.closed!.error, undefined)
    equal(near.length, 0)
    near.pipe.pause()
    near.pipe.resume()
    await far.until(() => far.closed !== undefined)
    await bench.sleep(20)
    equal(near.afterClose, 0)
  },

  'attach late: what came before is kept': async bench => {
    const { near, far } = await bench.connect(undefined, { attachFar: false })
    near.pipe.write([Uint8Array.of(1, 2, 3)])
    near.pipe.end()
    await bench.sleep(20)
    equal(far.length, 0)
    far.attach()
    await far.until(() => far.ended)
    deepStrictEqual(far.bytes(), Uint8Array.of(1, 2, 3))
  },
}

function total(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.length, 0)
}
