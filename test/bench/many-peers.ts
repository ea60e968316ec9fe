/**
 * A seed with 500 peers: how soon it answers at its gateway, while nothing happens and while 20 of them download, and what memory it
 * has. Beside it the same seed before they came.
 *
 *     node --conditions=source test/bench/many-peers.ts
 */
import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { KIB, MIB } from '@hubmesh/content'
import { createCrowd } from '../integration/crowd/crowd.ts'
import { createSwarm } from '../integration/local-swarm.ts'
import { type Result, atMost, median, percentile, printResults, usageOf } from './measure.ts'
import { NO_UPSTREAM, publish, writeRandomFile } from './samples.ts'

const PEERS = 500
const DOWNLOADING = 20
/** Each takes the large file so often. */
const TIMES = 4
const REPO = 'bench/crowd'
const SMALL = 'config.json'
const LARGE_BYTES = 64 * MIB
const ASKED = 300
const PAUSE_MS = 10

export const manyPeers = async (): Promise<Result[]> => {
  await using swarm = await createSwarm()
  const folder = join(swarm.folder, 'crowd')
  await mkdir(folder)
  await writeFile(join(folder, SMALL), randomBytes(2 * KIB))
  await writeRandomFile(join(folder, 'model.bin'), LARGE_BYTES)
  const seed = await swarm.startSeed({ upstream: NO_UPSTREAM })
  await publish(seed, folder, REPO)
  await seed.restart() // what the publishing took is not the peers'
  const paths = { ready: '/-/readyz', small: `/${REPO}/resolve/main/${SMALL}` }
  const alone = await askBoth(seed.gateway, paths)
  const before = (await usageOf(seed.pid)).rss
  await using crowd = await createCrowd(seed, { peers: PEERS })
  await sleep(5_000) // what coming costs is not what being there does
  const start = await usageOf(seed.pid)
  const began = performance.now()
  const idle = await askBoth(seed.gateway, paths)
  const after = await usageOf(seed.pid)
  const share = (after.cpuSeconds - start.cpuSeconds) / ((performance.now() - began) / 1000)

  const reading = crowd.read(REPO, { peers: DOWNLOADING, times: TIMES })
  reading.catch(() => {}) // looked at below
  const busy = await askBoth(seed.gateway, paths)
  const { rss } = await usageOf(seed.pid)
  const chunks = await reading
  if (chunks === 0) throw new Error('the peers read nothing')
  return [
    ...describe('alone', alone),
    ...describe(`${PEERS} peers, idle`, idle),
    ...describe(`${DOWNLOADING} of them download`, busy),
    atMost(`readyz, ${PEERS} peers, 99th percentile`, percentile(idle.ready, 0.99), 50, 'ms'),
    atMost('readyz, while they download, 99th percentile', percentile(busy.ready, 0.99), 250, 'ms'),
    { what: 'CPU of one core, with the asking', figure: `${(100 * share).toFixed(0)} %` },
    { what: 'resident memory alone, with peers', figure: `${mib(before)}, ${mib(after.rss)} MiB` },
    { what: '  for each peer', figure: `${((after.rss - before) / PEERS / KIB).toFixed(0)} KiB` },
    atMost('resident memory while they download', rss / MIB, 512, 'MiB'),
  ]
}

/** Milliseconds of each answer. */
interface Asked {
  readonly ready: readonly number[]
  readonly small: readonly number[]
}

const askBoth = async (gateway: string, paths: { ready: string; small: string }): Promise<Asked> => ({
  ready: await ask(`${gateway}${paths.ready}`),
  small: await ask(`${gateway}${paths.small}`),
})

/** One after another, over a connection that is kept. */
const ask = async (url: string): Promise<number[]> => {
  const took: number[] = []
  for (let number = 0; number < ASKED; number += 1) {
    const start = performance.now()
    const response = await fetch(url)
    await response.arrayBuffer()
    if (response.status !== 200) throw new Error(`${url}: ${response.status}`)
    took.push(performance.now() - start)
    await sleep(PAUSE_MS)
  }
  return took
}

const describe = (what: string, { ready, small }: Asked): Result[] => {
  const ms = (times: readonly number[]): string =>
    `${median(times).toFixed(1)}, ${percentile(times, 0.99).toFixed(1)} ms`
  return [
    { what: `readyz, ${what}: median, 99th percentile`, figure: ms(ready) },
    { what: `file of 2 KiB, ${what}`, figure: ms(small) },
  ]
}

const mib = (bytes: number): string => (bytes / MIB).toFixed(0)

if (import.meta.main) printResults(`a seed with ${PEERS} peers`, await manyPeers())
