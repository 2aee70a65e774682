/** The runtime of this machine. Real time: only order and lower bounds are asserted. */
import t from 'tap'
import { toHex } from '../../src/base/bytes.ts'
import type { Suite } from '../../src/base/ports.ts'
import { systemRuntime } from '../../src/runtime/system.ts'

const suite = {} as Suite

t.test('the runtime hands on what it is given and speaks for this machine', async t => {
  const runtime = systemRuntime({ suite, transports: [] })
  t.equal(runtime.suite, suite)
  t.same(runtime.network.transports, [])
  const loopback = runtime.network.interfaces().find(({ internal }) => internal)
  t.match(loopback, { address: String, prefix: Number })
  t.ok(loopback!.prefix > 0)
  t.ok(Number.isInteger(runtime.clock.wall()))
  const before = runtime.clock.now()
  t.ok(runtime.clock.now() >= before)
  const bytes = runtime.random.bytes(100_000)
  t.equal(bytes.length, 100_000)
  t.notSame(runtime.random.bytes(16), runtime.random.bytes(16))
  const drawn = new Set<string>()
  for (let i = 0; i < 2_000; i++) {
    const bytes = runtime.random.bytes(1 + (i % 300))
    if (bytes.buffer.byteLength !== 1 + (i % 300)) t.fail(`${bytes.buffer.byteLength} bytes in draw ${i}`)
    if (bytes.length >= 8) drawn.add(toHex(bytes.subarray(0, 8)))
  }
  t.equal(
    drawn.size,
    [...Array(2_000).keys()].filter(i => i % 300 >= 7).length,
    'none twice, over many pools',
  )
  const fraction = runtime.random.fraction()
  t.ok(fraction >= 0 && fraction < 1)
})

t.test('the timer: earlier, later, replaced, disarmed, far away', async t => {
  const { clock, scheduler } = systemRuntime({ suite, transports: [], keepAlive: false })
  const woken = (at: number): Promise<number> =>
    new Promise(resolve => scheduler.arm(at, () => resolve(clock.now())))
  const hold = setTimeout(() => {}, 60_000) // the scheduler's timer alone would let us end
  let start = clock.now()
  t.ok((await woken(start + 20)) >= start + 19)
  t.ok((await woken(start - 5)) >= start, 'past is now')

  start = clock.now()
  scheduler.arm(start + 5, () => t.fail('replaced'))
  t.ok((await woken(start + 30)) >= start + 29, 'moved later')

  scheduler.arm(start + 2 ** 40, () => t.fail('34 years early'))
  start = clock.now()
  t.ok((await woken(start + 10)) < start + 2 ** 31, 'moved earlier')
  scheduler.arm(clock.now() + 2 ** 40, () => t.fail('34 years early'))
  await new Promise(resolve => setTimeout(resolve, 5))

  scheduler.arm(clock.now() + 1, () => t.fail('disarmed'))
  scheduler.disarm()
  await new Promise(resolve => setTimeout(resolve, 5))
  const order: string[] = []
  const deferred = new Promise<void>(resolve =>
    scheduler.defer(() => {
      order.push('deferred')
      resolve()
    }),
  )
  await null
  order.push('the turn goes on')
  await deferred
  t.same(order, ['the turn goes on', 'deferred'])
  clearTimeout(hold)
})
