/** A line of the exposition, without its metric's name. */
export interface Sample {
  /** Behind the metric's name: a histogram's `_bucket`, `_sum`, `_count`. @default none */
  readonly suffix?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly value: number
}

/** A metric and its samples. Without samples nothing is said of it. */
export interface Metric {
  /** Base units: seconds, bytes. A counter's name ends in `_total`. */
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  /** One line. */
  readonly help: string
  readonly samples: readonly Sample[]
}

export const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** Prometheus' text format 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/). */
export const writeExposition = (metrics: readonly Metric[]): string => {
  const lines: string[] = []
  const texts = new Map<Sample['labels'], string>() // samples of one thing share theirs
  const labelsOf = (labels: Sample['labels']): string => {
    const text = texts.get(labels) ?? labelText(labels ?? {})
    texts.set(labels, text)
    return text
  }
  for (const { name, type, help, samples } of metrics) {
    if (samples.length === 0) continue
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`)
    for (const { suffix = '', labels, value } of samples)
      lines.push(`${name}${suffix}${labelsOf(labels)} ${valueText(value)}`)
  }
  return `${lines.join('\n')}\n`
}

/** A number as the format has it, also for a bucket's bound. */
export const valueText = (value: number): string =>
  value === Infinity ? '+Inf' : value === -Infinity ? '-Inf' : String(value)

const labelText = (labels: Readonly<Record<string, string>>): string => {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

/** What others named may be anything: the format escapes three characters, and the rest must not steer a terminal. */
const escaped = (value: string): string =>
  value.replaceAll(/[\\"\p{Cc}]/gu, (character) =>
    character === '\n' ? String.raw`\n` : character === '"' || character === '\\' ? `\\${character}` : '?',
  )
