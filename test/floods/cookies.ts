/**
 * Recorded bytes sent again, and cookies: asked for, brought back, brought elsewhere.
 */
import { openResponderUnit } from '../../src/link/responder-unit.ts'
import { responderUnits } from '../../src/wire/registry.ts'
import { memberSelf } from './bad-member.ts'
import { Caller, message1 } from './strangers.ts'

interface Where {
  readonly port: number
  readonly swarmKey: Uint8Array
}

export interface CookieFigures {
  readonly asked: number
  /** Answers to a message 1 without a cookie that were no cookie unit. */
  readonly otherAnswers: number
  /** The largest answer to one, less the size of what it answered. */
  readonly excess: number
  /** With the cookie of its own connection: how many got message 2. */
  readonly proceeded: number
  /** With the cookie of another connection: how many got message 2, of how many. */
  readonly strangeAccepted: number
  readonly strangeTried: number
}

/** So many connections each ask for a cookie; half bring back their own, half that of their neighbour. */
export async function cookies({ port, swarmKey, count }: Where & { count: number }): Promise<CookieFigures> {
  const self = memberSelf(swarmKey)
  let [otherAnswers, excess, proceeded, strangeAccepted, strangeTried] = [
    0,
    Number.NEGATIVE_INFINITY,
    0,
    0,
    0,
  ]
  let neighbours: Uint8Array | undefined
  for (let number = 0; number < count; number++) {
    const caller = await Caller.to(port)
    const { unit, state } = message1(self)
    caller.socket.write(unit)
    const reply = await caller.unit()
    if (reply?.[2] !== responderUnits.COOKIE) {
      otherAnswers++
      caller.socket.destroy()
      continue
    }
    excess = Math.max(excess, reply.length - unit.length)
    const own = openResponderUnit(self.suite, state, reply.subarray(3))
    const strange = number % 2 === 1 ? neighbours : undefined
    caller.socket.write(message1(self, strange ?? own).unit)
    const next = await caller.unit(reply.length)
    const accepted = next?.[2] === responderUnits.MESSAGE_2
    if (strange === undefined) proceeded += accepted ? 1 : 0
    else {
      strangeTried++
      strangeAccepted += accepted ? 1 : 0
    }
    neighbours = own.slice()
    caller.socket.destroy()
  }
  return { asked: count, otherAnswers, excess, proceeded, strangeAccepted, strangeTried }
}

export interface ReplayFigures {
  readonly connections: number
  /** The most that came back on one connection, and the size of the message 1 it had sent first. */
  readonly mostBack: number
  readonly message1: number
  /** Units that came back and were no cookie. */
  readonly otherAnswers: number
}

/**
 * Sends what a dialler once said again, `times` each: as a whole, unit by unit on one connection, and
 * every unit alone.
 */
export async function replays({
  port,
  sent,
  times,
}: Where & { sent: Uint8Array; times: number }): Promise<ReplayFigures> {
  const units = unitsOf(sent)
  const courses: Uint8Array[][] = []
  for (let i = 0; i < times; i++) courses.push([sent], units)
  for (const unit of units) courses.push(Array.from({ length: times }, () => unit))
  let [mostBack, otherAnswers, at] = [0, 0, 0]
  const lane = async (): Promise<void> => {
    while (at < courses.length) {
      const course = courses[at++]!
      const caller = await Caller.to(port)
      for (const piece of course) {
        if (caller.closed) break
        caller.socket.write(piece)
        await new Promise(resolve => setTimeout(resolve, 1))
      }
      // Whoever opened with anything but a message 1 is shown out; a cookie is waited for in vain.
      await caller.until(() => false, 300)
      const { bytes } = caller
      mostBack = Math.max(mostBack, bytes.length)
      for (const unit of unitsOf(bytes)) if (unit[2] !== responderUnits.COOKIE) otherAnswers++
      caller.socket.destroy()
    }
  }
  await Promise.all(Array.from({ length: 16 }, lane))
  return { connections: courses.length, mostBack, message1: units[0]!.length, otherAnswers }
}

/** `u16 length ‖ body`, again and again; what is left over is one too. */
export function unitsOf(bytes: Uint8Array): Uint8Array[] {
  const units: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + 2 + ((bytes[at]! << 8) | (bytes[at + 1] ?? 0)))
    units.push(bytes.subarray(at, end))
    at = end
  }
  return units
}
