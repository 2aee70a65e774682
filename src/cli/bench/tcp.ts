/**
 * `bench tcp`: one connection, bulk and round trips, and handshakes.
 *
 * Floor: cli.
 */
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import type { FarSide } from './far-side.ts'
import { AT_ONCE, repeat, trips, withDiallers } from './links.ts'
import { alternate, type Effort, fill, type Pass, timed } from './measure.ts'
import { quantile, type Row, rowOf } from './rows.ts'
import { MESSAGE_BYTES } from './tasks.ts'

const usual: Effort = { rounds: 7, milliseconds: 350 }
const WRITE = 64 * 1024

export async function tcp(far: FarSide, effort: Effort = usual): Promise<Row[]> {
  return [
    ...(await bulk(far, effort)),
    ...(await roundTrips(far, effort)),
    ...(await handshakes(far, effort)),
  ]
}

async function bulk(far: FarSide, { rounds, milliseconds }: Effort): Promise<Row[]> {
  const bytes = Buffer.alloc(WRITE, 7)
  const pass = (open: () => Promise<Duplex>) => async (): Promise<Pass> => {
    const pipe = await open()
    return timed(far, async () => Number(await fill(pipe, milliseconds, () => pipe.write(bytes))))
  }
  const [raw, guild] = far.both('sink')
  const passes = await alternate(rounds, pass(raw), pass(guild))
  const row = (name: string, unit: string, about: string, figure: (pass: Pass) => number): Row =>
    rowOf({ name, unit, about }, passes.guild.map(figure), passes.raw.map(figure))
  return [
    row('tcp', 'MB/s', 'bulk, one stream, 64 KiB writes', ({ count, seconds }) => count / seconds / 1e6),
    row(
      'tcp-sender-cpu',
      's/GB',
      'CPU time of the sending process',
      ({ count, sender }) => sender / (count / 1e9),
    ),
    row(
      'tcp-receiver-cpu',
      's/GB',
      'CPU time of the receiving process',
      ({ count, receiver }) => receiver / (count / 1e9),
    ),
  ]
}

/** One question at a time on a connection that stays open. */
async function roundTrips(far: FarSide, { rounds, milliseconds }: Effort): Promise<Row[]> {
  const [openRaw, openGuild] = far.both('echo')
  const [raw, guild] = [await openRaw(), await openGuild()]
  const times = await alternate(
    rounds,
    () => trips(raw, milliseconds),
    () => trips(guild, milliseconds),
  )
  raw.end()
  guild.end()
  return (
    [
      ['p50', 0.5],
      ['p99', 0.99],
    ] as const
  ).map(([name, share]) =>
    rowOf(
      {
        name: `request-${name}`,
        unit: 'µs',
        about: `${MESSAGE_BYTES} bytes there and back on an open stream`,
      },
      times.guild.map(round => quantile(round, share)),
      times.raw.map(round => quantile(round, share)),
    ),
  )
}

/**
 * Full handshakes a second, 32 in progress at any time: three messages and the cookie that
 * every node asks for in its first two minutes, mutual identity, swarm key, ACCEPTED.
 */
async function handshakes(far: FarSide, { rounds, milliseconds }: Effort): Promise<Row[]> {
  const passes = await withDiallers(far, milliseconds, link =>
    alternate(
      rounds,
      () =>
        timed(far, () =>
          repeat(milliseconds, async () => {
            const socket = await far.raw('greet')
            await once(socket, 'data')
            socket.destroy()
          }),
        ),
      () => timed(far, () => repeat(milliseconds, link)),
    ),
  )
  const row = (name: string, unit: string, about: string, figure: (pass: Pass) => number): Row =>
    rowOf({ name, unit, about }, passes.guild.map(figure), passes.raw.map(figure))
  return [
    row(
      'handshakes',
      '1/s',
      `links made, identity and swarm key proved both ways, ${AT_ONCE} at once; raw: connections`,
      ({ count, seconds }) => count / seconds,
    ),
    row(
      'handshake-cpu',
      'ms',
      'CPU time of both processes for one of these and its end',
      ({ count, sender, receiver }) => ((sender + receiver) / count) * 1000,
    ),
  ]
}
