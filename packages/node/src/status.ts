import { readFileSync } from 'node:fs'
import type {
  BlobStore,
  Caps,
  CatalogStore,
  Counters,
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
  readonly caps: (now: Date) => Caps
  /** Why it could not join as it was told to. */
  readonly joinProblem?: string | undefined
}

/** The version that this node reports. */
const version: string = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
).version

/** What a node says of itself. */
export interface Reports {
  /** Puts what each room reports side by side: with thousands of repos and peers it takes some milliseconds. */
  readonly status: () => Promise<NodeStatus>
  /** Its `ready` alone, at once, for who asks every second. */
  readonly ready: () => ReadyStatus
}

export const createReports = (components: StatusComponents, facts: StatusFacts): Reports => {
  const startedAt = performance.now()
  const { swarm, library, blobs, catalogs, meter, origin } = components
  const ready = (): ReadyStatus => readiness(components, facts)
  const status = async (): Promise<NodeStatus> => ({
    peerId: swarm.peerId,
    publisherId: facts.publisherId,
    role: origin === undefined ? 'peer' : 'seed',
    site: facts.site,
    version,
    uptime: Math.floor((performance.now() - startedAt) / 1000),
    ready: ready(),
    addresses: swarm.addresses(),
    peers: swarm.peers(),
    repos: await library.repos(),
    transfers: library.transfers(),
    store: blobs.usage(),
    counters: meter.read(),
    wanCopies: wanCopies(meter.read()),
    caps: facts.caps(new Date()),
    refusals: [...catalogs.refusals()],
    mirrors: origin?.state() ?? [],
  })
  return { status, ready }
}

const wanCopies = ({ wanBytes, broughtBytes }: Counters): number | null =>
  broughtBytes === 0 ? null : wanBytes / broughtBytes

/** A seed is ready by itself; a peer when it has somebody to ask, who offers something that it may believe. */
const readiness = ({ swarm, origin, catalogs }: StatusComponents, { joinProblem }: StatusFacts): ReadyStatus => {
  const joining = joinProblem === undefined ? [] : [joinProblem]
  const isAlone = swarm.farthest() === undefined
  const others = origin !== undefined ? [] : isAlone ? whyAlone(swarm) : whyNoCatalog(catalogs)
  const reasons = [...joining, ...others]
  return { ready: reasons.length === 0, reasons }
}

/** Addresses of which a reason is told: one of many that fail is hardly better than the first. */
const MAX_ADDRESSES_TOLD = 4

const whyAlone = (swarm: Swarm): string[] => {
  const unreached = swarm.unreached()
  if (unreached.length === 0) return ['no peer is connected: `hubmesh join TICKET` makes this node a member of a mesh']
  return unreached
    .slice(0, MAX_ADDRESSES_TOLD)
    .map(({ address, reason }) => `no peer is connected, it keeps trying: ${address}: ${reason}`)
}

/** Nothing is said while catalogs may still be on their way. */
const whyNoCatalog = (catalogs: CatalogStore): string[] => {
  const [refusal] = catalogs.refusals()
  if (catalogs.heads().length > 0 || refusal === undefined) return []
  const { kind, publisher, reason } = refusal
  return [
    `peers are connected, but no catalog is trusted: that of ${publisher} was refused (${kind}: ${reason}); ` +
      '`trust` in hubmesh.yaml, or --trust, says whose are taken',
  ]
}
