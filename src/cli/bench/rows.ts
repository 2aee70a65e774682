/**
 * What a measurement says: one figure beside that of the raw socket in the same run.
 *
 *   {"name":"tcp-bulk","unit":"MB/s","value":1031,"baseline":2240,"ratio":0.46}
 *
 * Figures move with the machine and the day; the ratio is what travels. MB = 10^6 bytes.
 *
 * Floor: cli. Page: README.md.
 */

export interface Row {
  readonly name: string
  readonly unit: string
  readonly value: number
  /** The raw socket's figure; null where there is nothing to set beside. */
  readonly baseline: number | null
  /** value / baseline: better above 1 for rates, below 1 for times and costs. */
  readonly ratio: number | null
  /** What was measured, in words. For people only. */
  readonly about: string
}

/** The medians of what was measured, to four digits. */
export function rowOf(
  about: Pick<Row, 'name' | 'unit' | 'about'>,
  values: readonly number[],
  baselines: readonly number[] = [],
): Row {
  const value = median(values)
  const baseline = baselines.length === 0 ? null : median(baselines)
  const ratio = baseline === null || baseline === 0 ? null : value / baseline
  return {
    ...about,
    value: short(value),
    baseline: baseline === null ? null : short(baseline),
    ratio: ratio === null ? null : short(ratio),
  }
}

/** What `--json` shows of a row. */
export function fieldsOf({ name, unit, value, baseline, ratio }: Row): Omit<Row, 'about'> {
  return { name, unit, value, baseline, ratio }
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** The value below which a share of the values lies; between two of them, the weighted mean. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const at = share * (sorted.length - 1)
  const [low, high] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]]
  if (low === undefined || high === undefined) return Number.NaN
  return low + (high - low) * (at - Math.floor(at))
}

/** A table, numbers to the right. */
export function tableOf(rows: readonly Row[]): string {
  const cells = rows.map(row => [
    row.name,
    figure(row.value),
    row.baseline === null ? '' : figure(row.baseline),
    row.ratio === null ? '' : row.ratio.toFixed(2),
    row.unit,
    row.about,
  ])
  const all = [['', 'guild-home', 'raw', 'ratio', '', ''], ...cells]
  const widths = all[0]!.map((_, column) => Math.max(...all.map(line => line[column]!.length)))
  return all
    .map(line =>
      line
        .map((cell, at) => (at > 0 && at < 4 ? cell.padStart(widths[at]!) : cell.padEnd(widths[at]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function figure(value: number): string {
  if (Math.abs(value) < 100) return value.toPrecision(3)
  return Math.round(value).toLocaleString('en-US')
}

function short(value: number): number {
  return Number(value.toPrecision(4))
}
