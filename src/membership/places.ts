/**
 * Where a peer is: TCP and UDP of a node share one port number, so two addresses are one place.
 *
 *   /ip4/192.0.2.7/tcp/8000 ─┐
 *                            ├─ one entry of the book, by its TCP address: a dial of it tries both ways
 *   /ip4/192.0.2.7/udp/8000 ─┘
 *
 * Others are told both, for they may speak only one of them. Who speaks both keeps one: else a peer would
 * be dialled twice, once by a race and once more by UDP alone, and would take two places in the book. A UDP
 * address that stands alone is kept as it is, and so is one that a person wrote.
 *
 * Pure functions. Floor: membership. Page: protocol/membership.md (spec: MEM-14).
 */
import { type Address, addressKey, hostKind } from '../wire/address.ts'
import type { AddressBook } from './address-book.ts'
import type { Proof } from './messages.ts'

type Listens = Pick<Proof, 'listenAddress' | 'otherAddress'>

/** Where the peer says it listens, TCP first. */
export function listensAt({ listenAddress, otherAddress }: Listens): Address[] {
  return tcpFirst([listenAddress, otherAddress].filter(one => one !== undefined))
}

/** What others may be given: IP addresses that worked, or that the peer says it listens on. */
export function placesOf(proof: Proof, dialled: Address | undefined): Address[] {
  const { address, otherAddress } = proof
  if (dialled === undefined) return listensAt(proof)
  // A name may mean something here and nothing elsewhere; what it led to is an address.
  const host = hostKind(dialled.host) === 'name' ? address.host : dialled.host
  const { peerId: _, family: __, ...place } = { ...dialled, host, transport: address.transport }
  // Behind a port that is forwarded, the other transport may not be.
  if (otherAddress?.port !== dialled.port) return [place]
  return tcpFirst([place, { ...place, transport: otherAddress.transport }])
}

/** Is a peer at this address where it was asked for? A TCP address asks for the place, whichever transport won there. */
export function isAt(peer: Address, asked: Address): boolean {
  const { transport } = asked.transport === 'tcp' ? asked : peer
  return addressKey({ ...peer, transport }) === addressKey(asked)
}

/** So that of two addresses of one place the one that stands for both is met first. */
export function tcpFirst(addresses: readonly Address[]): Address[] {
  const tcp = addresses.filter(({ transport }) => transport === 'tcp')
  return [...tcp, ...addresses.filter(({ transport }) => transport !== 'tcp')]
}

/** The address under which the book has this place: its own, or that of its TCP twin if the same peer is there. */
export function inBook(book: AddressBook, address: Address, peerId: string | undefined): Address {
  if (address.transport !== 'udp') return address
  const twin = { ...address, transport: 'tcp' }
  const entry = book.find(twin)
  if (entry === undefined || book.find(address) !== undefined) return address
  return peerId === undefined || entry.peerId === undefined || entry.peerId === peerId ? twin : address
}
