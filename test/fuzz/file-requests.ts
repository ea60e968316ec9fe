import * as fc from 'fast-check'

/** What is asked of a file whose size and tag are not known yet. */
export interface FileRequest {
  readonly method: 'GET' | 'HEAD'
  readonly route: 'resolve' | 'raw' | 'plain'
  readonly revision: 'main' | 'HEAD' | 'sha'
  readonly encoding: keyof typeof ENCODINGS
  readonly range: RangeForm | undefined
  readonly ifNoneMatch: TagForm | undefined
  readonly ifRange: TagForm | undefined
}

/** The ways in which clients write the same path. */
const ENCODINGS = {
  /** Python, JS' `encodeURIComponent` */
  python: (path: string) => eachSegment(path, encodeURIComponent),
  /** Whatever can be escaped is, in lower case. */
  all: (path: string) =>
    eachSegment(path, (segment) =>
      Array.from(Buffer.from(segment), (byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
    ),
  /** Only what a URL cannot hold: `+`, `'`, `(` and others stand as they are. */
  least: (path: string) =>
    eachSegment(path, (segment) => segment.replaceAll(/[^\w!$&'()*+,.:;=@~-]/gu, encodeURIComponent)),
} as const

const eachSegment = (path: string, encode: (segment: string) => string): string => path.split('/').map(encode).join('/')

/** Where a range begins and ends, as shares of the file or bytes from one of its ends. */
interface RangeForm {
  readonly kind: 'both' | 'from' | 'last' | 'list' | 'other'
  readonly start: number
  readonly length: number
}

type TagForm = 'same' | 'weak' | 'other' | 'list' | 'any'

const rangeForm: fc.Arbitrary<RangeForm> = fc.record({
  kind: fc.constantFrom('both', 'both', 'both', 'from', 'last', 'list', 'other'),
  /** A share of the size: over 1 is behind the end. */
  start: fc.oneof(fc.constantFrom(0, 1), fc.double({ min: 0, max: 1.1, noNaN: true })),
  length: fc.oneof(fc.constantFrom(0, 1, 2), fc.integer({ min: 0, max: 2 ** 21 })),
})

const tagForm = fc.constantFrom<TagForm[]>('same', 'weak', 'other', 'list', 'any')

export const fileRequests: fc.Arbitrary<FileRequest> = fc.record({
  method: fc.constantFrom('GET', 'GET', 'GET', 'HEAD'),
  route: fc.constantFrom('resolve', 'resolve', 'resolve', 'raw', 'plain'),
  revision: fc.constantFrom('main', 'HEAD', 'sha'),
  encoding: fc.constantFrom('python', 'all', 'least'),
  range: fc.option(rangeForm, { nil: undefined }),
  ifNoneMatch: fc.option(tagForm, { nil: undefined, freq: 6 }),
  ifRange: fc.option(tagForm, { nil: undefined, freq: 3 }),
})

/** The path of a request, behind the id of its repo. */
export const encodedPath = (path: string, { encoding }: FileRequest): string => ENCODINGS[encoding](path)

export const conditionHeaders = (
  { range, ifNoneMatch, ifRange }: FileRequest,
  { size, etag }: { size: number; etag: string },
): Record<string, string> => ({
  ...(range === undefined ? {} : { Range: rangeText(range, size) }),
  ...(ifNoneMatch === undefined ? {} : { 'If-None-Match': tagText(ifNoneMatch, etag) }),
  ...(ifRange === undefined ? {} : { 'If-Range': tagText(ifRange, etag) }),
})

const rangeText = ({ kind, start, length }: RangeForm, size: number): string => {
  const first = Math.floor(start * size)
  if (kind === 'both') return `bytes=${first}-${first + length}`
  if (kind === 'from') return `bytes=${first}-`
  if (kind === 'last') return `bytes=-${length}`
  return kind === 'list' ? `bytes=${first}-${first + length},0-0` : `lines=${first}-${length}`
}

const tagText = (form: TagForm, etag: string): string => {
  if (form === 'same') return `"${etag}"`
  if (form === 'weak') return `W/"${etag}"`
  if (form === 'any') return '*'
  return form === 'list' ? `"a", "${etag}"` : '"other"'
}
