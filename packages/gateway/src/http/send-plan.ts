import type { IncomingHttpHeaders } from 'node:http'
import { type ByteRange, wholeRange } from '@hubmesh/content'
import { matchesNone, rangeHolds } from './conditional.ts'
import { type RangeAnswer, parseRange } from './range.ts'

/** Which bytes to send under which status; without a part there is no body. */
export interface SendPlan {
  readonly status: 200 | 206 | 304 | 416
  readonly etag: string
  readonly size: number
  readonly part?: ByteRange
  readonly contentRange?: string
}

/** Decides by the conditions and the range of a request for a representation of so many bytes under a strong tag. */
export const planOf = (headers: IncomingHttpHeaders, { size, etag }: { size: number; etag: string }): SendPlan => {
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
