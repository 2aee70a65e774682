/**
 * Real messages to begin from: the frozen vectors, drawn values through the encoders, foreign
 * vectors where they lie beside the checkout, and what two links say to each other.
 */
import fc from 'fast-check'
import { fromHex, utf8 } from '../../src/base/bytes.ts'
import { anyValue } from '../support/arbitraries.ts'
import { codecs, type Json } from '../support/codecs.ts'
import { sharedJson } from '../support/shared.ts'
import { readVectors } from '../support/vectors.ts'

/** Corpora are the same in every run: what is drawn for them has a seed of its own. */
const SEED = 20_260_101

/** The frozen vectors of a message, valid and invalid, and forty drawn values. */
export function messages(message: string): Uint8Array[] {
  const vectors = readVectors(message).vectors.map(({ bytes }) => fromHex(bytes)!)
  return [...vectors, ...drawn(anyValue[message]!, 40).map(value => codecs[message]!.encode(value).slice())]
}

export function drawn<T>(arbitrary: fc.Arbitrary<T>, count: number): T[] {
  return fc.sample(arbitrary, { seed: SEED, numRuns: count })
}

export function texts(...all: readonly string[]): Uint8Array[] {
  return all.map(text => utf8(text))
}

const foreign: Json = sharedJson('vectors/multiformats/multiaddr.json')
const foreignFuzz: Json = sharedJson('vectors/multiformats/multiaddr-fuzz-corpus.json')
const peerIdA = '12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq'
const peerIdB = 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N'

export const peerIds: readonly string[] = [
  peerIdA,
  peerIdB,
  'k51qzi5uqu5dhb6l8spkdx7yxafegfkee5by8h7lmjh2ehc2sgg34z7c15vzqs',
  'bafzaajaiaejcbzdibmxyzdjbbehgvizh6g5tikvy47mshdy6gwbruvgwvd24seje',
  `z${peerIdA}`,
]

/** Text of multiaddrs: one of every protocol we know, and foreign ones. */
export function multiaddrTexts(): string[] {
  return [
    '/ip4/127.0.0.1/tcp/8000',
    `/ip4/192.0.2.7/tcp/8000/p2p/${peerIdA}`,
    `/ip6/2001:db8::7/udp/9000/quic-v1/webtransport/p2p/${peerIdB}`,
    '/ip6zone/eth0/ip6/fe80::1/tcp/8000',
    '/ip6/::ffff:10.0.0.1/tcp/80',
    '/ip4/192.0.2.0/ipcidr/24',
    '/dns4/node-2.example/tcp/8000',
    '/dns6/Node-2.example./tcp/8000/tls/ws',
    '/dns/node-2/udp/1',
    `/dnsaddr/mesh.example/p2p/${peerIdA}`,
    '/dns4/a.example/tcp/443/tls/sni/b.example/http/http-path/a%2Fb%20c',
    '/unix/run/guild/node.sock',
    '/onion3/vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd:1234',
    '/onion/timaq4ygg2iegci7:80/http',
    '/garlic32/566niximlxdzpanmn4qouucvua3k7neniwss47li5r6ugoertzuqzwass',
    '/memory/18446744073709551615',
    '/certhash/uEiDDq4_xNyDorZBH3TlGazyJdOWSwvo4PUo5YHFMrvDE8g',
    `/ip4/1.2.3.4/tcp/1/p2p/${peerIdB}/p2p-circuit/p2p/${peerIdA}`,
    '/sctp/1/dccp/2/udt/utp/noise/webrtc/wss/https',
    ...(foreign?.valid ?? []),
    ...(foreign?.invalid ?? []),
  ].filter((text): text is string => typeof text === 'string')
}

/** Bytes of multiaddrs that others found by fuzzing, and broken ids inside. */
export function foreignMultiaddrs(): Uint8Array[] {
  const hex: unknown[] = [
    ...(foreignFuzz?.bytes_hex ?? []),
    ...(foreign?.string_hex ?? []).map((pair: Json) => pair[1]),
  ]
  return hex.flatMap(text => (typeof text === 'string' ? (fromHex(text) ?? []) : []))
}

export const addressTexts: readonly string[] = [
  '127.0.0.1:8000',
  '[2001:db8::7]:8000',
  '[fe80::1%eth0]:8000',
  '[::ffff:10.0.0.1]:80',
  'node-2:8000',
  'NODE-2.example.:1',
  'xn--bcher-kva.example:65535',
  '/ip4/127.0.0.1/tcp/8000',
  `/dns4/node-2/udp/8000/p2p/${peerIdA}`,
  `/ip6/2001:db8::7/tcp/1/p2p/${peerIdA}`,
  '/ip6zone/eth0/ip6/fe80::1/tcp/8000',
  '0177.0.0.1:80',
  'http://a.example:80',
]
