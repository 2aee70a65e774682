/**
 * `bench udp`: one link over datagrams, bulk in two sizes, round trips and handshakes.
 *
 *   1,452 bytes    what a path of 1,500 takes
 *   65,507         the largest there is, as the search for the path's size finds on this machine
 *
 * Bulk stands beside node:dgram with ChaCha20-Poly1305 for each datagram, a window and
 * acknowledgements, and nothing else (`raw-datagrams.ts`): what any secure transport pays at least. Both
 * run in the same two processes, in turn.
 *
 * Floor: cli.
 */
import { FarSide } from './far-side.ts'
import { AT_ONCE, repeat, trips, withDiallers } from './links.ts'
import { alternate, type Effort, fill, type Pass, timed } from './measure.ts'
import { ask, ETHERNET, LARGEST, pour, Seal } from './raw-datagrams.ts'
import { quantile, type Row, rowOf } from './rows.ts'
import { type Carried, MESSAGE_BYTES } from './tasks.ts'

const usual: Effort = { rounds: 5, milliseconds: 300 }
const WRITE = 64 * 1024
/** Of IPv4 and UDP. */
const HEADERS = 28

const sizes: readonly { name: string; bytes: number; about: string; carried: Carried }[] = [
  {
    name: 'udp',
    bytes: ETHERNET,
    about: `${ETHERNET}-byte datagrams`,
    carried: { transport: 'udp', mtu: ETHERNET + HEADERS },
  },
  {
    name: 'udp-large',
    bytes: LARGEST,
    about: `${LARGEST}-byte datagrams, the most there are`,
    carried: { transport: 'udp' },
  },
]

export async function udp(signal: AbortSignal, effort: Effort = usual): Promise<Row[]> {
  const rows: Row[] = []
  for (const size of sizes) {
    const far = await FarSide.start(signal, size.carried)
    const measured = async (): Promise<void> => {
      rows.push(...(await bulk(far, size, effort)))
      if (size === sizes[0]) rows.push(...(await roundTrips(far, effort)), ...(await handshakes(far, effort)))
    }
    try {
      await Promise.race([measured(), far.broken(signal)])
    } finally {
      await far.close()
    }
  }
  return rows
}

async function bulk(
  far: FarSide,
  { name, bytes, about }: (typeof sizes)[number],
  { rounds, milliseconds }: Effort,
): Promise<Row[]> {
  const piece = Buffer.alloc(WRITE, 7)
  const passes = await alternate(
    rounds,
    () => timed(far, () => pour(far.datagrams.sink, bytes, milliseconds, new Seal(far.swarmKey))),
    async () => {
      const stream = await far.stream('sink')
      return timed(far, async () => Number(await fill(stream, milliseconds, () => stream.write(piece))))
    },
  )
  const row = (suffix: string, unit: string, what: string, figure: (pass: Pass) => number): Row =>
    rowOf({ name: `${name}${suffix}`, unit, about: what }, passes.guild.map(figure), passes.raw.map(figure))
  return [
    row(
      '',
      'MB/s',
      `bulk, one stream, ${about}; raw: sealed likewise`,
      ({ count, seconds }) => count / seconds / 1e6,
    ),
    row(
      '-sender-cpu',
      's/GB',
      'CPU time of the sending process',
      ({ count, sender }) => sender / (count / 1e9),
    ),
    row(
      '-receiver-cpu',
      's/GB',
      'CPU time of the receiving process',
      ({ count, receiver }) => receiver / (count / 1e9),
    ),
  ]
}

/** One question at a time, on a stream that stays open; raw: in a bare datagram. */
async function roundTrips(far: FarSide, { rounds, milliseconds }: Effort): Promise<Row[]> {
  const stream = await far.stream('echo')
  const times = await alternate(
    rounds,
    () => ask(far.datagrams.echo, MESSAGE_BYTES, milliseconds),
    () => trips(stream, milliseconds),
  )
  stream.end()
  const row = (name: string, share: number): Row =>
    rowOf(
      {
        name: `udp-request-${name}`,
        unit: 'µs',
        about: `${MESSAGE_BYTES} bytes there and back on an open stream`,
      },
      times.guild.map(round => quantile(round, share)),
      times.raw.map(round => quantile(round, share)),
    )
  return [row('p50', 0.5), row('p99', 0.99)]
}

/** As of `bench tcp`. Datagrams make no connection, so nothing stands beside it. */
async function handshakes(far: FarSide, { rounds, milliseconds }: Effort): Promise<Row[]> {
  const passes: Pass[] = []
  await withDiallers(far, milliseconds, async link => {
    for (let round = 0; round < rounds; round++)
      passes.push(await timed(far, () => repeat(milliseconds, link)))
  })
  const row = (name: string, unit: string, about: string, figure: (pass: Pass) => number): Row =>
    rowOf({ name, unit, about }, passes.map(figure))
  return [
    row(
      'udp-handshakes',
      '1/s',
      `links made, identity and swarm key proved both ways, ${AT_ONCE} at once`,
      ({ count, seconds }) => count / seconds,
    ),
    row(
      'udp-handshake-cpu',
      'ms',
      'CPU time of both processes for one of these and its end',
      ({ count, sender, receiver }) => ((sender + receiver) / count) * 1000,
    ),
  ]
}
