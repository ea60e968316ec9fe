/** What the simulator says of a swarm, beside real nodes on the same lines. */
import { describe, expect, it } from 'vitest'
import { MIB } from '@hubmesh/content'
import { median } from '../bench/measure.ts'
import { createMesh } from '../bench/swarm/mesh.ts'
import { whyNoNetwork } from '../rig/network.ts'
import { layOut } from '../rig/topology.ts'
import { type Report, boundOf, report } from '../simulator/report.ts'
import { REAL_SCENARIOS, type Scenario } from '../simulator/scenarios.ts'
import { simulate } from '../simulator/simulate.ts'

/** The larger over the smaller. */
const WITHIN = 1.2
/** Enough that all have opened their streams: what is measured is not how a process starts. */
const WARM_UP_BYTES = 2 * MIB

const why = whyNoNetwork()
if (why !== undefined) console.warn(`NO NETWORK OF OUR OWN HERE, the simulator is not held against real nodes: ${why}`)

type Figures = Pick<Report, 'timeOverBound' | 'seedCopies' | 'wanCopies'>

const predict = (scenario: Scenario): Figures => {
  const runs = [1, 2, 3].map((seed) => report(simulate(scenario, { seed, isWarm: true }), scenario))
  const typical = (figure: keyof Figures): number => median(runs.map((run) => run[figure]))
  return {
    timeOverBound: typical('timeOverBound'),
    seedCopies: typical('seedCopies'),
    wanCopies: typical('wanCopies'),
  }
}

const measure = async (scenario: Scenario): Promise<Figures> => {
  await using topology = await layOut(scenario)
  await using mesh = await createMesh(topology)
  await mesh.spread(WARM_UP_BYTES)
  const { seconds, copiesOfSeed, copiesOverWan } = await mesh.spread(scenario.fileBytes)
  return { timeOverBound: seconds / boundOf(scenario), seedCopies: copiesOfSeed, wanCopies: copiesOverWan }
}

describe.skipIf(why !== undefined)('the simulator', () => {
  it.each(Object.entries(REAL_SCENARIOS))('says how %s fare', async (_, scenario) => {
    const [predicted, measured] = [predict(scenario), await measure(scenario)]
    for (const figure of ['timeOverBound', 'seedCopies', 'wanCopies'] as const) {
      const ratio = measured[figure] / predicted[figure]
      const both = `${figure}: ${measured[figure]}, where ${predicted[figure]} was predicted`
      expect(Math.max(ratio, 1 / ratio), both).toBeLessThan(WITHIN)
    }
  })
})
