/** The driver: who is fed when, and that no machine is handled inside itself. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import type { Machine, Millis, Tick, tick } from '../../src/base/machine.ts'
import { Drive } from '../../src/runtime/drive.ts'
import { World } from '../../src/testing/world.ts'

/** Says back what it is told; `during` runs inside `handle`. */
class Repeater implements Machine<string | typeof tick, string> {
  readonly heard: string[] = []
  during: (input: string) => void = () => {}
  inside = false
  readonly #out: string[] = []

  handle(input: string | typeof tick): void {
    if (this.inside) throw new Error('handle inside handle')
    this.inside = true
    if (typeof input === 'string') {
      this.heard.push(input)
      this.during(input)
      this.#out.push(input)
    }
    this.inside = false
  }

  poll(): string | undefined {
    return this.#out.shift()
  }

  deadline(): Millis | undefined {
    return undefined
  }
}

function drive(): Drive {
  const world = new World()
  return new Drive(
    { now: () => world.now, wall: () => world.now },
    {
      arm: (at, wake) => void world.at(at, wake),
      disarm: () => {},
      defer: work => void world.after(0, work),
    },
  )
}

t.test('fed while its output is told, a machine acts before the next is told', async t => {
  const machine = new Repeater()
  const told: string[] = []
  const driven = drive().run(machine, output => {
    if (output === 'question') {
      driven.feed('answer')
      t.same(machine.heard, ['question', 'answer'], 'done when feed returns')
    }
    told.push(output)
  })
  driven.feed('question')
  t.same(told, ['question', 'answer'], 'what comes of it is told after')
})

t.test('fed inside handle, an input waits until that is over', async t => {
  const machine = new Repeater()
  const told: string[] = []
  const driven = drive().run(machine, output => told.push(output))
  machine.during = input => {
    if (input !== 'first') return
    driven.feed('second')
    t.same(machine.heard, ['first'])
  }
  driven.feed('first')
  t.same(machine.heard, ['first', 'second'])
  t.same(told, ['first', 'second'])
})

t.test('a handle that throws leaves the machine usable, and what waited is not lost', async t => {
  const machine = new Repeater()
  const told: string[] = []
  const driven = drive().run(machine, output => told.push(output))
  machine.during = input => {
    if (input !== 'bad') return
    driven.feed('waiting')
    machine.inside = false
    throw new Error('as told')
  }
  t.throws(() => driven.feed('bad'), /as told/)
  driven.feed('good')
  t.same(machine.heard, ['bad', 'good', 'waiting'])
  t.same(told, ['good', 'waiting'])
})

t.test('P15 a machine that was stopped is let go at once, whatever it waited for', async t => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const driver = drive()
  const waiting = (): WeakRef<object> => {
    const machine = new Repeater()
    machine.deadline = () => 10_000
    const driven = driver.run(machine, () => {})
    driven.feed('something')
    driven.stop()
    driver.after(10_000, () => machine.poll())()
    return new WeakRef(machine)
  }
  const others = driver.run(new Repeater(), () => {})
  const gone = [waiting(), waiting(), waiting()]
  await new Promise(resolve => setImmediate(resolve))
  collect()
  t.same(
    gone.map(one => one.deref() === undefined),
    [true, true, true],
  )
  others.feed('still driven')
})

/** Wants to be woken at a time that moves with each input. */
class Postponer implements Machine<string | Tick, string> {
  at: Millis | undefined
  readonly ticks: Millis[] = []

  handle(input: string | Tick, now: Millis): void {
    if (typeof input === 'string') this.at = now + 100
    else {
      this.ticks.push(now)
      this.at = undefined
    }
  }

  poll(): string | undefined {
    return undefined
  }

  deadline(): Millis | undefined {
    return this.at
  }
}

t.test('a deadline that moves later with every input arms no timer each time, and is kept to', async t => {
  const world = new World()
  let armed = 0
  const own = new Drive(
    { now: () => world.now, wall: () => world.now },
    {
      arm: (at, wake) => {
        armed++
        world.at(at, wake)
      },
      disarm: () => {},
      defer: work => void world.after(0, work),
    },
  )
  const machine = new Postponer()
  const driven = own.run(machine, () => {})
  for (let at = 0; at < 50; at++) world.at(at, () => driven.feed('more'))
  await world.run(1_000)
  t.same(machine.ticks, [149], 'a hundred after the last input')
  t.ok(armed <= 3, `${armed} timers for 50 inputs`)
})
