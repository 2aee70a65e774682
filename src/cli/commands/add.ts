/**
 * `guild-home add <path…>`: files and folders become blocks, and their CID is printed last.
 *
 * The process that is called reads the files and cuts them; the node that runs, or the store
 * where none does, keeps the blocks. The CID is printed once they are durable and pinned.
 *
 * Exit codes: 3 no such file, 1 the disk is full.
 *
 * Floor: cli.
 */
import { type AddProgress, visible } from '../api.ts'
import { formatCid } from '../cid-words.ts'
import { onContents } from '../contents.ts'
import type { Context } from '../context.ts'
import type { ExitCode } from '../exit-codes.ts'
import { json } from '../json-lines.ts'
import { bytes as shownBytes } from '../monitor/meter.ts'
import { ProgressLine } from '../progress.ts'
import { UsageError } from '../usage.ts'

export async function add(context: Context): Promise<ExitCode> {
  const { io, output, invocation } = context
  const { words, settings } = invocation
  if (words.length === 0)
    throw new UsageError('add needs a file or folder: guild-home add <path…>, or - for what comes in')
  if (words.filter(word => word === '-').length > 1) throw new UsageError('add takes - once')
  return await onContents(context, async ({ files }, signal) => {
    for (const word of words) {
      const progress = new ProgressLine(io.stderr, io.env)
      let last: AddProgress = { path: '', bytes: 0, blocks: 0 }
      try {
        const cid = await files.add(word === '-' ? io.stdin : word, {
          profile: settings.profile,
          hidden: settings.hidden,
          wrap: settings.wrap,
          mode: settings.preserve,
          mtime: settings.preserve,
          pin: settings.pin,
          signal,
          onProgress(at) {
            last = at
            progress.about(at.path, at.of)
            progress.reached(at.bytes)
          },
        })
        progress.close()
        const { bytes, blocks } = last
        if (settings.json) output.line(json({ cid: formatCid(cid), bytes, blocks }))
        else {
          output.note(`added ${visible(word, 200)}: ${shownBytes(bytes)} in ${blocks} blocks`)
          output.line(formatCid(cid))
        }
      } finally {
        progress.close()
      }
    }
  })
}
