/**
 * How fast a file spreads over links of given rates, in network namespaces, beside the time that no way of spreading can beat
 * (the fluid bound of Mundinger, Weber and Weiss, 2008) and beside others on the same network in the same run: libtorrent, aria2's
 * BitTorrent, and curl from the seed.
 *
 *     node --conditions=source test/bench/swarm.ts                     all of it
 *     ROUNDS=1 SIZE=16 node --conditions=source test/bench/swarm.ts offices    to try it: one round of each, files of 16 MiB
 */
import { loadavg } from 'node:os'
import { whyNoNetwork } from '../rig/network.ts'
import { type Result, exitOnSignals, printResults } from './measure.ts'
import { lossyOffices, offices } from './swarm/offices.ts'
import { far } from './swarm/far.ts'
import { sites } from './swarm/sites.ts'

const PARTS: Readonly<Record<string, () => Promise<Result[]>>> = { offices, 'lossy-offices': lossyOffices, sites, far }

export const swarm = async (wanted: readonly string[] = Object.keys(PARTS)): Promise<Result[]> => {
  const why = whyNoNetwork()
  if (why !== undefined) return [{ what: 'NOT MEASURED: no network of our own here', figure: why }]
  const results: Result[] = []
  for (const name of wanted) {
    const part = PARTS[name]
    if (part === undefined) throw new Error(`there is no ${name}; there are ${Object.keys(PARTS).join(', ')}`)
    const load = loadavg()[0]?.toFixed(1) ?? ''
    results.push({ what: name, figure: `at load ${load}` }, ...(await part()))
  }
  return results
}

if (import.meta.main) {
  exitOnSignals()
  const wanted = process.argv.slice(2)
  printResults('the swarm', await swarm(wanted.length === 0 ? undefined : wanted))
}
