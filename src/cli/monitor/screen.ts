/**
 * The whole terminal as a list of lines, redrawn where it changed.
 *
 *   enter   other screen, no cursor, no wrapping    CSI ?1049h ?25l ?7l
 *   draw    for each line that differs: CSI row;1H, CSI 2K, the line
 *   leave   all of it back, on every way out
 *
 * The lines hold no control characters: whoever makes them escapes what came from others. The
 * only sequences written are those of this file, and styles are given beside a line, never in
 * it. The cursor is placed for every line, so no line can push another.
 *
 * Floor: cli. Faults: CL-02.
 */
import type { Writable } from 'node:stream'
import { cut } from './columns.ts'

export interface Terminal extends Writable {
  readonly columns?: number
  readonly rows?: number
}

export interface Line {
  readonly text: string
  readonly style?: 'bold' | 'dim' | 'reverse' | undefined
}

const csi = '\u001b['
const styles = { bold: `${csi}1m`, dim: `${csi}2m`, reverse: `${csi}7m` } as const
const plain = `${csi}0m`

export class Screen {
  readonly #terminal: Terminal
  #shown: string[] = []
  #lines: readonly Line[] = []
  #entered = false
  readonly #resized = (): void => this.repaint()

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  get columns(): number {
    return Math.max(1, this.#terminal.columns ?? 80)
  }

  get rows(): number {
    return Math.max(1, this.#terminal.rows ?? 24)
  }

  enter(): void {
    if (this.#entered) return
    this.#entered = true
    this.#terminal.write(`${csi}?1049h${csi}?25l${csi}?7l${csi}2J`)
    this.#terminal.on('resize', this.#resized)
  }

  /** Shows these lines and nothing else; what does not fit below is left out. */
  draw(lines: readonly Line[]): void {
    if (!this.#entered) return
    this.#lines = lines
    let out = ''
    for (let row = 0; row < this.rows; row++) {
      const painted = this.#paint(lines[row])
      if (painted === (this.#shown[row] ?? '')) continue
      this.#shown[row] = painted
      // Erased first: behind a full line the cursor stands on its last character.
      out += `${csi}${row + 1};1H${csi}2K${painted}`
    }
    if (out !== '') this.#terminal.write(out)
  }

  /** All of it again: the window changed, or something else wrote on it. */
  repaint(): void {
    if (!this.#entered) return
    this.#shown = []
    this.#terminal.write(`${csi}?7l${csi}?25l${csi}2J`)
    this.draw(this.#lines)
  }

  /** May be called again. */
  leave(): void {
    if (!this.#entered) return
    this.#entered = false
    this.#terminal.off('resize', this.#resized)
    this.#terminal.write(`${plain}${csi}?7h${csi}?25h${csi}?1049l`)
  }

  #paint(line: Line | undefined): string {
    if (line === undefined || line.text === '') return ''
    const text = cut(line.text, this.columns)
    return line.style === undefined ? text : `${styles[line.style]}${text}${plain}`
  }
}
