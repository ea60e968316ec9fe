import {
  type CommitInfo,
  type GitOid,
  MAX_MANIFEST_ENTRIES,
  MeshError,
  type RepoRef,
  asRepo,
  isGitOid,
  isMeshError,
  isRefName,
  repoKey,
  repoPlural,
} from '@hubmesh/content'
import { listCommits, listFiles } from '@huggingface/hub'
import { z } from 'zod'
import type { Api } from './api.ts'
import { readCommit } from './commits.ts'
import { type ListedEntry, readListedEntry, requireTree } from './entries.ts'
import { trimInfo } from './info.ts'
import { libraryParams, readListing } from './library.ts'

/** What was asked of a repo, under the id it has today. */
interface Named {
  readonly repo: RepoRef
}

/** The Hub as the puller needs it. A ref is resolved once; all else is asked by commit. */
export interface HubClient {
  /** Which commit a ref is at now; `HEAD` is the default branch. The cheapest question there is. */
  resolve(repo: RepoRef, ref: string, signal: AbortSignal): Promise<Named & { readonly sha: GitOid }>
  /** All refs at once, by their names in a catalog: `main`, `refs/tags/v1`, `refs/convert/parquet`. */
  refs(repo: RepoRef, options: RefsOptions): Promise<Named & { readonly refs: ReadonlyMap<string, GitOid> }>
  /** The Hub's own answer for a commit, without its files, under 512 KiB. */
  info(repo: RepoRef, sha: GitOid, signal: AbortSignal): Promise<Readonly<Record<string, unknown>>>
  /** All files and folders of a commit, each checked. @throws MeshError `bad-bytes` for a listing that is not safe */
  list(repo: RepoRef, sha: GitOid, signal: AbortSignal): Promise<readonly ListedEntry[]>
  /** A commit and those before it, newest first. Empty where upstream keeps no history. */
  commits(repo: RepoRef, sha: GitOid, options: { limit: number; signal: AbortSignal }): Promise<readonly CommitInfo[]>
}

interface RefsOptions {
  /** Pull requests too: a busy repo has hundreds. */
  readonly pullRequests: boolean
  readonly signal: AbortSignal
}

/** A Hub gives these many commits at once. */
const COMMITS_PER_PAGE = 100

const resolvedSchema = z.object({ sha: z.string().refine(isGitOid) })
const refListSchema = z.array(z.object({ ref: z.string(), targetCommit: z.string().refine(isGitOid) }))
const refsSchema = z.object({
  branches: refListSchema,
  tags: refListSchema,
  converts: refListSchema.optional(),
  pullRequests: refListSchema.optional(),
})

export const createHubClient = (api: Api, { base }: { base: string }): HubClient => {
  const libraryFor = (repo: RepoRef, signal: AbortSignal) =>
    libraryParams(repo, { base, get: (url) => api.get(url, { what: repoKey(repo), signal }) })

  const resolve: HubClient['resolve'] = async (repo, ref, signal) => {
    const path = `${apiPath(repo)}/revision/${encodeURIComponent(ref)}?expand=sha`
    const { url, bytes } = await api.get(path, { what: `${repoKey(repo)}@${ref}`, signal })
    return { repo: namedBy(url, { base, repo, verb: 'revision' }), sha: parse(resolvedSchema, bytes, repo).sha }
  }

  const refs: HubClient['refs'] = async (repo, { pullRequests, signal }) => {
    const path = `${apiPath(repo)}/refs${pullRequests ? '?include_prs=1' : ''}`
    const { url, bytes } = await api.get(path, { what: repoKey(repo), signal })
    const answer = parse(refsSchema, bytes, repo)
    const all = [...answer.branches, ...answer.tags, ...(answer.converts ?? []), ...(answer.pullRequests ?? [])]
    const named = all.map(({ ref, targetCommit }): [string, GitOid] => [catalogName(ref), targetCommit])
    return {
      repo: namedBy(url, { base, repo, verb: 'refs' }),
      refs: new Map(named.filter(([name]) => isRefName(name))),
    }
  }

  const info: HubClient['info'] = async (repo, sha, signal) => {
    const { bytes } = await api.get(`${apiPath(repo)}/revision/${sha}`, { what: `${repoKey(repo)}@${sha}`, signal })
    const answer = parse(z.looseObject({ sha: z.string() }), bytes, repo)
    if (answer.sha !== sha) throw new MeshError('bad-bytes', `upstream answered for another commit than ${sha}`)
    return trimInfo(answer)
  }

  const list: HubClient['list'] = async (repo, sha, signal) => {
    const listing = listFiles({ ...libraryFor(repo, signal), revision: sha, recursive: true })
    const what = `the files of ${repoKey(repo)}@${sha}`
    return requireTree(await readListing(listing, { what, most: MAX_MANIFEST_ENTRIES, read: readListedEntry }))
  }

  const commits: HubClient['commits'] = async (repo, sha, { limit, signal }) => {
    const batchSize = Math.min(limit, COMMITS_PER_PAGE)
    const listing = take(listCommits({ ...libraryFor(repo, signal), revision: sha, batchSize }), limit)
    try {
      return await readListing(listing, { what: `the commits of ${repoKey(repo)}`, most: limit, read: readCommit })
    } catch (error) {
      // A mirror may have no history: that takes nothing from the files.
      if (isMeshError(error, 'repo-not-found') || isMeshError(error, 'revision-not-found')) return []
      throw error
    }
  }

  return { resolve, refs, info, list, commits }
}

const apiPath = ({ type, id }: RepoRef): string => `/api/${repoPlural(type)}/${id}`

/** A branch by its bare name, everything else in full. */
const catalogName = (ref: string): string => ref.replace(/^refs\/heads\//, '')

/**
 * The repo that answered, told by where the redirects ended: a renamed repo answers under its new id.
 * @throws MeshError `bad-bytes` for a redirect to something else
 */
const namedBy = (url: URL, { base, repo, verb }: { base: string; repo: RepoRef; verb: string }): RepoRef => {
  const prefix = `${new URL(base).pathname.replace(/\/$/, '')}/api/${repoPlural(repo.type)}/`
  const rest = url.pathname.startsWith(prefix) ? url.pathname.slice(prefix.length) : ''
  const id = new RegExp(`^([^/]+(?:/[^/]+)??)/${verb}(?:/|$)`).exec(rest)?.[1]
  if (id === undefined) throw new MeshError('bad-bytes', `upstream redirects ${repoKey(repo)} to something else`)
  return id === repo.id ? repo : asRepo(repo.type, id)
}

const parse = <T>(schema: z.ZodType<T>, bytes: Uint8Array, repo: RepoRef): T => {
  try {
    return schema.parse(JSON.parse(new TextDecoder().decode(bytes)))
  } catch (cause) {
    throw new MeshError('bad-bytes', `upstream does not answer for ${repoKey(repo)} as a Hub does`, {
      hint: 'is the upstream a Hub? check --upstream',
      cause,
    })
  }
}

async function* take<T>(items: AsyncIterable<T>, count: number): AsyncGenerator<T> {
  let taken = 0
  for await (const item of items) {
    yield item
    taken += 1
    if (taken === count) return
  }
}
