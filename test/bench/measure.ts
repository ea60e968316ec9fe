import { readFile } from 'node:fs/promises'

/** What a process has used so far, from Linux's /proc. */
export interface Usage {
  /** With its children's that have ended. */
  cpuSeconds: number
  /** Memory that it has resident now, in bytes. */
  rss: number
  /** The most that it has had. */
  peakRss: number
}

/** Linux counts process time in hundredths of a second (USER_HZ). */
const TICKS_PER_SECOND = 100

export const usageOf = async (pid: number): Promise<Usage> => {
  const [stat, status] = await Promise.all([
    readFile(`/proc/${pid}/stat`, 'utf8'),
    readFile(`/proc/${pid}/status`, 'utf8'),
  ])
  // The command name in parentheses may hold spaces: count the fields behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const bytesOf = (name: string): number => 1024 * Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0)
  return {
    cpuSeconds: fields.slice(11, 15).reduce((ticks, field) => ticks + Number(field), 0) / TICKS_PER_SECOND,
    rss: bytesOf('VmRSS'),
    peakRss: bytesOf('VmHWM'),
  }
}

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? (sorted[middle] ?? NaN) : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2
}

export const percentile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? NaN

/** Runs each contender in turn, `rounds` times, so that all of them see the same noise; gives the median of each. */
export const alternate = async <Name extends string>(
  rounds: number,
  contenders: Record<Name, () => Promise<number>>,
): Promise<Record<Name, number>> => {
  const samples = new Map<Name, number[]>()
  const names = Object.keys(contenders) as Name[]
  for (let round = 0; round < rounds; round += 1) {
    for (const name of names) samples.set(name, [...(samples.get(name) ?? []), await contenders[name]()])
  }
  return Object.fromEntries(names.map((name) => [name, median(samples.get(name) ?? [])])) as Record<Name, number>
}

/** Seconds that `work` takes. */
export const seconds = async (work: () => Promise<unknown>): Promise<number> => {
  const start = performance.now()
  await work()
  return (performance.now() - start) / 1000
}

/** One line of a result: what, the figure, the bar it is held against. */
export interface Result {
  what: string
  figure: string
  bar?: string
  met?: boolean
}

export const ratio = (what: string, ours: number, theirs: number, atLeast: number): Result => ({
  what,
  figure: (ours / theirs).toFixed(2),
  bar: `at least ${atLeast}`,
  met: ours / theirs >= atLeast,
})

export const atMost = (what: string, value: number, limit: number, unit: string): Result => ({
  what,
  figure: `${value.toFixed(value < 10 ? 2 : 0)} ${unit}`,
  bar: `at most ${limit} ${unit}`,
  met: value <= limit,
})

export const printResults = (title: string, results: readonly Result[]): void => {
  console.log(`\n${title}`)
  for (const { what, figure, bar, met } of results) {
    const verdict = met === undefined ? '' : met ? 'met' : 'MISSED'
    console.log(`  ${what.padEnd(56)} ${figure.padStart(14)}  ${(bar ?? '').padEnd(20)} ${verdict}`)
  }
}

/** Exits at Ctrl-C and the like, so that what is to be done at an exit is done. */
export const exitOnSignals = (): void => {
  for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143 }))
    process.once(signal, () => process.exit(code))
}
