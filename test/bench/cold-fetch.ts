/**
 * An office fetches 1 GiB that it has never seen from one seed: requests, proof of every chunk, disk, the hash of the whole.
 * Beside it, in the same run, libtorrent without encryption where it is installed (Debian's python3-libtorrent), and 1 GiB over
 * a bare libp2p stream with stock options, which does none of that.
 *
 *     node --conditions=source test/bench/cold-fetch.ts
 */
import { execFile } from 'node:child_process'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { MIB } from '@hubmesh/content'
import { type Swarm, type SwarmNode, createSwarm } from '../integration/local-swarm.ts'
import { BITTORRENT, PYTHON, hasLibtorrent } from './libtorrent.ts'
import { type LineProcess, startLineProcess } from './line-process.ts'
import { type Result, type Usage, atMost, median, printResults, ratio, seconds, usageOf } from './measure.ts'
import { GIB, NO_UPSTREAM, publish, writeRandomFile } from './samples.ts'

const SIZE = GIB
const ROUNDS = 3
const REPO = 'bench/model'
const FILE = 'model.safetensors'
const STOCK_STREAM = fileURLToPath(new URL('stock-stream.ts', import.meta.url))

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
  const samples = { stock: [] as Sample[], pull: [] as Sample[], curl: [] as Sample[], torrent: [] as Sample[] }
  const hasTorrent = hasLibtorrent()
  for (let round = 0; round < ROUNDS; round += 1) {
    samples.stock.push(await stockStream())
    const fetch = (how: (office: SwarmNode) => Promise<unknown>): Promise<Sample> =>
      fetchOnce(swarm, { seed, ticket, name: `office-${round}-${how.name}` }, how)
    samples.pull.push(await fetch(pull))
    samples.curl.push(await fetch(curl))
    if (hasTorrent) samples.torrent.push(await torrent(join(folder, FILE), join(swarm.folder, `torrent-${round}`)))
  }
  return [
    ...describe('bare stock stream', samples.stock),
    ...describe('pull', samples.pull),
    ...describe('curl through the gateway', samples.curl),
    ratio('pull / stock stream', rateOf(samples.pull), rateOf(samples.stock), 0.6),
    ratio('curl / pull', rateOf(samples.curl), rateOf(samples.pull), 0.9),
    ...(hasTorrent ? besideTorrent(samples) : [{ what: 'NOT MEASURED: libtorrent is not installed', figure: '' }]),
  ]
}

const besideTorrent = ({ pull, torrent }: { pull: readonly Sample[]; torrent: readonly Sample[] }): Result[] => [
  ...describe('libtorrent, not encrypted', torrent),
  ratio('pull / libtorrent', rateOf(pull), rateOf(torrent), 1.25),
  atMost("CPU of both ends / libtorrent's", cpuOf(pull) / cpuOf(torrent), 1, ''),
]

/** Over the node's socket, as the CLI asks it: libtorrent's process runs already, too, when it is told to go. */
const pull = (office: SwarmNode): Promise<void> => office.pull(REPO)

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
  const start = (role: 'give' | 'take', argument: string) =>
    startLineProcess(process.execPath, [...process.execArgv, STOCK_STREAM, role, argument])
  const giver = start('give', String(SIZE))
  try {
    return await takeAll(giver, start('take', await giver.line()))
  } finally {
    await giver.kill()
  }
}

const torrent = async (file: string, folder: string): Promise<Sample> => {
  const start = (...args: string[]) => startLineProcess(PYTHON, [BITTORRENT, ...args])
  await mkdir(folder)
  const description = join(folder, 'file.torrent')
  const giver = start('give', file, description)
  try {
    const port = await giver.line()
    return await takeAll(giver, start('take', folder, description, port))
  } finally {
    await giver.kill()
    await rm(folder, { recursive: true })
  }
}

/** From the word to the taker until it says how much it has. */
const takeAll = async (giver: LineProcess, taker: LineProcess): Promise<Sample> => {
  try {
    await taker.line()
    return await measure({ giver: giver.pid, taker: taker.pid }, async () => {
      taker.write('go')
      const taken = Number(await taker.line())
      if (taken !== SIZE) throw new Error(`${taken} bytes came of ${SIZE}`)
    })
  } finally {
    await taker.kill()
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
  rss: after.rss,
  peakRss: after.peakRss,
})

/** Bytes a second, the median of the rounds. */
const rateOf = (samples: readonly Sample[]): number => median(samples.map((sample) => SIZE / sample.seconds))

/** CPU seconds of both ends, the median of the rounds. */
const cpuOf = (samples: readonly Sample[]): number =>
  median(samples.map(({ giver, taker }) => giver.cpuSeconds + taker.cpuSeconds))

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
