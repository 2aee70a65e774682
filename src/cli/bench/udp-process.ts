/**
 * The process that receives in `bench udp`. Started by `udp.ts`, never by hand.
 *
 * It ends with the channel to its parent.
 *
 * Floor: cli.
 */
import { Seal, sink } from './raw-datagrams.ts'
import type { UdpAnswer, UdpQuestion } from './udp.ts'

process.once('disconnect', () => process.exit(0))
process.on('message', async (question: UdpQuestion) => {
  if (question.kind === 'start') {
    const [raw, sealed] = [await sink(), await sink(new Seal(question.key))]
    answer({ kind: 'ready', ports: { raw: raw.address().port, sealed: sealed.address().port } })
  } else {
    const used = process.cpuUsage()
    answer({ kind: 'cpu', seconds: (used.user + used.system) / 1e6 })
  }
})

function answer(what: UdpAnswer): void {
  process.send?.(what)
}
