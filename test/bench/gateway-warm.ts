/**
 * A real node that holds a file of 1 GiB, and nginx with sendfile on the same bytes, turn by turn: the same client takes the file
 * from each over loopback. Without nginx there is nothing to hold it against, and it says so.
 *
 *     node --conditions=source test/bench/gateway-warm.ts
 */
import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { MIB } from '@hubmesh/content'
import { createSwarm } from '../integration/local-swarm.ts'
import { type Result, alternate, atMost, printResults, ratio, usageOf } from './measure.ts'
import { startNginx } from './nginx.ts'
import { GIB, NO_UPSTREAM, publish, writeRandomFile } from './samples.ts'

const SIZE = GIB
const ROUNDS = 9
const CROWD = 8
const CROWD_ROUNDS = 3
const REPO = 'bench/model'
const FILE = 'model.safetensors'

const run = promisify(execFile)

interface Server {
  readonly url: string
  readonly pid: number
}

export const gatewayWarm = async (): Promise<Result[]> => {
  await using swarm = await createSwarm()
  const folder = join(swarm.folder, 'model')
  await mkdir(folder)
  const nginx = await startNginx(swarm.folder, folder)
  if (nginx === undefined) return [{ what: 'warm gateway', figure: 'not measured: nginx is not installed' }]
  try {
    await writeRandomFile(join(folder, FILE), SIZE)
    const seed = await swarm.startSeed({ upstream: NO_UPSTREAM })
    await publish(seed, folder, REPO)
    await seed.restart() // what the publishing took is not the gateway's
    const gateway = { url: `${seed.gateway}/${REPO}/resolve/main/${FILE}`, pid: seed.pid }
    return await compare(gateway, { url: `${nginx.url}/${FILE}`, pid: nginx.pid })
  } finally {
    await nginx.stop()
  }
}

const compare = async (ours: Server, theirs: Server): Promise<Result[]> => {
  const before = { ours: await usageOf(ours.pid), theirs: await usageOf(theirs.pid) }
  const one = await alternate(ROUNDS, { ours: () => rateOf(ours, 1), theirs: () => rateOf(theirs, 1) })
  const after = { ours: await usageOf(ours.pid), theirs: await usageOf(theirs.pid) }
  const crowd = await alternate(CROWD_ROUNDS, { ours: () => rateOf(ours, CROWD), theirs: () => rateOf(theirs, CROWD) })
  const { peakRss } = await usageOf(ours.pid)
  const cpu = (who: 'ours' | 'theirs'): string =>
    `${((after[who].cpuSeconds - before[who].cpuSeconds) / ((ROUNDS * SIZE) / GIB)).toFixed(2)} s/GiB`
  return [
    rate('nginx, one client', one.theirs),
    rate('gateway, one client', one.ours),
    ratio('gateway / nginx, one client', one.ours, one.theirs, 0.85),
    { what: '  CPU of nginx', figure: cpu('theirs') },
    { what: '  CPU of the gateway', figure: cpu('ours') },
    rate(`nginx, ${CROWD} clients`, crowd.theirs),
    rate(`gateway, ${CROWD} clients`, crowd.ours),
    ratio(`gateway / nginx, ${CROWD} clients`, crowd.ours, crowd.theirs, 0.65),
    atMost('peak memory of the node', peakRss / MIB, 200, 'MiB'),
  ]
}

const rate = (what: string, bytesPerSecond: number): Result => ({
  what,
  figure: `${(bytesPerSecond / 1e9).toFixed(2)} GB/s`,
})

const CLIENT = fileURLToPath(new URL('drain.ts', import.meta.url))

/** Bytes a second that so many connections at once take in all. */
const rateOf = async ({ url }: Server, connections: number): Promise<number> => {
  const { stdout } = await run(process.execPath, [...process.execArgv, CLIENT, url, String(connections)])
  return (connections * SIZE) / Number(stdout)
}

if (import.meta.main) printResults('warm gateway, 1 GiB', await gatewayWarm())
