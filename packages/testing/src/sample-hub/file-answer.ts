import { gzipSync } from 'node:zlib'
import { type Answer, HubError } from './answer.ts'
import { type Content, readAll } from './content.ts'
import type { FaultBook } from './faults.ts'
import type { HubRequest } from './request.ts'

export interface ServedFile {
  readonly content: Content
  /** In the repo. */
  readonly path: string
  /** Without quotes. */
  readonly etag: string
  readonly headers: Readonly<Record<string, string>>
}

const MAX_GZIP_BYTES = 1024 * 1024
const TEXT_NAME = /(?:\.(?:c?js|css|csv|html|jsonl?|md|py|toml|tsv|txt|xml|ya?ml)|(?:^|\/)\.gitattributes)$/

/** 200, 206 or 416. @throws HubError 416 */
export const fileAnswer = (faults: FaultBook, request: HubRequest, file: ServedFile): Answer => {
  const { content, path, etag } = file
  const { size } = content
  const headers = {
    'Content-Type': isText(path) ? 'text/plain; charset=utf-8' : 'application/octet-stream',
    'Content-Disposition': disposition(path),
    'Accept-Ranges': 'bytes',
    ETag: `"${etag}"`,
    ...file.headers,
  }
  const range = askedRange(request, size, etag)
  if (range === 'unsatisfiable')
    throw new HubError(416, 'Range not satisfiable', { 'Content-Range': `bytes */${size}` })
  if (range === undefined || faults.take('ignore-range', request.route, path) !== undefined) {
    const length = { 'Content-Length': String(size) }
    return { status: 200, headers: { ...headers, ...length }, body: { content, path, start: 0, end: size } }
  }
  const { start, end } = range
  const part = { 'Content-Range': `bytes ${start}-${end - 1}/${size}`, 'Content-Length': String(end - start) }
  return { status: 206, headers: { ...headers, ...part }, body: { content, path, start, end } }
}

/** The Hub's CDN compresses small text files for whoever lets it; the length is unknown then. */
export const gzipAnswer = async (request: HubRequest, file: ServedFile): Promise<Answer | undefined> => {
  const { size } = file.content
  const accepts = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '')
  if (!accepts || request.headers.range !== undefined || !isText(file.path)) return undefined
  if (size === 0 || size > MAX_GZIP_BYTES) return undefined
  const headers = { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Encoding': 'gzip', Vary: 'Accept-Encoding' }
  const body = gzipSync(await readAll(file.content))
  return { status: 200, headers: { ...headers, ETag: `W/"${file.etag}"`, ...file.headers }, body }
}

export const notModified = (request: HubRequest, etag: string): boolean =>
  (request.headers['if-none-match'] ?? '').split(',').some((tag) => tag.trim().replace(/^W\//, '') === `"${etag}"`)

interface ByteRange {
  readonly start: number
  /** Exclusive. */
  readonly end: number
}

/** One range of RFC 9110, section 14; lists of ranges, and a range of another version, ask for the whole file. */
const askedRange = ({ headers }: HubRequest, size: number, etag: string): ByteRange | 'unsatisfiable' | undefined => {
  const ifRange = headers['if-range']
  const [, from, to] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(headers.range ?? '') ?? []
  if (from === undefined || to === undefined || (from === '' && to === '')) return undefined
  if (ifRange !== undefined && ifRange !== `"${etag}"`) return undefined
  const start = from === '' ? Math.max(size - Number(to), 0) : Number(from)
  const end = from === '' || to === '' ? size : Math.min(Number(to) + 1, size)
  if (from !== '' && to !== '' && Number(to) < Number(from)) return undefined
  return start >= end ? 'unsatisfiable' : { start, end }
}

const isText = (path: string): boolean => TEXT_NAME.test(path)

const disposition = (path: string): string => {
  const name = path.slice(path.lastIndexOf('/') + 1)
  const ascii = name.replaceAll(/[^\x20-\x7e]|["\\%]/g, '_')
  return `inline; filename*=UTF-8''${encodeURIComponent(name)}; filename="${ascii}";`
}
