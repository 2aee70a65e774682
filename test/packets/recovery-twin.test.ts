/** Loss detection against a twin that goes through a list: same answers, and each packet told once. */
import t from 'tap'
import { Recovery } from '../../src/packets/recovery.ts'
import { Rtt } from '../../src/packets/rtt.ts'
import type { SentPacket } from '../../src/packets/sent.ts'
import { ackOf, numbersOf, sentPacket } from '../support/acks.ts'
import { Seeded } from '../support/seeded.ts'
import { NaiveRecovery } from '../twins/recovery.ts'

const MAX_ACK_DELAY = 25

interface Seen {
  acked: number
  lost: number
  spurious: number
  persistent: number
  probes: number
  asides: number
  left: number
}

/** One link: packets that are lost, late and shuffled, acknowledgements too. */
class Course {
  readonly #random: Seeded
  readonly #rtt = new Rtt()
  readonly #real = new Recovery(this.#rtt, { maxAckDelay: MAX_ACK_DELAY })
  readonly #twin = new NaiveRecovery(MAX_ACK_DELAY)
  readonly #fates = new Map<number, string[]>()
  /** Numbers that will come, by time. */
  #coming: { at: number; number: number }[] = []
  readonly #came = new Set<number>()
  readonly #loss: number
  readonly #shuffle: number
  readonly #seen: Seen
  #now = 0
  #next = 0
  #path = 0
  #dark = 0

  constructor(seed: number, seen: Seen) {
    this.#random = new Seeded(seed)
    this.#seen = seen
    this.#loss = [0, 0.02, 0.3][seed % 3]!
    this.#shuffle = [0, 5, 60][(seed >>> 1) % 3]!
  }

  run(steps: number): string | undefined {
    for (let i = 0; i < steps; i++) {
      const fault = this.#step() ?? this.#compare()
      if (fault !== undefined) return `step ${i}: ${fault}`
    }
    for (const [number, fates] of this.#fates) if (fates.length > 1) return `${number}: ${fates}`
    return undefined
  }

  #step(): string | undefined {
    const random = this.#random
    const dice = random.below(1000)
    if (dice < 550) this.#send()
    else if (dice < 850) return this.#ack()
    else if (dice < 985) return this.#pass(random.below(8))
    else if (dice < 991) this.#dark = this.#now + random.below(5000)
    else if (dice < 992) this.#move()
    else return this.#wait()
    return undefined
  }

  #send(): void {
    const random = this.#random
    this.#next += random.below(40) === 0 ? random.below(3) : 0
    const packet = sentPacket(this.#next++, this.#now, {
      size: 100 + random.below(1100),
      eliciting: random.below(6) > 0,
      mtuProbe: random.below(30) === 0,
      path: this.#path,
    })
    this.#real.onSent(packet)
    this.#twin.onSent(packet)
    this.#fates.set(packet.number, [])
    if (random.fraction() < this.#loss || this.#now < this.#dark) return
    const at = this.#now + 20 + (random.below(4) === 0 ? random.below(this.#shuffle + 1) : 0)
    this.#coming.push({ at, number: packet.number })
    if (random.below(50) === 0) this.#coming.push({ at: at + 200, number: packet.number })
  }

  #ack(): string | undefined {
    const random = this.#random
    for (const { at, number } of this.#coming) if (at <= this.#now) this.#came.add(number)
    this.#coming = this.#coming.filter(({ at }) => at > this.#now)
    if (this.#came.size === 0) return undefined
    // All it has seen, or the newest of it, or any part: a peer may lie by leaving out.
    const all = [...this.#came]
    const part =
      random.below(10) === 0 ? all.filter(() => random.below(3) > 0) : all.slice(-random.below(400))
    if (part.length === 0) return undefined
    return this.#feed(part)
  }

  #feed(numbers: readonly number[]): string | undefined {
    const ack = ackOf(numbers, this.#random.below(30))
    const prior = this.#real.bytesInFlight
    const told = this.#real.onAck(ack, this.#now)
    const twin = this.#twin.onAck(ack, this.#now)
    const real = {
      acked: numbersOf(told.acked),
      lost: numbersOf(told.lost),
      ackedAside: numbersOf(told.ackedAside),
      lostAside: numbersOf(told.lostAside),
      spurious: numbersOf(told.spurious),
      newest: told.newestAcked?.number,
      sample: told.rttSample,
      persistent: told.persistent,
      probes: 0,
    }
    if (told.priorInFlight !== prior) return 'bytes in flight before'
    this.#tell(told.acked, 'acked')
    this.#tell(told.ackedAside, 'acked')
    this.#tell(told.lost, 'lost')
    this.#tell(told.lostAside, 'lost')
    this.#seen.acked += told.acked.length
    this.#seen.lost += told.lost.length
    this.#seen.spurious += told.spurious.length
    this.#seen.asides += told.ackedAside.length + told.lostAside.length
    if (told.persistent) this.#seen.persistent++
    for (const { number } of told.spurious)
      if (this.#fates.get(number)!.join() !== 'lost') return `${number} is late, and was not lost`
    return differ(real, twin)
  }

  #tell(packets: readonly SentPacket[], fate: string): void {
    for (const { number } of packets) this.#fates.get(number)!.push(fate)
  }

  #pass(time: number): string | undefined {
    this.#now += time
    return this.#timer()
  }

  #wait(): string | undefined {
    const deadline = this.#real.deadline()
    if (deadline !== undefined && deadline > this.#now) this.#now = deadline
    return this.#timer()
  }

  #timer(): string | undefined {
    const told = this.#real.onTimer(this.#now)
    const twin = this.#twin.onTimer(this.#now)
    this.#tell(told.lost, 'lost')
    this.#tell(told.lostAside, 'lost')
    this.#seen.lost += told.lost.length
    this.#seen.probes += told.probes
    if (told.persistent) this.#seen.persistent++
    return differ(
      {
        lost: numbersOf(told.lost),
        lostAside: numbersOf(told.lostAside),
        persistent: told.persistent,
        probes: told.probes,
      },
      {
        lost: twin.lost,
        lostAside: twin.lostAside,
        persistent: twin.persistent,
        probes: twin.probes,
      },
    )
  }

  #move(): void {
    this.#real.discardPath(this.#path)
    this.#twin.discardPath(this.#path++)
    this.#rtt.reset()
    this.#twin.rtt.reset()
    this.#seen.left++
  }

  #compare(): string | undefined {
    const [real, twin] = [this.#real, this.#twin]
    if (real.bytesInFlight < 0) return 'less than nothing in flight'
    return differ(
      {
        bytes: real.bytesInFlight,
        largest: real.largestAcked,
        pto: real.ptoCount,
        deadline: real.deadline(),
        packets: real.reordering.packets,
        factor: real.reordering.factor,
        rtt: { ...this.#rtt },
      },
      {
        bytes: twin.bytesInFlight,
        largest: twin.largestAcked,
        pto: twin.ptoCount,
        deadline: twin.deadline(),
        packets: twin.packets,
        factor: twin.factor,
        rtt: { ...twin.rtt },
      },
    )
  }
}

function differ(real: unknown, twin: unknown): string | undefined {
  const [a, b] = [JSON.stringify(real), JSON.stringify(twin)]
  return a === b ? undefined : `${a}, and the twin ${b}`
}

t.test(
  'LOSS-3 LOSS-6 LOSS-10 the same as a twin that goes through a list, each packet told once',
  async t => {
    const seen: Seen = { acked: 0, lost: 0, spurious: 0, persistent: 0, probes: 0, asides: 0, left: 0 }
    const seeds = Number(process.env.GUILD_RUNS ?? 1) * 24
    for (let seed = 1; seed <= seeds; seed++) {
      const fault = new Course(seed, seen).run(1200)
      if (fault !== undefined) t.fail(`seed ${seed}, ${fault}`)
    }
    t.comment(JSON.stringify(seen))
    for (const [what, count] of Object.entries(seen)) t.ok(count > 5, `${what}: ${count}`)
  },
)
