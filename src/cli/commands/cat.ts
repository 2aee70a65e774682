/**
 * `guild-home cat <cid[/path]>`: the bytes of a file on standard output, as they come.
 *
 * Fetched no faster than they are read, and a reader that goes ends it quietly. With `--json` each
 * chunk is a line, its bytes in base64.
 *
 * Floor: cli. Faults: CL-05.
 */

import { cidPath, formatCid, onlyWord } from '../cid-words.ts'
import { onContents } from '../contents.ts'
import type { Context } from '../context.ts'
import type { ExitCode } from '../exit-codes.ts'
import { json } from '../json-lines.ts'
import { writeRaw } from '../raw-output.ts'

export async function cat(context: Context): Promise<ExitCode> {
  const { io, output, invocation } = context
  const { settings, words } = invocation
  const wanted = cidPath(onlyWord('cat', 'a CID: guild-home cat <cid[/path]>', words))
  return await onContents(context, async ({ files }, signal) => {
    let offset = settings.offset
    const { length, offline } = settings
    for await (const chunk of files.cat(wanted.text, { offset, length, offline, signal })) {
      if (settings.json) {
        const data = Buffer.from(chunk).toString('base64')
        output.line(json({ cid: formatCid(wanted.cid), offset, bytes: chunk.length, data }))
      } else if (!(await writeRaw(io.stdout, chunk))) return
      offset += chunk.length
    }
  })
}
