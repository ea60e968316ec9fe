import { createHash } from 'node:crypto'
import { repoKey } from '@hubmesh/content'
import { type Answer, json } from '../answer.ts'
import { MAIN, type HubRepo, type HubRevision, history, requireRevision } from '../repo.ts'
import { type HubRequest, isSet, typeOfPlural } from '../request.ts'
import { type HubState, type HubUser, mayRead } from '../state.ts'
import { page } from './pages.ts'

const LIST_PAGE_SIZE = 1000
const COMMITS_PAGE_SIZE = 50

/** `/api/{type}/{id}` and `/api/{type}/{id}/revision/{rev}` */
export const answerInfo = (request: HubRequest, repo: HubRepo, revision: HubRevision): Answer => {
  const query = request.url.searchParams
  const info = repoInfo(repo, revision, isSet(query.get('blobs')))
  const fields = new Set([...query.getAll('expand'), ...query.getAll('expand[]')])
  if (fields.size === 0) return json(info)
  return json(Object.fromEntries(Object.entries(info).filter(([name]) => ALWAYS.has(name) || fields.has(name))))
}

/** `/api/{type}?search=&author=&filter=&limit=&cursor=` */
export const answerList = (hub: HubState, request: HubRequest, user: HubUser | undefined): Answer => {
  const type = typeOfPlural(request.segments[1])
  const query = request.url.searchParams
  const search = query.get('search')?.toLowerCase() ?? ''
  const author = query.get('author')
  const rows = [...hub.repos.values()]
    .filter(({ ref }) => ref.type === type && ref.id.toLowerCase().includes(search))
    .filter(({ ref }) => author === null || ref.id.startsWith(`${author}/`))
    .filter((repo) => repo.options.private !== true || mayRead(repo, user))
    .map((repo) => repoInfo(repo, requireRevision(repo, MAIN), false))
    .filter((info) => query.getAll('filter').every((tag) => hasTag(info.tags, tag)))
  return page(hub, request, rows, Math.min(hub.pageSize, LIST_PAGE_SIZE))
}

/** `/api/{type}/{id}/refs` */
export const answerRefs = (request: HubRequest, repo: HubRepo): Answer => {
  const named = (prefix: string) =>
    Array.from(repo.refs, ([ref, targetCommit]) => ({ name: ref.slice(prefix.length), ref, targetCommit })).filter(
      ({ ref }) => ref.startsWith(prefix),
    )
  const answer = {
    branches: named('refs/heads/'),
    converts: named('refs/convert/'),
    tags: named('refs/tags/'),
  }
  const withPrs = isSet(request.url.searchParams.get('include_prs'))
  return json(withPrs ? { ...answer, pullRequests: named('refs/pr/') } : answer)
}

/** `/api/{type}/{id}/commits/{rev}?limit=&cursor=` */
export const answerCommits = (hub: HubState, request: HubRequest, { repo, revision }: Revised): Answer => {
  const rows = history(repo, revision).map(({ id, title, message, date, author }) => {
    return { id, title, message, date, authors: [{ user: author }] }
  })
  return page(hub, request, rows, Math.min(hub.pageSize, COMMITS_PAGE_SIZE))
}

interface Revised {
  readonly repo: HubRepo
  readonly revision: HubRevision
}

const ALWAYS = new Set(['_id', 'id'])

const repoInfo = (repo: HubRepo, { commit, files }: HubRevision, blobs: boolean) => {
  const { id, type } = repo.ref
  const siblings = Array.from(files.values(), ({ path, size, oid, lfs }) => {
    const more = blobs ? { size, blobId: oid, ...(lfs && { lfs: { ...lfs, sha256: lfs.oid, oid: undefined } }) } : {}
    return { rfilename: path, ...more }
  })
  return {
    _id: createHash('sha256').update(repoKey(repo.ref)).digest('hex').slice(0, 24),
    id,
    ...(type === 'model' && { modelId: id }),
    ...(id.includes('/') && { author: id.slice(0, id.indexOf('/')) }),
    sha: commit.id,
    lastModified: commit.date,
    createdAt: repo.createdAt,
    private: repo.options.private ?? false,
    disabled: repo.options.disabled ?? false,
    gated: repo.options.gated ?? false,
    likes: 0,
    downloads: 0,
    tags: [] as unknown,
    ...repo.options.info,
    siblings,
  }
}

const hasTag = (tags: unknown, tag: string): boolean => Array.isArray(tags) && tags.includes(tag)
