/** A mesh on a network of given links, and how long a file takes to reach all of it. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Place, type Swarm, type SwarmNode, createSwarm } from '../../integration/local-swarm.ts'
import { usageOf } from '../measure.ts'
import { NO_UPSTREAM, publish, writeRandomFile } from '../samples.ts'
import { repeat } from './rounds.ts'
import { removeAtExit } from './scratch.ts'
import type { Spread } from './spread.ts'

export interface MeshSpread extends Spread {
  /** Payload that came from other sites, in copies of the file. */
  readonly copiesOverWan: number
}

export interface Member {
  readonly place: Place
  readonly site: string
}

export interface MeshOptions {
  readonly seed: Member
  readonly members: readonly Member[]
}

/** What is spread before anything is measured: so many files of so many bytes. */
export interface WarmUp {
  readonly spreads: number
  readonly size: number
}

const ROUNDS = 3
/**
 * After the warm-up. Nodes run for weeks, these for minutes: V8 goes on compiling for several hundred MiB, and each round is faster
 * than the one before it; what a node says to others when it is new (DHT, catalogs, addresses) takes its time, too.
 */
const SETTLE_MS = 30_000

/** A node at each place; a file of the size is spread, several times. `observe` may count beside it. All nodes are gone afterwards. */
export const measureMesh = async <S extends MeshSpread>(
  { warmUp, ...options }: MeshOptions & { readonly warmUp: WarmUp },
  size: number,
  observe: (spread: () => Promise<MeshSpread>) => Promise<S>,
): Promise<S> => {
  await using mesh = await createMesh(options)
  for (let spread = 0; spread < warmUp.spreads; spread += 1) await mesh.spread(warmUp.size)
  await sleep(SETTLE_MS)
  return await repeat(ROUNDS, () => observe(() => mesh.spread(size)))
}

interface Mesh extends AsyncDisposable {
  /** Publishes a file of random bytes at the seed, has all others pull it at the same time, and says how that went. */
  spread(size: number): Promise<MeshSpread>
}

/** Ready when each knows each. */
export const createMesh = async ({ seed: { place, site }, members }: MeshOptions): Promise<Mesh> => {
  const swarm = await createSwarm()
  const keep = removeAtExit(swarm.folder)
  const stop = async (): Promise<void> => {
    await swarm.stop()
    keep()
  }
  const nodes: SwarmNode[] = []
  try {
    const seed = await swarm.startSeed({ upstream: NO_UPSTREAM, place, args: ['--site', site] })
    const ticket = await seed.ticket()
    const start = ({ place, site }: Member, index: number): Promise<SwarmNode> =>
      swarm.startOffice(`office-${index}`, { ticket, place, args: ['--site', site] })
    nodes.push(...(await Promise.all(members.map(start))))
    await Promise.all(nodes.map((node) => node.waitFor('all the others', isConnectedTo(members.length))))
    let spreads = 0
    return {
      spread: async (size) => {
        const repo = `bench/file-${spreads++}`
        await publishFile(swarm, seed, { repo, size })
        await Promise.all(
          nodes.map((node) => node.waitFor('the repo', ({ repos }) => repos.some(({ id }) => id === repo))),
        )
        return spread({ seed, nodes }, { repo, size })
      },
      [Symbol.asyncDispose]: stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

const isConnectedTo =
  (others: number): Parameters<SwarmNode['waitFor']>[1] =>
  ({ peers }) =>
    peers.filter(({ connected }) => connected).length >= others

const publishFile = async (
  swarm: Swarm,
  seed: SwarmNode,
  { repo, size }: { repo: string; size: number },
): Promise<void> => {
  const folder = join(swarm.folder, repo)
  await mkdir(folder, { recursive: true })
  await writeRandomFile(join(folder, 'model.bin'), size)
  await publish(seed, folder, repo)
}

const spread = async (
  { seed, nodes }: { seed: SwarmNode; nodes: readonly SwarmNode[] },
  { repo, size }: { repo: string; size: number },
): Promise<MeshSpread> => {
  const all = [seed, ...nodes]
  const before = await count(all)
  const start = performance.now()
  await Promise.all(nodes.map((node) => node.pull(repo)))
  const seconds = (performance.now() - start) / 1000
  const after = await count(all)
  return {
    seconds,
    copiesOfSeed: (after.sentBySeed - before.sentBySeed) / size,
    received: (after.received - before.received) / (size * nodes.length),
    copiesOverWan: (after.overWan - before.overWan) / size,
    cpuSeconds: after.cpuSeconds - before.cpuSeconds,
  }
}

interface Counts {
  readonly sentBySeed: number
  readonly received: number
  readonly overWan: number
  readonly cpuSeconds: number
}

const count = async (nodes: readonly SwarmNode[]): Promise<Counts> => {
  const [statuses, usages] = await Promise.all([
    Promise.all(nodes.map((node) => node.status())),
    Promise.all(nodes.map(({ pid }) => usageOf(pid))),
  ])
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
  return {
    sentBySeed: sum((statuses[0]?.peers ?? []).map(({ bytesOut }) => bytesOut)),
    received: sum(statuses.map(({ counters }) => counters.wanBytes + counters.siteBytes)),
    overWan: sum(statuses.map(({ counters }) => counters.wanBytes)),
    cpuSeconds: sum(usages.map(({ cpuSeconds }) => cpuSeconds)),
  }
}
