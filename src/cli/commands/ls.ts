/**
 * `guild-home ls <cid[/path]>` and `guild-home stat <cid[/path]>`: what a folder holds, and what one entry is.
 *
 *   bafkrei…        1.2 kB  notes.txt
 *   bafybei…             -  photos/
 *
 * Floor: cli. Faults: CL-02.
 */
import { type FileStat, visible } from '../api.ts'
import { cidPath, formatCid, onlyWord } from '../cid-words.ts'
import { onContents } from '../contents.ts'
import type { Context } from '../context.ts'
import type { ExitCode } from '../exit-codes.ts'
import { json } from '../json-lines.ts'
import { bytes } from '../monitor/meter.ts'

export async function ls(context: Context): Promise<ExitCode> {
  const { output, invocation } = context
  const { settings, words } = invocation
  const wanted = cidPath(onlyWord('ls', 'a CID: guild-home ls <cid[/path]>', words))
  return await onContents(context, async ({ files }, signal) => {
    for await (const { name, cid, type, size } of files.ls(wanted.text, {
      offline: settings.offline,
      signal,
    })) {
      if (output.gone !== undefined) return
      if (settings.json) output.line(json({ name, type, cid: formatCid(cid), size }))
      else {
        const amount = size === undefined ? '-' : bytes(size)
        output.line(`${formatCid(cid)} ${amount.padStart(8)}  ${visible(name)}${marks[type]}`)
      }
    }
  })
}

const marks: Readonly<Record<FileStat['type'], string>> = {
  file: '',
  directory: '/',
  symlink: '@',
  other: '?',
}

export async function stat(context: Context): Promise<ExitCode> {
  const { output, invocation } = context
  const { settings, words } = invocation
  const wanted = cidPath(onlyWord('stat', 'a CID: guild-home stat <cid[/path]>', words))
  return await onContents(context, async ({ files }, signal) => {
    const { cid, type, size, mode, mtime, target } = await files.stat(wanted.text, {
      offline: settings.offline,
      signal,
    })
    const text = formatCid(cid)
    if (settings.json) output.line(json({ cid: text, type, size, mode, mtime, target }))
    else
      output.line(
        [
          text,
          `  ${type}${size === undefined ? '' : `, ${size} bytes`}`,
          ...(mode === undefined ? [] : [`  mode ${mode.toString(8).padStart(4, '0')}`]),
          ...(mtime === undefined ? [] : [`  changed ${new Date(mtime * 1000).toISOString()}`]),
          ...(target === undefined ? [] : [`  leads to ${visible(target, 200)}`]),
        ].join('\n'),
      )
  })
}
