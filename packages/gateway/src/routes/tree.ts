import { type CommitInfo, type Entry, type Snapshot, isFile, isRepoPath } from '@hubmesh/content'
import { type Answer, json } from '../answer.ts'
import { encodePath } from '../http/headers.ts'
import { nextLink, pageOf, parseCursor, parseLimit } from '../http/paging.ts'
import { API_PATIENCE_MS, createDeadline } from '../patience.ts'
import { type Handler, apiPath, isYes } from './request.ts'
import { entryNotFound, pinPath, renamed, snapshotHeaders } from './snapshot.ts'

/** As the Hub's pages. */
const PAGE_ENTRIES = 1000

/** `/api/{type}/{id}/tree/{rev}[/{folder}]`. Python downloads by it alone: complete, or an error. */
export const tree: Handler<'tree'> = async (room, route, request): Promise<Answer> => {
  using deadline = createDeadline({ signal: request.signal, ms: API_PATIENCE_MS })
  const pinned = await pinPath(room, route, 0, deadline)
  const { snapshot, path } = pinned
  const moved = renamed(snapshot, route, request)
  if (moved !== undefined) return moved
  const { query, signal } = request
  const listed = listFolder(await snapshot.entries({ signal }), path, isYes(query.get('recursive')))
  if (listed === undefined) return entryNotFound(snapshot, path, { bytes: false })
  const limit = parseLimit(query.get('limit'), PAGE_ENTRIES, PAGE_ENTRIES)
  const page = pageOf(listed, parseCursor(query.get('cursor')), limit)
  const expand = isYes(query.get('expand'))
  const headers = snapshotHeaders(snapshot)
  return json(
    page.items.map((entry) => treeEntry(entry, expand ? snapshot : undefined)),
    page.next === undefined
      ? headers
      : { ...headers, Link: nextLink(request.base, commitPath(snapshot, path), withCursor(query, page.next)) },
  )
}

/**
 * One entry as `tree` and `paths-info` show it.
 * @param expanding the commit whose date stands in where the manifest does not tell an entry's own: no entry is newer
 */
export const treeEntry = (entry: Entry, expanding: Snapshot | undefined): unknown => ({
  type: isFile(entry) ? 'file' : 'directory',
  oid: entry.oid,
  size: isFile(entry) ? entry.size : 0,
  ...(isFile(entry) && entry.lfs !== undefined
    ? { lfs: { oid: entry.lfs.oid, size: entry.lfs.size, pointerSize: entry.lfs.pointerSize } }
    : {}),
  path: entry.path,
  ...(expanding === undefined ? {} : { lastCommit: lastCommit(entry.lastCommit ?? expanding.manifest.commit) }),
})

/** A folder's entries; undefined when the commit has no such folder. */
const listFolder = (entries: readonly Entry[], folder: string, recursive: boolean): Entry[] | undefined => {
  if (folder !== '' && !isRepoPath(folder)) return undefined
  const prefix = folder === '' ? '' : `${folder}/`
  const below = prefix === '' ? [...entries] : entries.filter((entry) => entry.path.startsWith(prefix))
  if (below.length === 0 && folder !== '' && !entries.some((entry) => entry.path === folder && !isFile(entry)))
    return undefined
  return recursive ? below : below.filter((entry) => !entry.path.includes('/', prefix.length))
}

/** The next page stays at this commit, wherever the branch moves meanwhile. */
const commitPath = ({ repo, revision }: Snapshot, folder: string): string =>
  `${apiPath(repo)}/tree/${revision}${folder === '' ? '' : `/${encodePath(folder)}`}`

const withCursor = (query: URLSearchParams, cursor: number): URLSearchParams => {
  const next = new URLSearchParams(query)
  next.set('cursor', String(cursor))
  return next
}

const lastCommit = ({ id, title, date }: CommitInfo): unknown => ({ id, title, date })
