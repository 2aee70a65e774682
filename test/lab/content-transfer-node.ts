/**
 * One node of a content transfer, in a process of its own: it holds the file, or fetches it.
 *
 *   parent ─ start {role, …} ─▶ node ─ ready {address, cid, …} ─▶ parent
 *   parent ─ fetch {cid, from, out} ─▶ node ─ progress … fetched {…} ─▶ parent
 *
 * A liar sends blocks with a wrong byte, a staller says that it has them and sends none.
 */
import { createNode, type GetProgress, type Got, type GuildNode, tuneCollector } from '../../src/index.ts'

export type Role = 'good' | 'liar' | 'staller' | 'fetcher'

export type Order =
  | {
      readonly kind: 'start'
      readonly role: Role
      readonly dataDir: string
      readonly swarmKey: string
      readonly transport: string
      /** To be added, where it is to be held. */
      readonly file?: string
    }
  | { readonly kind: 'fetch'; readonly cid: string; readonly from: readonly string[]; readonly out: string }

export type Report =
  | {
      readonly kind: 'ready'
      readonly address: string
      readonly peerId: string
      readonly cid: string | undefined
      readonly addSeconds: number
    }
  | { readonly kind: 'progress'; readonly bytes: number }
  | {
      readonly kind: 'fetched'
      readonly seconds: number
      readonly sources: Got['sources']
      readonly duplicateBytes: number
      readonly peakRss: number
    }
  | { readonly kind: 'memory'; readonly peakRss: number }

let node: GuildNode | undefined

// As the command is: it is the command's memory that is bounded.
tuneCollector()
process.once('disconnect', () => process.exit(0))
process.on('message', (order: Order) => {
  const work = order.kind === 'start' ? start(order) : fetchFile(order)
  work.catch(error => {
    console.error(error)
    process.exit(1)
  })
})
setInterval(() => report({ kind: 'memory', peakRss: peakRss() }), 250).unref()

async function start(order: Extract<Order, { kind: 'start' }>): Promise<void> {
  const { role, dataDir, swarmKey, transport, file } = order
  node = await createNode({
    dataDir,
    swarmKey: Buffer.from(swarmKey, 'hex'),
    host: '127.0.0.1',
    transport: [transport],
    mdns: false,
    name: role,
    discoveryInterval: 3_600, // who is linked to whom is the parent's to say
  })
  const begun = performance.now()
  const cid = file === undefined ? undefined : String(await node.files.add(file))
  const addSeconds = (performance.now() - begun) / 1000
  if (role === 'liar' || role === 'staller') await node.exchange(badStore(role, node))
  await node.start()
  report({ kind: 'ready', address: node.addresses[0]!, peerId: node.peerId, cid, addSeconds })
}

/** The node's own blocks, as somebody would hand them out who means no good. */
function badStore(role: Role, of: GuildNode): Parameters<GuildNode['exchange']>[0] & object {
  const { blocks } = of
  return {
    has: cid => blocks.has(cid),
    size: cid => blocks.size(cid),
    get: cid => blocks.get(cid, { offline: true }),
    put: (cid, bytes) => blocks.put(cid, bytes),
    async read(cid) {
      if (role === 'staller') return new Promise(() => {})
      for await (const bytes of blocks.get(cid, { offline: true })) {
        const wrong = bytes.slice()
        wrong[wrong.length >> 1]! ^= 1
        return wrong
      }
      return undefined
    },
  }
}

async function fetchFile({ cid, from, out }: Extract<Order, { kind: 'fetch' }>): Promise<void> {
  await Promise.all(from.map(address => node!.connect(address)))
  let told = 0
  const onProgress = ({ bytes }: GetProgress): void => {
    if (performance.now() - told < 20) return
    told = performance.now()
    report({ kind: 'progress', bytes })
  }
  const begun = performance.now()
  const { sources, duplicateBytes } = await node!.files.get(cid, out, { onProgress })
  const seconds = (performance.now() - begun) / 1000
  report({ kind: 'fetched', seconds, sources, duplicateBytes, peakRss: peakRss() })
}

function peakRss(): number {
  return process.resourceUsage().maxRSS * 1024
}

function report(what: Report): void {
  process.send?.(what)
}
