/** How long the queue of a UDP socket may be: seconds of the clock are what the test says. */
import t from 'tap'
import { ReceiveRoom } from '../../src/transport/receive-room.ts'

const MIB = 2 ** 20

/** Turns of `each` milliseconds from `from` on: the last size that was asked for, and when it ended. */
function turns(
  room: ReceiveRoom,
  from: number,
  each: number,
  count: number,
  datagrams: number,
  size: number,
  wasted = datagrams,
) {
  let now = from
  let asked: number | undefined
  for (let i = 0; i < count; i++) {
    now += each
    asked = room.turned(datagrams, datagrams * size, wasted, now) ?? asked
  }
  return { now, asked }
}

t.test('P15 small datagrams that are slow to read wait a twentieth of a second and no longer', async t => {
  const room = new ReceiveRoom(8 * MIB)
  const { asked } = turns(room, 0, 5, 40, 32, 100)
  // 32 in 5 ms, 868 bytes each as the system counts.
  t.equal(asked, Math.round((32 * 868 * 50) / 5))
})

t.test('what is of use may wait, however slow we are: only a flood is cut short', async t => {
  const room = new ReceiveRoom(8 * MIB)
  t.equal(turns(room, 0, 20, 200, 32, 100, 15).asked, undefined, 'less than half of it is wasted')
  const { now, asked } = turns(room, 4_000, 20, 40, 32, 100, 16)
  t.equal(asked, 256 * 1024)
  t.equal(turns(room, now, 20, 40, 32, 100, 0).asked, 8 * MIB, 'the flood is over, the streak is not')
})

t.test('bulk has the longest queue there is, whatever the size of its datagrams', async t => {
  for (const [each, size] of [
    [0.5, 1_452],
    [2, 65_507],
    [0.2, 1_200],
  ] as const)
    t.equal(turns(new ReceiveRoom(8 * MIB), 0, each, 1_000, 32, size).asked, undefined, `${size} bytes`)
})

t.test('never shorter than a few of the largest; a second without a streak makes it whole again', async t => {
  const room = new ReceiveRoom(8 * MIB)
  const { now, asked } = turns(room, 0, 40, 10, 32, 60)
  t.equal(asked, 256 * 1024)
  t.equal(turns(room, now, 10, 99, 3, 60).asked, undefined, 'a moment of quiet says little')
  t.equal(turns(room, now + 990, 10, 2, 3, 60).asked, 8 * MIB)
  t.equal(turns(room, now + 2_000, 10, 500, 31, 60).asked, undefined, 'said once')
})

t.test('it follows what is read, and says nothing of small changes', async t => {
  const room = new ReceiveRoom(8 * MIB)
  const slow = turns(room, 0, 5, 40, 32, 100)
  t.equal(turns(room, slow.now, 5.5, 200, 32, 100).asked, undefined)
  const fast = turns(room, slow.now + 1_100, 2, 100, 32, 100)
  t.ok(fast.asked !== undefined && fast.asked > slow.asked! * 2)
})

t.test('a turn that follows quiet is not counted: nobody knows how long its queue had grown', async t => {
  const room = new ReceiveRoom(8 * MIB)
  for (let i = 0; i < 100; i++) {
    t.equal(room.turned(32, 3_200, 32, 1_000 * i), undefined)
    t.equal(room.turned(1, 100, 1, 1_000 * i + 500), undefined)
  }
})

t.test('a system that grants little is asked for no more than that', async t => {
  t.equal(turns(new ReceiveRoom(200 * 1024), 0, 100, 100, 32, 60).asked, undefined)
})
