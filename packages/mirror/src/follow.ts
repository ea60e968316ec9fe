import {
  type Cid,
  type FileEntry,
  type HeldPaths,
  type Log,
  type RepoRef,
  isFile,
  isGitOid,
  orAbort,
  repoKey,
} from '@hubmesh/content'
import type { FetchFiles } from './fetch-files.ts'
import { FOLLOW_REPOS, FOLLOW_REVISIONS, type Limits } from './limits.ts'
import { type Listing, type Manifests, type Target, subjectOf } from './manifests.ts'
import { type Offered, defaultBranch, offeredRef } from './names.ts'
import type { Offer, Offers } from './offers.ts'
import { createKeyedQueue } from './queue.ts'
import { type Follow, siteRefOf } from './resolve.ts'
import type { Site, SiteRepo } from './site.ts'
import { notReady } from './waits.ts'

/**
 * Keeps this site up with the catalogs: the manifests of all that is offered are fetched, so that they can be listed when the
 * seed is away; of what is held here the files too, and its refs move when that is done.
 */
export interface Followers {
  /** Looks at repos whose offers may have changed. Returns at once. */
  consider(repos: readonly RepoRef[]): void
  /** What is held here is fetched, as far as it is missing, also where nothing has moved. */
  resume(): Promise<void>
  retry(): void
  stop(): Promise<void>
}

interface Components {
  readonly offers: Offers
  readonly site: Site
  readonly manifests: Manifests
  readonly fetchFiles: FetchFiles
  readonly provide: (manifest: Cid) => void
  readonly log: Log
}

export const createFollowers = (
  { offers, site, manifests, fetchFiles, provide, log }: Components,
  { follow, limits, isHeld }: { follow: Follow; limits: Limits; isHeld: (repo: RepoRef) => boolean },
): Followers => {
  const onFailure = (key: string, error: unknown): void =>
    log.info({ err: error, what: key }, 'not followed yet: it will be tried again')
  const repos = createKeyedQueue({ width: FOLLOW_REPOS, onFailure })
  const revisions = createKeyedQueue({ width: FOLLOW_REVISIONS, onFailure })
  let considered = 0

  const considerRepo = async (repo: RepoRef, signal: AbortSignal): Promise<void> => {
    const found = offers.of(repo)
    const refs = new Set(found.flatMap(({ catalog }) => Object.keys(catalog.refs)))
    const failures: unknown[] = []
    const [first] = found
    if (first !== undefined && isHeld(first.catalog.repo)) await holdWhole(first.catalog.repo, found)
    for (const ref of refs) {
      const offered = offeredRef(ref, found)
      if (offered === undefined) continue
      try {
        await considerRef(ref, offered, signal)
      } catch (error) {
        signal.throwIfAborted()
        failures.push(error) // one ref that cannot be followed does not keep the others
      }
    }
    if (failures.length > 0) throw failures[0]
  }

  const considerRef = async (ref: string, offered: Offered, signal: AbortSignal): Promise<void> => {
    const { repo } = offered
    const before = await site.repo(repo)
    const accepted = await manifests.accepted(offered, signal)
    await accepted.fetch(signal)
    if (before.standing.get(ref)?.manifest === offered.manifest) return
    if (!isFollowed(ref, before) || follow === 'eager') await site.move(repo, ref, siteRefOf(offered))
    if (isFollowed(ref, before) && follow !== 'manual') bringIn(ref, offered)
  }

  /** As if somebody had pulled the default branch: once, since what is held is followed. */
  const holdWhole = async (repo: RepoRef, found: readonly Offer[]): Promise<void> => {
    const ref = defaultBranch(found)
    const offered = offeredRef(ref, found)
    const { held, used, standing } = await site.repo(repo)
    if (offered === undefined || (held.all && used.has(ref))) return
    const at = standing.get(ref)
    await site.use(repo, ref, at ?? siteRefOf(offered))
    await site.hold(repo, 'all')
    bringIn(ref, at === undefined ? offered : { ...at, repo })
  }

  /** Fetches what is held of a revision, then moves the ref to it. */
  const bringIn = (ref: string, target: Target): void => {
    const key = JSON.stringify([repoKey(target.repo), ref])
    revisions.add(key, target.manifest, async (signal) => {
      const accepted = await manifests.accepted(target, signal)
      const listing = await accepted.listing(signal)
      const { held, standing } = await site.repo(target.repo)
      const wanted = { ...target, listing }
      await whileMoving(
        (onBytes, signal) => fetchFiles(wanted, heldFiles(listing, held), { priority: 'prefetch', signal, onBytes }),
        { stallMs: limits.stallMs, signal },
      )
      provide(target.manifest)
      if (standing.get(ref)?.manifest === target.manifest) return
      await site.move(target.repo, ref, siteRefOf(target))
      log.info({ ref, revision: subjectOf(target) }, 'this site has moved to a new revision')
    })
  }

  const resume = async (): Promise<void> => {
    for (const repo of await site.heldRepos()) {
      const { standing, used } = await site.repo(repo)
      const seen = new Set<Cid>()
      for (const [ref, at] of standing) {
        provide(at.manifest)
        if (isGitOid(ref) || !used.has(ref) || seen.has(at.manifest)) continue
        seen.add(at.manifest)
        bringIn(ref, { ...at, repo })
      }
    }
  }

  return {
    consider: (changed) => {
      for (const repo of changed) {
        considered += 1
        repos.add(repoKey(repo), `${considered}`, (signal) => considerRepo(repo, signal))
      }
    },
    resume,
    retry: () => {
      repos.retry()
      revisions.retry()
    },
    stop: async () => {
      await Promise.all([repos.stop(), revisions.stop()])
    },
  }
}

const isFollowed = (ref: string, { used, held }: SiteRepo): boolean =>
  used.has(ref) && (held.all || held.paths.size > 0)

/** The files of a revision that are held by their paths. */
const heldFiles = (listing: Listing, held: HeldPaths): FileEntry[] =>
  listing.entries.filter(isFile).filter((file) => held.all || held.paths.has(file.path))

/** Runs work for as long as bytes come: what stands still makes room for others, and is tried again later. */
const whileMoving = async (
  work: (onBytes: () => void, signal: AbortSignal) => Promise<void>,
  { stallMs, signal }: { stallMs: number; signal: AbortSignal },
): Promise<void> => {
  const stalled = new AbortController()
  const timer = setTimeout(() => stalled.abort(notReady('nothing more has come of it')), stallMs)
  const either = AbortSignal.any([signal, stalled.signal])
  try {
    await orAbort(
      work(() => timer.refresh(), either),
      either,
    )
  } finally {
    clearTimeout(timer)
  }
}
