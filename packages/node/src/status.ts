import { readFileSync } from 'node:fs'
import type {
  BlobStore,
  CatalogStore,
  Library,
  Meter,
  NodeStatus,
  Publisher,
  ReadyStatus,
  Swarm,
} from '@hubmesh/content'

export interface StatusComponents {
  readonly swarm: Swarm
  readonly library: Library
  readonly blobs: BlobStore
  readonly catalogs: CatalogStore
  readonly meter: Meter
  /** Absent on an office. */
  readonly origin?: Publisher | undefined
}

export interface StatusFacts {
  readonly publisherId: string
  readonly site: string
  /** Addresses of other nodes that this one was given. */
  readonly bootstrap: readonly string[]
  /** Why it could not join as it was told to. */
  readonly joinProblem?: string | undefined
}

/** The version that this node reports. */
const version: string = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
).version

/** Puts what each room reports side by side. */
export const createStatus = (components: StatusComponents, facts: StatusFacts): (() => Promise<NodeStatus>) => {
  const startedAt = performance.now()
  const { swarm, library, blobs, catalogs, meter, origin } = components
  return async () => ({
    peerId: swarm.peerId,
    publisherId: facts.publisherId,
    role: origin === undefined ? 'peer' : 'seed',
    site: facts.site,
    version,
    uptime: Math.floor((performance.now() - startedAt) / 1000),
    ready: readiness(components, facts),
    addresses: swarm.addresses(),
    peers: swarm.peers(),
    repos: await library.repos(),
    transfers: library.transfers(),
    store: blobs.usage(),
    counters: meter.read(),
    refusals: [...catalogs.refusals()],
    mirrors: origin?.state() ?? [],
  })
}

/** A seed is ready by itself; a peer when it has somebody to ask. */
const readiness = ({ swarm, origin }: StatusComponents, { bootstrap, joinProblem }: StatusFacts): ReadyStatus => {
  const alone = origin === undefined && !swarm.peers().some(({ connected }) => connected)
  const why =
    bootstrap.length === 0
      ? 'no peer is connected: `hubmesh join TICKET` makes this node a member of a mesh'
      : 'no peer is connected: none of the addresses to join answers yet, it keeps trying'
  const reasons = [...(joinProblem === undefined ? [] : [joinProblem]), ...(alone ? [why] : [])]
  return { ready: reasons.length === 0, reasons }
}
