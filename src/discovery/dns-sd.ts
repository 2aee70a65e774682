/**
 * DNS-based service discovery (RFC 6763): our records, and what is ours in those of others.
 *
 *   _services._dns-sd._udp.local   PTR   _guild-home._tcp.local       there is such a service
 *   _guild-home._tcp.local         PTR   <instance>._guild-home…      here is one of them
 *   <instance>._guild-home…        SRV   <instance>.local:<port>      where it is
 *                                  TXT   txtvers=1, s=<sealed>        who it is, for members
 *   <instance>.local               A, AAAA                            the addresses of this link
 *
 * PTR records are shared by all nodes; the others are ours alone and carry the cache-flush bit
 * (spec: MDNS-5). The host is named like the instance: the machine's own name is nobody's
 * business (spec: MD-03).
 *
 * Floor: discovery (shell). Page: protocol/mdns.md.
 */
import { decodeTxt, encodeTxt } from '../wire/mdns.ts'

export const SERVICE = '_guild-home._tcp.local'
export const ENUMERATION = '_services._dns-sd._udp.local'

/** As RFC 6762 §10 has it: what hangs on a host name lives shorter than the rest. */
const TTL = 4_500
const HOST_TTL = 120
/** Those who ask from another port cache for so long at most (RFC 6762 §6.7). */
const LEGACY_TTL = 10

const LABEL_LENGTH = 32
const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'

export interface Question {
  readonly name: string
  readonly type: string
}

export interface DnsRecord {
  readonly name: string
  readonly type: string
  readonly ttl?: number
  readonly flush?: boolean
  // biome-ignore lint/suspicious/noExplicitAny: of a type per record type, looked at before use
  readonly data?: any
}

export interface DnsMessage {
  readonly id?: number
  readonly questions?: readonly Question[]
  readonly answers?: readonly DnsRecord[]
  readonly additionals?: readonly DnsRecord[]
}

/** Where a datagram came from. */
export interface Source {
  readonly address: string
  readonly port: number
}

type Sent = (error?: Error | null) => void

/** The package multicast-dns, as far as it is used. */
export interface MulticastDns {
  on(event: 'query' | 'response', listener: (message: DnsMessage, source: Source) => void): this
  on(event: 'error' | 'warning', listener: (error: Error) => void): this
  query(message: DnsMessage, done?: Sent): void
  respond(message: DnsMessage, to?: Source | null, done?: Sent): void
  destroy(done?: () => void): void
}

/** What a node says of itself on one link. */
export interface Self {
  readonly instance: string
  readonly port: number
  readonly hosts: readonly string[]
  readonly sealed: Uint8Array
}

/** A name of 160 random bits: not the PeerId, and new at every start (spec: MDNS-1). */
export function instanceName(random: Uint8Array): string {
  return [...random.subarray(0, LABEL_LENGTH)].map(byte => alphabet[byte & 31]).join('')
}

export const INSTANCE_RANDOM: number = LABEL_LENGTH

/** Everything about us; `goodbye` takes it back (spec: MDNS-6). */
export function recordsOf(self: Self, goodbye = false): DnsRecord[] {
  const full = `${self.instance}.${SERVICE}`
  const host = `${self.instance}.local`
  const long = goodbye ? 0 : TTL
  const ttl = goodbye ? 0 : HOST_TTL
  const data = { priority: 0, weight: 0, port: self.port, target: host }
  return [
    { name: SERVICE, type: 'PTR', ttl: long, data: full },
    { name: full, type: 'SRV', ttl, flush: true, data },
    { name: full, type: 'TXT', ttl: long, flush: true, data: encodeTxt(self.sealed).map(Buffer.from) },
    ...self.hosts.map(ip => ({
      name: host,
      type: ip.includes(':') ? 'AAAA' : 'A',
      ttl,
      flush: true,
      data: ip,
    })),
  ]
}

/** That there is such a service at all. */
const enumeration: DnsRecord = { name: ENUMERATION, type: 'PTR', ttl: TTL, data: SERVICE }

/** What questions want to hear: of us, and that there is such a service. */
export interface Wanted {
  readonly self: boolean
  readonly service: boolean
}

export const nothing: Wanted = { self: false, service: false }

export function wantedBy(questions: readonly Question[], instance: string): Wanted {
  const asked = (name: string, types: RegExp): boolean =>
    questions.some(one => one.name.toLowerCase() === name && types.test(one.type))
  const self =
    asked(SERVICE, shared) || asked(`${instance}.${SERVICE}`, own) || asked(`${instance}.local`, own)
  return { self, service: asked(ENUMERATION, shared) }
}

const shared = /^(PTR|ANY)$/
const own = /^(SRV|TXT|A|AAAA|ANY)$/

/** Who asks for one of our records gets them all: they are few, and the next question is saved. */
export function answersTo(wanted: Wanted, self: Self): DnsRecord[] {
  return [...(wanted.service ? [enumeration] : []), ...(wanted.self ? recordsOf(self) : [])]
}

/** Does the asker know us already (RFC 6762 §7.1)? Then it is not told again. */
export function isKnownTo(query: DnsMessage, instance: string): boolean {
  const full = `${instance}.${SERVICE}`
  const asked = (query.questions ?? []).every(({ name }) => name.toLowerCase() === SERVICE)
  return (
    asked &&
    (query.answers ?? []).some(
      ({ name, type, ttl = 0, data }) =>
        type === 'PTR' && name.toLowerCase() === SERVICE && ttl >= TTL / 2 && text(data) === full,
    )
  )
}

/** For one who asks from another port: its own id and questions, and short lives without flush. */
export function legacy(query: DnsMessage, records: readonly DnsRecord[]): DnsMessage {
  const { id = 0, questions = [] } = query
  const answers = records.map(({ flush: _, ...record }) => ({
    ...record,
    ttl: Math.min(record.ttl ?? 0, LEGACY_TTL),
  }))
  return { id, questions, answers }
}

export interface Sealed {
  readonly instance: string
  readonly sealed: Uint8Array
}

/** What nodes of our service tell in a response, those who say goodbye left out. */
export function sealedIn(response: DnsMessage): Sealed[] {
  const found: Sealed[] = []
  for (const { name, type, ttl = 0, data } of [
    ...(response.answers ?? []),
    ...(response.additionals ?? []),
  ]) {
    if (type !== 'TXT' || ttl === 0 || !Array.isArray(data)) continue
    const [, instance] = instancePattern.exec(name.toLowerCase()) ?? []
    const sealed = instance === undefined ? undefined : decodeTxt(data)
    if (sealed !== undefined) found.push({ instance: instance!, sealed })
  }
  return found
}

const instancePattern = /^([a-z2-7]{32,63})\._guild-home\._tcp\.local$/

function text(data: unknown): string {
  return typeof data === 'string' ? data.toLowerCase() : ''
}
