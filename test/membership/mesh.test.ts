import t from 'tap'
import { MiniMesh } from '../support/mini-mesh.ts'

t.test('one bootstrap, N nodes: a whole mesh', async t => {
  for (const n of [2, 3, 5, 10, 25, 50]) {
    const mesh = new MiniMesh({ seed: n })
    for (let i = 1; i <= n; i++) mesh.add(i)
    mesh.nodes.forEach((node, i) => {
      if (i === 0) mesh.start(node)
      else mesh.start(node, mesh.nodes[0]!.address)
    })
    const start = process.hrtime.bigint()
    const ok = mesh.run(30_000, () => mesh.whole() && mesh.single())
    t.ok(ok, `${n} nodes whole after ${mesh.now.toFixed(0)} ms`)
    const pairs = (n * (n - 1)) / 2
    t.comment(
      `${n}: ${mesh.now.toFixed(0)} virtual ms, dials ${mesh.nodes.reduce((s, x) => s + x.dials, 0)} message 3 ${mesh.handshakes} for ${pairs} pairs, ${(Number(process.hrtime.bigint() - start) / 1e6).toFixed(0)} real ms`,
    )
  }
})
