import {
  type BlobStore,
  type BlockStore,
  type CatalogStore,
  type ChunkSource,
  type Cid,
  type Library,
  type Log,
  MeshError,
  type Meter,
  type RepoRef,
  type Swarm,
  cidCodec,
  cidSha256,
  joinParts,
  repoKey,
  repoMatcher,
} from '@hubmesh/content'
import type { TrustPolicy } from '@hubmesh/trust'
import { createBlocks } from './blocks.ts'
import { createBudget } from './bounded.ts'
import type { OpenChunks } from './chunks.ts'
import { createCommits } from './commits.ts'
import { createCounts } from './counts.ts'
import { createFetchFiles } from './fetch-files.ts'
import { createFlights } from './flights.ts'
import { createFollowers } from './follow.ts'
import { createHeads } from './heads.ts'
import { DEFAULT_LIMITS, FETCH_BYTES, FETCH_CHUNKS, type Limits } from './limits.ts'
import { createManifests } from './manifests.ts'
import { createOffers, offeredRepo } from './offers.ts'
import { createPull } from './pull.ts'
import { createPace } from './read.ts'
import { createRefusals } from './refusals.ts'
import { type Follow, type Resolved, createResolve } from './resolve.ts'
import { openSingle } from './singles.ts'
import { createSite } from './site.ts'
import { createSnapshot } from './snapshot.ts'
import { createRepoStatus } from './status.ts'
import { createTransfers } from './transfers.ts'
import { createWarm } from './warm.ts'

export interface LibraryComponents {
  readonly blobs: BlobStore
  readonly blocks: BlockStore
  readonly catalogs: CatalogStore
  readonly swarm: Swarm
  readonly source: ChunkSource
  readonly log: Log
  readonly meter: Meter
}

export interface LibraryOptions {
  readonly policy: TrustPolicy
  /** This node's own publisher. */
  readonly publisherId: string
  /**
   * When a ref moves at this site, of a repo that is held: once what is held of the new revision is here, at once, or only
   * by a pull. All other repos move at once.
   * @default 'complete'
   */
  readonly follow?: Follow | undefined
  /** Repos that are held without anybody asking for them: globs, as in a trust rule. @default none */
  readonly hold?: readonly string[] | undefined
  /** True for a repo that this node is about to offer itself. @default never */
  readonly pending?: ((repo: RepoRef) => boolean) | undefined
  readonly limits?: Partial<Limits> | undefined
}

export interface RunningLibrary extends Library {
  /** Loads the catalogs that are held, and begins to follow. */
  start(): Promise<void>
  stop(): Promise<void>
}

/** Revisions and files, from whatever has them. */
export const createLibrary = (components: LibraryComponents, options: LibraryOptions): RunningLibrary => {
  const { blobs, catalogs, swarm, source, log, meter } = components
  const { policy, publisherId, follow = 'complete', pending = () => false } = options
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  const life = new AbortController()
  const { signal } = life

  const blocks = createBlocks(components, limits)
  const refusals = createRefusals({ catalogs, log })
  const site = createSite({ catalogs, log })
  const offers = createOffers({ blocks, log }, { policy, publisherId, signal })
  const heads = createHeads({ catalogs, offers, refusals, log }, { policy, limits })
  const manifests = createManifests({ blocks, catalogs, swarm, refusals }, { policy, limits })
  const resolve = createResolve({ offers, site, manifests, swarm }, { follow, pending, limits })

  const provided = new Set<Cid>()
  const provide = (manifest: Cid): void => {
    counts.touch()
    if (provided.has(manifest)) return
    provided.add(manifest)
    swarm.provide(manifest)
  }
  const flights = createFlights({ source }, limits)
  const transfers = createTransfers({ blobs, blocks, flights, source, refusals, provide, log }, signal)
  const counts = createCounts({ blobs, done: (list) => transfers.done(list) })
  const openChunks: OpenChunks = async (wanted, signal) => {
    const { list } = wanted.file
    return list === undefined
      ? openSingle({ blobs, flights, provide }, wanted)
      : transfers.open({ ...wanted, list }, signal)
  }
  const fetchFiles = createFetchFiles({
    open: openChunks,
    has: (file) => blobs.has(file.sha256),
    swarm,
    budget: createBudget({ count: FETCH_CHUNKS, bytes: FETCH_BYTES }),
  })
  const followers = createFollowers(
    { offers, site, manifests, fetchFiles, provide, log },
    {
      follow,
      limits,
      isHeld: repoMatcher(options.hold ?? []),
    },
  )

  const warm = createWarm({ open: openChunks, log }, { limits, signal })
  const onWarmFailure = (error: unknown): void => log.debug({ err: error }, 'a manifest did not come for a HEAD')
  const pace = createPace()
  const reading = { blobs, site, openChunks, provide, warm, pace, source, swarm, meter, limits, signal, onWarmFailure }
  const snapshotOf = (resolved: Resolved) => createSnapshot(reading, resolved)

  // From now on, since peers tell their heads as soon as they connect; they are judged once this has started.
  const stops = [swarm.onHead((envelope, from) => heads.hear(envelope, from))]
  const retry = (): void => {
    offers.retry()
    heads.retry()
    followers.retry()
  }
  offers.onChange((repos) => followers.consider(repos))

  return {
    resolve: async (repo, revision, options) => snapshotOf(await resolve.revision(repo, revision, options)),
    repo: async (repo) => {
      const offered = offeredRepo(await resolve.offers(repo, signal))
      if (offered === undefined) throw new MeshError('repo-not-found', `${repoKey(repo)} is not offered`)
      return offered
    },
    list: async (type) => {
      await offers.settled(signal)
      return offers.list(type)
    },
    commits: createCommits({ resolve, blocks }),
    pull: createPull({ resolve, site, fetchFiles, swarm, snapshotOf }, { limits, signal }),
    block: async (cid) => {
      if (cidCodec(cid) === 'dag-cbor') return (await blocks.local(cid))?.bytes
      const chunk = await blobs.chunk(cidSha256(cid))
      return chunk && joinParts(chunk)
    },
    repos: createRepoStatus({ offers, site, manifests, counts }, { follow, signal }),
    transfers: () => transfers.status(),
    start: async () => {
      stops.push(catalogs.onCommit((held) => offers.load(held)))
      stops.push(swarm.onPeer((_, connected) => connected && retry()))
      const timer = setInterval(retry, limits.retryMs)
      stops.push(() => clearInterval(timer))
      await followers.resume() // before the catalogs, whose newer revisions take the place of what is resumed
      for (const held of catalogs.heads()) offers.load(held)
      await offers.settled(signal)
      heads.start()
    },
    stop: async () => {
      for (const stop of stops.splice(0)) stop()
      life.abort(new MeshError('unreachable', 'this node is stopping'))
      await Promise.all([heads.stop(), followers.stop(), flights.stop()])
      await transfers.stop()
      await site.stop()
    },
  }
}
