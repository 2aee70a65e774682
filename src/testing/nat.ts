/**
 * A simulated NAT box: hosts behind it share its addresses, for datagrams.
 *
 *   alice 10.0.0.1:7000 ──▶ ┌─────┐ ──▶ from 203.0.113.1:50000
 *                           │ box │
 *   alice 10.0.0.1:7000 ◀── └─────┘ ◀── to 203.0.113.1:50000, from anybody
 *
 * A mapping begins with the first datagram that goes out, is the same towards everybody
 * (endpoint-independent, RFC 4787 section 4.1) and lets everybody in (section 5). `rebind`
 * forgets all of them, as a box does that was restarted or whose provider gave it another
 * address: what is still sent to the old ones is dropped, also when it is already on its way,
 * and the next datagram out gets a new port, or a new address too.
 *
 * Nobody outside reaches the address of a host behind it. Weather is still between hosts. TCP is
 * not translated: pipes of a host behind a box pass as if there were none.
 *
 * Floor: testing.
 */
import type { Endpoint } from '../base/ports.ts'

/** Whose host this is, to the network. */
export interface Inside<Computer> extends Endpoint {
  readonly computer: Computer
}

/** Mappings at a time; the oldest goes when another is wanted. */
const MAPPINGS = 4096
const FIRST_PORT = 50_000
const PORTS = 15_000

export class NatBox<Computer extends { readonly name: string }> {
  readonly name: string
  /** Its own, of both families perhaps; the first of a family is in use until `rebind` moves on. */
  readonly addresses: readonly string[]
  #moved = 0
  #port = 0
  readonly #outside = new Map<string, Endpoint>()
  readonly #inside = new Map<string, Inside<Computer>>()

  constructor(name: string, addresses: readonly string[]) {
    this.name = name
    this.addresses = addresses
  }

  /** Forgets every mapping. With `address`, the next ones are at its next address. */
  forget(address: boolean): void {
    this.#outside.clear()
    this.#inside.clear()
    if (address) this.#moved++
  }

  /** As whom this socket is seen outside. Undefined: the box has no address of the family. */
  out(computer: Computer, host: string, port: number): Endpoint | undefined {
    const key = `${computer.name} ${host} ${port}`
    const known = this.#outside.get(key)
    if (known !== undefined) return known
    const family = this.addresses.filter(one => one.includes(':') === host.includes(':'))
    if (family.length === 0) return undefined
    if (this.#outside.size >= MAPPINGS) this.#forgetOldest()
    const address = family[this.#moved % family.length]!
    while (this.#inside.has(`${address} ${FIRST_PORT + this.#port}`)) this.#port = (this.#port + 1) % PORTS
    const mapped = { host: address, port: FIRST_PORT + this.#port }
    this.#port = (this.#port + 1) % PORTS
    this.#outside.set(key, mapped)
    this.#inside.set(`${mapped.host} ${mapped.port}`, { computer, host, port })
    return mapped
  }

  /** Who is behind one of its ports now. */
  in(host: string, port: number): Inside<Computer> | undefined {
    return this.#inside.get(`${host} ${port}`)
  }

  #forgetOldest(): void {
    const [key, mapped] = this.#outside.entries().next().value!
    this.#outside.delete(key)
    this.#inside.delete(`${mapped.host} ${mapped.port}`)
  }
}
