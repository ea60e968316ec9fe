import { comparePaths } from '@hubmesh/content'
import { type Answer, HubError, entryNotFound, json } from '../answer.ts'
import { type HubRequest, decode, isSet } from '../request.ts'
import type { HubFile, HubFolder, HubRevision } from '../repo.ts'
import type { HubState } from '../state.ts'
import { page } from './pages.ts'

/** The Hub looks up commits for `expand`, and so gives fewer entries a page. */
const EXPANDED_PAGE_SIZE = 50

/** `/api/{type}/{id}/tree/{rev}[/{folder}]` */
export const answerTree = (
  hub: HubState,
  request: HubRequest,
  { revision, rest }: { revision: HubRevision; rest: readonly string[] },
): Answer => {
  const folder = rest.map(decode).join('/').replace(/\/+$/, '')
  if (folder !== '' && !revision.folders.has(folder)) throw entryNotFound(revision.commit.id)
  const query = request.url.searchParams
  const expand = isSet(query.get('expand'))
  const below = folder === '' ? '' : `${folder}/`
  const deep = isSet(query.get('recursive'))
  const isListed = ({ path }: { path: string }): boolean =>
    path.startsWith(below) && (deep || !path.includes('/', below.length))
  const rows = revision.entries.filter(isListed).map((entry) => entryRow(entry, expand))
  return page(hub, request, rows, expand ? Math.min(hub.pageSize, EXPANDED_PAGE_SIZE) : hub.pageSize)
}

/** `POST /api/{type}/{id}/paths-info/{rev}` with a form (Python) or JSON (JS). */
export const answerPathsInfo = async (request: HubRequest, revision: HubRevision): Promise<Answer> => {
  const { paths, expand } = readPaths(request.headers['content-type'] ?? '', await request.body())
  const wanted = new Set(paths)
  const entries = [...wanted].flatMap((path) => revision.files.get(path) ?? revision.folders.get(path) ?? [])
  entries.sort((a, b) => comparePaths(a.path, b.path))
  return json(entries.map((entry) => entryRow(entry, expand)))
}

const entryRow = (entry: HubFile | HubFolder, expand: boolean): object => {
  const { id, title, date } = entry.lastCommit
  const extra = expand ? { lastCommit: { id, title, date } } : {}
  const { path, oid } = entry
  if (!('size' in entry)) return { type: 'directory', oid, size: 0, path, ...extra }
  return { type: 'file', oid, size: entry.size, path, ...(entry.lfs && { lfs: entry.lfs }), ...extra }
}

const readPaths = (type: string, body: string): { paths: readonly string[]; expand: boolean } => {
  if (type.startsWith('application/x-www-form-urlencoded')) {
    const form = new URLSearchParams(body)
    return { paths: form.getAll('paths'), expand: isSet(form.get('expand')) }
  }
  if (!type.startsWith('application/json')) throw new HubError(415, 'Unsupported media type')
  const { paths, expand } = parseJson(body)
  if (!isStrings(paths)) throw new HubError(400, 'paths must be an array of strings')
  return { paths, expand: expand === true }
}

const parseJson = (body: string): Record<string, unknown> => {
  try {
    return Object(JSON.parse(body)) as Record<string, unknown>
  } catch {
    throw new HubError(400, 'malformed JSON')
  }
}

const isStrings = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string')
