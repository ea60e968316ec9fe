/** If-None-Match against a tag, by weak comparison (RFC 9110 section 13.1.2). */
export const matchesNone = (header: string | undefined, etag: string): boolean => {
  if (header === undefined) return false
  if (header.trim() === '*') return true
  return header.split(',').some((tag) => opaque(tag.trim()) === opaque(etag))
}

/** Whether a Range still holds under If-Range: only for the very same strong tag; dates never match, none are sent. */
export const rangeHolds = (header: string | undefined, etag: string): boolean =>
  header === undefined || header.trim() === etag

const opaque = (tag: string): string => tag.replace(/^W\//, '')
