/**
 * `guild-home pin add|ls|rm` and `guild-home gc`: what stays, and what goes.
 *
 * A pin keeps a block and all it leads to; `gc` removes what no pin leads to.
 *
 * Exit codes: 3 no such pin, or a block of it that nobody has.
 *
 * Floor: cli.
 */
import type { Progress } from '../api.ts'
import { actionOf, cidPath, formatCid } from '../cid-words.ts'
import { onContents } from '../contents.ts'
import type { Context } from '../context.ts'
import type { ExitCode } from '../exit-codes.ts'
import { json } from '../json-lines.ts'
import { bytes as shownBytes } from '../monitor/meter.ts'
import { CountLine } from '../progress.ts'
import { UsageError } from '../usage.ts'

export async function pin(context: Context): Promise<ExitCode> {
  const { io, output, invocation } = context
  const { settings, words } = invocation
  const { action, rest } = actionOf('pin', ['add', 'ls', 'rm'], words)
  if (action === 'ls') {
    if (rest.length > 0) throw new UsageError('pin ls takes no words')
    return await onContents(context, async ({ blocks }, signal) => {
      for await (const { cid, recursive } of blocks.pins.ls({ signal })) {
        if (output.gone !== undefined) return
        const type = recursive ? 'recursive' : 'direct'
        output.line(settings.json ? json({ cid: formatCid(cid), type }) : `${formatCid(cid)} ${type}`)
      }
    })
  }
  if (rest.length === 0) throw new UsageError(`pin ${action} needs a CID, or several`)
  const cids = rest.map(word => cidPath(word).cid)
  return await onContents(context, async ({ blocks }, signal) => {
    for (const cid of cids) {
      const line = new CountLine(io.stderr, io.env, formatCid(cid))
      try {
        if (action === 'rm') await blocks.pins.rm(cid, { signal })
        else
          await blocks.pins.add(cid, {
            recursive: !settings.direct,
            offline: settings.offline,
            signal,
            onProgress: at => line.reached(at.blocks, at.of),
          })
      } finally {
        line.close()
      }
      const done = action === 'rm' ? 'unpinned' : 'pinned'
      output.line(settings.json ? json({ cid: formatCid(cid), [done]: true }) : `${done} ${formatCid(cid)}`)
    }
  })
}

export async function gc(context: Context): Promise<ExitCode> {
  const { io, output, invocation } = context
  if (invocation.words.length > 0) throw new UsageError('gc takes no words; see guild-home gc --help')
  return await onContents(context, async ({ blocks }, signal) => {
    const line = new CountLine(io.stderr, io.env, 'gc')
    let result: { readonly removed: number; readonly bytes: number }
    try {
      const onProgress = (at: Progress): void => line.reached(at.blocks, at.of)
      result = await blocks.gc({ signal, onProgress })
    } finally {
      line.close()
    }
    const { removed, bytes } = result
    output.line(
      invocation.settings.json ? json({ removed, bytes }) : `removed ${removed} blocks, ${shownBytes(bytes)}`,
    )
  })
}
