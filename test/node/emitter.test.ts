/** Who listens for happenings hears of them as often as asked for. */
import t from 'tap'
import { Happenings } from '../../src/node/emitter.ts'

t.test('events: once is told once, off takes back what on and once were given', async t => {
  const happenings = new Happenings()
  const heard: string[] = []
  const tell = (which: string) => () => void heard.push(which)
  const [once, never, always] = [tell('once'), tell('never'), tell('always')]
  happenings.on('bootstrap-success', once, true)
  happenings.on('bootstrap-success', never, true)
  happenings.on('bootstrap-success', always)
  happenings.off('bootstrap-success', never)
  for (let i = 0; i < 2; i++) happenings.emit({ event: 'bootstrap-success', address: 'x' })
  happenings.off('bootstrap-success', always)
  happenings.emit({ event: 'bootstrap-success', address: 'x' })
  t.strictSame(heard, ['once', 'always', 'always'])
})
