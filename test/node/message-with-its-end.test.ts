/** A message and the end of its side in one frame: `receive` must see both. */
import t from 'tap'
import { Nodes } from '../support/nodes.ts'

t.test('receive: a message that comes with the end of its stream ends it', async t => {
  const [a, b] = await new Nodes(t).pair()
  b.handle('/once/1', async stream => {
    let seen = 0
    await stream.receive(message => (seen += message.length))
    stream.end(Uint8Array.of(seen))
  })
  const stream = await a.open(b.peerId, '/once/1', { signal: AbortSignal.timeout(10_000) })
  stream.send(new Uint8Array(5))
  stream.end()
  for await (const bytes of stream) t.strictSame([...bytes], [5])
})

t.test('receive: called when an empty stream has ended already, it ends', async t => {
  const [a, b] = await new Nodes(t).pair()
  b.handle('/late/1', async stream => {
    await new Promise(resolve => setTimeout(resolve, 20)) // the end is here by now
    let seen = 0
    await stream.receive(message => (seen += message.length))
    stream.end(Uint8Array.of(seen))
  })
  const stream = await a.open(b.peerId, '/late/1', { signal: AbortSignal.timeout(10_000) })
  stream.end()
  const answers: number[] = []
  for await (const bytes of stream) answers.push(...bytes)
  t.strictSame(answers, [0])
})
