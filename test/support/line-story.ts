/**
 * A mesh in the simulated network with somebody at a line port: what the pages and logs show.
 *
 * Identities follow from names, time is virtual, so every run says the same.
 */
import { fromUtf8, utf8 } from '../../src/base/bytes.ts'
import type { Pipe } from '../../src/base/ports.ts'
import { nativeSuite } from '../../src/crypto/native.ts'
import { createNode, type GuildNode, type NodeOptions } from '../../src/index.ts'
import { type Host, Simulation } from '../../src/testing/index.ts'

export class LineStory {
  readonly sim = new Simulation({ seed: 18, suite: nativeSuite })
  readonly nodes: GuildNode[] = []
  readonly #swarmKey: Uint8Array = new Uint8Array(32).fill(7)

  /** A node that runs, on a host of its own name; `before` sees it before it starts. */
  async node(
    name: string,
    options: NodeOptions = {},
    before: (node: GuildNode) => void = () => {},
  ): Promise<GuildNode> {
    const node = await createNode({
      name,
      swarmKey: this.#swarmKey,
      identityKey: utf8(name.padEnd(32, '.')),
      runtime: this.sim.host(name).runtime(),
      ...options,
    })
    this.nodes.push(node)
    before(node)
    await this.sim.settle(node.start())
    return node
  }

  /** Somebody at a keyboard of this host. */
  async guest(host: Host, to: { host: string; port: number }): Promise<SimulatedGuest> {
    const dialling = host.transport().dial({ ...to, signal: new AbortController().signal })
    const guest = await this.sim.settle(dialling.then(pipe => new SimulatedGuest(this.sim, pipe)))
    await this.sim.pass(50)
    return guest
  }

  async end(): Promise<void> {
    await this.sim.settle(Promise.all(this.nodes.map(node => node.stop())))
  }
}

export class SimulatedGuest {
  /** The conversation: what was typed behind `> `, what came as it came. */
  readonly lines: string[] = []
  ended = false
  readonly #sim: Simulation
  readonly #pipe: Pipe
  #rest = ''

  constructor(sim: Simulation, pipe: Pipe) {
    this.#sim = sim
    this.#pipe = pipe
    pipe.attach({
      data: bytes => {
        const lines = (this.#rest + fromUtf8(bytes)).split('\n')
        this.#rest = lines.pop()!
        this.lines.push(...lines)
      },
      drain: () => {},
      end: () => {
        this.ended = true
        pipe.end()
      },
      close: () => {
        this.ended = true
      },
    })
  }

  /** Types a line, and waits a moment for what comes of it. */
  async types(line: string): Promise<void> {
    this.lines.push(`> ${line}`)
    this.#sim.world.enter(() => void this.#pipe.write([utf8(`${line}\n`)]))
    await this.#sim.pass(50)
  }

  leaves(): void {
    this.#sim.world.enter(() => this.#pipe.end())
  }
}

/** The conversations of `protocol/line.md`, by the name of their marker. */
export async function conversations(): Promise<Record<'plain' | 'teach', string>> {
  const plain = await conversation(false, async (guest, { sim }, carol) => {
    await guest.types('bob:Bob')
    await guest.types('REQUEST_PEERS')
    await guest.types('PEERS:10.0.0.9:7000')
    await guest.types('hello everybody')
    sim.world.enter(() => carol.broadcast('hello Bob'))
    await sim.pass(50)
    await guest.types(' PING is a word of the protocol')
    await guest.types(' PING')
    await guest.types('PING')
    await sim.pass(15_000)
    await guest.types('PONG')
  })
  const teach = await conversation(true, async (guest, { sim }, carol) => {
    await guest.types('bob:Bob')
    await guest.types('REQUEST_PEERS')
    await guest.types('hello everybody')
    sim.world.enter(() => carol.broadcast('hello Bob'))
    await sim.pass(15_000)
    await guest.types('PONG')
  })
  return { plain, teach }
}

/** The page with these conversations between its markers. */
export function withConversations(page: string, told: Readonly<Record<string, string>>): string {
  return page.replace(
    /<!-- transcript (\w+) -->\n[\s\S]*?<!-- end -->/g,
    (_, name: string) => `<!-- transcript ${name} -->\n\`\`\`text\n${told[name]}\n\`\`\`\n<!-- end -->`,
  )
}

/** Alice with a line port, carol linked to her, and somebody at alice's. */
async function conversation(
  teach: boolean,
  talk: (guest: SimulatedGuest, story: LineStory, carol: GuildNode) => Promise<void>,
): Promise<string> {
  const story = new LineStory()
  await story.node('alice', { port: 8000, linePort: 7000, teach })
  const carol = await story.node('carol', { port: 8000, linePort: 7001, lineHost: '10.0.0.2' })
  await story.sim.settle(carol.connect('10.0.0.1:8000'))
  const guest = await story.guest(story.sim.host('alice'), { host: '127.0.0.1', port: 7000 })
  await talk(guest, story, carol)
  guest.leaves()
  await story.sim.pass(100)
  await story.end()
  return guest.lines.join('\n')
}
