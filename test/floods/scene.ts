/**
 * One flood's stage: a victim, an honest member, and whoever else is asked for.
 */
import { randomBytes } from 'node:crypto'
import type { AttackerCommands } from './attacker.ts'
import { Child } from './child.ts'
import type { HonestCommands } from './honest.ts'
import type { Figure } from './report.ts'
import type { SinkCommands } from './sink.ts'
import type { VictimCommands } from './victim.ts'

export interface Flood {
  readonly name: string
  /** The properties and faults it is about. */
  readonly codes: string
  /** `full`: the figures of the property; else a tenth or so, for everyday. */
  run(scene: Scene, full: boolean): Promise<readonly Figure[]>
}

export class Scene {
  readonly swarmKey: Uint8Array = new Uint8Array(randomBytes(32))
  readonly victim = new Child<VictimCommands>('victim')
  readonly #children: { end(): Promise<void> }[] = [this.victim]
  port = 0
  peerId = ''

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  /** What an attack has to know. */
  get where(): { readonly port: number; readonly swarmKey: Uint8Array } {
    return { port: this.port, swarmKey: this.swarmKey }
  }

  /** `aged`: as if the victim had been running for an hour. */
  async start(options: { aged?: boolean; maxPeers?: number } = {}): Promise<void> {
    const { swarmKey } = this
    const { port, peerId } = await this.victim.ask('start', { swarmKey, aged: true, ...options })
    this.port = port
    this.peerId = peerId
  }

  /** An honest member, in a process of its own; linked to the victim unless told otherwise; over TCP or over UDP alone. */
  async honest(linked = true, udp = false): Promise<Child<HonestCommands>> {
    const honest = this.#add(new Child<HonestCommands>('honest'))
    await honest.ask('start', { swarmKey: this.swarmKey, udp })
    if (linked) await honest.ask('connect', { address: this.address })
    return honest
  }

  attacker(): Child<AttackerCommands> {
    return this.#add(new Child<AttackerCommands>('attacker'))
  }

  async sink(): Promise<{ sink: Child<SinkCommands>; port: number }> {
    const sink = this.#add(new Child<SinkCommands>('sink'))
    return { sink, ...(await sink.ask('start', {})) }
  }

  async end(): Promise<void> {
    await Promise.all(this.#children.map(child => child.end()))
  }

  #add<T extends { end(): Promise<void> }>(child: T): T {
    this.#children.push(child)
    return child
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}

/** Asks again and again until it holds; how many milliseconds that took, or NaN after `most`. */
export async function until(holds: () => Promise<boolean>, most: number): Promise<number> {
  const begun = performance.now()
  for (;;) {
    if (await holds()) return performance.now() - begun
    if (performance.now() - begun > most) return Number.NaN
    await sleep(50)
  }
}
