import {
  type CatalogRepo,
  type HeldHead,
  type Log,
  MESH_AUDIENCE,
  type OfferedRepo,
  type RepoRef,
  type RepoType,
  comparePaths,
  orAbort,
  repoKey,
} from '@hubmesh/content'
import type { TrustPolicy } from '@hubmesh/trust'
import type { Blocks } from './blocks.ts'
import { type LoadedCatalog, changedRepos, loadCatalog } from './catalog.ts'

/** What one trusted publisher offers of a repo. */
export interface Offer {
  readonly publisher: string
  readonly catalog: CatalogRepo
  readonly stale: boolean
}

/** The decoded catalogs of all publishers, judged by the trust policy. */
export interface Offers {
  /** Fetches and decodes what a head names, to be there when it is committed. @throws RefusedError, MeshError `not-ready` */
  stage(held: HeldHead, options: { signal: AbortSignal; hint: string }): Promise<void>
  /** Takes in a committed head. Returns at once. */
  load(held: HeldHead): void
  /** Resolves when all that was committed has been taken in, as far as it can be. */
  settled(signal: AbortSignal): Promise<void>
  isSettled(): boolean
  /** Takes in again what could not be. */
  retry(): void
  /** The repo as trusted publishers offer it, in the order of the rule. Also under another name of it. */
  of(repo: RepoRef): readonly Offer[]
  /** False while nobody who could offer the repo has been heard: that it is not offered then means nothing. */
  heard(repo: RepoRef): boolean
  list(type: RepoType): readonly OfferedRepo[]
  all(): readonly RepoRef[]
  /** Resolves at the next change. */
  changed(signal: AbortSignal): Promise<void>
  onChange(listener: (repos: readonly RepoRef[]) => void): void
}

export const createOffers = (
  { blocks, log }: { blocks: Blocks; log: Log },
  { policy, publisherId, signal }: { policy: TrustPolicy; publisherId: string; signal: AbortSignal },
): Offers => {
  const loaded = new Map<string, LoadedCatalog>()
  const staged = new Map<string, LoadedCatalog>()
  const missing = new Map<string, HeldHead>()
  const listeners = new Set<(repos: readonly RepoRef[]) => void>()
  let lists = new Map<RepoType, readonly OfferedRepo[]>()
  let change = Promise.withResolvers<void>()
  let loading: Promise<void> | undefined

  const catalogOf = async (held: HeldHead): Promise<LoadedCatalog> => {
    const ready = staged.get(held.head.publisher)
    staged.delete(held.head.publisher)
    if (ready?.held.head.root === held.head.root) return { ...ready, held }
    return loadCatalog(blocks, held, { before: loaded.get(held.head.publisher), signal })
  }
  const takeIn = async (held: HeldHead): Promise<void> => {
    const { publisher, audience } = held.head
    if (audience !== MESH_AUDIENCE || !policy.knows(publisher)) return
    const newest = loaded.get(publisher)?.held.head.sequence ?? 0
    if (held.head.sequence < newest) return // one that was missing, and has been overtaken
    try {
      const catalog = await catalogOf(held)
      const changed = changedRepos(loaded.get(publisher), catalog)
      loaded.set(publisher, catalog)
      missing.delete(publisher)
      lists = new Map()
      change.resolve()
      change = Promise.withResolvers()
      for (const listener of listeners) listener(changed.map(({ repo }) => repo))
    } catch (error) {
      missing.set(publisher, held)
      if (!signal.aborted) log.warn({ err: error, publisher }, 'a catalog that is held could not be read')
    }
  }
  const load = (held: HeldHead): void => {
    const taking = (loading ?? Promise.resolve()).then(() => takeIn(held))
    loading = taking
    void taking.then(() => {
      if (loading === taking) loading = undefined
    })
  }

  const of = (repo: RepoRef): readonly Offer[] => {
    const key = repoKey(repo)
    return (policy.ruleFor(repo)?.publishers ?? []).flatMap((publisher) => {
      const catalog = loaded.get(publisher)
      const found = catalog?.repos.get(key) ?? trustedAlias(publisher, catalog?.aliases.get(key))
      if (catalog === undefined || found === undefined || found.removed === true) return []
      return [{ publisher, catalog: found, stale: isExpired(catalog.held) }]
    })
  }
  // Its publisher must be trusted under both names, or trust in one repo would be trust in all.
  const trustedAlias = (publisher: string, found: CatalogRepo | undefined): CatalogRepo | undefined =>
    found !== undefined && policy.trusts(publisher, found.repo) ? found : undefined

  const all = (): readonly RepoRef[] => {
    const repos = [...loaded.values()].flatMap((catalog) => [...catalog.repos.values()].map(({ repo }) => repo))
    return [...new Map(repos.map((repo) => [repoKey(repo), repo])).values()].filter((repo) => of(repo).length > 0)
  }
  const list = (type: RepoType): readonly OfferedRepo[] => {
    const known = lists.get(type)
    if (known !== undefined) return known
    const repos = all().filter((repo) => repo.type === type)
    const offered = repos.map((repo) => offeredRepo(of(repo))).filter((repo) => repo !== undefined)
    lists.set(
      type,
      offered.toSorted((a, b) => comparePaths(a.repo.id, b.repo.id)),
    )
    return list(type)
  }

  return {
    stage: async (held, options) => {
      const { publisher } = held.head
      staged.set(publisher, await loadCatalog(blocks, held, { ...options, before: loaded.get(publisher) }))
    },
    load,
    settled: async (signal) => {
      for (let pending = loading; pending !== undefined; pending = loading) await orAbort(pending, signal)
    },
    isSettled: () => loading === undefined,
    retry: () => {
      for (const held of missing.values()) load(held)
    },
    of,
    heard: (repo) => {
      const others = (policy.ruleFor(repo)?.publishers ?? []).filter((publisher) => publisher !== publisherId)
      return others.length === 0 || others.some((publisher) => loaded.has(publisher))
    },
    list,
    all,
    changed: (signal) => orAbort(change.promise, signal),
    onChange: (listener) => void listeners.add(listener),
  }
}

/** Several publishers' offers as one: where two say something of the same name, the first decides. */
export const offeredRepo = (offers: readonly Offer[]): OfferedRepo | undefined => {
  const [first] = offers
  if (first === undefined) return undefined
  const catalogs = offers.map(({ catalog }) => catalog)
  const histories = catalogs.map(({ history }) => history).filter((history) => history !== undefined)
  return {
    ...first.catalog,
    refs: merged(catalogs.map(({ refs }) => refs)),
    revisions: merged(catalogs.map(({ revisions }) => revisions)),
    ...(histories.length === 0 ? {} : { history: merged(histories) }),
    publisher: first.publisher,
    stale: first.stale,
  }
}

/** Without a prototype, as the records that it is made of. */
const merged = <T>(records: readonly Readonly<Record<string, T>>[]): Readonly<Record<string, T>> =>
  Object.assign(Object.create(null) as Record<string, T>, ...records.toReversed()) as Record<string, T>

const isExpired = ({ head }: HeldHead): boolean => Date.parse(head.expires) <= Date.now()
