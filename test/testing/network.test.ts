/** The simulated network: exact delays, rates, loss, partitions, crashes, pauses, datagrams. */
import t from 'tap'
import { equal } from '../../src/base/bytes.ts'
import type { Listener, Pipe } from '../../src/base/ports.ts'
import { type Host, Simulation, type SimulationOptions } from '../../src/testing/index.ts'

interface Heard {
  readonly pipe: Pipe
  readonly bytes: number[]
  pieces: number
  drains: number
  endAt: number | undefined
  closeAt: number | undefined
  error: Error | undefined
}

function listenTo(sim: Simulation, pipe: Pipe): Heard {
  const heard: Heard = {
    pipe,
    bytes: [],
    pieces: 0,
    drains: 0,
    endAt: undefined,
    closeAt: undefined,
    error: undefined,
  }
  pipe.attach({
    data: bytes => {
      heard.pieces++
      for (const byte of bytes) heard.bytes.push(byte)
    },
    drain: () => heard.drains++,
    end: () => {
      heard.endAt = sim.now
    },
    close: error => {
      heard.closeAt = sim.now
      heard.error = error
    },
  })
  return heard
}

const signal = new AbortController().signal

async function serve(
  sim: Simulation,
  host: Host,
  port = 9000,
): Promise<{ listener: Listener; pipes: Heard[] }> {
  const pipes: Heard[] = []
  const onPipe = (pipe: Pipe): number => pipes.push(listenTo(sim, pipe))
  const listening = host.transport().listen({ hosts: [], port, onPipe, onError: t.fail })
  return { listener: await sim.settle(listening), pipes }
}

async function pairOf(options: Partial<SimulationOptions> = {}) {
  const sim = new Simulation({ seed: 1, ...options })
  const a = sim.host('a')
  const b = sim.host('b')
  const { pipes, listener } = await serve(sim, b)
  const near = listenTo(sim, await sim.settle(a.transport().dial({ host: b.address, port: 9000, signal })))
  const dialled = sim.now
  await sim.run(() => pipes.length === 1)
  return { sim, a, b, near, far: pipes[0]!, dialled, accepted: sim.now, listener }
}

const numbers = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i % 251)

t.test('delays are exact: a dial is one round trip, a byte one way', async t => {
  const { sim, near, far, dialled, accepted } = await pairOf({ conditions: { delay: 25 } })
  t.equal(dialled, 50)
  t.equal(accepted, 75)
  const start = sim.now
  near.pipe.write([Uint8Array.of(1)])
  await sim.run(() => far.bytes.length === 1)
  t.equal(sim.now, start + 25)
  near.pipe.end()
  await sim.run(() => far.endAt !== undefined)
  t.equal(far.endAt, start + 50)
  far.pipe.end()
  await sim.run(() => near.closeAt !== undefined)
  t.equal(near.closeAt, start + 75)
  t.equal(far.closeAt, start + 50)
  t.equal(near.error, undefined)
})

t.test('directions differ, and a host reaches itself at once', async t => {
  const sim = new Simulation({ seed: 1 })
  const [a, b] = [sim.host('a'), sim.host('b')]
  sim.linkOneWay(a, b, { delay: 10 })
  sim.linkOneWay(b, a, { delay: 90 })
  await serve(sim, b)
  const start = sim.now
  await sim.settle(a.transport().dial({ host: 'b', port: 9000, signal }))
  t.equal(sim.now - start, 100)
  for (const host of ['127.0.0.1', 'localhost', b.address]) {
    const pipe = await sim.settle(b.transport().dial({ host, port: 9000, signal }))
    t.equal(sim.now - start, 100)
    t.equal(pipe.remote.host, host === b.address ? b.address : '127.0.0.1')
  }
})

t.test('P11 rate is measured in virtual time, and shared', async t => {
  const { sim, a, b, near, far } = await pairOf({ conditions: { delay: 5, rate: 1_000_000 } })
  let start = sim.now
  near.pipe.write([numbers(1_000_000)])
  t.equal(near.pipe.buffered, 1_000_000)
  await sim.run(() => far.bytes.length === 1_000_000)
  t.ok(Math.abs(sim.now - start - 1005) < 1, `${sim.now - start} ms`)
  t.ok(equal(Uint8Array.from(far.bytes), numbers(1_000_000)))
  t.equal(near.drains, 1)

  const other = await sim.settle(a.transport().dial({ host: b.address, port: 9000, signal }))
  other.attach({ data: () => {}, drain: () => {}, end: () => {}, close: () => {} })
  start = sim.now
  other.write([numbers(500_000)])
  near.pipe.write([numbers(500_000)])
  await sim.run(() => far.bytes.length === 1_500_000)
  await sim.run(() => other.buffered === 0)
  await sim.pass(5)
  t.ok(sim.now - start > 950, 'one link, not two')
})

t.test('rough weather on ordered bytes is delay, never loss', async t => {
  const conditions = {
    delay: 20,
    jitter: 20,
    loss: 0.2,
    burst: 3,
    reorder: 0.3,
    duplicate: 0.3,
    corrupt: 0.02,
  }
  for (let seed = 1; seed <= 10; seed++) {
    const { sim, near, far } = await pairOf({ seed, conditions })
    const bytes = numbers(300_000)
    for (let at = 0; at < bytes.length; at += 10_000) near.pipe.write([bytes.slice(at, at + 10_000)])
    near.pipe.end()
    await sim.run(() => far.endAt !== undefined)
    t.ok(equal(Uint8Array.from(far.bytes), bytes))
    t.ok(far.pieces > 5, `cut into ${far.pieces}`)
  }
})

t.test('bytes handed to data are overwritten after the call', async t => {
  const { sim, near, far } = await pairOf()
  let kept: Uint8Array | undefined
  const { pipes } = await serve(sim, sim.host('c'))
  t.equal(pipes.length, 0)
  const listening = sim
    .host('d')
    .transport()
    .listen({
      hosts: [],
      port: 1,
      onPipe: pipe =>
        pipe.attach({
          data: bytes => {
            kept = bytes
          },
          drain: () => {},
          end: () => {},
          close: () => {},
        }),
      onError: t.fail,
    })
  await sim.settle(listening)
  const pipe = await sim.settle(sim.host('a').transport().dial({ host: 'd', port: 1, signal }))
  const mine = Uint8Array.of(1, 2, 3)
  pipe.write([mine])
  await sim.run(() => kept !== undefined)
  t.not(kept![0], 1)
  t.same(mine, Uint8Array.of(1, 2, 3), 'the writer’s own bytes are untouched')
  near.pipe.destroy()
  await sim.run(() => far.closeAt !== undefined)
})

t.test('dials: unknown names, families and addresses, silence, abort', async t => {
  const sim = new Simulation({ seed: 1 })
  const [a, b] = [sim.host('a'), sim.host('b')]
  const tcp = a.transport()
  const dial = (host: string, with_: AbortSignal = signal) =>
    sim.settle(tcp.dial({ host, port: 9000, signal: with_ }))
  await t.rejects(dial('nobody'), { code: 'GH_DIAL_NAME' })
  await t.rejects(dial('2001:db8::1'), { code: 'GH_DIAL_UNREACHABLE' })
  await t.rejects(dial(b.address), { code: 'GH_DIAL_REFUSED' })
  let start = sim.now
  await t.rejects(dial('10.0.9.9'), { code: 'GH_DIAL_UNREACHABLE' })
  t.equal(sim.now - start, 3000)
  sim.network.name('bootstrap.example', [b.address])
  await serve(sim, b)
  t.equal((await dial('bootstrap.example')).remote.host, b.address)

  sim.cut(a, b)
  start = sim.now
  await t.rejects(dial(b.address), { code: 'GH_DIAL_TIMEOUT' })
  t.equal(sim.now - start, 127_000)
  const late = new AbortController()
  sim.world.after(700, () => late.abort())
  start = sim.now
  await t.rejects(dial(b.address, late.signal), { code: 'GH_ABORTED' })
  t.equal(sim.now - start, 700)
  const timeout = new AbortController()
  sim.world.after(700, () => timeout.abort(new DOMException('late', 'TimeoutError')))
  await t.rejects(dial(b.address, timeout.signal), { code: 'GH_DIAL_TIMEOUT' })
  sim.world.after(2500, () => sim.heal())
  start = sim.now
  t.equal((await dial(b.address)).remote.port, 9000)
  t.equal(sim.now - start, 3002, 'the third SYN gets through')
})

t.test('partition: silence both ways, and after healing every byte arrives', async t => {
  const { sim, a, b, near, far } = await pairOf()
  const c = sim.host('c')
  const { pipes } = await serve(sim, c)
  const toC = listenTo(sim, await sim.settle(a.transport().dial({ host: 'c', port: 9000, signal })))
  sim.cut(a, b)
  near.pipe.write([numbers(1000)])
  far.pipe.write([numbers(500)])
  toC.pipe.write([numbers(10)])
  await sim.pass(20_000)
  t.equal(far.bytes.length, 0)
  t.equal(near.bytes.length, 0)
  t.equal(pipes[0]!.bytes.length, 10, 'the third side of the triangle is open')
  sim.heal()
  await sim.run(() => far.bytes.length === 1000 && near.bytes.length === 500)
  t.ok(equal(Uint8Array.from(far.bytes), numbers(1000)))
  t.equal(near.closeAt, undefined)

  sim.partition([a, c], [b])
  near.pipe.write([Uint8Array.of(1)])
  await sim.run(() => near.closeAt !== undefined, { limit: 3_600_000 })
  t.match(near.error, { code: 'ETIMEDOUT' })
  t.equal(far.closeAt, undefined, 'the other side was told nothing')
})

t.test('PT-13 one way cut: bytes go through, acknowledgements do not', async t => {
  const { sim, a, b, near, far } = await pairOf()
  sim.cutOneWay(b, a)
  near.pipe.write([numbers(1000)])
  far.pipe.write([numbers(1000)])
  await sim.pass(5000)
  t.equal(far.bytes.length, 1000)
  t.equal(near.bytes.length, 0)
  near.pipe.write([new Uint8Array(1_000_000)])
  await sim.pass(5000)
  t.ok(near.pipe.buffered > 0, 'no credit comes back')
  sim.heal(a, b)
  await sim.run(() => near.bytes.length === 1000 && far.bytes.length === 1_001_000)
  t.equal(near.drains, 1)
})

t.test('crash: silence, then resets once the host is back', async t => {
  const { sim, b, near, far, listener } = await pairOf()
  b.crash()
  t.throws(() => b.runtime(), { code: 'GH_OPTION_INVALID' })
  t.throws(() => b.transport(), { code: 'GH_NODE_STATE' })
  near.pipe.write([numbers(10)])
  await sim.pass(10_000)
  t.equal(near.closeAt, undefined)
  t.equal(far.bytes.length, 0)
  t.equal(far.closeAt, undefined, 'a dead program hears nothing')
  t.equal(far.pipe.write([Uint8Array.of(1)]), true, 'and is not heard')
  b.restart()
  await sim.run(() => near.closeAt !== undefined)
  t.match(near.error, { code: 'ECONNRESET' })
  await listener.close()
  await t.rejects(sim.settle(sim.host('a').transport().dial({ host: 'b', port: 9000, signal })), {
    code: 'GH_DIAL_REFUSED',
  })
  const { pipes } = await serve(sim, b)
  await sim.settle(sim.host('a').transport().dial({ host: 'b', port: 9000, signal }))
  await sim.run(() => pipes.length === 1)
})

t.test('kill: the system resets what the program left', async t => {
  const { sim, b, near, far } = await pairOf()
  b.kill()
  const start = sim.now
  await sim.run(() => near.closeAt !== undefined)
  t.equal(near.closeAt, start + 1)
  t.match(near.error, { code: 'ECONNRESET' })
  t.equal(far.closeAt, undefined)
})

t.test('P17 pause: events wait, in order, and back-pressure reaches the sender', async t => {
  const { sim, b, near, far } = await pairOf()
  b.pause()
  let more = true
  let written = 0
  while (more) {
    more = near.pipe.write([numbers(251 * 100)])
    written += 251 * 100
    await sim.pass(1)
  }
  near.pipe.end()
  await sim.pass(3000)
  t.equal(far.bytes.length, 0)
  t.ok(near.pipe.buffered > 0)
  b.resume()
  await sim.run(() => far.endAt !== undefined)
  t.ok(equal(Uint8Array.from(far.bytes), numbers(written)))
})

t.test('a runtime: clock, timer, wall, dice, interfaces', async t => {
  const suite = {} as NonNullable<SimulationOptions['suite']>
  const sim = new Simulation({ seed: 5, suite })
  const host = sim.host('a', { addresses: ['10.0.0.1', 'fd00::1'], clockOffset: 60_000 })
  const { clock, scheduler, random, network } = host.runtime()
  const start = clock.now()
  const seen: string[] = []
  scheduler.arm(start + 100, () => seen.push('replaced'))
  scheduler.arm(start + 50.3, () => seen.push(`woken ${clock.now() >= start + 50.3}`))
  scheduler.defer(() => seen.push('deferred'))
  t.same(seen, [])
  await sim.pass(200)
  t.same(seen, ['deferred', 'woken true'])
  t.equal(clock.now(), start + 200)
  scheduler.arm(clock.now() + 10, () => seen.push('never'))
  scheduler.disarm()
  await sim.pass(20)
  t.equal(seen.length, 2)

  const other = sim.host('b').runtime()
  t.equal(clock.wall() - other.clock.wall(), 60_000)
  t.not(clock.now(), other.clock.now(), 'zero means nothing')
  host.jumpClock(-3_600_000)
  t.equal(clock.wall() - other.clock.wall(), 60_000 - 3_600_000)
  t.equal(clock.now(), start + 220)
  t.notSame(random.bytes(16), other.random.bytes(16))
  t.notSame(random.bytes(16), host.runtime().random.bytes(16), 'a restarted node draws anew')
  const again = new Simulation({ seed: 5, suite })
  again.host('z')
  t.same(
    again.host('b').runtime().random.bytes(16),
    new Simulation({ seed: 5, suite }).host('b').runtime().random.bytes(16),
  )
  t.same(
    network.interfaces().map(({ address, internal }) => [address, internal]),
    [
      ['127.0.0.1', true],
      ['10.0.0.1', false],
      ['fd00::1', false],
    ],
  )
  const listener = await sim.settle(
    network.transports[0]!.listen({ hosts: [], port: 0, onPipe: () => {}, onError: t.fail }),
  )
  t.same(
    listener.endpoints.map(({ host }) => host),
    ['0.0.0.0', '::'],
  )

  scheduler.arm(clock.now() + 10, () => seen.push('after the pause'))
  host.pause()
  await sim.pass(1000)
  t.equal(seen.length, 2)
  host.resume()
  await sim.pass(0)
  t.equal(seen.at(-1), 'after the pause')
  scheduler.arm(clock.now() + 10, () => seen.push('dead'))
  scheduler.defer(() => seen.push('dead'))
  host.crash()
  scheduler.arm(clock.now() + 10, () => seen.push('dead'))
  await sim.pass(1000)
  t.equal(seen.at(-1), 'after the pause')
})

t.test('datagrams: lost, doubled, out of order, too big, queue full, flipped', async t => {
  const sim = new Simulation({ seed: 9, conditions: { delay: 10 } })
  const [a, b] = [sim.host('a'), sim.host('b')]
  const got: number[] = []
  let flipped = 0
  const any = { host: '0.0.0.0', port: 0, onError: t.fail }
  const opening = b.datagrams().open({
    ...any,
    port: 7,
    onDatagram: (bytes, from) => {
      t.equal(from.host, a.address)
      got.push(bytes.length < 2 ? 0 : bytes[0]! * 256 + bytes[1]!)
      for (const byte of bytes.subarray(2)) if (byte !== 0) flipped++
    },
  })
  const receiver = await sim.settle(opening)
  const sender = await sim.settle(a.datagrams().open({ ...any, onDatagram: () => t.fail('nobody answers') }))
  const to = { host: b.address, port: 7 }
  const burst = async (count: number, size = 100): Promise<number[]> => {
    got.length = 0
    for (let i = 0; i < count; i++) {
      const bytes = new Uint8Array(size)
      bytes[0] = i >> 8
      bytes[1] = i
      sender.send(to, bytes)
    }
    await sim.pass(1000)
    return [...got]
  }
  t.same(await burst(3), [0, 1, 2])
  t.same(await burst(1, 1472), [0], 'as large as an IPv4 packet of 1,500 takes')
  t.same(await burst(1, 1473), [])
  sim.link(a, b, { loss: 0.3 })
  let count = (await burst(2000)).length
  t.ok(count > 1300 && count < 1500, `${count} of 2000 at 30 % loss`)
  sim.link(a, b, { loss: 0.3, burst: 5 })
  const runs = (await burst(2000)).filter((value, i, all) => i > 0 && value !== all[i - 1]! + 1).length
  t.ok(runs > 60 && runs < 200, `${runs} bursts`)
  sim.link(a, b, { loss: 0, duplicate: 0.5 })
  count = (await burst(1000)).length
  t.ok(count > 1420 && count < 1580, `${count} of 1000 half doubled`)
  sim.link(a, b, { duplicate: 0, reorder: 0.25 })
  const order = await burst(1000)
  t.equal(order.length, 1000)
  t.notSame(
    order,
    [...order].sort((x, y) => x - y),
  )
  sim.link(a, b, { reorder: 0, corrupt: 1 })
  flipped = 0
  await burst(100)
  t.ok(flipped > 80, 'one bit each')
  sim.link(a, b, { corrupt: 0, rate: 10_000, queue: 1000 })
  t.equal((await burst(100)).length, 10, 'the queue holds 1,000 bytes')
  sim.cutOneWay(a, b)
  t.same(await burst(3), [])
  receiver.close()
  sim.heal()
  t.same(await burst(1), [])
})

t.test('HS-14 a path that changes, drops and adds bytes, and can be listened to', async t => {
  const { sim, a, b, near, far } = await pairOf()
  const seen: number[] = []
  sim.tamper(a, b, bytes => {
    seen.push(...bytes)
    return bytes.map(byte => byte ^ 1)
  })
  near.pipe.write([Uint8Array.of(10, 11)])
  await sim.run(() => far.bytes.length === 2)
  t.same(far.bytes, [11, 10])
  t.same(seen, [10, 11])
  sim.tamper(a, b, () => Uint8Array.of())
  near.pipe.write([new Uint8Array(1_000_000)])
  await sim.run(() => near.drains === 1)
  t.equal(far.bytes.length, 2, 'dropped bytes take no room in the window')
  sim.tamper(a, b, bytes => Uint8Array.of(...bytes, ...bytes))
  near.pipe.write([Uint8Array.of(7)])
  await sim.run(() => far.bytes.length === 4)
  sim.tamper(a, b, undefined)
  far.pipe.write([Uint8Array.of(9)])
  near.pipe.write([Uint8Array.of(8)])
  await sim.run(() => far.bytes.length === 5 && near.bytes.length === 1)
  t.same(far.bytes, [11, 10, 7, 7, 8])

  const got: number[][] = []
  const any = { host: '0.0.0.0', onError: t.fail }
  await b.datagrams().open({ ...any, port: 7, onDatagram: bytes => got.push([...bytes]) })
  const sender = await a.datagrams().open({ ...any, port: 0, onDatagram: () => {} })
  sim.tamper(a, b, bytes => (bytes[0] === 1 ? bytes.fill(9) : Uint8Array.of()))
  for (const byte of [1, 2]) sender.send({ host: b.address, port: 7 }, Uint8Array.of(byte))
  await sim.pass(10)
  t.same(got, [[9]])
})

t.test('P29 the same seed gives the same transcript, another seed another', async t => {
  const story = async (seed: number): Promise<string> => {
    const conditions = { delay: 10, jitter: 10, loss: 0.05, reorder: 0.1, duplicate: 0.1 }
    const sim = new Simulation({ seed, conditions })
    const hosts = Array.from({ length: 4 }, (_, i) => sim.host(`host ${i}`))
    for (const host of hosts) await serve(sim, host)
    for (let i = 0; i < 10; i++) {
      const from = sim.random.pick(hosts.filter(host => host.up))
      const to = sim.random.pick(hosts.filter(host => host !== from))
      const controller = new AbortController()
      sim.world.after(5000, () => controller.abort())
      const dial = from.transport().dial({ host: to.address, port: 9000, signal: controller.signal })
      const pipe = await sim.settle(dial.catch(() => undefined))
      if (pipe === undefined) continue
      listenTo(sim, pipe)
      pipe.write([sim.random.bytes(sim.random.below(50_000))])
      await sim.pass(sim.random.below(100))
      if (i === 5) hosts[2]!.crash()
      if (i === 7) hosts[2]!.restart()
    }
    await sim.pass(60_000)
    return sim.hash()
  }
  const hashes = new Set<string>()
  for (let seed = 1; seed <= 20; seed++) {
    const hash = await story(seed)
    t.equal(await story(seed), hash)
    hashes.add(hash)
  }
  t.equal(hashes.size, 20)
})
