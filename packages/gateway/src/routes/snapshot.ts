import { MeshError, type RepoRef, type Snapshot, isMeshError } from '@hubmesh/content'
import type { Answer, HeaderFields } from '../answer.ts'
import { failureAnswer } from '../errors.ts'
import { encodePath, headerText } from '../http/headers.ts'
import { type RevisionSplit, revisionSplits, wholeRevision } from '../http/revision.ts'
import type { RepoRoute } from '../http/route.ts'
import { pathSegments, querySuffix } from '../http/target.ts'
import { API_PATIENCE_MS, type Deadline, createDeadline, untilKnown } from '../patience.ts'
import type { GatewayRequest, Room } from './request.ts'

/** One commit that a request is pinned to, and the path within it that was asked for. */
export interface Pinned extends RevisionSplit {
  readonly snapshot: Snapshot
}

/**
 * Finds the commit of an API route that ends with a revision (`HEAD` where it names none), waiting as its clients do.
 * @throws MeshError as `Library.resolve`
 */
export const pinRevision = async (room: Room, route: RepoRoute<string>, request: GatewayRequest): Promise<Snapshot> => {
  const revision = route.rest.length === 0 ? 'HEAD' : wholeRevision(route.rest)
  using deadline = createDeadline({ signal: request.signal, ms: API_PATIENCE_MS })
  const { snapshot } = await pinFirst(room, route, [{ revision, path: '' }], deadline)
  return snapshot
}

/**
 * Finds the commit of a route with a path behind the revision.
 * @param minPath segments that the path must have
 * @throws MeshError as `Library.resolve`
 */
export const pinPath = (room: Room, route: RepoRoute<string>, minPath: 0 | 1, deadline: Deadline): Promise<Pinned> =>
  pinFirst(room, route, revisionSplits(route.rest, minPath), deadline)

/**
 * Finds the commit of a plain path, where the query names the revision.
 * @throws MeshError as `Library.resolve`
 */
export const pinQuery = (
  room: Room,
  route: RepoRoute<string>,
  { query }: GatewayRequest,
  deadline: Deadline,
): Promise<Pinned> => {
  const split = { revision: query.get('revision') ?? 'HEAD', path: wholeRevision(route.rest) }
  return pinFirst(room, route, [split], deadline)
}

/** The first reading of revision and path whose revision there is. */
const pinFirst = async (
  { library }: Room,
  { repo }: RepoRoute<string>,
  splits: Iterable<RevisionSplit>,
  deadline: Deadline,
): Promise<Pinned> => {
  let failure: unknown
  for (const split of splits) {
    try {
      const snapshot = await untilKnown((signal) => library.resolve(repo, split.revision, { signal }), deadline)
      return { ...split, snapshot }
    } catch (error) {
      if (!isMeshError(error, 'revision-not-found')) throw error
      failure ??= error
    }
  }
  throw failure ?? new MeshError('revision-not-found', 'no revision was named')
}

/** Headers of every answer about a commit: which it is, and where it comes from. */
export const snapshotHeaders = (snapshot: Snapshot): HeaderFields => ({
  'X-Repo-Commit': snapshot.revision,
  'X-Mesh-Publisher': headerText(snapshot.publisher),
  'X-Mesh-Age': String(Math.max(0, Math.floor((Date.now() - Date.parse(snapshot.since)) / 1000) || 0)),
  ...(snapshot.stale ? staleWarning(snapshot.publisher) : {}),
})

/** Hub clients show it to their user, once. */
export const staleWarning = (publisher: string): HeaderFields => ({
  'X-HF-Warning': headerText(
    `hubmesh; this mirror is stale: the catalog of publisher ${publisher} has expired and may miss newer revisions`,
  ),
})

/** 404 of what is known not to be in the commit. Python remembers it by the commit that stands in its headers. */
export const entryNotFound = (snapshot: Snapshot, path: string, request: { bytes: boolean }): Answer =>
  failureAnswer(
    new MeshError('entry-not-found', `${path} is not in ${snapshot.repo.id} at ${snapshot.revision}`),
    { bytes: request.bytes, token: false },
    snapshotHeaders(snapshot),
  )

/** `renamedRepo` for a repo at a commit. */
export const renamed = (snapshot: Snapshot, route: RepoRoute<string>, request: GatewayRequest): Answer | undefined => {
  const moved = renamedRepo(snapshot.repo, route, request)
  return moved && { ...moved, headers: { ...moved.headers, ...snapshotHeaders(snapshot) } }
}

/**
 * A redirect where the library knows the repo under another id: relative, as the Hub's for renamed repos, since clients
 * follow only those everywhere.
 */
export const renamedRepo = (repo: RepoRef, route: RepoRoute<string>, request: GatewayRequest): Answer | undefined => {
  if (repo.id === route.repo.id) return undefined
  const [from, to] = route.idAt
  const segments = pathSegments(request.target)
  const query = querySuffix(request.target)
  const path = ['', ...segments.slice(0, from), encodePath(repo.id), ...segments.slice(to)].join('/')
  return { status: 307, headers: { Location: query === '' ? path : `${path}?${query}` } }
}
