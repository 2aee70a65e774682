/**
 * `guild-home get <cid[/path]> [-o out]`: a file or folder onto the disk, from everybody who has it.
 *
 * Cut short, by Ctrl-C, a crash or a failure, it is called again and goes on: blocks that came are
 * in the store, files that were finished are kept. Nothing is written outside of `out`.
 *
 * Exit codes: 3 nobody has it or the path leads nowhere, 5 a name in it would lead outside, 130 cut.
 *
 * Floor: cli. Faults: UX-01, UX-02, UX-03.
 */
import { visible } from '../api.ts'
import { cidPath, formatCid, onlyWord } from '../cid-words.ts'
import { onContents } from '../contents.ts'
import type { Context } from '../context.ts'
import type { ExitCode } from '../exit-codes.ts'
import { json } from '../json-lines.ts'
import { bytes as shownBytes } from '../monitor/meter.ts'
import { ProgressLine } from '../progress.ts'

export async function get(context: Context): Promise<ExitCode> {
  const { io, output, invocation } = context
  const { settings, words } = invocation
  const wanted = cidPath(onlyWord('get', 'a CID: guild-home get <cid[/path]> [-o out]', words))
  const out = settings.output ?? wanted.name
  return await onContents(context, async ({ files }, signal) => {
    const progress = new ProgressLine(io.stderr, io.env)
    const begun = performance.now()
    try {
      const got = await files.get(wanted.text, out, {
        offline: settings.offline,
        signal,
        onProgress(at) {
          progress.about(at.path || out, at.of)
          progress.reached(at.bytes)
        },
      })
      const seconds = Math.round(performance.now() - begun) / 1000
      progress.close()
      const { bytes, sources, duplicateBytes } = got
      if (settings.json)
        output.line(json({ cid: formatCid(got.cid), bytes, seconds, sources, duplicateBytes }))
      else {
        const peers =
          sources.length === 0 ? '' : `, from ${sources.length} ${sources.length === 1 ? 'peer' : 'peers'}`
        const speed = seconds > 0 ? `, ${shownBytes(bytes / seconds)}/s` : ''
        output.line(`saved ${shownBytes(bytes)} as ${visible(out, 200)} in ${seconds} s${speed}${peers}`)
      }
    } catch (error) {
      if (signal.aborted) output.note('what has come is kept: the same command goes on from there')
      throw error
    } finally {
      progress.close()
    }
  })
}
