import {
  type BlockStore,
  type CatalogRef,
  type CatalogRepo,
  type Cid,
  type GitOid,
  type RepoRef,
  decodeManifest,
} from '@hubmesh/content'

/** Revisions that stay servable per repo beside those that a ref is at: clients ask for what they read a minute ago. */
const RETAINED_REVISIONS = 20

/** What a catalog takes: the ids that a repo had last. */
const MAX_ALIASES = 64

/** What became of a revision: how the repo's offer is to change. */
export interface OfferChange {
  readonly repo: RepoRef
  readonly revision: GitOid
  readonly manifest: Cid
  /** Names that are at this revision now. */
  readonly refs: readonly string[]
  readonly defaultBranch?: string | undefined
  /** Branch -> the block with its commits. */
  readonly history?: Readonly<Record<string, Cid>> | undefined
  readonly aliases?: readonly string[] | undefined
}

/** The repo's offer with a revision and the refs that moved to it. */
export const offerRevision = (held: CatalogRepo | undefined, change: OfferChange): CatalogRepo => {
  const { repo, revision, manifest } = change
  const since = new Date().toISOString()
  const moved = change.refs.map((name): [string, CatalogRef] => {
    const before = held?.refs[name]
    return [name, before?.revision === revision ? { ...before, manifest } : { revision, manifest, since }]
  })
  const aliases = new Set([...(held?.aliases ?? []), ...(change.aliases ?? [])])
  aliases.delete(repo.id)
  return {
    repo,
    refs: { ...held?.refs, ...Object.fromEntries(moved) },
    revisions: { ...held?.revisions, [revision]: manifest },
    history: { ...held?.history, ...change.history },
    defaultBranch: change.defaultBranch ?? held?.defaultBranch,
    ...(aliases.size === 0 ? {} : { aliases: [...aliases].slice(-MAX_ALIASES) }),
    job: held?.job,
  }
}

/** The offer without refs that are gone upstream. The revisions stay for a while. */
export const dropRefs = (offer: CatalogRepo, isGone: (name: string) => boolean): CatalogRepo => {
  const kept = <T>(named: Readonly<Record<string, T>>): Record<string, T> =>
    Object.fromEntries(Object.entries(named).filter(([name]) => !isGone(name)))
  const { defaultBranch } = offer
  return {
    ...offer,
    refs: kept(offer.refs),
    history: kept(offer.history ?? {}),
    defaultBranch: defaultBranch === undefined || isGone(defaultBranch) ? undefined : defaultBranch,
  }
}

/** What the seed is doing about a repo. The same offer again when that is known already. */
export const markJob = (
  held: CatalogRepo | undefined,
  repo: RepoRef,
  state: 'pulling' | 'failed' | undefined,
): CatalogRepo => {
  if (held !== undefined && held.job?.state === state) return held
  const job = state === undefined ? undefined : { state, since: new Date().toISOString() }
  return { ...(held ?? { repo, refs: {}, revisions: {} }), job }
}

/**
 * When each revision's manifest was made, for `retain`. A manifest that is lost counts as the oldest.
 */
export const revisionAges = async (
  blocks: BlockStore,
  offer: CatalogRepo | undefined,
): Promise<ReadonlyMap<string, string>> => {
  const revisions = Object.entries(offer?.revisions ?? {})
  const ages = await Promise.all(
    revisions.map(async ([revision, manifest]): Promise<[string, string]> => {
      const root = await blocks.get(manifest)
      return [revision, root === undefined ? '' : decodeManifest(root.bytes).createdAt]
    }),
  )
  return new Map(ages)
}

/** The offer with the newest revisions alone, and those that a ref is at. A revision without an age is new. */
export const retain = (offer: CatalogRepo, ages: ReadonlyMap<string, string>): CatalogRepo => {
  const revisions = Object.entries(offer.revisions)
  const named = new Set<string>(Object.values(offer.refs).map(({ revision }) => revision))
  const newestFirst = revisions.toSorted(([a], [b]) => (ageOf(ages, b) < ageOf(ages, a) ? -1 : 1))
  const kept = new Set(newestFirst.slice(0, RETAINED_REVISIONS).map(([revision]) => revision))
  return {
    ...offer,
    revisions: Object.fromEntries(revisions.filter(([revision]) => named.has(revision) || kept.has(revision))),
  }
}

const NEW = '~' // after every date
const ageOf = (ages: ReadonlyMap<string, string>, revision: string): string => ages.get(revision) ?? NEW
