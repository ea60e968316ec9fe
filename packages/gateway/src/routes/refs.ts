import { type CatalogRepo, MeshError, type OfferedRepo } from '@hubmesh/content'
import { type Answer, json } from '../answer.ts'
import { wholeRevision } from '../http/revision.ts'
import type { RepoRoute } from '../http/route.ts'
import { nextLink, pageOf, parseLimit } from '../http/paging.ts'
import { API_PATIENCE_MS, patiently } from '../patience.ts'
import { type GatewayRequest, type Handler, type Room, apiPath, isYes } from './request.ts'
import { renamedRepo, staleWarning } from './snapshot.ts'

const PAGE_COMMITS = 50
const MAX_COMMITS = 1000

/** `/api/{type}/{id}/refs`: three lists that must be there, and `pullRequests` when asked for. */
export const refs: Handler<'refs'> = async (room, route, request): Promise<Answer> => {
  const offered = await offeredRepo(room, route, request)
  const moved = renamedRepo(offered.repo, route, request)
  if (moved !== undefined) return moved
  const all = Object.entries(offered.refs).map(([name, at]) => hubRef(name, at.revision))
  const below = (prefix: string): HubRef[] => all.filter(({ ref }) => ref.startsWith(prefix))
  return json(
    {
      tags: below('refs/tags/'),
      branches: below('refs/heads/'),
      converts: below('refs/convert/'),
      ...(isYes(request.query.get('include_prs')) ? { pullRequests: below('refs/pr/') } : {}),
    },
    offered.stale ? staleWarning(offered.publisher) : {},
  )
}

/** `/api/{type}/{id}/auth-check`: whoever can reach this gateway may read what it offers. */
export const authCheck: Handler<'auth-check'> = async (room, route, request): Promise<Answer> => {
  const offered = await offeredRepo(room, route, request)
  return renamedRepo(offered.repo, route, request) ?? json({})
}

/** `/api/{type}/{id}/commits/{rev}`: those that are known here, newest first. */
export const commits: Handler<'commits'> = async (room, route, request): Promise<Answer> => {
  const revision = wholeRevision(route.rest)
  const { query, signal } = request
  const offered = await offeredRepo(room, route, request)
  const moved = renamedRepo(offered.repo, route, request)
  if (moved !== undefined) return moved
  const all = await patiently((signal) => room.library.commits(route.repo, revision, { signal }), {
    signal,
    patienceMs: API_PATIENCE_MS,
  })
  const limit = parseLimit(query.get('limit'), PAGE_COMMITS, MAX_COMMITS)
  const number = parsePage(query.get('p'))
  const page = pageOf(all, number * limit, limit)
  const next = new URLSearchParams(query)
  next.set('p', String(number + 1))
  const path = `${apiPath(route.repo)}/commits/${encodeURIComponent(revision)}`
  return json(
    page.items.map(({ id, title, message = '', date, authors = [] }) => ({ id, title, message, date, authors })),
    {
      'X-Total-Count': String(all.length),
      ...(page.next === undefined ? {} : { Link: nextLink(request.base, path, next) }),
    },
  )
}

/** @throws MeshError `repo-not-found`, also for a repo that was removed, `not-ready` */
const offeredRepo = async (
  { library }: Room,
  { repo }: RepoRoute<string>,
  { signal }: GatewayRequest,
): Promise<OfferedRepo> => {
  const offered = await patiently(() => library.repo(repo), { signal, patienceMs: API_PATIENCE_MS })
  if (offered.removed === true) throw new MeshError('repo-not-found', `${repo.id} is no longer offered`)
  return offered
}

interface HubRef {
  readonly name: string
  readonly ref: string
  readonly targetCommit: string
}

/** A catalog names a branch by its bare name, everything else in full; the Hub gives both names. */
const hubRef = (name: string, revision: CatalogRepo['refs'][string]['revision']): HubRef =>
  name.startsWith('refs/')
    ? { name: name.replace(/^refs\/(?:tags|convert|heads|pr)\//, ''), ref: name, targetCommit: revision }
    : { name, ref: `refs/heads/${name}`, targetCommit: revision }

const parsePage = (value: string | null): number => (value !== null && /^\d{1,6}$/.test(value) ? Number(value) : 0)
