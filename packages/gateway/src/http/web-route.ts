import { type RepoType, repoKey } from '@hubmesh/content'
import { decodeOnce } from './decode.ts'
import { type Route, type ShortNames, UNKNOWN, repoRoute, typeOf } from './route.ts'

const LFS_BATCH = ['info', 'lfs', 'objects', 'batch']
const GIT_TAIL = /\/(?:info\/refs|git-upload-pack|git-receive-pack|info\/lfs\/.*)$/

/** Paths outside `/api`: models have no prefix there, yet `/models/` is understood. */
export const parseWeb = (segments: readonly string[], names: ShortNames): Route => {
  const prefixed = typeOf(segments[0] ?? '')
  if (prefixed === 'foreign') return { kind: 'no-repo' }
  const type = prefixed ?? 'model'
  const from = prefixed === undefined ? 0 : 1
  for (const to of [from + 1, from + 2]) {
    const verb = segments[to]
    if ((verb === 'resolve' || verb === 'raw') && segments.length > to + 2)
      return repoRoute(verb, segments, { type, from, to, rest: segments.slice(to + 1) }, names)
  }
  if (segments.slice(-LFS_BATCH.length).join('/') === LFS_BATCH.join('/'))
    return lfsBatch(segments, { type, from }, names)
  if (GIT_TAIL.test(`/${segments.slice(from + 1).join('/')}`)) return { kind: 'git' }
  if (segments[0] === 'ipfs') return { kind: 'ipfs', cid: decodeOnce(segments[1] ?? ''), rest: segments.slice(2) }
  const to = from + idLength(segments.slice(from), type, names)
  const rest = segments.slice(to)
  const kind = plainKind(rest, prefixed !== undefined)
  if (kind === undefined) return UNKNOWN
  return repoRoute(kind, segments, { type, from, to, rest: kind === 'plain' ? rest : [] }, names)
}

/** `ID.git/info/lfs/objects/batch`, as git makes it of a remote's URL, with or without the `.git`. */
const lfsBatch = (
  segments: readonly string[],
  { type, from }: { type: RepoType; from: number },
  names: ShortNames,
): Route => {
  const to = segments.length - LFS_BATCH.length
  const bare = segments.with(to - 1, (segments[to - 1] ?? '').replace(/\.git$/, ''))
  return repoRoute('lfs-batch', bare, { type, from, to, rest: [] }, names)
}

/** Without a verb an id has a namespace, but for a short name, and where only one segment is left for the path. */
const idLength = (segments: readonly string[], type: RepoType, names: ShortNames): 1 | 2 => {
  const isShort = names.has(repoKey({ type, id: decodeOnce(segments[0] ?? '') }))
  return isShort || segments.length === 2 ? 1 : 2
}

const plainKind = (rest: readonly string[], prefixed: boolean) => {
  const [only] = rest.length === 1 ? rest : []
  if (only === 'SHA256SUMS') return 'sums'
  if (!prefixed || rest.length === 0) return undefined
  return only === 'check-update' ? 'check-update' : 'plain'
}
