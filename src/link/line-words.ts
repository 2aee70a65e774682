/**
 * What a line port says in words: HELP, and with `--teach` what each line meant.
 *
 *   PING
 *   PONG
 *   # PING: you asked whether alice is there, and PONG says yes. Between nodes it is frame 0x01, with …
 *
 * Words begin with `# `. What others say begins with `[`, and messages are words of their own, so
 * that nobody can speak as the gateway. Text of others in them is escaped.
 *
 * Page: protocol/line.md · Floor: link. Faults: CL-02, CL-03.
 */
import { visible } from '../base/text.ts'
import { limits } from '../wire/limits.ts'
import type { ControlMessage, LineRefusal } from '../wire/line.ts'
import { frameTypes } from '../wire/registry.ts'

/** What words speak of. */
export interface LineFacts {
  /** Of the gateway. */
  readonly name: string
  readonly peerId: string
  /** Its links to other nodes, and its guests, the reader among them. */
  readonly peers: number
  readonly guests: number
  /** Seconds of silence after which a guest is gone. */
  readonly patience: number
}

export function helpWords({ name }: LineFacts): string[] {
  const gateway = visible(name, limits.name)
  return [
    `# You are at the line port of ${gateway}, a guild-home node. A line is a message.`,
    '#   ID:NAME        your first line: an id for programs, a name for people, as in bob:Bob',
    '#   PING           is answered with PONG; answer a PING with PONG, or with any other line',
    '#   REQUEST_PEERS  is answered with PEERS: and the line ports of other nodes',
    '#   PEERS:A,B      tells line ports you know, as host:port or [v6]:port',
    '#   HELP           this text',
    '#   anything else  is said to everybody; put a space before a word from above to say it',
    '# What others say comes as [name] text. End with Ctrl-C. None of this is encrypted.',
  ]
}

/** Before the first line. */
export function greetingWords({ name }: LineFacts): string[] {
  return [
    `# This is the line port of ${visible(name, limits.name)}. It explains each line (--teach).`,
    '# First say who you are: an id, a colon, your name, and Enter. For example: bob:Bob',
  ]
}

/** A guest was let in. */
export function admittedWords({ name, peerId }: LineFacts, id: string): string[] {
  return [
    `# HELLO: you said who you are, and ${visible(name, limits.name)} answered with its PeerId and its name. The mesh knows you as line:${id}@${peerId}.`,
    '# Between nodes HELLO is the sealed payload of a handshake that also proves the swarm key (protocol/handshake.md).',
    '# Now type anything to say it to everybody, or HELP.',
  ]
}

/** A guest was turned away. */
export function refusedWords(reason: LineRefusal): string[] {
  return reason === 'DUPLICATE'
    ? ['# DUPLICATE: somebody with this id is here already. Come back with another id.']
    : ['# MAX_PEERS: this node has as many peers as it may. Try the line port of another one.']
}

/** What a line of the guest meant, and what came of it. */
export function heardWords(message: ControlMessage, facts: LineFacts): string[] {
  const gateway = visible(facts.name, limits.name)
  switch (message.message) {
    case 'PING':
      return [
        `# PING: you asked whether ${gateway} is there, and PONG says yes. Between nodes it is frame ${hex('PING')} with 8 random bytes, which PONG (${hex('PONG')}) brings back.`,
      ]
    case 'PONG':
      return [`# PONG: ${gateway} knows that you are there. It asks again later.`]
    case 'REQUEST_PEERS':
      return [
        `# REQUEST_PEERS: PEERS: lists line ports of nodes that ${gateway} is linked to; nc can talk to those and to no other port. Between nodes: frames ${hex('REQUEST_PEERS')} and ${hex('PEERS')}.`,
      ]
    case 'PEERS':
      return [
        `# PEERS: you told ${count(message.addresses.length, 'line port')}. Thank you; ${gateway} dials no address because a guest says so.`,
      ]
    case 'CHAT':
      return [
        `# CHAT: ${gateway} signed it in your name and sent it to ${count(facts.peers, 'node')} (frame ${hex('CHAT')}) and ${count(facts.guests - 1, 'other guest')}.`,
      ]
    default:
      return []
  }
}

/** What a line to the guest means. */
export function toldWords(message: 'PING' | 'CHAT', facts: LineFacts, from = ''): string[] {
  if (message === 'PING')
    return [
      `# PING: are you there? Type PONG, or anything. After ${facts.patience} s of silence you are taken for gone.`,
    ]
  return [
    from.startsWith('line:')
      ? `# CHAT: from a guest, ${visible(from, 120)}, vouched for by the node behind the @.`
      : `# CHAT: from the node ${visible(from, 120)}, which signed it.`,
  ]
}

/** What stays unsaid, and why; said with or without `--teach`. */
export const notices = {
  malformed: (why: string) => `# Not a message: ${visible(why, 200)}. HELP lists what there is.`,
  refusal: '# DUPLICATE and MAX_PEERS are answers of a node; from you they mean nothing.',
  tooFast: (perSecond: number) =>
    `# Too fast: lines above ${perSecond} a second are left out until you slow down.`,
  tooSlow: (lines: number) => `# ${count(lines, 'line')} left out here, for you read too slowly.`,
} as const

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}

function hex(frame: keyof typeof frameTypes): string {
  return `0x${frameTypes[frame].type.toString(16).padStart(2, '0')}`
}
