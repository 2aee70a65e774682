/** `monitor` and the console in a real terminal, beside a peer that wants to paint on it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { decodeSwarmKey } from '../../src/wire/swarm-key.ts'
import { evilPeer } from '../support/evil-peer.ts'
import { Folder, freePorts, notBuilt } from '../support/processes.ts'
import { noTmux, Tmux } from '../support/tmux.ts'

const program = join(import.meta.dirname, '../../../bin/guild-home.js')
const reason = { ...notBuilt, ...noTmux }

/** Colour, a moved cursor, a cleared screen, a title, a bell, and text that turns around. */
const evil = '\u001b[31mred\u001b[2J\u001b[1;1Hhome\u001b]0;title\u0007\r\n\u0008\u202Eright\u009b5m'
const evilName = '\u001b[5mbob\u0007\n\u202e'
/** As a person is to see it. */
const shown = '\\x1b[31mred\\x1b[2J\\x1b[1;1Hhome\\x1b]0;title\\x07\\r\\n\\x08\\u{202e}right\\x9b5m'

t.test('CL-02 CL-03 monitor and console: nothing from a peer paints, rings or moves', reason, async t => {
  const folder = new Folder()
  const terminal = new Tmux(folder.path)
  t.teardown(async () => {
    terminal.close()
    await folder.remove()
  })
  const [port] = (await freePorts(1)) as [number]
  const env = {
    HOME: folder.path,
    XDG_CONFIG_HOME: join(folder.path, 'config'),
    NO_COLOR: '1',
    LC_ALL: 'C.UTF-8',
  }
  const guild = `'${process.execPath}' '${program}'`

  // The console, on a terminal of its own.
  terminal.open(`${guild} run -p ${port} -n alice --no-mdns --host 127.0.0.1`, folder.path, env)
  await terminal.shows(/listening on port/)
  const title = terminal.says('#{pane_title}')
  const key = readFileSync(join(env.XDG_CONFIG_HOME, 'guild-home/swarm.key'))
  const peer = evilPeer({ swarmKey: decodeSwarmKey(key), name: evilName })
  t.teardown(() => peer.stop())
  await peer.start()
  await peer.connect(`127.0.0.1:${port}`)
  terminal.keys('-l', 'half a line')
  peer.say(evil)
  const said = await terminal.shows(/red/)
  t.ok(joined(said).includes(shown), said)
  t.match(said, /^> half a line$/m, 'what is being typed stands below, as it was')
  t.match(said, /\["\\x1b\[5mbob\\x07\\n\\u\{202e\}"\]/, 'its name is on one line')
  unharmed(t, terminal, title)
  t.equal(terminal.rows(true).join('').includes('\u001b['), false, 'NO_COLOR: nothing has a colour')

  // The monitor, beside it.
  const watch = (): Tmux => {
    const opened = new Tmux(folder.path)
    t.teardown(() => opened.close())
    opened.open(`${guild} monitor --interval 200ms`, folder.path, env)
    return opened
  }
  let window = watch()
  await window.shows(/1\/20/)
  t.equal(window.says('#{alternate_on} #{cursor_flag}'), '1 0', 'a screen of its own, no cursor')
  peer.say(evil)
  const screen = await window.shows(/red/)
  t.match(screen, /^ alice {2}12D3KooW\S+ {2}port \d+ {2}up \d/)
  t.match(screen, /NAME +PEERID +ADDRESS +WAY +RTT +IN\/s +OUT\/s +TRAFFIC/)
  t.match(screen, /^ \\x1b\[5mbob\\x07\\n\\u/m)
  t.ok(screen.includes(shown.slice(0, 40)), screen)
  unharmed(t, window, title)
  const styles = window
    .rows(true)
    .join('')
    .replaceAll('\u001b', 'ESC')
    .match(/ESC[^m]*m/g)
  for (const style of new Set(styles)) t.match(style, /^ESC\[(0|1|2|7|39|49)?m$/, 'only styles of ours')
  await window.shows(/[▁▂▃▄▅▆▇█]/)

  window.resize(60, 8)
  await window.shows(/^.{1,60}\n[\s\S]*q or Ctrl-C leaves/)
  t.equal(window.rows().length, 8)
  for (const row of window.rows()) t.ok([...row].length <= 60)
  window.resize(100, 20)
  await window.shows(/q or Ctrl-C leaves; the node goes on\s*$/)

  for (const [how, key] of [
    ['q', 'q'],
    ['Ctrl-C', 'C-c'],
  ] as const) {
    window.keys(key)
    await until(
      () => window.says('#{alternate_on} #{cursor_flag}') === '0 1',
      `${how} gives the terminal back`,
    )
    t.notMatch(window.rows().join(''), 'NAME', `${how}: nothing of it is left`)
    window = watch()
    await window.shows(/1\/20/)
  }
  // What is said not to have happened is seen when it happens.
  const control = new Tmux(folder.path)
  t.teardown(() => control.close())
  control.open("printf '\\033]0;evil\\007\\007done'", folder.path, env)
  await control.shows(/done/)
  t.equal(control.says('#{window_bell_flag} #{pane_title}'), '1 evil', 'a bell and a title would show')

  terminal.keys('C-c')
  await until(() => window.says('#{alternate_on} #{cursor_flag}') === '0 1', 'the end of the node too')
  await window.shows(/GH_LINK_CLOSED/)
})

/** No bell, no title, no cursor where it does not belong. */
function unharmed(
  t: { equal(found: unknown, wanted: unknown, about: string): unknown },
  terminal: Tmux,
  title: string,
): void {
  t.equal(terminal.says('#{window_bell_flag}'), '0', 'no bell')
  t.equal(terminal.says('#{pane_title}'), title, 'no title')
}

/** Wrapped rows as one line again. */
function joined(screen: string): string {
  return screen.replaceAll('\n', '')
}

async function until(holds: () => boolean, what: string): Promise<void> {
  const end = performance.now() + 15_000
  while (!holds()) {
    if (performance.now() > end) throw new Error(`never: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}
