import { type CatalogRef, DEFAULT_BRANCH, type SiteRef, isGitOid } from '@hubmesh/content'
import { MIN_SHORT_SHA } from './limits.ts'
import type { Target } from './manifests.ts'
import type { Offer } from './offers.ts'
import type { SiteRepo } from './site.ts'

/** What a name means: the catalog's word, and this site's. One of them is there. */
export interface Named {
  /** The ref in full; absent for a sha. */
  readonly ref?: string
  readonly offered?: Offered
  readonly standing?: SiteRef
}

export interface Offered extends Target {
  readonly publisher: string
  readonly stale: boolean
  /** When the ref moved at the publisher; absent for a sha. */
  readonly since?: string
}

/** Looks up a ref by the names that git and the Hub know it under, else a full or a short commit sha. */
export const lookUp = (name: string, offers: readonly Offer[], site: SiteRepo): Named | undefined => {
  for (const ref of refNames(name, offers)) {
    const offered = offeredRef(ref, offers)
    if (offered !== undefined) return { ref, offered, ...standingOf(ref, site) }
  }
  const sha = isGitOid(name) ? name : fullSha(name, offers, site)
  const offered = sha === undefined ? undefined : offeredRevision(sha, offers)
  const standing = sha === undefined ? undefined : standingRevision(sha, site)
  if (offered === undefined && standing === undefined) return undefined
  return { ...(offered && { offered }), ...(standing && { standing }) }
}

/** Where two publishers offer the ref, the first in the rule decides. */
export const offeredRef = (ref: string, offers: readonly Offer[]): Offered | undefined => {
  for (const offer of offers) {
    const found: CatalogRef | undefined = offer.catalog.refs[ref]
    if (found !== undefined) return { ...asOffered(offer, found.revision, found.manifest), since: found.since }
  }
  return undefined
}

export const defaultBranch = (offers: readonly Offer[]): string =>
  offers.find(({ catalog }) => catalog.defaultBranch !== undefined)?.catalog.defaultBranch ?? DEFAULT_BRANCH

/** In git's order (gitrevisions, "refname"), but that a branch goes before a tag of the same name, as at the Hub. */
const refNames = (name: string, offers: readonly Offer[]): string[] => {
  if (name === 'HEAD') return [defaultBranch(offers)]
  return [name.replace(/^refs\/heads\//, ''), `refs/tags/${name}`, `refs/${name}`]
}

const offeredRevision = (sha: string, offers: readonly Offer[]): Offered | undefined => {
  for (const offer of offers) {
    const { revisions, refs } = offer.catalog
    const manifest = revisions[sha] ?? Object.values(refs).find(({ revision }) => revision === sha)?.manifest
    if (manifest !== undefined) return asOffered(offer, sha, manifest)
  }
  return undefined
}

const asOffered = ({ publisher, stale, catalog }: Offer, revision: string, manifest: Target['manifest']): Offered => ({
  repo: catalog.repo,
  revision,
  manifest,
  publisher,
  stale,
})

/** The refs that stand at a revision, here or, where this site knows nothing of them, in the catalog. */
export const refsAt = ({ manifest }: Target, offers: readonly Offer[], site: SiteRepo): string[] => {
  const refs = new Set(offers.flatMap(({ catalog }) => Object.keys(catalog.refs)))
  return [...refs].filter((ref) => (site.standing.get(ref) ?? offeredRef(ref, offers))?.manifest === manifest)
}

const standingOf = (ref: string, site: SiteRepo): { standing?: SiteRef } => {
  const standing = site.standing.get(ref)
  return standing === undefined ? {} : { standing }
}

const standingRevision = (sha: string, site: SiteRepo): SiteRef | undefined =>
  site.standing.get(sha) ?? site.standing.values().find(({ revision }) => revision === sha)

/** The one revision that begins so; undefined when there are several. */
const fullSha = (short: string, offers: readonly Offer[], site: SiteRepo): string | undefined => {
  if (short.length < MIN_SHORT_SHA || !/^[0-9a-f]{1,39}$/.test(short)) return undefined
  const known = [
    ...offers.flatMap(({ catalog }) => [
      ...Object.keys(catalog.revisions),
      ...Object.values(catalog.refs).map(({ revision }) => revision),
    ]),
    ...site.standing.values().map(({ revision }) => revision),
  ]
  const matching = new Set(known.filter((sha) => sha.startsWith(short)))
  return matching.size === 1 ? [...matching][0] : undefined
}
