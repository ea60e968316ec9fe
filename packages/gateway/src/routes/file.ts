import {
  type ByteRange,
  type FileBody,
  type FileEntry,
  type Snapshot,
  isFile,
  isGitOid,
  isRepoPath,
  wholeRange,
} from '@hubmesh/content'
import type { Answer, HeaderFields } from '../answer.ts'
import { fileStream } from '../body/file-stream.ts'
import { errorAnswer } from '../errors.ts'
import { matchesNone, rangeHolds } from '../http/conditional.ts'
import { contentDisposition } from '../http/headers.ts'
import { type RangeAnswer, parseRange } from '../http/range.ts'
import { within } from '../patience.ts'
import { type GatewayRequest, type Handler, type Room, bytesPatience, isYes } from './request.ts'
import { type Pinned, entryNotFound, pinPath, pinQuery, renamed, snapshotHeaders } from './snapshot.ts'

/** The file itself, straight from here: 200, 206, 304 or 416, never a redirect. */
export const resolve: Handler<'resolve'> = async (room, route, request) => {
  const pinned = await pinPath(room, route, request, { minPath: 1, patienceMs: bytesPatience(request) })
  return renamed(pinned.snapshot, route, request) ?? answerFile(room, request, pinned)
}

/** `/models/{owner}/{repo}/{path}`: for people and scripts. The default branch, or `?revision=`. */
export const plain: Handler<'plain'> = async (room, route, request) => {
  const pinned = await pinQuery(room, route, request)
  return renamed(pinned.snapshot, route, request) ?? answerFile(room, request, pinned)
}

/** What git holds: the file itself, or the three lines of an LFS pointer. */
export const raw: Handler<'raw'> = async (room, route, request) => {
  const pinned = await pinPath(room, route, request, { minPath: 1, patienceMs: bytesPatience(request) })
  const moved = renamed(pinned.snapshot, route, request)
  if (moved !== undefined) return moved
  const found = await findFile(pinned, request)
  if ('status' in found) return found
  if (found.lfs === undefined) return answerFile(room, request, pinned)
  const pointer = Buffer.from(
    `version https://git-lfs.github.com/spec/v1\noid sha256:${found.lfs.oid}\nsize ${found.lfs.size}\n`,
  )
  const plan = planOf(request, { size: pointer.length, etag: `"${found.oid}"` })
  const headers = fileHeaders(request, pinned, found, plan)
  if (plan.part === undefined || request.method === 'HEAD') return { status: plan.status, headers }
  return { status: plan.status, headers, body: pointer.subarray(plan.part.start, plan.part.end) }
}

const answerFile = async (room: Room, request: GatewayRequest, pinned: Pinned): Promise<Answer> => {
  const { snapshot } = pinned
  const file = await findFile(pinned, request)
  if ('status' in file) return file
  const plan = planOf(request, { size: file.size, etag: `"${file.lfs?.oid ?? file.oid}"` })
  const headers = fileHeaders(request, pinned, file, plan)
  if (plan.part === undefined) return { status: plan.status, headers }
  if (request.method === 'HEAD') {
    snapshot.warm(file)
    return { status: plan.status, headers }
  }
  if (plan.part.end === plan.part.start) return { status: plan.status, headers, body: '' }
  const { signal } = request
  const body = await openBody(snapshot, file, request)
  const stream = { range: plan.part, signal, patienceMs: bytesPatience(request), pool: room.pool, log: room.log }
  return {
    status: plan.status,
    headers: { ...headers, 'X-Mesh-Source': body.source },
    body: await fileStream(body, stream),
  }
}

/** Closes what opens too late for anyone to read it. */
const openBody = async (snapshot: Snapshot, file: FileEntry, request: GatewayRequest): Promise<FileBody> => {
  let opening: Promise<FileBody> | undefined
  try {
    return await within((signal) => (opening = snapshot.open(file, { signal })), {
      signal: request.signal,
      ms: bytesPatience(request),
    })
  } catch (error) {
    const ignore = (): void => {} // the error itself is told
    void opening?.then((body) => body.close()).catch(ignore)
    throw error
  }
}

/** The file's entry, or the answer that there is none. */
const findFile = async ({ snapshot, path }: Pinned, request: GatewayRequest): Promise<FileEntry | Answer> => {
  if (!isRepoPath(path))
    return errorAnswer(400, 'not a path inside a repo', { headers: { 'X-Repo-Commit': snapshot.revision } })
  const { signal } = request
  const entry = await within((signal) => snapshot.entry(path, { signal }), { signal, ms: bytesPatience(request) })
  return entry !== undefined && isFile(entry) ? entry : entryNotFound(snapshot, path, { bytes: true })
}

/** Which bytes to send under which status; without a part there is no body. */
interface SendPlan {
  readonly status: 200 | 206 | 304 | 416
  readonly etag: string
  readonly size: number
  readonly part?: ByteRange
  readonly contentRange?: string
}

const planOf = ({ headers }: GatewayRequest, { size, etag }: { size: number; etag: string }): SendPlan => {
  if (matchesNone(headers['if-none-match'], etag)) return { status: 304, etag, size }
  const range: RangeAnswer = rangeHolds(headers['if-range'] as string | undefined, etag)
    ? parseRange(headers.range, size)
    : undefined
  if (range === undefined) return { status: 200, etag, size, part: wholeRange(size) }
  // JS probes every file by bytes=0-0 and fails on a 416, which the Hub gives for an empty file.
  if (size === 0) return { status: 200, etag, size, part: wholeRange(0), contentRange: 'bytes */0' }
  if (range === 'unsatisfiable') return { status: 416, etag, size, contentRange: `bytes */${size}` }
  return { status: 206, etag, size, part: range, contentRange: `bytes ${range.start}-${range.end - 1}/${size}` }
}

const TEXT_NAME = /\.(?:txt|md|json|jsonl|ya?ml|csv|tsv|py|cfg|ini|toml|xml|html?|js|ts|sh|gitattributes|gitignore)$/i

const fileHeaders = (
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
    ...(plan.status === 304 ? {} : bodyHeaders(file.path, isYes(query.get('download')))),
    ...(part === undefined ? {} : { 'Content-Length': String(part.end - part.start) }),
    ...(contentRange === undefined ? {} : { 'Content-Range': contentRange }),
  }
}

const bodyHeaders = (path: string, download: boolean): HeaderFields => ({
  // Never as a type that a browser would run: the files are others'.
  'Content-Type': TEXT_NAME.test(path) ? 'text/plain; charset=utf-8' : 'application/octet-stream',
  'Content-Disposition': contentDisposition(path, download ? 'attachment' : 'inline'),
  'X-Content-Type-Options': 'nosniff',
})

/** A commit's bytes never change; where a branch stands does. */
const cacheControl = (snapshot: Snapshot, revision: string): string =>
  isGitOid(revision) && revision === snapshot.revision ? 'public, max-age=31536000, immutable' : 'no-cache'
