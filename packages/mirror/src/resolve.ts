import {
  MeshError,
  type RepoRef,
  type ResolveOptions,
  type SiteRef,
  type Swarm,
  isMeshError,
  repoKey,
} from '@hubmesh/content'
import type { Limits } from './limits.ts'
import type { AcceptedManifest, Manifests, Target } from './manifests.ts'
import { type Named, lookUp, refsAt } from './names.ts'
import type { Offer, Offers } from './offers.ts'
import type { Site, SiteRepo } from './site.ts'
import { notReady, untilReady, withDeadline } from './waits.ts'

export type Follow = 'complete' | 'eager' | 'manual'

/** What a request was pinned to. */
export interface Resolved {
  readonly target: Target
  readonly accepted: AcceptedManifest
  /**
   * What the site remembers it by: the sha, the ref that was asked for, or where a sha was asked for (as Hub clients do
   * once they have resolved a ref) all refs that stand at it.
   */
  readonly names: readonly string[]
  readonly ref?: string
  readonly publisher: string
  readonly stale: boolean
  readonly since: string
}

export interface Resolve {
  /** @throws MeshError `repo-not-found`, `revision-not-found`, `not-ready`, RefusedError */
  revision(repo: RepoRef, revision: string, options: ResolveOptions): Promise<Resolved>
  /** What is offered of a repo, waiting a little while that is not known. @throws MeshError `repo-not-found`, `not-ready` */
  offers(repo: RepoRef, signal: AbortSignal): Promise<readonly Offer[]>
}

interface Found extends Named {
  readonly isUsed: boolean
  readonly first: Offer
  refsAt(target: Target): string[]
}

interface Components {
  readonly offers: Offers
  readonly site: Site
  readonly manifests: Manifests
  readonly swarm: Swarm
}

interface Options {
  readonly follow: Follow
  readonly pending: (repo: RepoRef) => boolean
  readonly limits: Limits
}

export const createResolve = ({ offers, site, manifests, swarm }: Components, options: Options): Resolve => {
  const { follow, pending, limits } = options

  /** What is known is answered at once. */
  const patiently = async <T>(look: () => Promise<T>, signal: AbortSignal): Promise<T> => {
    if (offers.isSettled()) {
      try {
        return await look()
      } catch (error) {
        if (!isMeshError(error, 'not-ready')) throw error
      }
    }
    return lookAgain(look, signal)
  }
  /** Looks again at every change, while the answer is only that it is not known yet. */
  const lookAgain = async <T>(look: () => Promise<T>, signal: AbortSignal): Promise<T> => {
    const patience = new AbortController()
    const timer = setTimeout(() => patience.abort(), limits.resolveMs)
    const either = AbortSignal.any([signal, patience.signal])
    try {
      for (;;) {
        await offers.settled(either).catch(() => signal.throwIfAborted())
        const changed = offers.changed(either)
        changed.catch(() => {}) // it is awaited below, or not wanted
        try {
          return await look()
        } catch (error) {
          signal.throwIfAborted()
          if (!isMeshError(error, 'not-ready') || either.aborted) throw error
          await changed.catch(() => signal.throwIfAborted())
        }
      }
    } finally {
      clearTimeout(timer)
      patience.abort()
    }
  }

  const offersOf = async (repo: RepoRef): Promise<readonly [Offer, ...Offer[]]> => {
    const [first, ...others] = offers.of(repo)
    if (first !== undefined) return [first, ...others]
    if (!offers.heard(repo))
      throw notReady(`${repoKey(repo)}: no catalog has come yet from anyone who is trusted for it`)
    if (pending(repo)) throw notReady(`${repoKey(repo)} is on its way`)
    throw new MeshError('repo-not-found', `${repoKey(repo)} is not offered by anyone who is trusted for it`)
  }

  const find = async (repo: RepoRef, revision: string): Promise<Found> => {
    const [first, ...others] = await offersOf(repo)
    const all = [first, ...others]
    const at = first.catalog.repo
    const here = await site.repo(at)
    const name = lookUp(revision, all, here)
    if (name !== undefined)
      return { ...name, isUsed: isUsed(name, here), first, refsAt: (target) => refsAt(target, all, here) }
    if (pending(at) || all.some(isFirstPull)) throw notReady(`${repoKey(at)} is being pulled`)
    throw new MeshError(
      'revision-not-found',
      `${repoKey(at)} has no revision ${JSON.stringify(revision.slice(0, 100))}`,
    )
  }

  /** A ref that is used here stands where the site has it, until it is moved; all others are where the catalog has them. */
  const lags = ({ isUsed }: Found, newest: boolean): boolean => isUsed && follow !== 'eager' && !newest

  const choose = async (found: Found, { signal, newest = false }: ResolveOptions): Promise<Resolved> => {
    const { offered, standing, first } = found
    const there = standing && { ...standing, repo: first.catalog.repo }
    if (offered === undefined || (there !== undefined && lags(found, newest))) {
      if (there === undefined) throw new MeshError('revision-not-found', 'neither offered nor known here')
      return resolved(found, there, await manifests.accepted(there, signal))
    }
    try {
      return resolved(found, offered, await acceptedInTime(offered, signal))
    } catch (error) {
      const isFault =
        isMeshError(error, 'refused') || isMeshError(error, 'bad-bytes') || isMeshError(error, 'not-ready')
      if (there === undefined || newest || !isFault) throw error
      return resolved(found, there, await manifests.accepted(there, signal)) // the old revision is still served
    }
  }
  const acceptedInTime = async (target: Target, signal: AbortSignal): Promise<AcceptedManifest> =>
    manifests.recall(target) ??
    withDeadline((signal) => untilReady(() => manifests.accepted(target, signal), { swarm, signal }), {
      signal,
      ms: limits.resolveMs,
      late: () => notReady(`the manifest of ${repoKey(target.repo)} has not come yet`),
    })

  return {
    revision: async (repo, revision, options) =>
      choose(await patiently(() => find(repo, revision), options.signal), options),
    offers: (repo, signal) => patiently(() => offersOf(repo), signal),
  }
}

const resolved = (found: Found, target: Target & { since?: string }, accepted: AcceptedManifest): Resolved => {
  const { offered, standing, ref, first } = found
  const stoodSince = standing?.manifest === target.manifest ? standing.since : undefined
  return {
    target,
    accepted,
    names: [...new Set([target.revision, ...(ref === undefined ? found.refsAt(target) : [ref])])],
    ...(ref === undefined ? {} : { ref }),
    publisher: (offered ?? first).publisher,
    stale: (offered ?? first).stale,
    since:
      ref === undefined ? accepted.manifest.createdAt : (stoodSince ?? target.since ?? accepted.manifest.createdAt),
  }
}

const isUsed = ({ ref }: Named, { used, held }: SiteRepo): boolean =>
  ref !== undefined && used.has(ref) && (held.all || held.paths.size > 0)

/** Its publisher is at work, and has nothing of it out yet. */
const isFirstPull = ({ catalog }: Offer): boolean =>
  catalog.job?.state === 'pulling' && Object.keys(catalog.refs).length === 0

export const siteRefOf = ({ revision, manifest }: Target, since = new Date().toISOString()): SiteRef => ({
  revision,
  manifest,
  since,
})
