/**
 * Two nodes and one block, in five steps: `npm run demo:bitswap`.
 *
 * With `BLOCK_SIZE=65536` (bytes, at most 2,097,152) it then sends blocks of that size for a second
 * or two and says how fast that went.
 */
import { randomBytes } from 'node:crypto'
import { createNode, type GuildNode } from 'guild-home'

const text = 'Hello from Alice!'

console.log('1. Two nodes')
const swarmKey = randomBytes(32)
const make = async (name: string): Promise<GuildNode> => {
  const node = await createNode({ name, swarmKey, host: '127.0.0.1', mdns: false })
  await node.start()
  const { length } = node.addresses
  console.log(`   ${name}: ${node.peerId.slice(0, 12)}..., listening on ${length} addresses`)
  for (const address of node.addresses.slice(0, 3)) console.log(`     ${address}`)
  if (length > 3) console.log(`     ... and ${length - 3} more`)
  return node
}
await using alice = await make('alice')
await using bob = await make('bob')

console.log('2. Bob connects to Alice')
const peer = await bob.connect(alice.addresses[0]!)
console.log(`   connected to ${peer.name} over ${peer.transport}`)

console.log('3. Alice shares a block')
const cid = await alice.bitswap.provide(new TextEncoder().encode(text))
console.log(`   ${cid}`)
console.log('   Block announced to network')

console.log('4. Bob asks for it')
const bytes = await bob.bitswap.request(cid)
console.log(`   "${new TextDecoder().decode(bytes)}"`)

console.log('5. What both have counted')
// Bob has the block as soon as it is here; that it was sent Alice knows a moment later.
while (alice.stats().blocks_sent === 0) await new Promise(resolve => setTimeout(resolve, 1))
for (const node of [alice, bob]) {
  const { blocks_sent, blocks_received, peers_connected, want_list_size } = node.stats()
  console.log(
    `   ${node.name}: blocks_sent ${blocks_sent}, blocks_received ${blocks_received}, ` +
      `peers_connected ${peers_connected}, want_list_size ${want_list_size}`,
  )
}

if (process.env.BLOCK_SIZE !== undefined) await measure(Number(process.env.BLOCK_SIZE))

/** Blocks that nobody has seen, a session's worth at a time, for a second. */
async function measure(size: number): Promise<void> {
  if (!Number.isInteger(size) || size < 1 || size > alice.bitswap.maxBlockSize) {
    console.error(
      `BLOCK_SIZE=${process.env.BLOCK_SIZE}: a whole number from 1 to ${alice.bitswap.maxBlockSize}`,
    )
    process.exitCode = 2
    return
  }
  let [blocks, milliseconds] = [0, 0]
  while (milliseconds < 1_000 && blocks * size < 2 ** 30) {
    const count = Math.max(8, Math.min(512, Math.floor((16 * 1024 * 1024) / size)))
    const cids = await Promise.all(
      Array.from({ length: count }, () => alice.bitswap.provide(randomBytes(size))),
    )
    const begun = performance.now()
    const session = bob.blocks.session()
    await Promise.all(cids.map(one => session.get(one)))
    await session.close()
    milliseconds += performance.now() - begun
    blocks += count
    for (const one of cids) for (const node of [alice, bob]) await node.blocks.delete(one)
  }
  const seconds = milliseconds / 1000
  console.log(
    `${blocks} blocks of ${size} bytes: ${((blocks * size) / 1e6 / seconds).toFixed(1)} MB/s, ${Math.round(blocks / seconds)} blocks/s`,
  )
}
