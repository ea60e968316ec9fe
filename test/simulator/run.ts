/**
 * Whole swarms in simulated time, with the scheduler of a real node. The same seed gives the same figures.
 *
 *     npx -y pnpm@12 simulate                                    the small ones
 *     npx -y pnpm@12 simulate hundred --seed 7 --window 64       one of them
 */
import { parseArgs } from 'node:util'
import { FETCH_CHUNKS } from '../../packages/mirror/src/limits.ts'
import { describe, describeStalls, report } from './report.ts'
import { SCENARIOS, type Scenario } from './scenarios.ts'
import { simulate } from './simulate.ts'

const SMALL_NODES = 200

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: 'string', default: '1' }, window: { type: 'string', default: `${FETCH_CHUNKS}` } },
})

const main = (): number => {
  const unknown = positionals.find((name) => !Object.hasOwn(SCENARIOS, name))
  if (unknown !== undefined) {
    console.error(`there is no scenario ${unknown}; there are ${Object.keys(SCENARIOS).join(', ')}`)
    return 2
  }
  for (const [name, scenario] of Object.entries(SCENARIOS)) {
    if (positionals.length > 0 ? positionals.includes(name) : scenario.nodes.length <= SMALL_NODES) show(name, scenario)
  }
  return 0
}

const show = (name: string, scenario: Scenario): void => {
  const start = process.cpuUsage()
  const options = { seed: Number(values.seed), windowChunks: Number(values.window) }
  const nodes = simulate(scenario, options)
  const { user, system } = process.cpuUsage(start)
  const decisions = nodes.reduce((sum, { cpuMs }) => sum + cpuMs, 0)
  const chunks = nodes.reduce((sum, { have, shape }) => sum + (shape.isSeed ? 0 : have.count), 0)
  console.log(`${name}: ${scenario.what}`)
  const found = report(nodes, scenario)
  console.log(`  ${describe(found)}`)
  console.log(
    `  scheduler ${((decisions * 1000) / chunks).toFixed(0)} µs a chunk`,
    `simulation ${((user + system) / 1e6).toFixed(1)} CPU-s`,
  )
  if (scenario.nodes.some(({ reads }) => reads !== undefined)) {
    const without = report(simulate(scenario, { ...options, hasDueTimes: false }), scenario)
    console.log(`  ${describeStalls(found, without)}`)
  }
  console.log()
}

process.exitCode = main()
