/**
 * Measures what the project promises, each figure beside its bar, in one run. Not a test: a machine that does other things
 * meanwhile gives other figures.
 *
 *     npx -y pnpm@12 bench              all, some twenty minutes
 *     npx -y pnpm@12 bench ingest       one of them
 */
import { type Result, exitOnSignals, printResults } from './measure.ts'

const BENCHES: Readonly<Record<string, () => Promise<Result[]>>> = {
  'gateway-warm': async () => (await import('./gateway-warm.ts')).gatewayWarm(),
  'small-files': async () => (await import('./small-files.ts')).smallFiles(),
  'hf-download': async () => (await import('./hf-download.ts')).hfDownload(),
  'cold-fetch': async () => (await import('./cold-fetch.ts')).coldFetch(),
  'cold-start': async () => (await import('./cold-start.ts')).coldStart(),
  ingest: async () => (await import('./ingest.ts')).ingest(),
  'many-files': async () => (await import('./many-files.ts')).manyFiles(),
  swarm: async () => (await import('./swarm.ts')).swarm(),
  idle: async () => (await import('./idle.ts')).idle(),
  'many-peers': async () => (await import('./many-peers.ts')).manyPeers(),
  'cli-start': async () => (await import('./cli-start.ts')).cliStart(),
}

const main = async (wanted: readonly string[]): Promise<number> => {
  const unknown = wanted.find((name) => !Object.hasOwn(BENCHES, name))
  if (unknown !== undefined) {
    console.error(`there is no bench ${unknown}; there are ${Object.keys(BENCHES).join(', ')}`)
    return 2
  }
  const all: Result[] = []
  for (const [name, bench] of Object.entries(BENCHES)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue
    console.error(`measuring ${name} …`)
    all.push({ what: `${name}:`, figure: '' }, ...(await bench()))
  }
  printResults('hubmesh', all)
  return all.some(({ met }) => met === false) ? 1 : 0
}

exitOnSignals()
process.exitCode = await main(process.argv.slice(2))
