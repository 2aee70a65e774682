/**
 * Standard input as a console: commands begin with a slash, anything else is said to all.
 *
 *   /peers   /connect <address>   /discover   /quit   /help   hello everybody
 *
 * On a terminal readline keeps a line to type on, and what arrives meanwhile
 * appears above it. From a pipe lines are read as they come, as many a second as peers will
 * take (spec: CHAT-5), so that a whole file may be said; its end leaves the node running, while the end of a terminal (Ctrl-D) is a person who leaves.
 * An unknown word with a slash is never sent: a slip must not become a message.
 *
 * Floor: cli. Page: README.md.
 */
import { clearScreenDown, createInterface, cursorTo, type Interface, moveCursor } from 'node:readline'
import { StringDecoder } from 'node:string_decoder'
import { type CliNode, codeOf, type PacketInfo, type PeerInfo, visible } from './api.ts'
import type { Io } from './io.ts'
import { json } from './json-lines.ts'
import { columnsOf } from './monitor/columns.ts'
import { bytes } from './monitor/meter.ts'
import type { Output } from './output.ts'
import { hostAndPort, peerName, shortId } from './text-lines.ts'
import { suggestion } from './usage.ts'

export interface Host {
  readonly node: CliNode
  readonly output: Output
  readonly json: boolean
  readonly now: () => Date
  /** Ends what is being waited for. */
  readonly signal: AbortSignal
  readonly quit: () => void
}

interface Word {
  readonly argument?: string
  readonly about: string
  readonly act: (host: Host, argument: string) => void
}

/** The longest line taken from a pipe: a chat text is at most 16,384 bytes. */
const longestLine = 65_536
/** Peers take 200 messages a second of us, 300 at once (spec: CHAT-5). */
const linesASecond = 150

const words: Readonly<Record<string, Word>> = {
  '/peers': { about: 'who is connected', act: listPeers },
  '/connect': { argument: '<address>', about: 'connect to a peer at host:port or a multiaddr', act: dial },
  '/discover': { about: 'ask all peers for more peers now', act: ({ node }) => node.discover() },
  '/quit': { about: 'say goodbye and end', act: ({ quit }) => quit() },
  '/help': { about: 'this list', act: help },
}

/** Does what one line asks for. */
export function obey(typed: string, host: Host): void {
  const line = typed.replace(/\r$/, '')
  if (line.trim() === '') return
  try {
    if (!line.startsWith('/')) return say(line, host)
    const [, name, argument] = /^(\S+)\s*(.*)$/s.exec(line.trim())!
    const word = Object.hasOwn(words, name!) ? words[name!]! : undefined
    if (word === undefined)
      return host.output.trouble(
        `guild-home: unknown command ${visible(name!, 40)}${suggestion(name!, Object.keys(words)) || '; /help lists them'} (not sent; begin with a space to send it as text)`,
      )
    if (word.argument !== undefined && argument === '')
      return host.output.trouble(`guild-home: ${name} needs an address: ${name} ${word.argument}`)
    if (word.argument === undefined && argument !== '')
      return host.output.trouble(
        `guild-home: ${name} takes nothing behind it (not sent; begin with a space to send it as text)`,
      )
    word.act(host, argument!)
  } catch (error) {
    complain(error, host)
  }
}

/** Reads standard input until closed. */
export function startConsole(io: Io, host: Host, interrupt: () => void): { close(): void } {
  const terminal = io.stdin.isTTY === true && io.stdout.isTTY === true && !host.json && io.env.TERM !== 'dumb'
  return terminal ? onTerminal(io, host, interrupt) : onPipe(io, host)
}

/** The peers as an aligned table, the longest name deciding. */
export function peerTable(peers: readonly PeerInfo[], maxPeers: number): string {
  const head = `${peers.length} of ${maxPeers} peers`
  if (peers.length === 0) return head
  // The path of a link in records is the system's business: only packets have the further columns.
  const inPackets = peers.some(peer => peer.packets !== undefined)
  const rows = [
    ['NAME', 'PEERID', 'ADDRESS', 'BY', 'WAY', 'RTT', ...(inPackets ? packetHead : [])],
    ...peers.map(peer => [
      peerName(peer),
      shortId(peer.peerId),
      hostAndPort(peer.address),
      visible(peer.transport, 16),
      peer.direction,
      millis(peer.rttMs),
      ...(inPackets ? packetCells(peer.packets) : []),
    ]),
  ]
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(cells => columnsOf(cells[column]!))))
  const pad = (cell: string, column: number) => cell + ' '.repeat(widths[column]! - columnsOf(cell))
  return [head, ...rows.map(cells => `  ${cells.map(pad).join('  ').trimEnd()}`)].join('\n')
}

const packetHead = ['LEAST', 'WINDOW', 'IN FLIGHT', 'LOST', 'MTU', 'CONTROL']

function packetCells(packets: PacketInfo | undefined): string[] {
  if (packets === undefined) return packetHead.map(() => '-')
  const { leastRttMs, congestionWindow, bytesInFlight, packetsLost, lossShare, mtu, congestion } = packets
  return [
    millis(leastRttMs),
    bytes(congestionWindow),
    bytes(bytesInFlight),
    packetsLost === 0 ? '0' : `${packetsLost} (${(100 * lossShare).toFixed(2)} %)`,
    String(mtu),
    visible(congestion, 16),
  ]
}

function millis(time: number | undefined): string {
  return time === undefined ? '-' : `${time.toFixed(1)} ms`
}

function say(text: string, { node, output }: Host): void {
  node.broadcast(text)
  if (node.peers.length === 0) output.note('nobody is connected yet, so nobody heard that')
}

function listPeers({ node, output, json: asJson, now }: Host): void {
  const { peers, maxPeers } = node
  if (!asJson) return output.line(peerTable(peers, maxPeers))
  const rows = peers.map(peer => ({ ...peer, rttMs: peer.rttMs ?? null }))
  output.line(json({ event: 'peers', peers: rows, maxPeers, time: now().toISOString() }))
}

function dial(host: Host, address: string): void {
  const { node, output, signal } = host
  output.note(`connecting to ${visible(address, 100)}`)
  node.connect(address, { signal }).catch((error: unknown) => {
    if (!signal.aborted) complain(error, host)
  })
}

function help({ output }: Host): void {
  const rows = Object.entries(words).map(([name, { argument, about }]) => [
    `${name}${argument === undefined ? '' : ` ${argument}`}`,
    about,
  ])
  rows.push(['anything else', 'is sent to all peers'])
  for (const [left, right] of rows) output.trouble(`  ${left!.padEnd(20)}  ${right}`)
}

function complain(error: unknown, { output }: Host): void {
  const code = codeOf(error)
  const message = error instanceof Error ? error.message : String(error)
  output.trouble(`guild-home: ${visible(message)}${code === undefined ? '' : ` (${code})`}`)
}

function onPipe(io: Io, host: Host): { close(): void } {
  const { stdin } = io
  const decoder = new StringDecoder('utf8')
  let rest = ''
  let skipping = false
  /** Of one read; no more is read until they were obeyed. */
  const waiting: string[] = []
  let left = linesASecond
  let pause: NodeJS.Timeout | undefined
  const take = (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    for (const line of lines) {
      if (skipping) skipping = false
      else if (line.length > longestLine) tooLong()
      else waiting.push(line)
    }
    if (skipping) rest = ''
    else if (rest.length > longestLine) {
      tooLong()
      skipping = true
      rest = ''
    }
    inTurn()
  }
  const inTurn = () => {
    for (; left > 0 && waiting.length > 0; left--) obey(waiting.shift()!, host)
    if (waiting.length > 0) stdin.pause()
    else if (stdin.isPaused()) stdin.resume()
    if (left === linesASecond || pause !== undefined) return
    pause = setTimeout(() => {
      pause = undefined
      left = linesASecond
      inTurn()
    }, 1000)
  }
  const tooLong = () =>
    host.output.trouble(`guild-home: a line of more than ${longestLine} characters was left out`)
  const data = (bytes: Uint8Array | string) =>
    take(typeof bytes === 'string' ? bytes : decoder.write(Buffer.from(bytes)))
  const end = () => {
    if (rest !== '' && !skipping) obey(rest, host)
    rest = ''
    if (stdin.isTTY === true) host.quit()
  }
  // A standard input that cannot be read is one that has ended.
  const broken = () => {}
  stdin.on('data', data).on('end', end).on('error', broken)
  return {
    close() {
      stdin.off('data', data).off('end', end)
      clearTimeout(pause)
      stdin.pause()
    },
  }
}

function onTerminal(io: Io, host: Host, interrupt: () => void): { close(): void } {
  const { stdin, stdout } = io
  const prompt = createInterface({ input: stdin, output: stdout, prompt: '> ', terminal: true })
  let closed = false
  prompt.on('line', line => {
    obey(line, host)
    if (!closed) prompt.prompt()
  })
  prompt.on('SIGINT', interrupt)
  prompt.on('close', () => {
    if (!closed) host.quit()
  })
  host.output.around = write => {
    takeAway(prompt, stdout)
    write()
    prompt.prompt(true)
  }
  prompt.prompt()
  return {
    close() {
      closed = true
      host.output.around = undefined
      takeAway(prompt, stdout)
      prompt.close()
    },
  }
}

/** Clears the prompt and what stands behind it, however many rows it fills. */
function takeAway(prompt: Interface, stdout: Io['stdout']): void {
  const { rows } = prompt.getCursorPos()
  if (rows > 0) moveCursor(stdout, 0, -rows)
  cursorTo(stdout, 0)
  clearScreenDown(stdout)
  // readline steps up as many rows as it drew the last time, which would be over what is
  // written in between: tell it that its line begins where the cursor stands.
  ;(prompt as { prevRows?: number }).prevRows = 0
}
