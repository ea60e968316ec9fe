import {
  type Block,
  type CatalogStore,
  type Cid,
  type Entry,
  type Manifest,
  MeshError,
  type RepoRef,
  type Sha256,
  type Signature,
  type Swarm,
  decodeManifestEntries,
  isMeshError,
  repoKey,
  singleChunkFiles,
} from '@hubmesh/content'
import { RefusedError, type TrustPolicy, acceptManifest, createPolicy } from '@hubmesh/trust'
import type { Blocks } from './blocks.ts'
import { forEachBounded } from './bounded.ts'
import { BYTES_PER_ENTRY, type Limits, MAX_CACHED_ENTRIES, PAGES_AT_ONCE } from './limits.ts'
import type { Refusals } from './refusals.ts'
import { createShared, notReady, withDeadline } from './waits.ts'

/** A revision and the manifest that a catalog gives for it. */
export interface Target {
  readonly repo: RepoRef
  readonly revision: string
  readonly manifest: Cid
}

/** The decoded entries of a manifest. */
export interface Listing {
  /** In path order. */
  readonly entries: readonly Entry[]
  readonly byPath: ReadonlyMap<string, Entry>
  /** Place of each blob of one chunk in the manifest's own chunk set. */
  readonly singles: ReadonlyMap<Sha256, number>
}

export interface AcceptedManifest {
  readonly cid: Cid
  readonly manifest: Manifest
  listing(signal: AbortSignal): Promise<Listing>
  /** Sees to it that all of it is on this disk, without decoding. */
  fetch(signal: AbortSignal): Promise<void>
  /** The listing if all of it is on this disk. */
  local(): Promise<Listing | undefined>
}

/** Manifests that the trust policy has accepted, the latest used in memory. */
export interface Manifests {
  /** @throws RefusedError, which is also recorded; MeshError `not-ready`, `bad-bytes` */
  accepted(target: Target, signal: AbortSignal): Promise<AcceptedManifest>
  /** If it is in memory. */
  recall(target: Target): AcceptedManifest | undefined
  /** Without asking anybody: undefined when it, or a signature for it, is not here. */
  local(target: Target): Promise<AcceptedManifest | undefined>
}

interface Components {
  readonly blocks: Blocks
  readonly catalogs: CatalogStore
  readonly swarm: Swarm
  readonly refusals: Refusals
}

interface Cached {
  readonly accepted: AcceptedManifest
  weight: number
}

export const createManifests = (
  { blocks, catalogs, swarm, refusals }: Components,
  { policy, limits }: { policy: TrustPolicy; limits: Limits },
): Manifests => {
  const cache = new Map<string, Cached>()
  const judging = createShared<AcceptedManifest>()
  const listing = createShared<Listing>()
  let weight = 0

  const accepted = async (target: Target, signal: AbortSignal): Promise<AcceptedManifest> => {
    const key = keyOf(target)
    return recall(key) ?? judging.join(key, signal, (signal) => withDeadline(judge, { signal, ms, late }))

    async function judge(signal: AbortSignal): Promise<AcceptedManifest> {
      const root = await blocks.block(target.manifest, { signal })
      try {
        return keep(key, root, await acceptWithSignatures(root, target, signal))
      } catch (error) {
        if (error instanceof RefusedError) await refusals.record(error, { subject: subjectOf(target), from: '' })
        throw error
      }
    }
  }
  const ms = limits.manifestMs
  const late = (): MeshError => notReady('the manifest did not come in time')

  /** With the signatures that are here, or else with what peers know: each of theirs is judged by itself before it is kept. */
  const acceptWithSignatures = async (root: Block, target: Target, signal: AbortSignal): Promise<Manifest> => {
    const known = await catalogs.signatures(root.cid)
    try {
      return await acceptManifest(root, known, { policy, ...target })
    } catch (error) {
      if (!lacksSignatures(error) || policy.ruleFor(target.repo) === undefined) throw error
    }
    const heard = await swarm.fetchSignatures(root.cid, { signal })
    if (heard.length === 0 && known.length === 0) throw notReady('nobody in reach has the signature of the manifest')
    const good = await goodOnes(root, heard, target)
    const manifest = await acceptManifest(root, good.length === 0 ? heard : [...good, ...known], { policy, ...target })
    await catalogs.addSignatures(root.cid, good)
    return manifest
  }
  const goodOnes = async (root: Block, heard: readonly Signature[], target: Target): Promise<Signature[]> => {
    const publishers = policy.ruleFor(target.repo)?.publishers ?? []
    const anyOfThem = createPolicy([{ publishers, threshold: 1, repos: ['**'] }])
    const good: Signature[] = []
    for (const signature of heard) {
      try {
        await acceptManifest(root, [signature], { policy: anyOfThem, ...target })
        good.push(signature)
      } catch (error) {
        if (!lacksSignatures(error)) throw error
      }
    }
    return good
  }

  const keep = (key: string, root: Block, manifest: Manifest): AcceptedManifest => {
    const kept = recall(key)
    if (kept !== undefined) return kept // another has judged it at the same time
    const accepted: AcceptedManifest = {
      cid: root.cid,
      manifest,
      listing: async (signal) => loaded ?? (await listing.join(root.cid, signal, load)),
      fetch: async (signal) => void (loaded ?? (await fetchPages(signal))),
      local: async () => loaded ?? (await loadLocal()),
    }
    let loaded: Listing | undefined
    const fetchPages = async (signal: AbortSignal): Promise<Block[]> => {
      const pages: Block[] = []
      await forEachBounded(
        manifest.entries.entries(),
        { width: PAGES_AT_ONCE, signal },
        async ([index, cid], signal) => {
          pages[index] = await blocks.block(cid, { signal })
        },
      )
      return pages
    }
    const load = async (signal: AbortSignal): Promise<Listing> => take(await fetchPages(signal))
    const loadLocal = async (): Promise<Listing | undefined> => {
      const pages = await Promise.all(manifest.entries.map((cid) => blocks.local(cid)))
      const here = pages.filter((page) => page !== undefined)
      return here.length < pages.length ? undefined : take(here)
    }
    const take = (pages: readonly Block[]): Listing => {
      if (loaded !== undefined) return loaded
      loaded = listingOf(decodeManifestEntries(pages.map((page) => page.bytes)))
      const cached = cache.get(key)
      if (cached?.accepted === accepted) weigh(key, cached, cached.weight + loaded.entries.length)
      return loaded
    }
    weigh(key, { accepted, weight: 0 }, 1 + Math.ceil(root.bytes.length / BYTES_PER_ENTRY))
    return accepted
  }
  const weigh = (key: string, cached: Cached, now: number): void => {
    weight += now - cached.weight
    cached.weight = now
    cache.delete(key)
    cache.set(key, cached)
    for (const [oldest, { weight: freed }] of cache) {
      if (weight <= MAX_CACHED_ENTRIES || oldest === key) return
      cache.delete(oldest)
      weight -= freed
    }
  }
  const recall = (key: string): AcceptedManifest | undefined => {
    const cached = cache.get(key)
    if (cached !== undefined) weigh(key, cached, cached.weight)
    return cached?.accepted
  }

  const local = async (target: Target): Promise<AcceptedManifest | undefined> => {
    const known = recall(keyOf(target))
    if (known !== undefined) return known
    const root = await blocks.local(target.manifest)
    if (root === undefined) return undefined
    try {
      const signatures = await catalogs.signatures(root.cid)
      return keep(keyOf(target), root, await acceptManifest(root, signatures, { policy, ...target }))
    } catch (error) {
      if (isMeshError(error, 'refused')) return undefined
      throw error
    }
  }

  return { accepted, recall: (target) => recall(keyOf(target)), local }
}

const listingOf = (entries: readonly Entry[]): Listing => ({
  entries,
  byPath: new Map(entries.map((entry) => [entry.path, entry])),
  singles: new Map(singleChunkFiles(entries).map((file, index) => [file.sha256, index])),
})

/** None of the three has a space. */
const keyOf = ({ repo, revision, manifest }: Target): string => `${manifest} ${repoKey(repo)} ${revision}`
export const subjectOf = ({ repo, revision }: Pick<Target, 'repo' | 'revision'>): string =>
  `${repoKey(repo)}@${revision}`

const lacksSignatures = (error: unknown): boolean =>
  error instanceof RefusedError && (error.kind === 'signature' || error.kind === 'untrusted')
