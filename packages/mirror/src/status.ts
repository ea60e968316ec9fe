import { type RepoRef, type RepoStatus, comparePaths, repoKey } from '@hubmesh/content'
import type { Counts, HeldCount } from './counts.ts'
import type { Manifests, Target } from './manifests.ts'
import { defaultBranch, offeredRef } from './names.ts'
import type { Offers } from './offers.ts'
import type { Follow } from './resolve.ts'
import type { Site } from './site.ts'

interface Components {
  readonly offers: Offers
  readonly site: Site
  readonly manifests: Manifests
  readonly counts: Counts
}

const NOTHING: HeldCount = { files: 0, bytes: 0, bytesHeld: 0, complete: false }

/** What is offered, each repo's default branch and the refs that are used here, and how much of it is here. Asks nobody. */
export const createRepoStatus = (
  { offers, site, manifests, counts }: Components,
  { follow, signal }: { follow: Follow; signal: AbortSignal },
): (() => Promise<RepoStatus[]>) => {
  const count = async (target: Target): Promise<HeldCount> => {
    const load = async () => (await manifests.local(target))?.local()
    return (await counts.of(target.manifest, load, signal)) ?? NOTHING
  }

  const rowOf = async (repo: RepoRef, ref: string): Promise<RepoStatus | undefined> => {
    const offered = offeredRef(ref, offers.of(repo))
    if (offered === undefined) return undefined
    const { standing, used } = await site.repo(repo)
    const there = standing.get(ref)
    const lags = there !== undefined && there.manifest !== offered.manifest && used.has(ref) && follow !== 'eager'
    const at: Target = lags ? { ...there, repo } : offered
    const since = there?.manifest === at.manifest ? there.since : offered.since
    return {
      ...repo,
      ref,
      revision: at.revision,
      ...(await count(at)),
      publisher: offered.publisher,
      age: since === undefined ? 0 : Math.max(0, Math.floor((Date.now() - Date.parse(since)) / 1000)),
      stale: offered.stale,
      ...(lags ? { offered: offered.revision } : {}),
    }
  }

  return async () => {
    const rows: RepoStatus[] = []
    for (const repo of offers.all().toSorted((a, b) => comparePaths(repoKey(a), repoKey(b)))) {
      const { used } = await site.repo(repo)
      for (const ref of new Set([defaultBranch(offers.of(repo)), ...used])) {
        const row = await rowOf(repo, ref)
        if (row !== undefined) rows.push(row)
      }
    }
    return rows
  }
}
