import { type Snapshot, comparePaths, isFile } from '@hubmesh/content'
import { type Answer, json } from '../answer.ts'
import { API_PATIENCE_MS, patiently } from '../patience.ts'
import { repoInfo } from './info.ts'
import type { GatewayRequest, Handler } from './request.ts'
import { renamed, snapshotHeaders } from './snapshot.ts'

/** Whether this site serves what the catalogs have of a repo, or has not moved to it yet, and what would change. */
export const checkUpdate: Handler<'check-update'> = async (room, route, request): Promise<Answer> => {
  const { query, signal } = request
  const revision = query.get('revision') ?? 'HEAD'
  const find = (newest: boolean): Promise<Snapshot> =>
    patiently((signal) => room.library.resolve(route.repo, revision, { signal, newest }), {
      signal,
      patienceMs: API_PATIENCE_MS,
    })
  const here = await find(false)
  const moved = renamed(here, route, request)
  if (moved !== undefined) return moved
  const there = await find(true)
  return json(
    {
      update_available: there.revision !== here.revision,
      current_version: here.revision,
      upstream_version: there.revision,
      last_modified: repoInfo(there)['lastModified'],
      files_updated: there.revision === here.revision ? [] : await changedPaths(here, there, request),
    },
    snapshotHeaders(here),
  )
}

/** Paths whose content differs, those of files that come or go included. */
const changedPaths = async (before: Snapshot, after: Snapshot, { signal }: GatewayRequest): Promise<string[]> => {
  const [old, fresh] = await Promise.all([before, after].map((snapshot) => contents(snapshot, signal)))
  const paths = new Set([...(old?.keys() ?? []), ...(fresh?.keys() ?? [])])
  return [...paths].filter((path) => old?.get(path) !== fresh?.get(path)).toSorted(comparePaths)
}

const contents = async (snapshot: Snapshot, signal: AbortSignal): Promise<ReadonlyMap<string, string>> =>
  new Map((await snapshot.entries({ signal })).filter(isFile).map(({ path, sha256 }) => [path, sha256]))
