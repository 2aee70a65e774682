/** Does a figure grow? The line of least squares through what was sampled. */

export interface Point {
  /** Seconds. */
  readonly at: number
  readonly value: number
}

/** Growth a second; 0 where there is nothing to lay a line through. */
export function slope(points: readonly Point[]): number {
  const count = points.length
  if (count < 2) return 0
  const at = points.reduce((sum, point) => sum + point.at, 0) / count
  const value = points.reduce((sum, point) => sum + point.value, 0) / count
  let [above, below] = [0, 0]
  for (const point of points) {
    above += (point.at - at) * (point.value - value)
    below += (point.at - at) ** 2
  }
  return below === 0 ? 0 : above / below
}

/** The points of the second half of the time they span. */
export function secondHalf(points: readonly Point[]): readonly Point[] {
  const [first, last] = [points[0], points.at(-1)]
  if (first === undefined || last === undefined) return []
  return points.filter(({ at }) => at >= (first.at + last.at) / 2)
}

/** Seconds between the first and the last. */
export function span(points: readonly Point[]): number {
  return points.length === 0 ? 0 : points.at(-1)!.at - points[0]!.at
}
