import t from 'tap'
import type { GuildError } from '../../src/base/errors.ts'
import { Router } from '../../src/router/router.ts'
import type { Stream } from '../../src/streams/stream.ts'
import { streamCodes } from '../../src/wire/registry.ts'
import { codeOf, Listener, Pair, pattern } from '../support/pair.ts'

/** A pair whose side b answers with a router. */
function routed(): { pair: Pair; router: Router; faults: [GuildError, Stream][] } {
  const faults: [GuildError, Stream][] = []
  const router = new Router({ onFault: (error, stream) => faults.push([error, stream]) })
  const pair = new Pair({ onStream: (stream, side) => side === 'b' && router.route(stream, 'peer') })
  return { pair, router, faults }
}

t.test('a stream reaches the handler of its protocol, with the data that came along', async t => {
  const { pair, router } = routed()
  const heard: Listener[] = []
  router.handle('/echo/1', stream => heard.push(new Listener(stream)))
  router.handle('/other/1', () => t.fail('not this one'))
  const stream = pair.a.streams.open('/echo/1')
  stream.write(pattern(10))
  stream.end()
  pair.pump()
  t.equal(heard.length, 1)
  t.strictSame(heard[0]!.content, pattern(10))
  t.strictSame(heard[0]!.told, ['readable', 'ended'])
})

t.test('STREAM-4 an unknown protocol is refused both ways, in one round trip', async t => {
  const { pair, router } = routed()
  router.handle('/echo/1', () => t.fail('not this one'))
  const stream = pair.a.streams.open('/nobody/1')
  const listener = new Listener(stream)
  stream.write(pattern(100))
  pair.pump()
  t.strictSame(listener.told, [
    `reset ${streamCodes.PROTOCOL_UNKNOWN}`,
    `stopped ${streamCodes.PROTOCOL_UNKNOWN}`,
  ])
  t.equal(pair.a.streams.size, 0)
  t.equal(pair.b.streams.size, 0)
  t.equal(stream.write(pattern(1)), false, 'a late write is dropped')
})

t.test('registration: one handler an id, ids are checked, unhandle lets go', async t => {
  const router = new Router()
  router.handle('/a/1', () => {})
  t.equal(
    codeOf(() => router.handle('/a/1', () => {})),
    'GH_OPTION_INVALID',
  )
  for (const id of ['', 'a/1', '/', '/a b', '/a\n', '/é', `/${'x'.repeat(128)}`])
    t.equal(
      codeOf(() => router.handle(id, () => {})),
      'GH_OPTION_INVALID',
      JSON.stringify(id),
    )
  router.handle(`/${'x'.repeat(127)}`, () => {})
  t.strictSame(router.protocols, ['/a/1', `/${'x'.repeat(127)}`])
  t.ok(router.unhandle('/a/1'))
  t.notOk(router.unhandle('/a/1'))
})

t.test('FR-14 a handler that throws loses its stream, is reported once, and nobody else notices', async t => {
  const { pair, router, faults } = routed()
  router.handle('/bad/1', stream => {
    new Listener(stream)
    throw new Error('oh no')
  })
  const good: Listener[] = []
  router.handle('/good/1', stream => good.push(new Listener(stream)))
  const bad = pair.a.streams.open('/bad/1')
  const listener = new Listener(bad)
  const fine = pair.a.streams.open('/good/1')
  for (let i = 0; i < 5; i++) {
    bad.write(pattern(10))
    fine.write(pattern(10, i))
    pair.pump()
  }
  t.equal(faults.length, 1, 'reported once')
  t.equal(faults[0]![0].code, 'GH_INTERNAL')
  t.match(faults[0]![0].message, /oh no/)
  t.strictSame(pair.b.faults, [], 'and not a second time by the streams')
  t.strictSame(listener.told, [`reset ${streamCodes.INTERNAL}`, `stopped ${streamCodes.INTERNAL}`])
  t.equal(good[0]!.bytes, 50)
  t.equal(pair.a.streams.size, 1)
  t.equal(pair.b.streams.size, 1)
})

t.test('FR-14 a handler that throws later, in a notice, is reported once too', async t => {
  for (const where of ['readable', 'ended', 'reset', 'stopped', 'writable'] as const) {
    const { pair, router } = routed()
    router.handle('/bad/1', stream => {
      const listener = new Listener(stream)
      listener[where] = () => {
        throw new Error(where)
      }
    })
    const stream = pair.a.streams.open('/bad/1')
    const listener = new Listener(stream)
    pair.pump()
    const theirs = pair.b.incoming[0]!
    if (where === 'writable') while (theirs.write(pattern(9999)));
    stream.write(pattern(5))
    if (where === 'reset') stream.reset(7)
    else if (where === 'stopped') stream.stopSending(7)
    else stream.end()
    pair.pump()
    t.strictSame(
      pair.b.faults.map(error => error.message),
      [`a fault inside guild-home: ${where}`],
      where,
    )
    t.ok(listener.told.some(notice => /^(reset|stopped) 1$/.test(notice)))
    t.equal(pair.a.streams.size, 0, `${where}: gone at the opener`)
    t.equal(pair.b.streams.size, 0, `${where}: gone at the other side`)
  }
})
