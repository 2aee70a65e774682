/**
 * `bench messages`: how many messages of a hundred bytes pass one link in a second, kept apart.
 *
 * A raw socket is measured twice: with a write for each message, as programs do it, and with
 * 64 messages put into each write by hand, which is as fast as a socket can be.
 *
 * Floor: cli.
 */
import type { FarSide } from './far-side.ts'
import { alternate, type Effort, fill, type Pass, timed } from './measure.ts'
import { type Row, rowOf } from './rows.ts'
import { MESSAGE_BYTES } from './tasks.ts'

const usual: Effort = { rounds: 5, milliseconds: 300 }
const TOGETHER = 64

export async function messages(far: FarSide, { rounds, milliseconds }: Effort = usual): Promise<Row[]> {
  const one = Buffer.alloc(MESSAGE_BYTES, 7)
  const many = Buffer.alloc(TOGETHER * MESSAGE_BYTES, 7)
  const raw = (bytes: Buffer) => async (): Promise<Pass> => {
    const socket = await far.raw('messages')
    return timed(far, async () => counted(await fill(socket, milliseconds, () => socket.write(bytes))))
  }
  const guild = async (): Promise<Pass> => {
    const stream = await far.stream('messages')
    return timed(far, async () =>
      counted(
        await fill(
          stream,
          milliseconds,
          () => stream.send(one),
          () => stream.drained(),
        ),
      ),
    )
  }
  const batched: Pass[] = []
  const passes = await alternate(rounds, raw(one), async () => {
    batched.push(await raw(many)())
    return guild()
  })
  const rates = (all: readonly Pass[]): number[] => all.map(({ count, seconds }) => count / seconds)
  return [
    rowOf(
      {
        name: 'messages',
        unit: '1/s',
        about: `${MESSAGE_BYTES}-byte messages kept apart; raw: a write each`,
      },
      rates(passes.guild),
      rates(passes.raw),
    ),
    rowOf(
      {
        name: 'messages-together',
        unit: '1/s',
        about: `the same; raw: ${TOGETHER} put into a write by hand`,
      },
      rates(passes.guild),
      rates(batched.slice(1)),
    ),
    rowOf(
      { name: 'messages-cpu', unit: 'µs', about: 'CPU time of both processes a message; raw: a write each' },
      costs(passes.guild),
      costs(passes.raw),
    ),
  ]
}

function costs(all: readonly Pass[]): number[] {
  return all.map(({ count, sender, receiver }) => ((sender + receiver) / count) * 1e6)
}

/** The worker says how many messages and bytes it got; they must agree. */
function counted(answer: string): number {
  const [count, bytes] = answer.split(' ').map(Number)
  if (count === undefined || bytes !== count * MESSAGE_BYTES) throw new Error(`messages were lost: ${answer}`)
  return count
}
