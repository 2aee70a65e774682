/** When what a node says leaves: the answers to one read together with it, later words together at the turn's end. */
import { randomBytes } from 'node:crypto'
import t from 'tap'
import type { Pipe, Transport } from '../../src/base/ports.ts'
import { nativeSuite } from '../../src/crypto/index.ts'
import { createNode, type GuildNode, type GuildStream, test as preset } from '../../src/index.ts'
import { systemRuntime } from '../../src/runtime/system.ts'
import { tcpTransport } from '../../src/transport/tcp.ts'

const MESSAGES = 50
const nodes: GuildNode[] = []
t.teardown(() => Promise.all(nodes.map(node => node.stop())))

/** What the server's pipe did, in order. */
const log: ('read' | 'read done' | 'write')[] = []
const watched: Transport = {
  ...tcpTransport(),
  listen: options =>
    tcpTransport().listen({
      ...options,
      onPipe: pipe => {
        const { attach, write } = pipe
        pipe.attach = events =>
          attach.call(pipe, {
            ...events,
            data: bytes => {
              log.push('read')
              events.data(bytes)
              log.push('read done')
            },
          })
        ;(pipe as { write: Pipe['write'] }).write = chunks => {
          log.push('write')
          return write.call(pipe, chunks)
        }
        options.onPipe(pipe)
      },
    }),
}

const swarmKey = new Uint8Array(randomBytes(32))
async function start(transport: Transport): Promise<GuildNode> {
  const runtime = systemRuntime({ suite: nativeSuite, transports: [transport] })
  // No PING comes between: the interval is longer than the test.
  const node = await createNode({ ...preset, interval: 60, peerTimeout: 180, swarmKey, runtime })
  nodes.push(node)
  await node.start()
  return node
}
const server = await start(watched)
const client = await start(tcpTransport())
await client.connect(server.addresses[0]!)

/** What the server does from the read that brings `MESSAGES` messages on. */
async function course(answer: (stream: GuildStream, message: Uint8Array) => unknown): Promise<string[]> {
  const protocol = `/course-${nodes.length}-${log.length}/1`
  const opened = new Promise<GuildStream>(resolve => server.handle(protocol, resolve))
  const stream = await client.open(server.peerId, protocol)
  stream.write(new Uint8Array(0))
  const into = await opened
  void into.receive(message => answer(into, message))
  // The turn in which the stream was opened says what it has to say at its end.
  await new Promise(resolve => setImmediate(resolve))
  log.length = 0
  let came = 0
  const all = new Promise<void>(resolve => {
    void stream.receive(() => {
      if (++came === MESSAGES) resolve()
    })
  })
  for (let i = 0; i < MESSAGES; i++) stream.send(Uint8Array.of(i))
  await all
  const seen = [...log]
  stream.destroy()
  return seen
}

t.test('what a read made us say leaves with that read, in one write', async t => {
  t.strictSame(await course((stream, message) => void stream.send(message)), ['read', 'write', 'read done'])
})

t.test('what a turn says after the read leaves at its end, in one write too', async t => {
  const late: (() => void)[] = []
  const seen = await course((stream, message) => {
    late.push(() => stream.send(message))
    if (late.length === MESSAGES) queueMicrotask(() => late.forEach(say => void say()))
  })
  t.strictSame(seen, ['read', 'read done', 'write'])
})
