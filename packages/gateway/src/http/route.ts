import { type RepoRef, type RepoType, isRepoId } from '@hubmesh/content'
import { decodeOnce } from './decode.ts'

/**
 * What a request line asks for. Segments in `rest` are raw: which of them are the revision and which the path is told
 * apart by asking (see `revisionSplits`).
 */
export type Route =
  | Each<RepoKind>
  | { readonly kind: 'list'; readonly type: RepoType }
  | { readonly kind: 'unknown'; readonly own: boolean }
  | { [Kind in BareKind]: { readonly kind: Kind } }[BareKind]

type RepoKind =
  | ('resolve' | 'raw' | 'plain' | 'sums')
  | ('info' | 'tree' | 'paths-info' | 'refs' | 'commits')
  | ('auth-check' | 'discussions' | 'xet-token')

type BareKind =
  | ('whoami' | 'agent-harnesses' | 'telemetry')
  | ('healthz' | 'readyz' | 'status')
  /** `git clone` and `git lfs`: not offered. */
  | 'git'
  /** A repo of a type that the mesh does not carry, or an id that no repo can have. */
  | 'no-repo'

type Each<Kind extends RepoKind> = Kind extends RepoKind ? RepoRoute<Kind> : never

export interface RepoRoute<Kind extends string> {
  readonly kind: Kind
  readonly repo: RepoRef
  readonly rest: readonly string[]
  /** Where the id stands in the raw path's segments: from, up to. */
  readonly idAt: readonly [number, number]
}

const TYPES: Readonly<Record<string, RepoType>> = { models: 'model', datasets: 'dataset', spaces: 'space' }
/** Types of the Hub that are never mirrored. */
const FOREIGN_TYPES = new Set(['kernels', 'buckets'])

/** Verbs under `/api` that something of the repo follows (a revision) … */
const LONG_VERBS = { revision: 'info', tree: 'tree', 'paths-info': 'paths-info', commits: 'commits' } as const
/** … and verbs that can end the path. */
const SHORT_VERBS = { refs: 'refs', 'auth-check': 'auth-check', discussions: 'discussions' } as const
const XET_VERBS = new Set(['xet-read-token', 'xet-write-token'])
const GIT_TAIL = /\/(?:info\/refs|git-upload-pack|git-receive-pack|info\/lfs\/.*)$/

const UNKNOWN: Route = { kind: 'unknown', own: false }

/** Segments of a request target's raw path, split before anything is decoded. */
export const pathSegments = (target: string): string[] => rawPath(target).split('/').slice(1)

/** Parses the request target as it came over the wire: split first, then each segment decoded once. */
export const parseRoute = (target: string): Route => {
  const segments = pathSegments(target)
  if (segments[0] === '-') return parseOwn(segments.slice(1).join('/'))
  if (segments[0] === 'api') return parseApi(segments.at(-1) === '' ? segments.slice(0, -1) : segments)
  return parseWeb(segments)
}

/** What stands behind the `?`, without a fragment. */
export const querySuffix = (target: string): string => /^[^?#]*\?([^#]*)/.exec(target)?.[1] ?? ''

/** Our own pages and their neighbours under `/-/`: no Hub name starts so. */
export const isOwnRoute = (route: Route): boolean =>
  OWN_KINDS.has(route.kind) || (route.kind === 'unknown' && route.own)

const OWN_KINDS = new Set<Route['kind']>(['healthz', 'readyz', 'status'])

const rawPath = (target: string): string => {
  // The absolute form that proxies use (RFC 9112 section 3.2.2); whose name it is stands in Host as well.
  const path = target.replace(/^https?:\/\/[^/?#]*/i, '')
  const end = path.search(/[?#]/)
  return end === -1 ? path : path.slice(0, end)
}

const parseOwn = (path: string): Route => {
  if (path === 'healthz' || path === 'readyz') return { kind: path }
  return path === 'api/status' ? { kind: 'status' } : { kind: 'unknown', own: true }
}

const parseApi = (segments: readonly string[]): Route => {
  const [, head = '', ...rest] = segments
  if (head === 'whoami-v2' && rest.length === 0) return { kind: 'whoami' }
  if (head === 'agent-harnesses' && rest.length === 0) return { kind: 'agent-harnesses' }
  if (head === 'telemetry') return { kind: 'telemetry' }
  if (FOREIGN_TYPES.has(head)) return { kind: 'no-repo' }
  const type = own(TYPES, head)
  if (type === undefined) return UNKNOWN
  if (rest.length === 0) return { kind: 'list', type }
  const end = apiIdEnd(segments)
  const [verb, ...tail] = segments.slice(end)
  const kind = verb === undefined ? 'info' : apiKind(verb, tail)
  return kind === undefined ? UNKNOWN : repoRoute(kind, type, segments, { from: 2, to: end, rest: tail })
}

/** `/api/models/` ID: one segment where a verb follows it, else two. */
const apiIdEnd = (segments: readonly string[]): number => {
  const [, , , verb] = segments
  if (verb === undefined) return 3
  const verbNext = segments.length > 4 ? isApiVerb(verb) : verb in SHORT_VERBS
  return verbNext ? 3 : 4
}

const isApiVerb = (verb: string): boolean => apiKind(verb, ['x']) !== undefined || Object.hasOwn(SHORT_VERBS, verb)

const apiKind = (verb: string, tail: readonly string[]) => {
  if (XET_VERBS.has(verb)) return 'xet-token'
  if (tail.length > 0) return own(LONG_VERBS, verb)
  return own(SHORT_VERBS, verb)
}

/** Paths outside `/api`: models have no prefix there, yet `/models/` is understood. */
const parseWeb = (segments: readonly string[]): Route => {
  const [head = ''] = segments
  if (FOREIGN_TYPES.has(head)) return { kind: 'no-repo' }
  const prefixed = own(TYPES, head)
  const type = prefixed ?? 'model'
  const from = prefixed === undefined ? 0 : 1
  for (const to of [from + 1, from + 2]) {
    const verb = segments[to]
    if ((verb === 'resolve' || verb === 'raw') && segments.length > to + 2)
      return repoRoute(verb, type, segments, { from, to, rest: segments.slice(to + 1) })
  }
  if (GIT_TAIL.test(`/${segments.slice(from + 1).join('/')}`)) return { kind: 'git' }
  const rest = segments.slice(from + 2)
  if (rest.length === 1 && rest[0] === 'SHA256SUMS')
    return repoRoute('sums', type, segments, { from, to: from + 2, rest: [] })
  if (prefixed !== undefined && rest.length > 0) return repoRoute('plain', type, segments, { from, to: from + 2, rest })
  return UNKNOWN
}

interface IdPlace {
  readonly from: number
  readonly to: number
  readonly rest: readonly string[]
}

const repoRoute = (kind: RepoKind, type: RepoType, segments: readonly string[], place: IdPlace): Route => {
  const id = segments.slice(place.from, place.to).map(decodeOnce).join('/')
  if (!isRepoId(id)) return { kind: 'no-repo' }
  return { kind, repo: { type, id }, rest: place.rest, idAt: [place.from, place.to] }
}

/** A field of its own, so that `/api/constructor` is nothing. */
const own = <T>(record: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined
