/** In which order one peer is tried. */
import t from 'tap'
import {
  DialOrder,
  type DialStrategy,
  type OrderOutput,
  type Route,
} from '../../src/membership/dial-order.ts'
import { parseAddress } from '../../src/wire/address.ts'

const random = { fraction: () => 1, bytes: (length: number) => new Uint8Array(length) }
const direct = (text: string): Route => ({ stage: 'direct', address: parseAddress(text) })
const relay = (circuit: string): Route => ({ stage: 'relay', circuit })

/** Every try until it gives up, as `when: round stage routes`. */
function tries(routes: readonly Route[], strategy: DialStrategy): string[] {
  const order = new DialOrder(routes, strategy, random)
  const said: string[] = []
  let now = 0
  order.handle({ kind: 'start' }, now)
  for (;;) {
    const out: OrderOutput[] = []
    for (let one = order.poll(); one !== undefined; one = order.poll()) out.push(one)
    const made = out.flatMap(one => (one.kind === 'try' ? [one] : []))
    if (made.length > 0)
      said.push(`${now}: ${made[0]!.round} ${made[0]!.stage} ${made.map(({ route }) => route).join()}`)
    if (out.some(({ kind }) => kind === 'gaveUp')) return [...said, 'gave up']
    if (made.length === 0) {
      now = order.deadline()!
      order.handle({ kind: 'tick' }, now)
    } else for (const { route } of made) order.handle({ kind: 'failed', route }, now)
  }
}

const routes = [
  direct('192.0.2.1:1'),
  relay('/a/p2p-circuit'),
  direct('192.0.2.2:1'),
  relay('/b/p2p-circuit'),
]

t.test('TRACKER-12 direct first, then relays, three rounds each with waits that double', async t => {
  t.strictSame(tries(routes, 'direct-first'), [
    '0: 1 direct 0,2',
    '500: 2 direct 0,2',
    '1500: 3 direct 0,2',
    '1500: 1 relay 1,3',
    '2000: 2 relay 1,3',
    '3000: 3 relay 1,3',
    'gave up',
  ])
  t.strictSame(tries(routes, 'relay-first').slice(0, 4), [
    '0: 1 relay 1,3',
    '500: 2 relay 1,3',
    '1500: 3 relay 1,3',
    '1500: 1 direct 0,2',
  ])
})

t.test('TRACKER-12 a stage without routes is passed over, none at all is given up at once', async t => {
  t.equal(tries([direct('192.0.2.1:1')], 'relay-first')[0], '0: 1 direct 0')
  t.strictSame(tries([], 'direct-first'), ['gave up'])
  const many = Array.from({ length: 40 }, (_, i) => direct(`192.0.2.1:${i + 1}`))
  t.equal(tries(many, 'direct-first')[0]!.split(',').length, 16, 'no more than so many')
  t.equal(
    tries([direct('192.0.2.1:1'), direct('192.0.2.1:1')], 'direct-first')[0],
    '0: 1 direct 0',
    'none twice',
  )
})

t.test('TRACKER-12 once the peer is reached nothing more is tried', async t => {
  const order = new DialOrder(routes, 'direct-first', random)
  order.handle({ kind: 'start' }, 0)
  while (order.poll() !== undefined);
  order.handle({ kind: 'failed', route: 0 }, 5)
  order.handle({ kind: 'reached' }, 6)
  order.handle({ kind: 'failed', route: 2 }, 7)
  t.strictSame([order.poll(), order.deadline()], [undefined, undefined])
})
