/**
 * Files of 4 KiB from a real node, from fastify with `@fastify/send`, and from nginx, turn by turn: 64 clients keep their connections and
 * ask for one file after the other.
 *
 *     node --conditions=source test/bench/small-files.ts
 */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { KIB } from '@hubmesh/content'
import { createSwarm } from '../integration/local-swarm.ts'
import type { Load } from './load.ts'
import { type Result, alternate, atMost, median, printResults, ratio, usageOf } from './measure.ts'
import { startNginx } from './nginx.ts'
import { NO_UPSTREAM, publish } from './samples.ts'
import { startServer } from './serve.ts'

const FILES = 1_000
const FILE_BYTES = 4 * KIB
const CONNECTIONS = 64
const REQUESTS = 20_000
const ROUNDS = 5
const REPO = 'bench/small'

const run = promisify(execFile)
const LOAD = fileURLToPath(new URL('load.ts', import.meta.url))

export const smallFiles = async (): Promise<Result[]> => {
  await using swarm = await createSwarm()
  const folder = join(swarm.folder, 'small')
  await mkdir(folder)
  const names = Array.from({ length: FILES }, (_, n) => `page-${String(n).padStart(4, '0')}.txt`)
  for (const name of names) await writeFile(join(folder, name), randomBytes(FILE_BYTES))
  const list = join(swarm.folder, 'names')
  await writeFile(list, names.join('\n'))
  const nginx = await startNginx(swarm.folder, folder)
  const plain = await startServer('static-server.ts', folder)
  try {
    const seed = await swarm.startSeed({ upstream: NO_UPSTREAM })
    await publish(seed, folder, REPO)
    await seed.restart() // what the publishing took is not the gateway's
    return await compare({
      gateway: serverOf(`${seed.gateway}/${REPO}/resolve/main`, seed.pid, list),
      send: serverOf(plain.url, plain.pid, list),
      ...(nginx === undefined ? {} : { nginx: serverOf(`${nginx.url}/sendfile`, nginx.pid, list) }),
    })
  } finally {
    plain.stop()
    await nginx?.stop()
  }
}

interface Server {
  /** Requests a second. */
  readonly ask: () => Promise<number>
  readonly loads: Load[]
  /** Of the server, in each round, for a thousand requests. */
  readonly cpuSeconds: number[]
}

const serverOf = (url: string, pid: number, list: string): Server => {
  const loads: Load[] = []
  const cpuSeconds: number[] = []
  const ask = async (): Promise<number> => {
    const before = await usageOf(pid)
    const args = [LOAD, url, String(CONNECTIONS), String(REQUESTS), list]
    const { stdout } = await run(process.execPath, [...process.execArgv, ...args])
    const load = JSON.parse(stdout) as Load
    loads.push(load)
    cpuSeconds.push(((await usageOf(pid)).cpuSeconds - before.cpuSeconds) / (REQUESTS / 1000))
    return REQUESTS / load.seconds
  }
  return { ask, loads, cpuSeconds }
}

const compare = async (servers: { gateway: Server; send: Server; nginx?: Server }): Promise<Result[]> => {
  for (const server of Object.values(servers)) await server.ask() // what is compiled on the way is not measured
  for (const { loads, cpuSeconds } of Object.values(servers)) loads.length = cpuSeconds.length = 0
  const { gateway, send, nginx } = servers
  const rates = await alternate(ROUNDS, {
    gateway: gateway.ask,
    send: send.ask,
    nginx: nginx?.ask ?? (async () => NaN),
  })
  return [
    ...describe('nginx, sendfile', rates.nginx, nginx),
    ...describe('fastify with @fastify/send', rates.send, send),
    ...describe('gateway', rates.gateway, gateway),
    ratio('gateway / fastify with @fastify/send', rates.gateway, rates.send, 1.2),
    { what: 'the same by CPU', figure: (median(send.cpuSeconds) / median(gateway.cpuSeconds)).toFixed(2) },
    atMost('gateway, 99th percentile', median(gateway.loads.map(({ p99 }) => p99)), 20, 'ms'),
  ]
}

const describe = (what: string, rate: number, server: Server | undefined): Result[] => {
  if (server === undefined) return [{ what, figure: 'not measured: not installed' }]
  const ms = (name: 'median' | 'p99'): string => median(server.loads.map((load) => load[name])).toFixed(1)
  return [
    { what, figure: `${rate.toFixed(0)} /s` },
    { what: '  median, 99th percentile', figure: `${ms('median')}, ${ms('p99')} ms` },
    { what: '  CPU of a thousand', figure: `${(median(server.cpuSeconds) * 1000).toFixed(0)} ms` },
  ]
}

if (import.meta.main) printResults(`files of 4 KiB, ${CONNECTIONS} connections`, await smallFiles())
