/**
 * Figures for machines that watch: OpenMetrics text.
 *
 *   # TYPE guild_tracker_requests counter
 *   # HELP guild_tracker_requests Requests by status.
 *   guild_tracker_requests_total{status="200"} 17
 *   # EOF
 *
 * Source: OpenMetrics 1.0. Floor: http.
 */
export const METRICS_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8'

export interface Metric {
  readonly name: string
  readonly kind: 'counter' | 'gauge'
  readonly help: string
  readonly samples: readonly { readonly labels?: Readonly<Record<string, string>>; readonly value: number }[]
}

export function openMetrics(metrics: readonly Metric[]): string {
  const lines = metrics.flatMap(({ name, kind, help, samples }) => [
    `# TYPE ${name} ${kind}`,
    `# HELP ${name} ${escaped(help)}`,
    ...samples.map(
      ({ labels = {}, value }) => `${name}${kind === 'counter' ? '_total' : ''}${labelled(labels)} ${value}`,
    ),
  ])
  return `${[...lines, '# EOF'].join('\n')}\n`
}

function labelled(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escaped(text: string): string {
  return text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n')
}

/** Counts by label. */
export class Counter {
  readonly #counts = new Map<string, number>()

  add(label: string): void {
    this.#counts.set(label, (this.#counts.get(label) ?? 0) + 1)
  }

  /** With the label under this name. */
  samples(name: string): { labels: Record<string, string>; value: number }[] {
    return [...this.#counts].map(([label, value]) => ({ labels: { [name]: label }, value }))
  }
}
