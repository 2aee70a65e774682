import t from 'tap'
import { Threshold } from '../../src/link/threshold.ts'

t.test('P3 one place has eight at the door: the oldest of that place goes for the ninth', async t => {
  const door = new Threshold()
  door.enter(100, '203.0.113.9')
  for (let key = 0; key < 8; key++) t.equal(door.enter(key, '198.51.100.1'), undefined)
  t.equal(door.enter(8, '198.51.100.1'), 0)
  t.equal(door.enter(9, '198.51.100.1'), 1)
  t.equal(door.size, 9)
})

t.test('P3 an IPv6 place is a /56', async t => {
  const door = new Threshold({ total: 100, perPlace: 1 })
  t.equal(door.enter(1, '2001:db8:0:100::1'), undefined)
  t.equal(door.enter(2, '2001:db8:0:1ff::2'), 1)
  t.equal(door.enter(3, '2001:db8:0:200::1'), undefined)
})

t.test('P3 in all so many wait, never the newest goes; on loopback only the total counts', async t => {
  const door = new Threshold({ total: 50, perPlace: 8 })
  for (let key = 0; key < 50; key++) t.equal(door.enter(key, '127.0.0.1'), undefined)
  t.equal(door.enter(50, '127.0.0.1'), 0)
  t.equal(door.enter(51, '192.0.2.1'), 1)
  t.equal(door.size, 50)
})

t.test('who has proved itself waits no more', async t => {
  const door = new Threshold({ total: 2, perPlace: 2 })
  door.enter(1, '192.0.2.1')
  door.enter(2, '192.0.2.1')
  door.leave(1)
  door.leave(1)
  t.equal(door.enter(3, '192.0.2.1'), undefined)
  t.equal(door.size, 2)
})
