/** A mesh on a network of given links, and how long a file takes to reach all of it. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { MIB } from '@hubmesh/content'
import { type Place, type Swarm, type SwarmNode, createSwarm } from '../../integration/local-swarm.ts'
import { usageOf } from '../measure.ts'
import { NO_UPSTREAM, publish, writeRandomFile } from '../samples.ts'

export interface Mesh extends AsyncDisposable {
  /** Publishes a file of random bytes at the seed, has all others pull it at the same time, and says how that went. */
  spread(size: number): Promise<Spread>
}

export interface Spread {
  /** Until the last has all of it, verified. */
  readonly seconds: number
  /** Payload that the seed sent, in copies of the file. */
  readonly copiesOfSeed: number
  /** Payload that was received in all, in files that were made of it: what is over 1 came in vain. */
  readonly received: number
  /** Payload that came from other sites, in copies of the file. */
  readonly copiesOverWan: number
  /** Of all nodes together. */
  readonly cpuSeconds: number
}

export interface Member {
  readonly place: Place
  readonly site?: string
}

/** Not measured: nodes that have just started compile their code, and nodes run for weeks. */
const WARM_UP_BYTES = 16 * MIB

/** Ready when each knows each. */
export const createMesh = async (seedPlace: Place, members: readonly Member[], seedSite = 'seed'): Promise<Mesh> => {
  const swarm = await createSwarm()
  const nodes: SwarmNode[] = []
  try {
    const seed = await swarm.startSeed({ upstream: NO_UPSTREAM, place: seedPlace, args: ['--site', seedSite] })
    const ticket = await seed.ticket()
    const start = ({ place, site }: Member, index: number): Promise<SwarmNode> =>
      swarm.startOffice(`office-${index}`, { ticket, place, args: site === undefined ? [] : ['--site', site] })
    nodes.push(...(await Promise.all(members.map(start))))
    await Promise.all(nodes.map((node) => node.waitFor('all the others', isConnectedTo(members.length))))
    let spreads = 0
    const mesh: Mesh = {
      spread: async (size) => {
        const repo = `bench/file-${spreads++}`
        await publishFile(swarm, seed, { repo, size })
        await Promise.all(
          nodes.map((node) => node.waitFor('the repo', ({ repos }) => repos.some(({ id }) => id === repo))),
        )
        return spread({ seed, nodes }, { repo, size })
      },
      [Symbol.asyncDispose]: () => swarm.stop(),
    }
    await mesh.spread(WARM_UP_BYTES)
    return mesh
  } catch (error) {
    await swarm.stop()
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
): Promise<Spread> => {
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
