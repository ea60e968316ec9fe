/**
 * An office fetches 1 GiB that it has never seen from one seed: requests, proof of every chunk, disk, the hash of the whole.
 * Beside it, in the same run, 1 GiB over a bare libp2p stream with stock options, which does none of that.
 *
 *     node --conditions=source test/bench/cold-fetch.ts
 */
import { execFile, spawn } from 'node:child_process'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { MIB } from '@hubmesh/content'
import { type Swarm, type SwarmNode, createSwarm } from '../integration/local-swarm.ts'
import { type Result, type Usage, median, printResults, ratio, seconds, usageOf } from './measure.ts'
import { GIB, NO_UPSTREAM, publish, writeRandomFile } from './samples.ts'

const SIZE = GIB
const ROUNDS = 3
const REPO = 'bench/model'
const FILE = 'model.safetensors'

const run = promisify(execFile)

/** What moving the file once took. */
interface Sample {
  readonly seconds: number
  readonly giver: Usage
  readonly taker: Usage
}

export const coldFetch = async (): Promise<Result[]> => {
  await using swarm = await createSwarm()
  const seed = await swarm.startSeed({ upstream: NO_UPSTREAM })
  const folder = join(swarm.folder, 'model')
  await mkdir(folder)
  await writeRandomFile(join(folder, FILE), SIZE)
  await publish(seed, folder, REPO)
  const ticket = await seed.ticket()
  const samples = { stock: [] as Sample[], pull: [] as Sample[], curl: [] as Sample[] }
  for (let round = 0; round < ROUNDS; round += 1) {
    samples.stock.push(await stockStream())
    const fetch = (how: (office: SwarmNode) => Promise<unknown>): Promise<Sample> =>
      fetchOnce(swarm, { seed, ticket, name: `office-${round}-${how.name}` }, how)
    samples.pull.push(await fetch(pull))
    samples.curl.push(await fetch(curl))
  }
  return [
    ...describe('bare stock stream', samples.stock),
    ...describe('pull', samples.pull),
    ...describe('curl through the gateway', samples.curl),
    ratio('pull / stock stream', rateOf(samples.pull), rateOf(samples.stock), 0.6),
    ratio('curl / pull', rateOf(samples.curl), rateOf(samples.pull), 0.9),
  ]
}

const pull = async (office: SwarmNode): Promise<void> => {
  const { code, stderr } = await office.cli('pull', REPO)
  if (code !== 0) throw new Error(`the pull failed: ${stderr}\n${office.log()}`)
}

const curl = (office: SwarmNode): Promise<unknown> =>
  run('curl', ['--silent', '--fail', '--output', '/dev/null', `${office.gateway}/${REPO}/resolve/main/${FILE}`])

/** With an office of its own, which knows the repo and has nothing of it. */
const fetchOnce = async (
  swarm: Swarm,
  { seed, ticket, name }: { seed: SwarmNode; ticket: string; name: string },
  how: (office: SwarmNode) => Promise<unknown>,
): Promise<Sample> => {
  const office = await swarm.startOffice(name, { ticket })
  try {
    await office.waitFor('the catalog', ({ repos }) => repos.length > 0)
    return await measure({ giver: seed.pid, taker: office.pid }, () => how(office))
  } finally {
    await office.stop()
    await rm(office.home, { recursive: true }) // memory that a virtual machine touches for the first time costs its host's time
  }
}

const stockStream = async (): Promise<Sample> => {
  const giver = startStock('give', String(SIZE))
  try {
    const address = await giver.line()
    const taker = startStock('take', address)
    try {
      await taker.line()
      return await measure({ giver: giver.pid, taker: taker.pid }, async () => {
        taker.write('go')
        const taken = Number(await taker.line())
        if (taken !== SIZE) throw new Error(`the stream gave ${taken} bytes of ${SIZE}`)
      })
    } finally {
      taker.kill()
    }
  } finally {
    giver.kill()
  }
}

const startStock = (role: 'give' | 'take', argument: string) => {
  const script = fileURLToPath(new URL('stock-stream.ts', import.meta.url))
  const child = spawn(process.execPath, [...process.execArgv, script, role, argument], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    pid: child.pid ?? 0,
    line: async (): Promise<string> => {
      const next = await lines.next()
      if (next.done === true) throw new Error(`the bare stream's process ended: ${role}`)
      return next.value
    },
    write: (line: string) => void child.stdin.write(`${line}\n`),
    kill: () => void child.kill(),
  }
}

const measure = async (
  { giver, taker }: { giver: number; taker: number },
  work: () => Promise<unknown>,
): Promise<Sample> => {
  const [giverBefore, takerBefore] = [await usageOf(giver), await usageOf(taker)]
  const taken = await seconds(work)
  return {
    seconds: taken,
    giver: spent(giverBefore, await usageOf(giver)),
    taker: spent(takerBefore, await usageOf(taker)),
  }
}

const spent = (before: Usage, after: Usage): Usage => ({
  cpuSeconds: after.cpuSeconds - before.cpuSeconds,
  peakRss: after.peakRss,
})

/** Bytes a second, the median of the rounds. */
const rateOf = (samples: readonly Sample[]): number => median(samples.map((sample) => SIZE / sample.seconds))

const describe = (what: string, samples: readonly Sample[]): Result[] => {
  const cpu = (side: 'giver' | 'taker'): string =>
    (median(samples.map((sample) => sample[side].cpuSeconds)) / (SIZE / GIB)).toFixed(1)
  const peak = (side: 'giver' | 'taker'): string =>
    (Math.max(...samples.map((sample) => sample[side].peakRss)) / MIB).toFixed(0)
  return [
    { what, figure: `${(rateOf(samples) / 1e6).toFixed(0)} MB/s` },
    { what: '  CPU, receiver + sender', figure: `${cpu('taker')} + ${cpu('giver')} s/GiB` },
    { what: '  peak memory, receiver + sender', figure: `${peak('taker')} + ${peak('giver')} MiB` },
  ]
}

if (import.meta.main) printResults('cold fetch of 1 GiB from one peer', await coldFetch())
