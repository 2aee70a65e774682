/** `npm run demo:bitswap`: the five steps, word for word, and the figures exactly. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { root } from '../support/root.ts'

async function demo(
  env: Record<string, string> = {},
): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [join(root, 'dist/test/examples/bitswap.js')], {
    env: { PATH: process.env.PATH ?? '', ...env },
  })
  let [out, err] = ['', '']
  child.stdout.on('data', text => {
    out += text
  })
  child.stderr.on('data', text => {
    err += text
  })
  const guard = setTimeout(() => child.kill('SIGKILL'), 30_000)
  const code = await new Promise<number | null>(resolve => child.once('close', resolve))
  clearTimeout(guard)
  return { code, out, err }
}

t.test('two nodes and one block: one sent, one received, one link, nothing wanted', async t => {
  const { code, out, err } = await demo()
  t.strictSame([code, err], [0, ''])
  const steady = out
    .replace(/12D3KooW\w{4}\.\.\./g, '<peer id>')
    .replace(/12D3KooW\w+/g, '<peer id>')
    .replace(/(tcp|udp)\/\d+/g, '$1/<port>')
  t.equal(
    steady,
    `1. Two nodes
   alice: <peer id>, listening on 2 addresses
     /ip4/127.0.0.1/tcp/<port>/p2p/<peer id>
     /ip4/127.0.0.1/udp/<port>/p2p/<peer id>
   bob: <peer id>, listening on 2 addresses
     /ip4/127.0.0.1/tcp/<port>/p2p/<peer id>
     /ip4/127.0.0.1/udp/<port>/p2p/<peer id>
2. Bob connects to Alice
   connected to alice over tcp
3. Alice shares a block
   bafkreieubpvmxqyyfegpxdhanhodvs3wl2bjsskzwc5vse43dpbfrfj5ce
   Block announced to network
4. Bob asks for it
   "Hello from Alice!"
5. What both have counted
   alice: blocks_sent 1, blocks_received 0, peers_connected 1, want_list_size 0
   bob: blocks_sent 0, blocks_received 1, peers_connected 1, want_list_size 0
`,
  )
})

t.test('BLOCK_SIZE: how fast blocks of that size go', async t => {
  const { code, out, err } = await demo({ BLOCK_SIZE: '65536' })
  t.strictSame([code, err], [0, ''])
  t.match(out, /\n\d+ blocks of 65536 bytes: [\d.]+ MB\/s, \d+ blocks\/s\n$/)
  for (const BLOCK_SIZE of ['0', '2097153', 'large'])
    t.match(await demo({ BLOCK_SIZE }), { code: 2, err: /BLOCK_SIZE=/ })
})
