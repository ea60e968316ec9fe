/**
 * A real node that holds a file of 1 GiB, and nginx with the same bytes, turn by turn: the same client takes the file from each
 * over loopback. Without nginx there is nothing to hold it against, and it says so.
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
import { type Result, alternate, atMost, median, printResults, ratio, usageOf } from './measure.ts'
import { startNginx } from './nginx.ts'
import { GIB, NO_UPSTREAM, publish, writeRandomFile } from './samples.ts'

const SIZE = GIB
const ROUNDS = 9
const CROWD = 8
const CROWD_ROUNDS = 3
/** Each takes all of the file, once. */
const MANY = 64
const REPO = 'bench/model'
const FILE = 'model.safetensors'
const CLIENT = fileURLToPath(new URL('drain.ts', import.meta.url))

const run = promisify(execFile)

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
    return await compare({
      gateway: serverOf(`${seed.gateway}/${REPO}/resolve/main/${FILE}`, seed.pid),
      nginx: serverOf(`${nginx.url}/sendfile/${FILE}`, nginx.pid),
      copying: serverOf(`${nginx.url}/copied/${FILE}`, nginx.pid),
    })
  } finally {
    await nginx.stop()
  }
}

interface Server {
  readonly pid: number
  /** Bytes a second that so many connections at once take in all. */
  take(connections: number): Promise<number>
  /** Of each time that one connection took it, a GiB. */
  readonly cpuSeconds: number[]
}

type Servers = Record<'gateway' | 'nginx' | 'copying', Server>

const serverOf = (url: string, pid: number): Server => {
  const cpuSeconds: number[] = []
  return {
    pid,
    cpuSeconds,
    take: async (connections) => {
      const before = await usageOf(pid)
      const { stdout } = await run(process.execPath, [...process.execArgv, CLIENT, url, String(connections)])
      const after = await usageOf(pid)
      if (connections === 1) cpuSeconds.push(((after.cpuSeconds - before.cpuSeconds) * GIB) / SIZE)
      return (connections * SIZE) / Number(stdout)
    },
  }
}

const compare = async ({ gateway, nginx, copying }: Servers): Promise<Result[]> => {
  const takeAll = (connections: number) => ({
    gateway: () => gateway.take(connections),
    nginx: () => nginx.take(connections),
    copying: () => copying.take(connections),
  })
  const one = await alternate(ROUNDS, takeAll(1))
  const alone = await usageOf(gateway.pid)
  const crowd = await alternate(CROWD_ROUNDS, takeAll(CROWD))
  await gateway.take(MANY)
  const crowded = await usageOf(gateway.pid)
  return [
    rate('nginx, sendfile', one.nginx),
    cpu(nginx),
    rate('nginx, reading and writing 1 MiB at a time', one.copying),
    cpu(copying),
    rate('gateway', one.gateway),
    cpu(gateway),
    ratio('gateway / nginx, sendfile', one.gateway, one.nginx, 0.9),
    { what: 'gateway / nginx, reading and writing', figure: (one.gateway / one.copying).toFixed(2) },
    atMost('peak memory of the node', alone.peakRss / MIB, 200, 'MiB'),
    rate(`nginx, sendfile, ${CROWD} clients`, crowd.nginx),
    rate(`gateway, ${CROWD} clients`, crowd.gateway),
    ratio(`gateway / nginx, sendfile, ${CROWD} clients`, crowd.gateway, crowd.nginx, 0.65),
    atMost(`peak memory of the node, ${MANY} clients`, crowded.peakRss / MIB, 250, 'MiB'),
  ]
}

const rate = (what: string, bytesPerSecond: number): Result => ({
  what,
  figure: `${(bytesPerSecond / 1e9).toFixed(2)} GB/s`,
})

const cpu = ({ cpuSeconds }: Server): Result => ({ what: '  CPU', figure: `${median(cpuSeconds).toFixed(2)} s/GiB` })

if (import.meta.main) printResults('warm gateway, 1 GiB', await gatewayWarm())
