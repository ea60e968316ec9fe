/** What a request for a file must give, worked out from the file itself by RFC 9110 and the Hub's contract. */
import type { HubFile } from '@hubmesh/testing'

export interface Expected {
  readonly status: 200 | 206 | 304 | 416
  readonly headers: Readonly<Record<string, string | undefined>>
  /** Which of the bytes. */
  readonly start: number
  readonly end: number
}

interface Asked {
  readonly Range?: string
  readonly 'If-None-Match'?: string
  readonly 'If-Range'?: string
}

export const expectedOf = (
  { size, etag, path }: { size: number; etag: string; path: string },
  asked: Asked,
  revision: string,
): Expected => {
  const tag = `"${etag}"`
  const common = { etag: tag, 'accept-ranges': 'bytes', 'x-repo-commit': revision }
  if (asked['If-None-Match'] !== undefined && isNamed(asked['If-None-Match'], tag))
    return { status: 304, headers: { ...common, 'content-length': undefined }, start: 0, end: 0 }
  const named = { ...common, 'content-disposition': dispositionOf(path) }
  const isOther = asked['If-Range'] !== undefined && asked['If-Range'] !== tag
  const range = isOther ? undefined : rangeOf(asked.Range, size)
  if (range === undefined) return { status: 200, headers: { ...named, ...lengthOf(size) }, start: 0, end: size }
  if (size === 0) {
    const empty = { 'content-range': 'bytes */0', 'content-length': '0' }
    return { status: 200, headers: { ...named, ...empty }, start: 0, end: 0 }
  }
  const { start, end } = range
  if (start >= end) return { status: 416, headers: { ...named, 'content-range': `bytes */${size}` }, start: 0, end: 0 }
  const part = { 'content-range': `bytes ${start}-${end - 1}/${size}`, 'content-length': String(end - start) }
  return { status: 206, headers: { ...named, ...part }, start, end }
}

/** The tag of what git holds, or of the content of an LFS file. */
export const etagOf = ({ oid, lfs }: HubFile): string => lfs?.oid ?? oid

const isNamed = (header: string, tag: string): boolean => header === '*' || header.split(/, |W\//).includes(tag)

const lengthOf = (size: number) => ({ 'content-length': String(size), 'content-range': undefined })

const rangeOf = (header: string | undefined, size: number): { start: number; end: number } | undefined => {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? []
  if (first === '' && last === '') return undefined
  if (first === '') return { start: Math.max(0, size - Number(last)), end: size }
  return { start: Number(first), end: last === '' ? size : Math.min(size, Number(last) + 1) }
}

const dispositionOf = (path: string): string => {
  const name = path.split('/').at(-1) ?? ''
  const escaped = encodeURIComponent(name).replaceAll(
    /['()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `inline; filename*=UTF-8''${escaped}; filename="${name.replaceAll(/[^\x20-\x7e]|["\\%]/gu, '_')}";`
}
