import { fluidBound } from './bound.ts'
import { isTaker } from './lines.ts'
import type { SimulatedNode } from './node.ts'
import type { Scenario } from './scenarios.ts'

/** What came of a run. Bytes are of payload, and given in copies of the file. */
export interface Report {
  readonly complete: number
  readonly alive: number
  /** When the last had it, in seconds, and beside the bound. */
  readonly seconds: number
  readonly bound: number
  readonly timeOverBound: number
  /** What left the seeds. */
  readonly seedCopies: number
  /** What came into each site from outside, at worst; sites with a seed aside. */
  readonly siteCopies: number
  /** What came from other sites than the own one, to all together. */
  readonly wanCopies: number
  /** What came to nodes that did not need it any more, of what was needed. */
  readonly twice: number
  /** Jain's index of the times at which nodes had all, and the first over the last. */
  readonly fairness: number
  readonly firstOverLast: number
  /** How often readers had to wait after their first chunk, and for how long in all, in seconds. */
  readonly stalls: number
  readonly stalledSeconds: number
}

export const report = (nodes: readonly SimulatedNode[], scenario: Scenario): Report => {
  const { fileBytes } = scenario
  const takers = nodes.filter(({ shape, alive }) => isTaker(shape) && alive)
  const times = takers.flatMap(({ doneAt }) => (doneAt === undefined ? [] : [doneAt / 1000]))
  const seconds = times.length === takers.length ? Math.max(...times) : Infinity
  const bound = boundOf(scenario)
  const sum = (of: (node: SimulatedNode) => number, all = takers): number =>
    all.reduce((total, node) => total + of(node), 0)
  const sites = Map.groupBy(nodes, ({ shape }) => shape.site)
  const without = [...sites.values()].filter((members) => !members.some(({ shape }) => shape.isSeed))
  return {
    complete: times.length,
    alive: takers.length,
    seconds,
    bound,
    timeOverBound: seconds / bound,
    seedCopies:
      sum(
        ({ sent }) => sent,
        nodes.filter(({ shape }) => shape.isSeed),
      ) / fileBytes,
    siteCopies: Math.max(0, ...without.map((members) => sum(({ received }) => received.wan, members))) / fileBytes,
    wanCopies: sum(({ received }) => received.wan) / fileBytes,
    twice: sum(({ received }) => received.twice) / (fileBytes * takers.length),
    fairness: jain(times),
    firstOverLast: Math.min(...times) / Math.max(...times),
    stalls: sum(({ stalls }) => stalls.count),
    stalledSeconds: sum(({ stalls }) => stalls.ms) / 1000,
  }
}

/** The least time, in seconds: where sites share a line, the file has to go over that once. */
export const boundOf = ({ nodes, distances: { between }, fileBytes }: Scenario): number =>
  Math.max(
    fluidBound(
      fileBytes,
      nodes.filter((node) => node.isSeed || isTaker(node)),
    ),
    between.mbits === undefined ? 0 : (fileBytes * 8) / 1e6 / between.mbits,
  )

const jain = (values: readonly number[]): number => {
  const sum = values.reduce((total, value) => total + value, 0)
  return sum ** 2 / (values.length * values.reduce((total, value) => total + value ** 2, 0))
}

/** Of one run with due times, and one without. */
export const describeStalls = (withDue: Report, without: Report): string =>
  [withDue, without]
    .map(
      ({ stalls, stalledSeconds, siteCopies }, at) =>
        `${stalls} stalls of ${stalledSeconds.toFixed(2)} s, copies into a site ${ratio(siteCopies)} ${at === 0 ? 'with' : 'without'} due times`,
    )
    .join('\n  ')

const ratio = (value: number): string => value.toFixed(3)

export const describe = (of: Report): string =>
  [
    `${of.complete} of ${of.alive} complete in ${of.seconds.toFixed(1)} s`,
    `time / bound ${ratio(of.timeOverBound)} (${of.bound.toFixed(1)} s)`,
    `copies from the seed ${ratio(of.seedCopies)}`,
    `copies into a site ${ratio(of.siteCopies)}`,
    `twice ${(100 * of.twice).toFixed(2)} %`,
    `fairness ${ratio(of.fairness)}, first / last ${ratio(of.firstOverLast)}`,
  ].join('\n  ')
