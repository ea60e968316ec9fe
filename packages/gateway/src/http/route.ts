import { type RepoRef, type RepoType, isRepoId, repoKey } from '@hubmesh/content'
import { decodeOnce } from './decode.ts'

/**
 * What a request line asks for. Segments in `rest` are raw: which of them are the revision and which the path is told
 * apart by asking (see `revisionSplits`).
 */
export type Route =
  | Each<RepoKind>
  | { readonly kind: 'list'; readonly type: RepoType }
  /** A block by its CID, and what stands behind it. */
  | { readonly kind: 'ipfs'; readonly cid: string; readonly rest: readonly string[] }
  | { [Kind in BareKind]: { readonly kind: Kind } }[BareKind]

type RepoKind =
  | ('resolve' | 'raw' | 'plain' | 'sums')
  | ('info' | 'tree' | 'paths-info' | 'refs' | 'commits')
  | ('auth-check' | 'discussions' | 'xet-token')
  | ('check-update' | 'lfs-batch')

type BareKind =
  | ('whoami' | 'agent-harnesses' | 'telemetry')
  | ('healthz' | 'readyz' | 'status' | 'metrics' | 'openapi')
  /** `git clone`, LFS locks and uploads: not offered. */
  | 'git'
  /** A repo of a type that the mesh does not carry, or an id that no repo can have. */
  | 'no-repo'
  | 'unknown'

type Each<Kind extends RepoKind> = Kind extends RepoKind ? RepoRoute<Kind> : never

export interface RepoRoute<Kind extends string> {
  readonly kind: Kind
  /** The repo itself also where a short name of the configuration stands in the path. */
  readonly repo: RepoRef
  readonly rest: readonly string[]
  /** Where the id stands in the raw path's segments: from, up to. */
  readonly idAt: readonly [number, number]
}

/** Short names of the configuration: `repoKey` of the type and the name -> the repo that is meant. */
export type ShortNames = ReadonlyMap<string, RepoRef>

export const UNKNOWN: Route = { kind: 'unknown' }

const TYPES: Readonly<Record<string, RepoType>> = { models: 'model', datasets: 'dataset', spaces: 'space' }
/** Types of the Hub that are never mirrored. */
const FOREIGN_TYPES = new Set(['kernels', 'buckets'])

/** The type that a path's plural names; `foreign` for one that is never mirrored. */
export const typeOf = (plural: string): RepoType | 'foreign' | undefined =>
  FOREIGN_TYPES.has(plural) ? 'foreign' : field(TYPES, plural)

/** A field of its own, so that `/api/constructor` is nothing. */
export const field = <T>(record: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined

export interface IdPlace {
  readonly type: RepoType
  readonly from: number
  readonly to: number
  readonly rest: readonly string[]
}

/** The route of a kind for the repo whose id stands at a place of the segments. */
export const repoRoute = (
  kind: RepoKind,
  segments: readonly string[],
  { type, from, to, rest }: IdPlace,
  names: ShortNames,
): Route => {
  const id = segments.slice(from, to).map(decodeOnce).join('/')
  if (!isRepoId(id)) return { kind: 'no-repo' }
  const named = { type, id }
  return { kind, repo: names.get(repoKey(named)) ?? named, rest, idAt: [from, to] }
}
