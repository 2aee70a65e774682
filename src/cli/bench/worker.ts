/**
 * The process at the other end of a measurement. Started by `far-side.ts`, never by hand.
 *
 * It does each task of `tasks.ts` twice: on a plain TCP port, and as a protocol of a node. Two it does for
 * raw datagrams as well.
 * It ends with the channel to its parent.
 *
 * Floor: cli.
 */
import { createServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createNode, type GuildStream, tuneCollector } from '../../index.ts'
import { optionsOf } from './far-side.ts'
import * as datagrams from './raw-datagrams.ts'
import { Seal } from './raw-datagrams.ts'
import { type Answer, MESSAGE_BYTES, type Question, type Task, tasks } from './tasks.ts'

const names = Object.keys(tasks) as readonly Task[]

tuneCollector()
process.once('disconnect', () => process.exit(0))
process.on('message', (question: Question) => {
  if (question.kind === 'start') void start(question)
  else {
    const used = process.cpuUsage()
    answer({ kind: 'cpu', seconds: (used.user + used.system) / 1e6 })
  }
})

async function start({ swarmKey, carried }: Extract<Question, { kind: 'start' }>): Promise<void> {
  const ports: Partial<Record<Task, number>> = {}
  for (const task of names) ports[task] = await listen(task)
  const [datagramSink, datagramEcho] = [await datagrams.sink(new Seal(swarmKey)), await datagrams.echo()]
  const node = await createNode({
    host: '127.0.0.1',
    swarmKey,
    maxPeers: 1_000,
    ...optionsOf(carried),
  })
  for (const task of names) node.handle(tasks[task], stream => serve(task, stream))
  await node.start()
  const [address] = node.addresses
  answer({
    kind: 'ready',
    peerId: node.peerId,
    address: address!,
    ports: ports as Record<Task, number>,
    datagrams: { sink: datagramSink.address().port, echo: datagramEcho.address().port },
  })
}

function listen(task: Task): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket: Socket) => {
      socket.on('error', () => socket.destroy())
      serve(task, socket)
    })
    server.once('error', reject)
    server.listen({ host: '127.0.0.1', port: 0 }, () => {
      const bound = server.address()
      if (bound !== null && typeof bound === 'object') resolve(bound.port)
    })
  })
}

function serve(task: Task, pipe: Socket | GuildStream): void {
  switch (task) {
    case 'sink':
      return sink(pipe)
    case 'echo':
      pipe.on('data', bytes => pipe.write(bytes))
      pipe.on('end', () => pipe.end())
      return
    case 'messages':
      return messages(pipe)
    case 'greet':
      pipe.write('!')
      pipe.resume()
      pipe.on('end', () => pipe.end())
      return
  }
}

function sink(pipe: Duplex): void {
  let count = 0
  pipe.on('data', (bytes: Uint8Array) => {
    count += bytes.length
  })
  pipe.on('end', () => pipe.end(String(count)))
}

/** A stream keeps messages apart by itself; raw bytes are cut here, by the known length. */
function messages(pipe: Socket | GuildStream): void {
  let count = 0
  let bytes = 0
  const take = (message: Uint8Array): void => {
    count++
    bytes += message.length
  }
  const done = (): void => void pipe.end(`${count} ${bytes}`)
  if ('receive' in pipe) pipe.receive(take).then(done, () => {})
  else {
    pipe.on('data', cutter(MESSAGE_BYTES, take))
    pipe.on('end', done)
  }
}

function cutter(length: number, take: (message: Uint8Array) => void): (chunk: Uint8Array) => void {
  let rest: Uint8Array = new Uint8Array(0)
  return chunk => {
    let at = 0
    if (rest.length > 0) {
      at = length - rest.length
      const joined = Buffer.concat([rest, chunk.subarray(0, at)])
      if (joined.length < length) {
        rest = joined
        return
      }
      take(joined)
    }
    for (; at + length <= chunk.length; at += length) take(chunk.subarray(at, at + length))
    rest = chunk.subarray(at)
  }
}

function answer(what: Answer): void {
  process.send?.(what)
}
