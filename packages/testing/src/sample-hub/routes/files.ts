import { repoPlural } from '@hubmesh/content'
import { type Answer, entryNotFound, notFound, repoNotFound } from '../answer.ts'
import { openContent } from '../content.ts'
import { fileAnswer, gzipAnswer, notModified } from '../file-answer.ts'
import { lfsPointer } from '../git.ts'
import type { HubFile, HubRevision } from '../repo.ts'
import { type HubRequest, decode, splitRepo, splitRevision, typeOfPlural } from '../request.ts'
import { type HubState, type HubUser, requireAccess, visibleRepo } from '../state.ts'
import { redirectIfRenamed } from './renamed.ts'

interface Found {
  readonly revision: HubRevision
  readonly file: HubFile
  /** `models/owner/name` */
  readonly place: string
}

/** `/{id}/resolve/{rev}/{path}` and `/{id}/raw/{rev}/{path}`, datasets and spaces with their prefix. */
export const answerFile = async (hub: HubState, request: HubRequest, user: HubUser | undefined): Promise<Answer> => {
  const { segments } = request
  const prefixed = segments[0] === 'datasets' || segments[0] === 'spaces'
  const type = (prefixed ? typeOfPlural(segments[0]) : undefined) ?? 'model'
  const isVerb = (segment: string | undefined): boolean => segment === 'resolve' || segment === 'raw'
  const split = splitRepo(type, prefixed ? segments.slice(1) : segments, isVerb)
  if (split === undefined) throw notFound()
  const moved = redirectIfRenamed(hub, request, split.repo)
  if (moved !== undefined) return moved
  const repo = visibleRepo(hub, split.repo, user)
  requireAccess(repo, user)
  const [verb, ...rest] = split.rest
  const { revision, rest: path } = splitRevision(repo, rest)
  const file = requireFile(revision, path)
  const found = { revision, file, place: `${repoPlural(type)}/${repo.ref.id}` }
  return verb === 'raw' ? answerRaw(hub, request, found) : answerResolve(hub, request, found)
}

/** Regular files as the Hub's CDN has them: `/api/resolve-cache/{type}/{id}/{commit}/{path}`. */
export const answerCache = async (hub: HubState, request: HubRequest, user: HubUser | undefined): Promise<Answer> => {
  const [, , plural, ...rest] = request.segments
  const type = typeOfPlural(plural)
  const isCommit = (segment: string | undefined): boolean => /^[0-9a-f]{40}$/.test(segment ?? '')
  const split = type === undefined ? undefined : splitRepo(type, rest, isCommit)
  if (split === undefined) throw repoNotFound(user !== undefined)
  const repo = visibleRepo(hub, split.repo, user)
  requireAccess(repo, user)
  const { revision, rest: path } = splitRevision(repo, split.rest)
  const { content, path: name, oid } = requireFile(revision, path)
  const headers = { 'X-Repo-Commit': revision.commit.id }
  const file = { content, path: name, etag: oid, headers }
  return (await gzipAnswer(request, file)) ?? fileAnswer(hub.faults, request, file)
}

const answerResolve = (hub: HubState, request: HubRequest, { revision, file, place }: Found): Answer => {
  const commit = revision.commit.id
  const etag = file.lfs?.oid ?? file.oid
  const headers = {
    'X-Repo-Commit': commit,
    'X-Linked-Etag': `"${etag}"`,
    'X-Linked-Size': String(file.size),
    'Accept-Ranges': 'bytes',
  }
  if (notModified(request, etag)) return { status: 304, headers: { ...headers, ETag: `"${etag}"` } }
  if (file.lfs !== undefined) return { status: 302, headers: { ...headers, Location: hub.cdn.sign(file) } }
  const path = file.path.split('/').map(encodeURIComponent).join('/')
  const location = `/api/resolve-cache/${place}/${commit}/${path}?etag=${encodeURIComponent(`"${etag}"`)}`
  return { status: 307, headers: { ...headers, Location: location } }
}

const answerRaw = async (hub: HubState, request: HubRequest, { revision, file }: Found): Promise<Answer> => {
  const { sha256, size, path, oid } = file
  const content = file.lfs === undefined ? file.content : await openContent(lfsPointer(sha256, size))
  const headers = { 'X-Repo-Commit': revision.commit.id }
  return fileAnswer(hub.faults, request, { content, path, etag: oid, headers })
}

const requireFile = (revision: HubRevision, path: readonly string[]): HubFile => {
  const file = revision.files.get(path.map(decode).join('/'))
  if (file === undefined) throw entryNotFound(revision.commit.id)
  return file
}
