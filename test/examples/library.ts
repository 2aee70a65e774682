/** The example of README.md, as it stands there: readme.test.ts runs it and compares the text. */
import { createNode } from 'guild-home'

await using node = await createNode({ port: 8001, name: 'alice', bootstrap: ['127.0.0.1:8000'] })
node.on('peer-connected', ({ name, address }) => console.log('hello', name, address))
node.on('chat-message', ({ name, message }) => console.log(name, 'says', message))
node.handle('/shout/1', async stream => {
  for await (const chunk of stream) stream.write(chunk.toString().toUpperCase())
  stream.end()
})
await node.start()

const bob = await node.connect('127.0.0.1:8000') // the bootstrap address: wait until it is linked
node.broadcast('Hello network!')
const answer = await node.request(bob.peerId, '/shout/1', Buffer.from('is anybody there?'))
console.log(bob.name, 'shouts', new TextDecoder().decode(answer))
for (const { name, rttMs } of node.peers) console.log(name, rttMs)
