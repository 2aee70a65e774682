/**
 * What a node is made of when nothing else is handed in: this machine's runtime, its directory, its qlog.
 *
 * Loaded when it is needed: a simulated node never touches the system.
 *
 * Floor: node.
 */
import type { Datagrams, ResolveTxt, Runtime } from '../base/ports.ts'
import type { DataDir } from '../store/data-dir.ts'
import type { Config } from './config.ts'
import type { Qlog } from './qlog.ts'

/** The data directory, as long as the node lives. */
export type Held = Pick<DataDir, 'path' | 'release'>

export async function systemRuntime(): Promise<Runtime> {
  const [{ systemRuntime: make }, { nativeSuite }] = await Promise.all([
    import('../runtime/system.ts'),
    import('../crypto/native.ts'),
  ])
  const { tcpTransport } = await import('../transport/tcp.ts')
  const resolveTxt: ResolveTxt = async (name, signal) =>
    (await import('../discovery/dnsaddr.ts')).txtResolver()(name, signal)
  let loaded: Promise<Datagrams> | undefined
  const datagrams = (): Promise<Datagrams> => {
    loaded ??= import('../transport/udp.ts').then(({ udpDatagrams }) => udpDatagrams())
    return loaded
  }
  return make({
    suite: nativeSuite,
    transports: [tcpTransport()],
    datagrams: {
      open: async options => (await datagrams()).open(options),
      resolve: async (...name) => (await datagrams()).resolve(...name),
      refuses: async to => (await (await datagrams()).refuses?.(to)) ?? false,
    },
    resolveTxt,
    askHttp: async ask => (await import('../discovery/http.ts')).httpClient()(ask),
  })
}

export async function qlogOf({ qlog: directory }: Config, { clock }: Runtime): Promise<Qlog | undefined> {
  if (directory === undefined) return undefined
  return new (await import('./qlog.ts')).Qlog({ directory, clock })
}

export async function hold(config: Config): Promise<Held | undefined> {
  if (config.dataDir === undefined) return undefined
  if (config.dataDirHeld) return { path: config.dataDir, release() {} }
  const { openDataDir } = await import('../store/data-dir.ts')
  return openDataDir({ path: config.dataDir, role: 'run' })
}
