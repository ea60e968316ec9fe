import { type Sample, valueText } from './exposition.ts'

export interface Histogram {
  observe(value: number): void
  /** Its buckets, sum and count. */
  samples(labels?: Readonly<Record<string, string>>): Sample[]
}

/** @param bounds upper bounds of the buckets, rising; one without a bound is added */
export const createHistogram = (bounds: readonly number[]): Histogram => {
  const upTo = [...bounds, Infinity]
  const counts = upTo.map(() => 0)
  let sum = 0

  return {
    observe: (value) => {
      const at = upTo.findIndex((bound) => value <= bound)
      counts[at] = (counts[at] ?? 0) + 1
      sum += value
    },
    samples: (labels = {}) => {
      let count = 0
      const buckets = upTo.map((bound, at): Sample => {
        count += counts[at] ?? 0
        return { suffix: '_bucket', labels: { ...labels, le: valueText(bound) }, value: count }
      })
      return [...buckets, { suffix: '_sum', labels, value: sum }, { suffix: '_count', labels, value: count }]
    },
  }
}
