/**
 * Figures with their bounds, and how they are shown.
 */
export interface Figure {
  readonly name: string
  readonly value: number
  readonly unit: string
  /** Passed when `value` is on the right side of it; no bound: told only. */
  readonly most?: number
  readonly least?: number
}

export interface Outcome {
  readonly flood: string
  readonly codes: string
  readonly seconds: number
  readonly figures: readonly Figure[]
}

export function holds({ value, most, least }: Figure): boolean {
  if (Number.isNaN(value)) return most === undefined && least === undefined
  return (most === undefined || value <= most) && (least === undefined || value >= least)
}

export function failures(outcome: Outcome): Figure[] {
  return outcome.figures.filter(figure => !holds(figure))
}

export function lines({ flood, codes, seconds, figures }: Outcome): string {
  const width = Math.max(...figures.map(({ name }) => name.length))
  const rows = figures.map(figure => `  ${holds(figure) ? 'ok    ' : 'FAILED'} ${line(figure, width)}`)
  return [`${flood}  ${codes}  ${seconds.toFixed(1)} s`, ...rows].join('\n')
}

/** `memory left  0.629 MiB (at most 2)`. */
export function line({ name, value, unit, most, least }: Figure, width = 0): string {
  const bound = [
    most === undefined ? '' : ` (at most ${short(most)})`,
    least === undefined ? '' : ` (at least ${short(least)})`,
  ]
  return `${name.padEnd(width)}  ${short(value)} ${unit}${bound.join('')}`
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}

/** Bytes as MiB. */
export function mib(bytes: number): number {
  return bytes / 2 ** 20
}

function short(value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString('en-US')
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en-US') : value.toPrecision(3)
}
