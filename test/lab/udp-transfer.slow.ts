/** Bytes over UDP through the proxy, on real sockets. `npm run transfers` is the long form. */
import t from 'tap'
import { type Outcome, rebinds, shared, type Transfer, transfer } from './transfer.ts'

const far = { delay: 20, mtu: 1_500 }

function told(name: string, { flows, counts, jain }: Outcome): string {
  const rates = flows.map(({ rate }) => `${(rate / 1e6).toFixed(2)} MB/s`).join(', ')
  return `${name}: ${rates}; ${counts.lost + counts.queueFull} lost, ${counts.duplicated} doubled; Jain ${jain.toFixed(3)}`
}

const cases: Readonly<Record<string, Transfer>> = {
  'P10 4 MiB at 40 ms, 1 % lost: whole': {
    ...{ seed: 1, bytes: 4 << 20, most: 60_000 },
    conditions: { ...far, loss: 0.01 },
  },
  'P10 4 MiB at 40 ms, some late, doubled, damaged and lost: whole': {
    ...{ seed: 2, bytes: 4 << 20, most: 60_000 },
    conditions: { ...far, loss: 0.005, reorder: 0.1, reorderBy: 10, duplicate: 0.1, corrupt: 0.002 },
  },
  'UQ-09 UQ-10 P12 2 MiB while the peer is seen at another port, then at another address: whole': {
    ...{ seed: 3, bytes: 2 << 20, most: 60_000 },
    conditions: { ...far, rate: 1_000_000, queue: 64 * 1024 },
    meanwhile: proxy => rebinds(proxy, ['port', 'address'], 500),
  },
  'P11 two flows in 20 Mbit/s, 2 MiB each: whole, and both have a share': {
    ...{ seed: 4, bytes: 2 << 20, most: 60_000, flows: 2 },
    conditions: shared,
  },
}

for (const [title, asked] of Object.entries(cases))
  t.test(title, async t => {
    const outcome = await transfer(asked)
    t.comment(told(title, outcome))
    t.strictSame(
      outcome.flows.map(({ whole }) => whole),
      Array.from({ length: asked.flows ?? 1 }, () => true),
    )
  })
