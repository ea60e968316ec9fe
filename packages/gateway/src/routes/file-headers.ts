import { type FileEntry, type Snapshot, isGitOid } from '@hubmesh/content'
import type { HeaderFields } from '../answer.ts'
import { contentDisposition, encodePath } from '../http/headers.ts'
import type { SendPlan } from '../http/send-plan.ts'
import { querySuffix } from '../http/target.ts'
import { type GatewayRequest, isYes, webPath } from './request.ts'
import { type Pinned, snapshotHeaders } from './snapshot.ts'

/** What every answer about a file says, whatever of it is sent. */
export const fileHeaders = (
  { query }: GatewayRequest,
  { snapshot, revision }: Pinned,
  file: FileEntry,
  plan: SendPlan,
): HeaderFields => {
  const { part, contentRange } = plan
  return {
    ...snapshotHeaders(snapshot),
    ETag: plan.etag,
    'Accept-Ranges': 'bytes',
    'Cache-Control': cacheControl(snapshot, revision),
    ...(plan.status === 304 ? {} : bodyHeaders(file, isYes(query.get('download')))),
    ...(part === undefined ? {} : { 'Content-Length': String(part.end - part.start) }),
    ...(contentRange === undefined ? {} : { 'Content-Range': contentRange }),
  }
}

/**
 * Where this very commit's file is, said of a name that may move (no redirect: the answer is here). Hub clients that ask
 * HEAD first take the bytes, and what is left of them after a cut, from there: so a branch that moves between the two
 * requests mixes nothing.
 */
export const pinnedLocation = (request: GatewayRequest, { snapshot, revision, path }: Pinned): HeaderFields => {
  if (isPinned(snapshot, revision)) return {}
  const query = querySuffix(request.target)
  const target = `${webPath(snapshot.repo)}/resolve/${snapshot.revision}/${encodePath(path)}`
  return { Location: `${request.base}${target}${query === '' ? '' : `?${query}`}` }
}

const TEXT_NAME = /\.(?:txt|md|json|jsonl|ya?ml|csv|tsv|py|cfg|ini|toml|xml|html?|js|ts|sh|gitattributes|gitignore)$/i

/** Of entries that are asked for again: they stay in memory as long as their manifest does. */
const inlineHeaders = new WeakMap<FileEntry, HeaderFields>()

const bodyHeaders = (file: FileEntry, download: boolean): HeaderFields => {
  if (download) return nameHeaders(file.path, 'attachment')
  const known = inlineHeaders.get(file) ?? nameHeaders(file.path, 'inline')
  inlineHeaders.set(file, known)
  return known
}

const nameHeaders = (path: string, kind: 'inline' | 'attachment'): HeaderFields => ({
  // Never as a type that a browser would run: the files are others'.
  'Content-Type': TEXT_NAME.test(path) ? 'text/plain; charset=utf-8' : 'application/octet-stream',
  'Content-Disposition': contentDisposition(path, kind),
  'X-Content-Type-Options': 'nosniff',
})

/** A commit's bytes never change; where a branch stands does. */
const cacheControl = (snapshot: Snapshot, revision: string): string =>
  isPinned(snapshot, revision) ? 'public, max-age=31536000, immutable' : 'no-cache'

const isPinned = (snapshot: Snapshot, revision: string): boolean => isGitOid(revision) && revision === snapshot.revision
