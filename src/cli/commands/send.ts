/**
 * `guild-home send [--to <peer>] <text>`: say something to all, or to one.
 *
 * The running node says it. Where none runs, a short-lived one joins through `--bootstrap`,
 * waits a moment for the others, says it and goes. A message to one is done when the other
 * side has shown it; one to all when it has left.
 *
 * Exit codes: 3 nobody is there, 2 the name fits two.
 *
 * Floor: cli.
 */
import { type Api, codeOf, GuildError } from '../api.ts'
import type { Context } from '../context.ts'
import type { ExitCode } from '../exit-codes.ts'
import { anyOf, nextPeer, settled } from '../gathering.ts'
import { json } from '../json-lines.ts'
import { findNode, oneShot, wantsOwnNode } from '../running.ts'
import { shortLived } from '../short-lived.ts'
import { peerName } from '../text-lines.ts'
import { throughTrackers } from '../through-trackers.ts'
import { UsageError } from '../usage.ts'

/** What said it: a running node through its socket, or one of our own. */
interface Voice {
  broadcast(text: string): Promise<number>
  send(text: string, to: string): Promise<{ readonly peerId: string; readonly name: string }>
}

export async function send(context: Context): Promise<ExitCode> {
  const text = context.invocation.words.join(' ')
  if (text === '') throw new UsageError('send needs a text: guild-home send [--to <peer>] <text>')
  return await oneShot(context, async (api, { signal }) => {
    if (wantsOwnNode(context)) context.output.note('starting a short-lived node for this call')
    const control = wantsOwnNode(context) ? undefined : await findNode(api, context, signal)
    if (control === undefined) return await withOwnNode(context, api, signal, text)
    try {
      await say(context, text, {
        broadcast: words => control.broadcast(words, { signal }),
        send: (words, to) => control.send(words, { to, signal }),
      })
    } finally {
      await control.close()
    }
  })
}

async function say({ output, invocation }: Context, text: string, voice: Voice): Promise<void> {
  const { to, json: asJson } = invocation.settings
  if (to !== undefined) {
    const { peerId, name } = await voice.send(text, to)
    output.line(asJson ? json({ to: peerId, name }) : `Sent to ${peerName({ peerId, name })} (${peerId})`)
    return
  }
  const peers = await voice.broadcast(text)
  if (peers === 0) throw new GuildError('GH_PEER_UNKNOWN', 'nobody is connected, so nobody heard that')
  output.line(asJson ? json({ peers }) : `Sent to ${peers} ${peers === 1 ? 'peer' : 'peers'}`)
}

async function withOwnNode(context: Context, api: Api, signal: AbortSignal, text: string): Promise<void> {
  const { settings } = context.invocation
  const { bootstrap, trackers, connectTimeout } = settings
  if (bootstrap.length + trackers.length === 0)
    throw new GuildError(
      'GH_CONTROL_ABSENT',
      'and a short-lived one needs --bootstrap or --trackers, to know whom to call',
    )
  await shortLived(context, api, signal, async node => {
    await anyOf([
      ...bootstrap.map(async address => void (await node.connect(address, { signal }))),
      ...(trackers.length === 0 ? [] : [throughTrackers(context, node, signal)]),
    ])
    const deadline = performance.now() + connectTimeout * 1000
    await say(context, text, {
      async broadcast(words) {
        await settled(node, signal)
        node.broadcast(words)
        return node.peers.length
      },
      async send(words, to) {
        for (;;) {
          const enough = new AbortController()
          const either = AbortSignal.any([signal, enough.signal])
          const change = nextPeer(node, Math.max(0, deadline - performance.now()), either)
          try {
            return await node.send(to, words, { signal })
          } catch (error) {
            if (codeOf(error) !== 'GH_PEER_UNKNOWN' || !(await change)) throw error
          } finally {
            enough.abort()
          }
        }
      },
    })
  })
}
