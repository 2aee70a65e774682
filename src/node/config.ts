/**
 * Options, checked: every value is looked at before anything is opened or written.
 *
 * A wrong one throws GH_OPTION_INVALID (or GH_ADDRESS_INVALID) with its name, its value
 * and what would be right. The result is frozen.
 *
 * Floor: node.
 */
import { utf8 } from '../base/bytes.ts'
import { GuildError } from '../base/errors.ts'
import type { Runtime } from '../base/ports.ts'
import { visible } from '../base/text.ts'
import type { DialStrategy } from '../membership/dial-order.ts'
import { type CongestionName, congestionNames } from '../packets/congestion/controller.ts'
import type { LogStore } from '../store/log/types.ts'
import { type Address, parseAddress } from '../wire/address.ts'
import { type Dnsaddr, isDnsaddr, parseBootstrap } from '../wire/dnsaddr.ts'
import { limits } from '../wire/limits.ts'
import { keyFromPeerId, peerIdFromKey } from '../wire/peer-id.ts'
import { isToken, parseTrackerUrl, TRACKER_TEXT_MAX } from '../wire/tracker-url.ts'
import type { Blockstore } from './blocks/types.ts'
import type { NodeOptions } from './options.ts'
import { leastMtu } from './path-size.ts'

export interface Config {
  readonly port: number
  /** IP addresses to bind; empty: all. Undefined: do not listen. */
  readonly hosts: readonly string[] | undefined
  readonly name: string | undefined
  readonly bootstrap: readonly Address[]
  /** Of the bootstrap list, what is to be looked up. */
  readonly dnsaddrs: readonly Dnsaddr[]
  readonly announce: readonly Address[]
  readonly dataDir: string | undefined
  /** The caller holds its lock. */
  readonly dataDirHeld: boolean
  readonly swarmKey: string | Uint8Array | undefined
  readonly previousSwarmKey: Uint8Array | undefined
  readonly open: string | undefined
  readonly identityKey: string | Uint8Array | undefined
  readonly mdns: boolean
  readonly maxPeers: number
  readonly maxStreams: number
  readonly transport: readonly string[]
  /** Of the IP packet, in bytes; undefined: as much as the path takes. */
  readonly mtu: number | undefined
  readonly congestion: CongestionName
  /** Directory of the logs; undefined: none are written. */
  readonly qlog: string | undefined
  /** Milliseconds from here on. */
  readonly interval: number
  readonly discoveryInterval: number
  readonly maintenanceInterval: number
  readonly connectTimeout: number
  readonly peerTimeout: number
  /** Bytes a second. */
  readonly bandwidthIn: number | undefined
  readonly bandwidthOut: number | undefined
  readonly allow: readonly string[]
  readonly deny: readonly string[]
  /** Undefined: no line port. */
  readonly linePort: number | undefined
  readonly lineHosts: readonly string[]
  readonly teach: boolean
  readonly store: Blockstore | undefined
  /** Bytes. */
  readonly blockQuota: number | undefined
  /** URLs without a slash at their end. */
  readonly trackers: readonly string[]
  readonly trackerToken: string | undefined
  readonly userId: string | undefined
  readonly deviceId: string | undefined
  readonly dbPath: string | undefined
  readonly dial: DialStrategy
  readonly liveLog: boolean
  readonly logStore: LogStore | undefined
  readonly runtime: Runtime | undefined
}

const dialStrategies: readonly DialStrategy[] = ['direct-first', 'relay-first']
/** Each is asked twice a minute. */
const TRACKERS_MAX = 16

const known: ReadonlySet<string> = new Set([
  'port',
  'host',
  'name',
  'bootstrap',
  'dataDir',
  'swarmKey',
  'previousSwarmKey',
  'open',
  'identityKey',
  'mdns',
  'maxPeers',
  'maxStreams',
  'transport',
  'mtu',
  'congestion',
  'qlog',
  'interval',
  'discoveryInterval',
  'maintenanceInterval',
  'connectTimeout',
  'peerTimeout',
  'announce',
  'linePort',
  'lineHost',
  'teach',
  'store',
  'blockQuota',
  'dbPath',
  'userId',
  'deviceId',
  'liveLog',
  'logStore',
  'runtime',
  'bandwidthIn',
  'bandwidthOut',
  'allow',
  'deny',
  'trackers',
  'trackerToken',
  'dial',
] satisfies (keyof NodeOptions)[])

export function checkOptions(options: NodeOptions): Config {
  for (const key of Object.keys(options))
    if (!known.has(key)) throw invalid(key, 'is not an option', [...known].join(', '))
  const interval = seconds(options.interval, 'interval', 5, 0.05, 3600)
  const peerTimeout = seconds(options.peerTimeout, 'peerTimeout', 60, 0.1, 86_400)
  if (peerTimeout < 2 * interval)
    throw invalid(
      'peerTimeout',
      `${peerTimeout / 1000} s is less than two intervals`,
      `at least ${(2 * interval) / 1000} s`,
    )
  if (options.swarmKey !== undefined && options.open !== undefined)
    throw invalid('open', 'excludes swarmKey', 'give one of the two')
  if (options.previousSwarmKey !== undefined && options.open !== undefined)
    throw invalid('previousSwarmKey', 'a public network has one key', 'leave it away, or give swarmKey')
  return Object.freeze({
    port: whole(options.port, 'port', 0, 0, 65_535),
    hosts: hosts(options.host),
    name: options.name === undefined ? undefined : nodeName(options.name),
    ...bootstrap(options.bootstrap),
    announce: announced(options.announce, transports(options.transport)),
    dataDir: text(typeof options.dataDir === 'object' ? options.dataDir.path : options.dataDir, 'dataDir'),
    dataDirHeld: typeof options.dataDir === 'object',
    swarmKey: key(options.swarmKey, 'swarmKey'),
    previousSwarmKey: bytesOfKey(options.previousSwarmKey, 'previousSwarmKey'),
    open: text(options.open, 'open'),
    identityKey: key(options.identityKey, 'identityKey'),
    mdns: truth(options.mdns, 'mdns') ?? options.runtime === undefined,
    maxPeers: whole(options.maxPeers, 'maxPeers', 20, 1, 10_000),
    maxStreams: whole(options.maxStreams, 'maxStreams', limits.streams, 1, 65_536),
    transport: transports(options.transport),
    mtu: options.mtu === undefined ? undefined : whole(options.mtu, 'mtu', 0, leastMtu, 65_535),
    congestion: congestion(options.congestion),
    qlog: text(options.qlog, 'qlog'),
    interval,
    discoveryInterval: seconds(options.discoveryInterval, 'discoveryInterval', 30, 0.1, 86_400),
    maintenanceInterval: seconds(options.maintenanceInterval, 'maintenanceInterval', 15, 0.1, 86_400),
    connectTimeout: seconds(options.connectTimeout, 'connectTimeout', 10, 0.05, 3600),
    peerTimeout,
    bandwidthIn: rate(options.bandwidthIn, 'bandwidthIn'),
    bandwidthOut: rate(options.bandwidthOut, 'bandwidthOut'),
    allow: peerIds(options.allow, 'allow'),
    deny: peerIds(options.deny, 'deny'),
    linePort: options.linePort === undefined ? undefined : whole(options.linePort, 'linePort', 0, 0, 65_535),
    lineHosts: hosts(options.lineHost ?? '127.0.0.1', 'lineHost') ?? [],
    teach: options.teach === true,
    store: store(options.store),
    blockQuota:
      options.blockQuota === undefined
        ? undefined
        : whole(options.blockQuota, 'blockQuota', 0, 16 * 1024 * 1024, Number.MAX_SAFE_INTEGER),
    trackers: trackers(options.trackers),
    trackerToken: token(options.trackerToken),
    userId: mark(options.userId, 'userId'),
    deviceId: mark(options.deviceId, 'deviceId'),
    dbPath: text(options.dbPath, 'dbPath'),
    dial: dialStrategy(options.dial),
    liveLog: truth(options.liveLog, 'liveLog') ?? true,
    logStore: options.logStore,
    runtime: options.runtime,
  })
}

/** A node's name: 1 to 64 bytes of UTF-8 and nothing that `visible` would escape. */
export function nodeName(value: unknown): string {
  if (typeof value !== 'string' || value === '')
    throw invalid('name', String(value), 'a text of 1 to 64 bytes')
  if (utf8(value).length > limits.name)
    throw invalid('name', `"${visible(value, 80)}" is too long`, `at most ${limits.name} bytes of UTF-8`)
  if (visible(value) !== value)
    throw invalid('name', `"${visible(value)}"`, 'no control or invisible characters')
  return value
}

function invalid(name: string, what: string, fix: string): GuildError {
  return new GuildError('GH_OPTION_INVALID', `${name}: ${what} (${fix})`)
}

function whole(
  value: number | undefined,
  name: string,
  fallback: number,
  least: number,
  most: number,
): number {
  if (value === undefined) return fallback
  if (!Number.isInteger(value) || value < least || value > most)
    throw invalid(name, String(value), `a whole number from ${least} to ${most}`)
  return value
}

function truth(value: boolean | undefined, name: string): boolean | undefined {
  if (value !== undefined && typeof value !== 'boolean') throw invalid(name, String(value), 'true or false')
  return value
}

function seconds(
  value: number | undefined,
  name: string,
  fallback: number,
  least: number,
  most: number,
): number {
  if (value === undefined) return fallback * 1000
  if (typeof value !== 'number' || !(value >= least && value <= most))
    throw invalid(name, String(value), `seconds from ${least} to ${most}`)
  return value * 1000
}

function rate(value: number | undefined, name: string): number | undefined {
  return value === undefined ? undefined : whole(value, name, 0, 1024, Number.MAX_SAFE_INTEGER)
}

function store(value: Blockstore | undefined): Blockstore | undefined {
  if (value === undefined) return undefined
  for (const name of ['get', 'put', 'has', 'delete'] as const)
    if (typeof (value as Partial<Blockstore> | null)?.[name] !== 'function')
      throw invalid('store', `it has no ${name}`, 'a store of the shape of interface-blockstore 7')
  return value
}

function peerIds(list: readonly string[] | undefined, name: string): readonly string[] {
  if (list === undefined) return []
  if (!Array.isArray(list)) throw invalid(name, String(list), 'a list of PeerIds')
  return Object.freeze(list.map(id => peerIdFromKey(keyFromPeerId(id))))
}

function text(value: string | undefined, name: string): string | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'string' || value === '' || value.includes('\0'))
    throw invalid(name, JSON.stringify(value), 'a text')
  return value
}

function key(value: string | Uint8Array | undefined, name: string): string | Uint8Array | undefined {
  if (value instanceof Uint8Array) {
    if (value.length !== 32)
      throw invalid(name, `${value.length} bytes`, 'exactly 32 random bytes, or a path')
    return value.slice()
  }
  return text(value, name)
}

function bytesOfKey(value: Uint8Array | undefined, name: string): Uint8Array | undefined {
  if (value === undefined) return undefined
  if (!(value instanceof Uint8Array) || value.length !== 32)
    throw invalid(name, 'not a key', 'exactly the 32 bytes of the key before')
  return value.slice()
}

function hosts(value: NodeOptions['host'], name = 'host'): readonly string[] | undefined {
  if (value === false) return undefined
  if (value === undefined) return []
  const list = typeof value === 'string' ? [value] : value
  for (const host of list)
    if (typeof host !== 'string' || !looksLikeIp(host))
      throw invalid(name, `"${visible(String(host))}"`, 'an IP address such as 127.0.0.1 or ::1')
  return Object.freeze([...list])
}

function looksLikeIp(host: string): boolean {
  const v4 = host.split('.')
  if (v4.length === 4 && v4.every(part => /^\d{1,3}$/.test(part) && Number(part) < 256)) return true
  return host.includes(':') && /^[0-9a-f:.]+(%[\w.-]+)?$/i.test(host)
}

function addresses(list: readonly string[] | undefined, name: string): readonly Address[] {
  if (list === undefined) return []
  if (!Array.isArray(list)) throw invalid(name, String(list), 'a list of addresses')
  return Object.freeze(list.map(one => parseAddress(one)))
}

/** `host:port` is where this node listens, and so by what it listens with. */
function announced(list: readonly string[] | undefined, by: readonly string[]): readonly Address[] {
  const all = addresses(list, 'announce')
  return by.includes('tcp') ? all : Object.freeze(all.map(one => ({ ...one, transport: 'udp' })))
}

function bootstrap(list: readonly string[] | undefined): Pick<Config, 'bootstrap' | 'dnsaddrs'> {
  if (list !== undefined && !Array.isArray(list))
    throw invalid('bootstrap', String(list), 'a list of addresses')
  const all = (list ?? []).map((one: string) => parseBootstrap(one))
  const dnsaddrs = Object.freeze(all.filter(isDnsaddr))
  return { bootstrap: Object.freeze(all.filter((one): one is Address => !isDnsaddr(one))), dnsaddrs }
}

function transports(list: readonly string[] | undefined): readonly string[] {
  if (list === undefined) return ['tcp', 'udp']
  if (!Array.isArray(list) || list.length === 0)
    throw invalid('transport', String(list), "a list such as ['tcp', 'udp']")
  for (const one of list)
    if (one !== 'tcp' && one !== 'udp')
      throw invalid('transport', `"${visible(String(one))}"`, 'tcp and udp exist')
  return Object.freeze([...new Set(list)])
}

function congestion(name: string | undefined): CongestionName {
  const found = congestionNames.find(one => one === (name ?? 'bbr'))
  if (found === undefined)
    throw invalid('congestion', `"${visible(String(name))}"`, congestionNames.join(', '))
  return found
}

function dialStrategy(name: string | undefined): DialStrategy {
  const found = dialStrategies.find(one => one === (name ?? 'direct-first'))
  if (found === undefined) throw invalid('dial', `"${visible(String(name))}"`, dialStrategies.join(' or '))
  return found
}

function trackers(list: readonly string[] | undefined): readonly string[] {
  if (list === undefined) return []
  if (!Array.isArray(list) || list.length > TRACKERS_MAX)
    throw invalid('trackers', visible(String(list), 80), `a list of at most ${TRACKERS_MAX} URLs`)
  return Object.freeze([...new Set(list.map(one => parseTrackerUrl(String(one))))])
}

/** The value is nobody's business, in an error either. */
function token(value: string | undefined): string | undefined {
  if (value !== undefined && (typeof value !== 'string' || !isToken(value)))
    throw invalid('trackerToken', 'is not a token', '1 to 512 visible ASCII characters')
  return value
}

/** What entries and registrations are marked with. */
function mark(value: string | undefined, name: string): string | undefined {
  const given = text(value, name)
  if (given !== undefined && utf8(given).length > TRACKER_TEXT_MAX)
    throw invalid(name, `"${visible(given, 80)}" is too long`, `at most ${TRACKER_TEXT_MAX} bytes of UTF-8`)
  return given
}
