/** What a scrape says, each sample under its metric's HELP and TYPE. */
export interface Exposition {
  readonly samples: readonly ExposedSample[]
  /** Sum of the samples of that name that have these labels. @throws Error when there is none */
  readonly value: (name: string, labels?: Readonly<Record<string, string>>) => number
}

export interface ExposedSample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const METRIC = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"(?:,(?!$)|$)/y
const NUMBER = /^(?:[+-]Inf|NaN|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/

/**
 * Prometheus' text format 0.0.4, read strictly: HELP, TYPE and then the samples of a metric in one piece, nothing twice, no
 * timestamps, base units, counters that end in `_total`, histograms whose buckets add up.
 * @throws Error naming the line
 */
export const parseExposition = (text: string): Exposition => {
  if (!text.endsWith('\n')) throw new Error('the last line has no end')
  const metrics = new Set<string>()
  const seen = new Set<string>()
  const samples: ExposedSample[] = []
  let metric = { name: '', type: '' }
  let help: string | undefined
  for (const line of text.slice(0, -1).split('\n')) {
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? []
    if (kind === 'HELP') {
      if (!METRIC.test(name) || metrics.has(name)) throw new Error(`a bad name, or the second time: ${line}`)
      help = name
      metrics.add(name)
    } else if (kind === 'TYPE') {
      if (help !== name || !isTypeOf(rest, name)) throw new Error(`not the type of such a metric: ${line}`)
      help = undefined
      metric = { name, type: rest }
    } else {
      const sample = parseSample(line)
      if (help !== undefined || !belongs(sample.name, metric)) throw new Error(`not of the metric above: ${line}`)
      const key = [
        sample.name,
        ...Object.entries(sample.labels)
          .map((pair) => JSON.stringify(pair))
          .toSorted(),
      ].join()
      if (seen.has(key)) throw new Error(`twice: ${line}`)
      if (metric.type !== 'gauge' && !(sample.value >= 0)) throw new Error(`a count below nothing: ${line}`)
      seen.add(key)
      samples.push(sample)
    }
  }
  checkHistograms(samples)
  return { samples, value: (name, labels = {}) => valueOf(samples, name, labels) }
}

const isTypeOf = (type: string, name: string): boolean =>
  ['counter', 'gauge', 'histogram'].includes(type) &&
  (type === 'counter') === name.endsWith('_total') &&
  !/_(?:ms|milliseconds|kb|mb|percent)(?:_|$)/i.test(name)

const belongs = (sample: string, { name, type }: { name: string; type: string }): boolean =>
  type === 'histogram' ? ['_bucket', '_sum', '_count'].some((end) => sample === name + end) : sample === name

const parseSample = (line: string): ExposedSample => {
  const [, name, labelText = '', number = ''] = SAMPLE.exec(line) ?? []
  if (name === undefined || !NUMBER.test(number)) throw new Error(`not a sample: ${line}`)
  const labels: Record<string, string> = {}
  LABEL.lastIndex = 0
  while (LABEL.lastIndex < labelText.length) {
    const [, label, value = ''] = LABEL.exec(labelText) ?? []
    if (label === undefined || label in labels) throw new Error(`not labels: ${line}`)
    labels[label] = value.replaceAll(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character))
  }
  return { name, labels, value: Number(number.replace('Inf', 'Infinity')) }
}

const checkHistograms = (samples: readonly ExposedSample[]): void => {
  let before: ExposedSample | undefined
  for (const sample of samples) {
    const { name, labels, value } = sample
    const isNext = before?.name === name && before.labels['le'] !== '+Inf'
    if (name.endsWith('_bucket') && isNext && value < (before?.value ?? 0))
      throw new Error(`${name} falls at ${labels['le']}`)
    if (name.endsWith('_sum') && before?.name.endsWith('_bucket') === true && before.labels['le'] !== '+Inf')
      throw new Error(`${before.name} has no last bucket`)
    const counted = name.endsWith('_count') ? name.replace(/_count$/, '_bucket') : undefined
    if (counted !== undefined && valueOf(samples, counted, { ...labels, le: '+Inf' }) !== value)
      throw new Error(`${name} is not what its buckets say`)
    before = sample
  }
}

const valueOf = (samples: readonly ExposedSample[], name: string, labels: Readonly<Record<string, string>>): number => {
  const wanted = Object.entries(labels)
  const found = samples.filter((one) => one.name === name && wanted.every(([label, is]) => one.labels[label] === is))
  if (found.length === 0) throw new Error(`there is no ${name} of ${JSON.stringify(labels)}`)
  return found.reduce((sum, { value }) => sum + value, 0)
}
