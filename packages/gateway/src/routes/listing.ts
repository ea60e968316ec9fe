import { type OfferedRepo, isMeshError } from '@hubmesh/content'
import { type Answer, json } from '../answer.ts'
import { nextLink, pageOf, parseCursor, parseLimit } from '../http/paging.ts'
import { API_PATIENCE_MS, patiently, within } from '../patience.ts'
import { bareInfo, hubDate, pick, repoInfo } from './info.ts'
import { type GatewayRequest, type Handler, type Room, listParam } from './request.ts'

const PAGE_REPOS = 100
const MAX_REPOS = 1000
/** Repos whose manifests are looked at together, and how long in all: a listing is no reason to wait for the mesh. */
const TOGETHER = 16
const DETAILS_MS = 3_000

/** `/api/{models,datasets,spaces}`: what the mesh offers, in order of id, or of what `sort` names. */
export const list: Handler<'list'> = async (room, { type }, request): Promise<Answer> => {
  const { query, signal } = request
  const offered = await patiently(() => room.library.list(type), { signal, patienceMs: API_PATIENCE_MS })
  const named = offered.filter((repo) => repo.removed !== true && matchesName(repo.repo.id, query))
  const limit = parseLimit(query.get('limit'), PAGE_REPOS, MAX_REPOS)
  const start = parseCursor(query.get('cursor'))
  const deadline = performance.now() + DETAILS_MS
  const describeAll = (repos: readonly OfferedRepo[]) => describe(room, repos, { signal, deadline })

  // Tags and what is sorted by stand in the manifests: then all repos must be described to know which are on the page.
  const wanted = wantedTags(query)
  const order = orderOf(query)
  const isPlain = wanted.length === 0 && order === undefined
  const page = isPlain
    ? pageOf(named, start, limit)
    : pageOf(
        (await describeAll(named)).filter((info) => hasTags(info, wanted)).toSorted(order ?? (() => 0)),
        start,
        limit,
      )
  const infos = isPlain ? await describeAll(page.items as OfferedRepo[]) : page.items
  return json(
    infos.map((info) => shape(info as RepoInfo, query)),
    linkHeaders(page.next, `/api/${type}s`, request),
  )
}

type RepoInfo = Record<string, unknown>

const matchesName = (id: string, query: URLSearchParams): boolean => {
  const search = query.get('search')?.toLowerCase() ?? ''
  const author = query.get('author')
  return id.toLowerCase().includes(search) && (author === null || id.startsWith(`${author}/`))
}

const wantedTags = (query: URLSearchParams): string[] => [
  ...listParam(query, 'filter'),
  ...listParam(query, 'pipeline_tag'),
]

const hasTags = (info: RepoInfo, wanted: readonly string[]): boolean => {
  const tags = new Set(Array.isArray(info['tags']) ? (info['tags'] as unknown[]) : [])
  return wanted.every((tag) => tags.has(tag) || info['pipeline_tag'] === tag || info['library_name'] === tag)
}

/** What `sort` may name, as Python and JS write it. */
const SORT_FIELDS: Readonly<Record<string, string>> = {
  lastModified: 'lastModified',
  last_modified: 'lastModified',
  createdAt: 'createdAt',
  created_at: 'createdAt',
  downloads: 'downloads',
  likes: 'likes',
  trendingScore: 'trendingScore',
  trending_score: 'trendingScore',
}

/** Largest and newest first, as the Hub has it, unless `direction=1`. Undefined for no order that is known here. */
const orderOf = (query: URLSearchParams): ((a: RepoInfo, b: RepoInfo) => number) | undefined => {
  const name = query.get('sort') ?? ''
  const field = Object.hasOwn(SORT_FIELDS, name) ? SORT_FIELDS[name] : undefined
  if (field === undefined) return undefined
  const sign = query.get('direction') === '1' ? 1 : -1
  return (a, b) => sign * compareValues(a[field], b[field])
}

/** Numbers by value, dates as they are written; what has no value is least. */
const compareValues = (a: unknown, b: unknown): number => {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  const [left, right] = [a, b].map((value) => (typeof value === 'string' ? value : ''))
  return left === right ? 0 : (left ?? '') < (right ?? '') ? -1 : 1
}

const shape = (info: RepoInfo, query: URLSearchParams): RepoInfo => {
  const fields = listParam(query, 'expand')
  return fields.length === 0 ? info : pick(info, ['_id', 'id', ...fields])
}

const linkHeaders = (next: number | undefined, path: string, { base, query }: GatewayRequest) => {
  if (next === undefined) return {}
  const following = new URLSearchParams(query)
  following.set('cursor', String(next))
  return { Link: nextLink(base, path, following) }
}

interface DescribeOptions {
  readonly signal: AbortSignal
  readonly deadline: number
}

/** Infos of repos: of their default branch where its manifest can be had in time, else what the catalog knows. */
const describe = async (room: Room, repos: readonly OfferedRepo[], options: DescribeOptions): Promise<RepoInfo[]> => {
  const infos: RepoInfo[] = []
  for (let at = 0; at < repos.length; at += TOGETHER) {
    infos.push(...(await Promise.all(repos.slice(at, at + TOGETHER).map((repo) => describeOne(room, repo, options)))))
  }
  return infos
}

const describeOne = async (
  { library }: Room,
  offered: OfferedRepo,
  { signal, deadline }: DescribeOptions,
): Promise<RepoInfo> => {
  try {
    return repoInfo(
      await within((signal) => library.resolve(offered.repo, 'HEAD', { signal }), {
        signal,
        ms: deadline - performance.now(),
      }),
    )
  } catch (error) {
    if (!isMeshError(error)) throw error
    const at = offered.refs[offered.defaultBranch ?? 'main']
    return { ...bareInfo(offered.repo, at?.revision ?? ''), lastModified: hubDate(at?.since) }
  }
}
