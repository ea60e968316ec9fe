import type { Member } from '../bench/swarm/mesh.ts'
import type { Scenario } from '../simulator/scenarios.ts'
import { type NetworkOptions, type NetworkPlace, createNetwork } from './network.ts'

/** A simulated scenario's lines as a network of one's own, for real nodes. */
export interface Topology extends AsyncDisposable {
  readonly seed: Member
  readonly members: readonly Member[]
  /** IP bytes that have come to a site over the line that it shares. */
  deliveredTo(site: string): Promise<number>
}

/** What is measured are the lines, not what else the machine does meanwhile. */
const AHEAD = ['nice', '-n', '-10']

/** Where sites share a line each, their nodes stand behind it. */
export const layOut = async (
  { nodes, distances: { between } }: Pick<Scenario, 'nodes' | 'distances'>,
  options: Omit<NetworkOptions, 'roundTripMs'> = {},
): Promise<Topology> => {
  const network = await createNetwork({ ...options, roundTripMs: between.rttMs })
  const routers = new Map<string, NetworkPlace>()
  const routerOf = (site: string): NetworkPlace => {
    const router = routers.get(site)
    if (router === undefined) throw new Error(`${site} shares no line`)
    return router
  }
  const attach = async (): Promise<Pick<Topology, 'seed' | 'members'>> => {
    if (between.mbits !== undefined) {
      for (const site of new Set(nodes.map(({ site }) => site)))
        routers.set(site, await network.attach({ up: between.mbits, down: between.mbits }))
    }
    const members: Member[] = []
    let seed: Member | undefined
    for (const { site, isSeed, up, down } of nodes) {
      const link = between.mbits === undefined ? { up, down } : { up, down, behind: routerOf(site) }
      const place = await network.attach(link)
      const member = { site, place: { ...place, command: [...AHEAD, ...place.command] } }
      if (isSeed) seed = member
      else members.push(member)
    }
    if (seed === undefined) throw new Error('a mesh needs a seed')
    return { seed, members }
  }
  try {
    return {
      ...(await attach()),
      deliveredTo: (site) => network.delivered(routerOf(site)),
      [Symbol.asyncDispose]: () => network.stop(),
    }
  } catch (error) {
    await network.stop()
    throw error
  }
}
